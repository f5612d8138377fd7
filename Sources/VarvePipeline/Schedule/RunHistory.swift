// SPDX-License-Identifier: Apache-2.0

package import SystemPackage
package import VarveVault

/// What a schedule's runs were, on the disk: the daemon appends, anybody reads.
///
/// It is bounded: beyond ``bytesKept`` the oldest entries go.
package struct RunHistory: Sendable {
    /// Some 4000 entries.
    package static let bytesKept = 1 << 20
    /// So many entries stay when the oldest go.
    package static let entriesKept = 2000

    private let log: ProvenLog<RunEntry>
    private let bytesKept: Int
    private let entriesKept: Int

    package init(
        _ path: FilePath, bytesKept: Int = Self.bytesKept, entriesKept: Int = Self.entriesKept,
        failpoint: Failpoint? = nil
    ) {
        log = ProvenLog(path, title: "history", bytesMax: 64 << 20, failpoint: failpoint)
        self.bytesKept = bytesKept
        self.entriesKept = entriesKept
    }

    package var path: FilePath { log.path }

    package func entries() throws -> (entries: [RunEntry], damagedLines: Int) {
        try log.entries(refusingNewer: true)
    }

    /// Returns once the entry is on the disk.
    package func append(_ entry: RunEntry) throws { try log.append(entry) }

    /// Takes the oldest entries away where there are too many. What the schedule counts from always stays.
    package func trim() throws {
        guard let size = try log.size(), size > bytesKept else { return }
        let all = try entries().entries
        var kept = all.suffix(entriesKept)
        if !kept.contains(where: { $0.event == .counting }), let counting = all.last(where: { $0.event == .counting }) {
            kept.insert(counting, at: kept.startIndex)
        }
        try log.replace(with: Array(kept))
    }
}
