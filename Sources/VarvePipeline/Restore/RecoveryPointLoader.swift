// SPDX-License-Identifier: Apache-2.0

import Synchronization
import VarveModel
import VarveStore
import VarveVault

/// Reads every bundle of a recovery point into a bulk load, and proves that all of it arrived.
struct RecoveryPointLoader: Sendable {
    let vault: Vault
    let keys: any KeyOpening
    let workers: Int

    struct Loaded: Sendable {
        var items = 0
        var rawBytes = 0
        var digest = TableDigest()
    }

    /// Loads and builds the indexes; the caller publishes.
    func run(_ point: Catalog.Entry, into load: any BulkLoad, progress: Progress, stop: StopSignal) throws -> Loaded {
        let manifest = point.manifest
        // A vault on read-only media takes no lease, and is restored from all the same: what cannot be written cannot be pruned either.
        // The lease comes before the reader asks whether the recovery point was removed: prune does it the other way round.
        let lease = try? Lease(vault.storage, what: "restore of \(manifest.table.name)", protects: [manifest.folder])
        defer { lease?.release() }
        let reader = try SnapshotReader(vault, point, keys: keys)
        let index = try reader.index()
        progress.expect(items: manifest.items, storedBytes: manifest.sealedBytes)
        let loaded = try loadBundles(reader, index, load, lease, progress, stop)
        guard loaded.items == manifest.items, loaded.digest == (try reader.digests().table) else {
            throw PipelineError(
                .contentMismatch,
                "Recovery point \(manifest.id) gave \(loaded.items) items where its manifest states \(manifest.items), or other items than were "
                    + "taken. Nothing was restored; 'varve verify \(manifest.id)' says what is damaged.")
        }
        let stored = try load.finishLoading()
        guard stored == manifest.items else {
            throw PipelineError(
                .contentMismatch,
                "\(stored) items of \(manifest.items) arrived in the new table. Nothing was restored; 'varve doctor' looks at the store."
            )
        }
        return loaded
    }

    private func loadBundles(
        _ reader: SnapshotReader, _ index: ExportIndex, _ load: any BulkLoad, _ lease: Lease?, _ progress: Progress,
        _ stop: StopSignal
    ) throws -> Loaded {
        let bundles = reader.manifest.bundles
        let next = Atomic<Int>(0)
        let total = Mutex(Loaded())
        try Workers.run(max(1, min(workers, bundles.count)), stop: stop) { _, stop in
            var mine = Loaded()
            var batch = ItemBatch()
            while true {
                let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard number < bundles.count else { break }
                let bundle = bundles[number]
                try reader.forEachRunOfLines(in: bundle, index) { lines in
                    try stop.check()
                    try lease?.refresh()
                    let before = mine.items
                    try ExportLines.forEach(of: lines) { item in
                        mine.digest.add(item: item)
                        mine.items += 1
                        batch.append(item)
                        if batch.bytes.count >= Self.batchBytes { try Self.flush(&batch, into: load) }
                    }
                    mine.rawBytes += lines.count
                    progress.add(items: mine.items - before, rawBytes: lines.count)
                    return mine.items - before
                }
                progress.add(storedBytes: bundle.sealedBytes)
            }
            try Self.flush(&batch, into: load)
            total.withLock {
                $0.items += mine.items
                $0.rawBytes += mine.rawBytes
                $0.digest.add(mine.digest)
            }
        }
        return total.withLock { $0 }
    }

    /// Enough that a batch's lock and statement overhead do not count, little beside a data file.
    private static let batchBytes = 1 << 20

    private static func flush(_ batch: inout ItemBatch, into load: any BulkLoad) throws {
        if batch.isEmpty { return }
        try load.add(batch)
        batch.removeAll()
    }
}
