// SPDX-License-Identifier: Apache-2.0

import Synchronization
import SystemPackage
import VarveModel
import VarveStore
import VarveVault

/// Reads a state of a table from a vault, and proves that its base is what was taken.
///
/// The log comes first, reduced to the last change of each key; then the base, without the items whose keys the log has. So each item comes once,
/// and the work grows with the keys that were changed, not with the number of changes.
struct PastTable: Sendable {
    let vault: Vault
    let keys: any KeyOpening
    let workers: Int
    /// The folder for scratch files.
    let scratch: FilePath

    /// Which items of a batch are handed out, by key and canonical bytes.
    typealias Keeps = @Sendable (ItemKey, UnsafeRawBufferPointer) throws -> Bool

    struct Counts: Sendable {
        /// Items that were handed out.
        var items = 0
        /// Items of the state that a condition was put to; nil without one.
        var considered: Int?
        /// Bytes of lines that were read.
        var rawBytes = 0
        var log = LogReduction.Counts()
    }

    /// Hands out every item, on any of the workers.
    ///
    /// - Parameter wanted: Which items are handed out. All of the base is read and proven all the same.
    func forEachBatch(
        _ point: PointInTime, where wanted: ItemFilter = .all, progress: Progress, stop: StopSignal,
        _ body: @escaping @Sendable (ItemBatch) throws -> Void
    ) throws -> Counts {
        let scanner = ItemScanner(schema: try point.keySchema)
        return try read(point, where: wanted, progress: progress, stop: stop) { batch, keeps in
            guard let keeps else {
                try body(batch)
                return batch.count
            }
            var kept = ItemBatch()
            try batch.forEach { if try keeps(try scanner.scan($0).key, $0) { kept.append($0) } }
            if !kept.isEmpty { try body(kept) }
            return kept.count
        }
    }

    /// Hands out the items of the log, then those of the base, each with what says which of them are wanted and, in the base, still as they were.
    ///
    /// A key of the log is never looked for in the base, whether its last item is wanted or not: what the base has is an older version.
    ///
    /// - Parameter body: Returns how many items were kept; without a `Keeps` all are.
    func read(
        _ point: PointInTime, where wanted: ItemFilter, progress: Progress, stop: StopSignal,
        _ body: @escaping @Sendable (ItemBatch, Keeps?) throws -> Int
    ) throws -> Counts {
        let manifest = point.base.manifest
        // A vault on read-only media takes no lease, and is read all the same: what cannot be written cannot be pruned either.
        // The lease comes before readers ask whether something was removed: prune does it the other way round.
        let lease = try? Lease(vault.storage, what: "restore of \(manifest.table.name)", protects: point.folders)
        defer { lease?.release() }
        let reader = try SnapshotReader(vault, point.base, keys: keys)
        progress.expect(items: manifest.items, storedBytes: point.sealedBytes)
        let changed = DigestSet(scratch: scratch)
        var counts = Counts()
        let considered = Atomic<Int>(0)
        let meets: Keeps? = wanted.condition.map { condition in
            { @Sendable _, item in
                considered.wrappingAdd(1, ordering: .relaxed)
                return try condition.isMet(by: item)
            }
        }
        let fromLog = Atomic<Int>(0)
        counts.log = try LogReduction(vault: vault, keys: keys, workers: workers).run(
            .last, of: point.segments, schema: try point.keySchema, known: changed, ofKeys: wanted.keys,
            including: { point.includes($0) }, lease: lease, progress: progress, stop: stop
        ) { try $0.forEachBatch { fromLog.wrappingAdd(try body($0, meets), ordering: .relaxed) } }
        var keeps = meets
        if !point.segments.isEmpty || wanted.keys != nil {
            keeps = { @Sendable key, item in
                guard wanted.keys?.contains(key) ?? true, try !changed.contains(Digest128(key)) else {
                    return false
                }
                return try meets?(key, item) ?? true
            }
        }
        let read = try readBase(reader, lease, progress, stop) { [keeps] in try body($0, keeps) }
        guard read.items == manifest.items, read.digest == (try reader.digests().table) else {
            throw PipelineError(
                .contentMismatch,
                "Recovery point \(manifest.id) gave \(read.items) items where its manifest states \(manifest.items), or other items than were "
                    + "taken. 'varve verify \(manifest.id)' says what is damaged.")
        }
        counts.items = read.kept + (wanted.condition == nil ? counts.log.items : fromLog.load(ordering: .relaxed))
        counts.considered = wanted.condition == nil ? nil : considered.load(ordering: .relaxed)
        counts.rawBytes = read.rawBytes + counts.log.rawBytes
        return counts
    }

    private struct Base: Sendable {
        var items = 0
        var kept = 0
        var rawBytes = 0
        var digest = TableDigest()
    }

    private func readBase(
        _ reader: SnapshotReader, _ lease: Lease?, _ progress: Progress, _ stop: StopSignal,
        _ body: @escaping @Sendable (ItemBatch) throws -> Int
    ) throws -> Base {
        let index = try reader.index()
        let bundles = reader.manifest.bundles
        let next = Atomic<Int>(0)
        let total = Mutex(Base())
        try Workers.run(max(1, min(workers, bundles.count)), stop: stop) { _, stop in
            var mine = Base()
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
                        if batch.bytes.count >= Self.batchBytes {
                            mine.kept += try body(batch)
                            batch.removeAll()
                        }
                    }
                    mine.rawBytes += lines.count
                    progress.add(items: mine.items - before, rawBytes: lines.count)
                    return mine.items - before
                }
                progress.add(storedBytes: bundle.sealedBytes)
            }
            if !batch.isEmpty { mine.kept += try body(batch) }
            total.withLock {
                $0.items += mine.items
                $0.kept += mine.kept
                $0.rawBytes += mine.rawBytes
                $0.digest.add(mine.digest)
            }
        }
        return total.withLock { $0 }
    }

    /// Enough that what is done for each batch does not count, little beside a data file.
    static let batchBytes = 1 << 20
}
