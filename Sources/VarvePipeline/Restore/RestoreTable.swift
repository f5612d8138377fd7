// SPDX-License-Identifier: Apache-2.0

import VarveModel
package import VarveStore
package import VarveVault

/// What a restore or a drill brought back.
package struct RestoreResult: Sendable {
    package let items: Int
    package let rawBytes: Int
    /// The source's time to live was on; the new table keeps the attribute, switched off.
    package let timeToLiveOff: Bool
}

/// Restores a recovery point into a new table.
///
/// Bundles are opened in parallel and loaded as they come. The new table becomes visible only after its items have been counted and their
/// digest equals the one sealed into the manifest; before that, a failure or a kill leaves nothing that is listed.
package struct RestoreTable: Sendable {
    private let loader: RecoveryPointLoader

    package init(vault: Vault, keys: any KeyOpening, workers: Int) {
        loader = RecoveryPointLoader(vault: vault, keys: keys, workers: workers)
    }

    package func run(
        _ point: Catalog.Entry, as name: String, into store: any TableStore, progress: Progress, stop: StopSignal
    ) throws -> RestoreResult {
        let description = try point.manifest.restoredDescription(named: name)
        let load = try store.bulkLoad(
            description, into: .newTable, origin: LoadOrigin(.restore, run: point.manifest.id))
        do {
            let loaded = try loader.run(point, into: load, progress: progress, stop: stop)
            try stop.check()
            _ = try load.publish()
            return RestoreResult(
                items: loaded.items, rawBytes: loaded.rawBytes, timeToLiveOff: description.timeToLive != nil)
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
