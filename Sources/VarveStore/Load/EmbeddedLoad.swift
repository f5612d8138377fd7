// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import Synchronization
import SystemPackage
import VarveModel

/// Fills a heap of its own, which becomes a table's when it is published.
///
/// Threads check and seal their batches side by side; rows then go into the heap one batch after the other, in the order in which batches
/// came, each in a transaction of its own, so that other writers wait for one batch at most. The indexes are built at the end, from sorted keys.
/// A process that dies leaves the heap to ``EmbeddedStore/removeAbandonedHeaps()``, because nobody holds the load's lock any more.
final class EmbeddedLoad: StagedLoad {
    private let store: EmbeddedStore
    private let id: String
    private let target: LoadTarget
    private let origin: LoadOrigin
    private let table: OpenTable
    private let run: Run
    private let key: SymmetricKey
    private let connection: Connection
    private let turn: WriteTurn
    private let turns = OrderedTurns()
    private let bytes = Atomic<Int>(0)
    private let state = Mutex(State.filling)
    private let lock: Mutex<LoadLock?>

    private enum State {
        case filling
        case finished(items: Int)
        case published
        case discarded
    }

    init(
        in store: EmbeddedStore, id: String, lock: consuming LoadLock, target: LoadTarget, origin: LoadOrigin,
        table: OpenTable, run: Run
    ) throws {
        self.store = store
        self.id = id
        self.target = target
        self.origin = origin
        self.table = table
        self.run = run
        key = table.keys.sealingKey(run: run.id, salt: run.salt)
        connection = try Connection(store.file, role: .loader, options: store.options)
        turn = try WriteTurn(in: store.folder, timeoutMilliseconds: store.options.busyTimeoutMilliseconds)
        self.lock = Mutex(consume lock)
    }

    // MARK: Filling

    /// Items of a load have no change record and so no sequence number. The negative heap number is no other item's version.
    private var version: Int64 { -table.heap }

    func add(_ batch: ItemBatch, where keeps: ((ItemKey, UnsafeRawBufferPointer) throws -> Bool)?) throws {
        let rows = try seal(batch, where: keeps)
        if !rows.ends.isEmpty { try insert(rows) }
    }

    func seal(_ batch: ItemBatch) throws -> SealedBatch { try seal(batch, where: nil) }

    func insert(_ rows: SealedBatch) throws {
        try turns.serve(from: rows.firstRow - 1, count: rows.ends.count) {
            try connection.access { access in try turn.take { try insert(rows, on: access) } }
        }
        bytes.wrappingAdd(rows.sizes, ordering: .relaxed)
    }

    private func seal(
        _ batch: ItemBatch, where keeps: ((ItemKey, UnsafeRawBufferPointer) throws -> Bool)?
    ) throws -> SealedBatch {
        guard case .filling = state.withLock({ $0 }) else { throw notOpen() }
        do {
            var kept: [(item: UnsafeRawBufferPointer, scanned: ScannedItem)] = []
            kept.reserveCapacity(batch.count)
            return try batch.bytes.withUnsafeBytes { all in
                for index in 0..<batch.count {
                    let item = UnsafeRawBufferPointer(rebasing: all[batch.range(of: index)])
                    let scanned = try table.scanner.scan(item)
                    if try keeps?(scanned.key, item) ?? true { kept.append((item, scanned)) }
                }
                return try seal(kept, firstRow: try turns.draw(kept.count) + 1)
            }
        } catch {
            turns.fail(error)
            throw error
        }
    }

    private func seal(
        _ items: [(item: UnsafeRawBufferPointer, scanned: ScannedItem)], firstRow: Int64
    ) throws -> SealedBatch {
        var rows = SealedBatch(firstRow: firstRow)
        rows.bodies.reserveCapacity(items.reduce(0) { $0 + $1.item.count + SealedBody.overhead })
        rows.ends.reserveCapacity(items.count)
        rows.scanned.reserveCapacity(items.count)
        rows.hashes.reserveCapacity(items.count)
        var counter = run.take(items.count)
        var binding = Binding.item(row: 0, version: 0)
        var row = firstRow
        for (item, scanned) in items {
            rows.scanned.append(scanned)
            rows.hashes.append(table.keys.hash(scanned.partition))
            rows.sizes += scanned.size
            binding.place(row: row, version: version)
            try SealedBody.seal(item, run: run.id, counter: counter, key: key, binding: binding, into: &rows.bodies)
            rows.ends.append(rows.bodies.count)
            counter += 1
            row += 1
        }
        return rows
    }

    private func insert(_ rows: SealedBatch, on access: Connection.Access) throws {
        try access.beginWrite()
        do {
            let insert = try access.statement(ItemLookup.insert(into: table.heap))
            try rows.bodies.withUnsafeBytes { bodies in
                var start = 0
                for (index, scanned) in rows.scanned.enumerated() {
                    let end = rows.ends[index]
                    insert.bind(rows.firstRow + Int64(index), at: 1)
                    insert.bind(version, at: 2)
                    insert.bind(scanned.sort, at: 3)
                    insert.bind(rows.hashes[index], at: 4)
                    insert.bind(scanned.timeToLive, at: 5)
                    insert.bind(borrowing: UnsafeRawBufferPointer(rebasing: bodies[start..<end]), at: 6)
                    try insert.run()
                    start = end
                }
            }
            try access.commit()
        } catch {
            access.rollback()
            throw error
        }
    }

    // MARK: Ending

    func finishLoading() throws -> Int {
        guard case .filling = state.withLock({ $0 }) else { throw notOpen() }
        let items = Int(try turns.finish(notOpen()))
        try connection.access { access in
            try turn.take {
                do {
                    try access.beginWrite()
                    try access.execute(Schema.createKeyIndex(table.heap))
                    try access.execute(Schema.createTTLIndex(table.heap))
                    try access.commit()
                } catch let error as StoreError where error.code == .duplicateKey {
                    access.rollback()
                    throw StoreError(
                        .duplicateKey,
                        "The load of table '\(table.name)' brought two items of one key. Nothing of it was kept.",
                        cause: error)
                } catch {
                    access.rollback()
                    throw error
                }
            }
        }
        state.withLock { $0 = .finished(items: items) }
        return items
    }

    func loaded(readers count: Int) throws -> any TableSnapshot {
        guard case .finished(let items) = state.withLock({ $0 }) else { throw notOpen() }
        let readers = try store.openReaders(count)
        // Nobody else writes to this heap, so the readers need not begin together.
        let log = store.logBound()
        try EmbeddedStore.beginReading(readers)
        let cut = try store.position()
        return try EmbeddedSnapshot(of: table, cut: cut, items: items, readers: readers, log: log)
    }

    func publish() throws -> TableDescription {
        guard case .finished(let items) = state.withLock({ $0 }) else { throw notOpen() }
        let description = try store.write { transaction in
            let author = WriteTransaction.Author(actor: origin.actor, run: origin.run)
            let access = transaction.access
            switch target {
            case .newTable:
                try EmbeddedStore.refuseExisting(table.name, on: access)
                let live = try access.statement("UPDATE tables SET state = 1 WHERE n = ? AND state = 0")
                live.bind(table.number, at: 1)
                try live.run()
                try transaction.record(.created, table: table.number, by: author)
            case .existingEmpty(let name):
                let now = try transaction.table(name)
                try EmbeddedStore.requireEmpty(now, toLoad: table, on: access)
                try EmbeddedStore.abandon(heap: now.heap, of: now.number, in: transaction)
                let swap = try access.statement("UPDATE tables SET heap = ? WHERE n = ?")
                swap.bind(table.heap, at: 1)
                swap.bind(table.number, at: 2)
                try swap.run()
            }
            let counts = try access.statement("UPDATE state SET value = ?, extra = ? WHERE n = ?")
            counts.bind(Int64(items), at: 1)
            counts.bind(Int64(bytes.load(ordering: .relaxed)), at: 2)
            counts.bind(table.number, at: 3)
            try counts.run()
            try transaction.record(.loaded, table: table.number, by: author, items: items)
            let done = try access.statement("DELETE FROM loads WHERE id = ?")
            done.bind(id, at: 1)
            try done.run()
            try TableDirectory.announce(on: access)
            return table.description
        }
        state.withLock { $0 = .published }
        letGo()
        try store.removeAbandonedHeaps()
        return description
    }

    func discard() throws {
        let wasOpen = state.withLock { state in
            switch state {
            case .filling, .finished:
                state = .discarded
                return true
            case .published, .discarded:
                return false
            }
        }
        guard wasOpen else { return }
        turns.fail(notOpen())
        try connection.access { $0.forgetStatements() }
        letGo()
        try store.removeAbandonedHeaps()
    }

    deinit { try? discard() }

    private func letGo() {
        lock.withLock { lock in
            guard let held = lock.take() else { return }
            held.remove()
        }
    }

    private func notOpen() -> StoreError {
        StoreError(.closed, "The load of table '\(table.name)' is at its end, or not yet there: it cannot do this now.")
    }
}
