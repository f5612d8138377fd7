// SPDX-License-Identifier: Apache-2.0

package import SystemPackage
import VarveModel
package import VarveStore
package import VarveVault

/// What a restore or a drill brought back.
package struct RestoreResult: Sendable {
    package let items: Int
    /// Items of the state that a condition was put to, of which ``items`` met it; nil without one.
    package let considered: Int?
    /// Lines that were read.
    package let rawBytes: Int
    /// Changes of the log that were read, and the keys that they changed.
    package let changes: Int
    package let changedKeys: Int
    /// The source's time to live was on; the new table keeps the attribute, switched off.
    package let timeToLiveOff: Bool
}

/// Restores a state of a table into a new one.
///
/// Bundles are opened in parallel and loaded as they come. The new table becomes visible only after the items of the base have been counted and
/// their digest equals the one sealed into the manifest, and after everything was stored; before that, a failure or a kill leaves nothing that is
/// listed.
package struct RestoreTable: Sendable {
    private let past: PastTable

    /// - Parameter scratch: The folder for scratch files, of which only a log of millions of keys needs any.
    package init(vault: Vault, keys: any KeyOpening, workers: Int, scratch: FilePath) {
        past = PastTable(vault: vault, keys: keys, workers: workers, scratch: scratch)
    }

    /// - Parameter wanted: Which items are restored.
    package func run(
        _ point: PointInTime, where wanted: ItemFilter = .all, as name: String,
        into store: any TableStore, progress: Progress, stop: StopSignal
    ) throws -> RestoreResult {
        let manifest = point.base.manifest
        let description = try manifest.restoredDescription(named: name)
        let load = try store.bulkLoad(description, into: .newTable, origin: LoadOrigin(.restore, run: manifest.id))
        do {
            let loaded = try past.read(point, where: wanted, progress: progress, stop: stop) { batch, keeps in
                guard let keeps else {
                    try load.add(batch)
                    return batch.count
                }
                var kept = 0
                try load.add(batch) { key, item in
                    let isKept = try keeps(key, item)
                    kept += isKept ? 1 : 0
                    return isKept
                }
                return kept
            }
            let stored = try load.finishLoading()
            guard stored == loaded.items else {
                throw PipelineError(
                    .contentMismatch,
                    "\(stored) items of \(loaded.items) arrived in the new table. Nothing was restored; 'varve doctor' looks at the store."
                )
            }
            try stop.check()
            _ = try load.publish()
            return RestoreResult(
                items: loaded.items, considered: loaded.considered, rawBytes: loaded.rawBytes,
                changes: loaded.log.changes,
                changedKeys: loaded.log.keys, timeToLiveOff: description.timeToLive != nil)
        } catch {
            try? load.discard()
            throw error
        }
    }
}

extension Manifest {
    /// The table as a restore makes it: schema, indexes and tags as they were; another name; time to live kept but off, so that nothing
    /// expires before somebody has looked; a stream's setting left behind, as its reader was the old table's.
    func restoredDescription(named name: String) throws -> TableDescription {
        var table = try TableDescription(json: description)
        table.name = name
        table.id = ""
        table.createdAt = nil
        table.stream = nil
        table.timeToLive?.enabled = false
        return table
    }
}
