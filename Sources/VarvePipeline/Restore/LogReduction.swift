// SPDX-License-Identifier: Apache-2.0

import Synchronization
import VarveModel
import VarveStore
import VarveVault

/// Reduces a stretch of a table's log to one change of each key, the last or the first, at the cost of reading it once.
///
/// For the last changes segments are read from the newest to the oldest, for the first ones the other way round, several at a time: of a key that is
/// known by then nothing more needs to be looked at. Each bundle is reduced on its own; the bundles then come to the set of known keys one after
/// the other, so that the right change of a key counts. Memory: the items of one bundle for each worker, and the set.
struct LogReduction: Sendable {
    enum Wanted: Sendable {
        /// The last change of each key, with the item as it left it.
        case last
        /// The first change of each key, with the item as it found it.
        case first
    }

    let vault: Vault
    let keys: any KeyOpening
    let workers: Int

    /// What a stretch of a log came to.
    struct Counts: Sendable {
        /// Lines that were read, those outside the stretch among them.
        var changes = 0
        /// Keys that were changed.
        var keys = 0
        /// Keys whose change has an item.
        var items = 0
        var rawBytes = 0
    }

    private struct Unit {
        let segment: Catalog.Entry
        let bundle: BundleRecord
    }

    /// - Parameters:
    ///   - segments: In the order of the log.
    ///   - known: Gets the keys that were changed.
    ///   - wantedKeys: Which keys matter; nil: all.
    ///   - includes: Which changes matter.
    ///   - sink: Gets what is left of each bundle, on any worker.
    func run(
        _ wanted: Wanted, of segments: [Catalog.Entry], schema: KeySchema, known: DigestSet,
        ofKeys wantedKeys: Set<ItemKey>? = nil, including includes: @escaping @Sendable (ChangeLineHead) -> Bool,
        lease: Lease?, progress: Progress, stop: StopSignal,
        sink: @escaping @Sendable (ReducedBundle) throws -> Void
    ) throws -> Counts {
        var units = segments.flatMap { segment in
            segment.manifest.bundles.filter { $0 != segment.manifest.indexBundle }
                .map { Unit(segment: segment, bundle: $0) }
        }
        if wanted == .last { units.reverse() }
        if units.isEmpty { return Counts() }
        let inOrder = units
        let scanner = ItemScanner(schema: schema)
        let turns = OrderedTurns()
        let total = Mutex(Counts())
        try Workers.run(max(1, min(workers, units.count)), stop: stop) { _, stop in
            do {
                while true {
                    let number = Int(try turns.draw(1))
                    guard number < inOrder.count else { break }
                    let unit = inOrder[number]
                    var reduced = ReducedBundle()
                    try read(unit, lease, progress, stop) { line in
                        let head = try ChangeLineHead(line)
                        guard includes(head) else { return }
                        let key = try scanner.scan(head.keys).key
                        if let wantedKeys, !wantedKeys.contains(key) { return }
                        let digest = Digest128(key)
                        if try known.contains(digest) { return }
                        switch wanted {
                        case .last: reduced.replace(head, try head.newImage(), of: digest)
                        case .first: try reduced.keep(head, of: digest)
                        }
                    }
                    try turns.serve(from: Int64(number), count: 1) {
                        try reduced.forget { try !known.insert($0) }
                    }
                    try sink(reduced)
                    total.withLock {
                        $0.changes += unit.bundle.items
                        $0.keys += reduced.keys
                        $0.items += reduced.items
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

/// One change of each key, out of one bundle.
struct ReducedBundle: Sendable {
    private struct Place {
        var time: Instant
        var keys: Range<Int>
        /// Empty where there is no item.
        var item: Range<Int>
    }

    /// Where the keys and the item of each change are in `bytes`.
    private var places: [Digest128: Place] = [:]
    private var bytes: [UInt8] = []

    var keys: Int { places.count }
    var items: Int { places.values.count { !$0.item.isEmpty } }

    /// Notes a change in place of an earlier one of the same key.
    fileprivate mutating func replace(
        _ head: ChangeLineHead, _ item: UnsafeRawBufferPointer?, of digest: Digest128
    ) {
        guard var place = places[digest] else { return note(head, item, of: digest) }
        place.time = head.time
        if let item, place.item.count >= item.count {
            // A key that is written over and over takes its own place, where that is large enough.
            place.item = place.item.lowerBound..<place.item.lowerBound + item.count
            bytes.withUnsafeMutableBytes { $0[place.item].copyBytes(from: item) }
        } else {
            place.item = append(item)
        }
        places[digest] = place
    }

    /// Notes a change unless there is an earlier one of the same key.
    fileprivate mutating func keep(_ head: ChangeLineHead, of digest: Digest128) throws {
        if places[digest] == nil { note(head, try head.oldImage(), of: digest) }
    }

    private mutating func note(_ head: ChangeLineHead, _ item: UnsafeRawBufferPointer?, of digest: Digest128) {
        places[digest] = Place(time: head.time, keys: append(head.keys), item: append(item))
    }

    private mutating func append(_ part: UnsafeRawBufferPointer?) -> Range<Int> {
        let begin = bytes.count
        if let part { bytes.append(contentsOf: part) }
        return begin..<bytes.count
    }

    fileprivate mutating func forget(where isKnown: (Digest128) throws -> Bool) rethrows {
        for digest in Array(places.keys) where try isKnown(digest) { places[digest] = nil }
    }

    /// Lends each change: its time, its keys and its item.
    func forEach(
        _ body: (Instant, UnsafeRawBufferPointer, UnsafeRawBufferPointer?) throws -> Void
    ) rethrows {
        try bytes.withUnsafeBytes { bytes in
            for place in places.values {
                try body(
                    place.time, UnsafeRawBufferPointer(rebasing: bytes[place.keys]),
                    place.item.isEmpty ? nil : UnsafeRawBufferPointer(rebasing: bytes[place.item]))
            }
        }
    }

    /// Hands out the items alone, in batches.
    func forEachBatch(_ body: (ItemBatch) throws -> Void) throws {
        var batch = ItemBatch()
        try forEach { _, _, item in
            guard let item else { return }
            batch.append(item)
            if batch.bytes.count >= PastTable.batchBytes {
                try body(batch)
                batch.removeAll()
            }
        }
        if !batch.isEmpty { try body(batch) }
    }
}
