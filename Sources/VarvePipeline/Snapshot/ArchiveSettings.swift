// SPDX-License-Identifier: Apache-2.0

package import VarveKeys
package import VarveModel
package import VarveVault

/// Where archives go and how they are made: shared by snapshots and sweeps.
package struct ArchiveSettings: Sendable {
    package let vault: Vault
    package let keys: KeyStore
    /// The wrapping key that the archive's snapshot key is sealed under: `alias/NAME`, a key id, `owned` or `managed`.
    package let wrappingKey: String
    /// zstd level, 1 to 19.
    package let compressionLevel: Int
    /// Threads that read, compress and seal; each holds two data files in memory.
    package let workers: Int
    /// The home's own record of what it committed.
    package let commits: CommitRecord
    /// The tool's version, which the manifest carries.
    package let tool: String
    package let clock: any Clock

    package init(
        vault: Vault, keys: KeyStore, wrappingKey: String, compressionLevel: Int, workers: Int, commits: CommitRecord,
        tool: String,
        clock: any Clock = SystemClock()
    ) {
        self.vault = vault
        self.keys = keys
        self.wrappingKey = wrappingKey
        self.compressionLevel = compressionLevel
        self.workers = workers
        self.commits = commits
        self.tool = tool
        self.clock = clock
    }

    /// Finishes what a killed run of the same table had committed but not copied.
    func finishInterrupted(_ description: TableDescription) throws {
        try finishInterrupted(Manifest.TableIdentity(name: description.name, id: description.id))
    }

    /// The same for a table of which only the vault knows.
    func finishInterrupted(_ table: Manifest.TableIdentity) throws {
        try vault.finishInterruptedCommits(of: table, record: commits, clock: clock)
    }

    /// Begins an archive of what `description` describes.
    func writer(
        _ kind: Manifest.Kind, of description: TableDescription, sources: Manifest.Sources? = nil
    ) throws -> SnapshotWriter {
        let plan = SnapshotWriter.Plan(
            kind: kind, table: .init(name: description.name, id: description.id), description: description.json(),
            wrappingKey: wrappingKey, tool: tool, sources: sources)
        return try SnapshotWriter(vault, plan, keys: keys, record: commits, clock: clock)
    }
}
