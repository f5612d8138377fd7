// SPDX-License-Identifier: Apache-2.0

package import SystemPackage
package import VarveModel

/// One line of the home's record of verifications: which recovery points were opened and found whole to their last item.
package struct VerificationEntry: VersionedContent, Equatable {
    package static let kind = "verification"
    package static let formatNewest = 1

    package let format: Int
    package let vault: String
    package let time: Instant
    /// Their ids.
    package let points: [String]

    package init(vault: String, time: Instant, points: [String]) {
        format = Self.formatNewest
        self.vault = vault
        self.time = time
        self.points = points
    }
}

/// What this home has verified in one vault, down to the content, and when last.
package final class VerificationRecord: Sendable {
    private static let bytesMax = 256 * 1024 * 1024
    /// Above this the newest times alone are kept.
    private static let bytesTidy = 8 * 1024 * 1024

    private let log: ProvenLog<VerificationEntry>

    package init(_ path: FilePath) {
        log = ProvenLog(path, title: "record of verifications", bytesMax: Self.bytesMax)
    }

    package var path: FilePath { log.path }

    package func append(_ entry: VerificationEntry) throws {
        if try log.size() ?? 0 > Self.bytesTidy { try tidy(entry.vault) }
        try log.append(entry)
    }

    /// When each recovery point was last verified.
    package func newest() throws -> [String: Instant] {
        var newest: [String: Instant] = [:]
        for entry in try log.entries().entries {
            for id in entry.points { newest[id] = max(newest[id] ?? entry.time, entry.time) }
        }
        return newest
    }

    private func tidy(_ vault: String) throws {
        let byTime = Dictionary(grouping: try newest(), by: \.value)
        try log.replace(
            with: byTime.sorted { $0.key < $1.key }.map { time, points in
                VerificationEntry(vault: vault, time: time, points: points.map(\.key).sorted())
            })
    }
}
