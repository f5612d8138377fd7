// SPDX-License-Identifier: Apache-2.0

import Synchronization
package import SystemPackage
package import VarveKeys
import VarveModel
import VarveStore
import VarveVault

/// Finds what differs between two states of tables with the same keys.
///
/// Both are read whole, the new one twice; what is the same in both is told by a digest of each item, so that only items that differ are kept, in a
/// scratch table. Memory is bounded; the scratch folder needs room for the items of the old state that differ.
package struct CompareTables: Sendable {
    /// One item that differs. Lent for the call.
    package struct Difference {
        /// Canonical bytes of the key attributes.
        package let keys: [UInt8]
        package let old: UnsafeRawBufferPointer?
        package let new: UnsafeRawBufferPointer?
    }

    package struct Counts: Sendable, Equatable {
        package var same = 0
        package var changed = 0
        package var added = 0
        package var removed = 0
    }

    private let keys: KeyStore
    private let workers: Int
    private let scratch: FilePath

    package init(keys: KeyStore, workers: Int, scratch: FilePath) {
        self.keys = keys
        self.workers = workers
        self.scratch = scratch
    }

    /// - Parameter body: Gets each difference, in no order, one at a time.
    package func run(
        from old: TableState, to new: TableState, progress: Progress, stop: StopSignal,
        _ body: @escaping @Sendable (Difference) throws -> Void
    ) throws -> Counts {
        let schema = try old.description.keySchema
        guard try new.description.keySchema == schema else {
            throw PipelineError(
                .contentMismatch,
                "The two tables do not have the same key attributes, so their items cannot be compared.")
        }
        let folder = try ScratchFolder.make(in: scratch)
        let path = folder.path
        let store = try EmbeddedStore.create(at: path.appending("store"), keys: keys)
        defer { store.close() }
        let scanner = ItemScanner(schema: schema)

        let newItems = DigestSet(scratch: path)
        try read(new, path, progress, stop) { batch in
            try batch.forEach { _ = try newItems.insert(Digest128(item: $0)) }
        }
        // Of the old items, those that are not in the new state as they were go into the scratch table.
        let oldItems = DigestSet(scratch: path)
        let load = try store.bulkLoad(
            TableDescription(name: Self.table, keySchema: schema), into: .newTable, origin: LoadOrigin(.restore))
        let same = Mutex(0)
        do {
            try read(old, path, progress, stop) { batch in
                var differing = ItemBatch()
                try batch.forEach { item in
                    let digest = Digest128(item: item)
                    _ = try oldItems.insert(digest)
                    if try !newItems.contains(digest) { differing.append(item) }
                }
                same.withLock { $0 += batch.count - differing.count }
                if !differing.isEmpty { try load.add(differing) }
            }
            _ = try load.finishLoading()
            _ = try load.publish()
        } catch {
            try? load.discard()
            throw error
        }
        let changed = DigestSet(scratch: path)
        let counts = Mutex(Counts(same: same.withLock { $0 }))
        try read(new, path, progress, stop) { batch in
            try batch.forEach { item in
                if try oldItems.contains(Digest128(item: item)) { return }
                let key = try scanner.scan(item).key
                let keys = try scanner.keys(of: item)
                let before = try store.get(key, from: Self.table)?.item.bytes
                if before != nil { _ = try changed.insert(Digest128(key)) }
                try counts.withLock { counts in
                    if before == nil { counts.added += 1 } else { counts.changed += 1 }
                    if let before {
                        try before.withUnsafeBytes { try body(Difference(keys: keys, old: $0, new: item)) }
                    } else {
                        try body(Difference(keys: keys, old: nil, new: item))
                    }
                }
            }
        }
        let left = try store.snapshot(of: Self.table, readers: 1)
        defer { left.close() }
        try read(.live(left), path, progress, stop) { batch in
            try batch.forEach { item in
                if try changed.contains(Digest128(try scanner.scan(item).key)) { return }
                let keys = try scanner.keys(of: item)
                try counts.withLock { counts in
                    counts.removed += 1
                    try body(Difference(keys: keys, old: item, new: nil))
                }
            }
        }
        return counts.withLock { $0 }
    }

    private static let table = "old"

    private func read(
        _ state: TableState, _ folder: FilePath, _ progress: Progress, _ stop: StopSignal,
        _ body: @escaping @Sendable (ItemBatch) throws -> Void
    ) throws {
        switch state {
        case .past(let point, let vault):
            let past = PastTable(vault: vault, keys: keys, workers: workers, scratch: folder)
            _ = try past.forEachBatch(point, progress: progress, stop: stop, body)
        case .live(let snapshot):
            for segment in 0..<snapshot.segments {
                try snapshot.read(segment: segment, reader: 0) { batch in
                    try stop.check()
                    try body(batch)
                }
            }
        }
    }
}
