// SPDX-License-Identifier: Apache-2.0

import VarveModel
package import VarveStore
package import VarveVault

/// A restore done to prove that restoring works: into a scratch table, read back from disk, compared with what was taken, dropped.
///
/// The scratch table is a bulk load that is never published, so it is invisible throughout and a killed drill leaves nothing behind.
package struct DrillTable: Sendable {
    private let loader: RecoveryPointLoader

    package init(vault: Vault, keys: any KeyOpening, workers: Int) {
        loader = RecoveryPointLoader(vault: vault, keys: keys, workers: workers)
    }

    package func run(
        _ point: Catalog.Entry, in store: any TableStore, progress: Progress, stop: StopSignal
    ) throws -> RestoreResult {
        let manifest = point.manifest
        let description = try manifest.restoredDescription(named: "drill-" + manifest.id)
        let load = try store.bulkLoad(description, into: .newTable, origin: LoadOrigin(.restore, run: manifest.id))
        do {
            let loaded = try loader.run(point, into: load, progress: progress, stop: stop)
            var digest = TableDigest()
            var items = 0
            try load.readBack { batch in
                try stop.check()
                batch.forEach { digest.add(item: $0) }
                items += batch.count
            }
            guard items == manifest.items, digest == loaded.digest else {
                throw PipelineError(
                    .drillFailed,
                    "The drill of recovery point \(manifest.id) read \(items) items back where \(manifest.items) were restored, or other items. The store's disk or memory is not to be trusted: run 'varve doctor'."
                )
            }
            try load.discard()
            return RestoreResult(items: loaded.items, rawBytes: loaded.rawBytes, timeToLiveOff: false)
        } catch {
            try? load.discard()
            throw error
        }
    }
}
