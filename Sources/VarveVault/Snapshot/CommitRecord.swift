// SPDX-License-Identifier: Apache-2.0

package import SystemPackage
package import VarveModel

/// One line of the home's record of commits: of a manifest, or of the outcome of a sweep.
package struct CommitEntry: VersionedContent, Equatable {
    package static let kind = "commit"
    package static let formatNewest = 1

    package let format: Int
    package let vault: String
    package let id: String
    package let path: String
    /// The manifest's second place; nil for the outcome of a sweep, which lies in one place.
    package let catalogPath: String?
    /// The SHA-256 that stands in the manifest.
    package let sha256: String
    /// The snapshot key's id.
    package let key: String
    package let time: Instant

    package init(
        vault: String, id: String, path: String, catalogPath: String?, sha256: String, key: String, time: Instant
    ) {
        format = Self.formatNewest
        self.vault = vault
        self.id = id
        self.path = path
        self.catalogPath = catalogPath
        self.sha256 = sha256
        self.key = key
        self.time = time
    }
}

/// The home's own record of what was committed to its vaults: if both copies of a manifest vanish from a vault, this still knows.
package final class CommitRecord: Sendable {
    /// A line has about 600 bytes: this bounds the record at 400,000 commits.
    private static let bytesMax = 256 * 1024 * 1024

    private let log: ProvenLog<CommitEntry>

    package init(_ path: FilePath, failpoint: Failpoint? = nil, journal: FileJournal? = nil) {
        log = ProvenLog(
            path, title: "record of commits", bytesMax: Self.bytesMax, failpoint: failpoint, journal: journal)
    }

    package var path: FilePath { log.path }

    package func append(_ entry: CommitEntry) throws { try log.append(entry) }

    /// All entries, oldest first, and how many lines do not prove themselves (a crash leaves at most one at a time).
    package func entries() throws -> (entries: [CommitEntry], damagedLines: Int) { try log.entries() }
}
