// SPDX-License-Identifier: Apache-2.0

package import SystemPackage
package import VarveKeys
import VarveModel
import VarveStore
package import VarveVault

/// A restore done to prove that restoring works: into a scratch table, read back from disk, compared with what was taken, dropped.
///
/// The scratch table has a store of its own, in a folder of its own: a drill takes the whole way of a restore, but holds up no writer of the
/// live store, does not make its files grow, and leaves nothing behind even when it is killed.
package struct DrillTable: Sendable {
    private let vault: Vault
    private let keys: KeyStore
    private let workers: Int
    private let scratch: FilePath

    /// - Parameter scratch: The folder for scratch stores; it needs room for a whole table.
    package init(vault: Vault, keys: KeyStore, workers: Int, scratch: FilePath) {
        self.vault = vault
        self.keys = keys
        self.workers = workers
        self.scratch = scratch
    }

    package func run(_ point: Catalog.Entry, progress: Progress, stop: StopSignal) throws -> RestoreResult {
        let folder = try ScratchFolder.make(in: scratch)
        let store = try EmbeddedStore.create(at: folder.path, keys: keys)
        defer { store.close() }
        let table = "drill"
        let restore = RestoreTable(vault: vault, keys: keys, workers: workers, scratch: folder.path)
        let result = try restore.run(PointInTime(point), as: table, into: store, progress: progress, stop: stop)
        let snapshot = try store.snapshot(of: table, readers: 1)
        defer { snapshot.close() }
        var digest = TableDigest()
        var items = 0
        for segment in 0..<snapshot.segments {
            try snapshot.read(segment: segment, reader: 0) { batch in
                try stop.check()
                batch.forEach { digest.add(item: $0) }
                items += batch.count
            }
        }
        let taken = try SnapshotReader(vault, point, keys: keys).digests().table
        guard items == point.manifest.items, digest == taken else {
            throw PipelineError(
                .drillFailed,
                "The drill of recovery point \(point.manifest.id) read \(items) items back where \(point.manifest.items) were restored, or other "
                    + "items. This machine's disk or memory is not to be trusted.")
        }
        return result
    }
}
