// SPDX-License-Identifier: Apache-2.0

package import SystemPackage
package import VarveModel

/// One line of the home's record of drills.
package struct DrillEntry: VersionedContent, Equatable {
    package static let kind = "drill"
    package static let formatNewest = 1

    package let format: Int
    package let vault: String
    /// When it ended.
    package let time: Instant
    package let table: Manifest.TableIdentity
    /// The instant that was restored.
    package let at: Instant
    /// The snapshot that it began with, and how many segments of the log were read.
    package let base: String
    package let segments: Int
    /// What was restored; left out where it failed.
    package let items: Int?
    package let seconds: Double
    /// The stable code of the error; left out where the drill passed.
    package let failure: String?

    package init(
        vault: String, time: Instant, table: Manifest.TableIdentity, at: Instant, base: String, segments: Int,
        items: Int?, seconds: Double, failure: String?
    ) {
        format = Self.formatNewest
        self.vault = vault
        self.time = time
        self.table = table
        self.at = at
        self.base = base
        self.segments = segments
        self.items = items
        self.seconds = seconds
        self.failure = failure
    }
}

/// Every drill of this home, passed or failed.
package final class DrillRecord: Sendable {
    private static let bytesMax = 256 * 1024 * 1024

    private let log: ProvenLog<DrillEntry>

    package init(_ path: FilePath) {
        log = ProvenLog(path, title: "record of drills", bytesMax: Self.bytesMax)
    }

    package var path: FilePath { log.path }

    package func append(_ entry: DrillEntry) throws { try log.append(entry) }

    /// In the order in which they ended.
    package func entries() throws -> [DrillEntry] { try log.entries().entries }
}
