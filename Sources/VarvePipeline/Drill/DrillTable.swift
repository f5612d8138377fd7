// SPDX-License-Identifier: Apache-2.0

package import SystemPackage
package import VarveKeys
import VarveModel
import VarveStore
package import VarveVault

/// A restore done to prove that restoring works: into a scratch table, read back from disk, compared with what was taken, dropped.
///
/// Of a state out of the log, what was taken is found by ``LogReplay``, which shares nothing with the restore but the reading of bundles.
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

    package func run(_ point: PointInTime, progress: Progress, stop: StopSignal) throws -> RestoreResult {
        let folder = try ScratchFolder.make(in: scratch)
        let store = try EmbeddedStore.create(at: folder.path, keys: keys)
        defer { store.close() }
        let table = "drill"
        let restore = RestoreTable(vault: vault, keys: keys, workers: workers, scratch: folder.path)
        let result = try restore.run(point, as: table, into: store, progress: progress, stop: stop)
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
        let taken = try LogReplay(vault: vault, keys: keys, workers: workers).run(point, stop: stop)
        guard taken == LogReplay.State(items: items, digest: digest) else {
            throw PipelineError(
                .drillFailed,
                "The drill of table '\(point.table.name)' at \(point.target), from recovery point \(point.base.manifest.id), read \(items) items back where "
                    + "\(taken.items) were taken, or other items. This machine's disk or memory is not to be trusted, or Varve has a fault: keep the vault as it is."
            )
        }
        return result
    }
}
