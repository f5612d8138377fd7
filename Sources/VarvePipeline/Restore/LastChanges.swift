// SPDX-License-Identifier: Apache-2.0

import Synchronization
import VarveModel
import VarveStore
import VarveVault

/// Reduces a stretch of a table's log to the last change of each key, at the cost of reading it once.
///
/// Segments are read from the newest to the oldest, several at a time: of a key that is known by then nothing more needs to be looked at. Each bundle is
/// reduced on its own; the bundles then come to the set of known keys one after the other, in the order of the log, so that the newest counts.
/// Memory: the items of one bundle for each worker, and ``KeySet``.
struct LastChanges: Sendable {
    let vault: Vault
    let keys: any KeyOpening
    let workers: Int

    /// What a stretch of a log came to.
    struct Reduced: Sendable {
        /// Lines that were read, those outside the stretch among them.
        var changes = 0
        /// Keys that were changed.
        var keys = 0
        /// Keys whose last change left an item.
        var items = 0
        var rawBytes = 0
    }

    private struct Unit {
        let segment: Catalog.Entry
        let bundle: BundleRecord
    }

    /// - Parameters:
    ///   - known: Gets the keys that were changed.
    ///   - wanted: Which keys matter; nil: all.
    ///   - sink: Gets the items as they were last, from any worker.
    func run(
        _ point: PointInTime, known: KeySet, where wanted: PastTable.KeyFilter?, lease: Lease?,
        progress: Progress, stop: StopSignal, sink: @escaping @Sendable (ItemBatch) throws -> Void
    ) throws -> Reduced {
        let units = point.segments.reversed().flatMap { segment in
            segment.manifest.bundles.reversed().filter { $0 != segment.manifest.indexBundle }
                .map { Unit(segment: segment, bundle: $0) }
        }
        if units.isEmpty { return Reduced() }
        let scanner = ItemScanner(schema: try point.keySchema)
        let turns = OrderedTurns()
        let total = Mutex(Reduced())
        try Workers.run(max(1, min(workers, units.count)), stop: stop) { _, stop in
            do {
                while true {
                    let number = Int(try turns.draw(1))
                    guard number < units.count else { break }
                    let unit = units[number]
                    var last = BundleChanges()
                    try read(unit, lease, progress, stop) { line in
                        let head = try ChangeLineHead(line)
                        guard point.includes(head) else { return }
                        let key = try scanner.scan(head.keys).key
                        if let wanted, try !wanted(key) { return }
                        let digest = KeyDigest(key)
                        if try known.contains(digest) { return }
                        last.note(try head.newImage(), of: digest)
                    }
                    try turns.serve(from: Int64(number), count: 1) {
                        try last.forget { try !known.insert($0) }
                    }
                    try last.forEachBatch(sink)
                    total.withLock {
                        $0.changes += unit.bundle.items
                        $0.keys += last.keys
                        $0.items += last.items
                        $0.rawBytes += unit.bundle.rawBytes
                    }
                }
            } catch {
                turns.fail(error)
                throw error
            }
        }
        return total.withLock { $0 }
    }

    private func read(
        _ unit: Unit, _ lease: Lease?, _ progress: Progress, _ stop: StopSignal,
        _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let reader = try SnapshotReader(vault, unit.segment, keys: keys)
        try reader.forEachRunOfLines(in: unit.bundle, try reader.index()) { lines in
            try stop.check()
            try lease?.refresh()
            var count = 0
            try Lines.forEach(of: lines) { line in
                try body(line)
                count += 1
            }
            progress.add(rawBytes: lines.count)
            return count
        }
        progress.add(storedBytes: unit.bundle.sealedBytes)
    }
}

/// The last change of each key in one bundle.
private struct BundleChanges {
    /// Where each key's item is in `bytes`; an empty range where it was removed.
    private var places: [KeyDigest: Range<Int>] = [:]
    private var bytes: [UInt8] = []

    var keys: Int { places.count }
    var items: Int { places.values.count { !$0.isEmpty } }

    mutating func note(_ image: UnsafeRawBufferPointer?, of digest: KeyDigest) {
        let begin = bytes.count
        if let image {
            // A key that is written over and over takes its own place, where that is large enough.
            if let old = places[digest], old.count >= image.count {
                bytes.withUnsafeMutableBytes { $0[old.lowerBound..<old.lowerBound + image.count].copyBytes(from: image) }
                places[digest] = old.lowerBound..<old.lowerBound + image.count
                return
            }
            bytes.append(contentsOf: image)
        }
        places[digest] = begin..<bytes.count
    }

    mutating func forget(where isKnown: (KeyDigest) throws -> Bool) rethrows {
        for digest in Array(places.keys) where try isKnown(digest) { places[digest] = nil }
    }

    func forEachBatch(_ body: (ItemBatch) throws -> Void) throws {
        var batch = ItemBatch()
        try bytes.withUnsafeBytes { bytes in
            for range in places.values where !range.isEmpty {
                batch.append(UnsafeRawBufferPointer(rebasing: bytes[range]))
                if batch.bytes.count >= PastTable.batchBytes {
                    try body(batch)
                    batch.removeAll()
                }
            }
        }
        if !batch.isEmpty { try body(batch) }
    }
}
