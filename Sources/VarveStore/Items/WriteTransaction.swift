// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import VarveModel

/// One transaction that writes: it looks items up, writes them with their change records, and counts.
///
/// All its changes have one time, later than that of any transaction before. It lives within ``EmbeddedStore/write(_:)``.
final class WriteTransaction {
    let access: Connection.Access
    /// The time of every change in it.
    let micros: Int64
    /// Changes that were written.
    private(set) var changeCount = 0

    private let directory: TableDirectory
    private let run: Run
    private var sequence: Int64
    private var deltas: [Int64: (items: Int64, bytes: Int64)] = [:]
    private var hasWritten = false

    init(on access: Connection.Access, directory: TableDirectory, run: Run, clock: any Clock) throws {
        self.access = access
        self.directory = directory
        self.run = run
        let state = try access.statement("SELECT value, extra FROM state WHERE n = 0")
        defer { state.reset() }
        guard try state.step() else {
            throw StoreError(.damaged, "The store's counters are missing: the database is damaged.")
        }
        sequence = state.int64(0)
        // A clock that was set back must not bring two transactions out of order.
        micros = max(clock.now().microseconds, state.int64(1) + 1)
    }

    /// Writes the counters. Returns whether there is anything to commit.
    func finish() throws -> Bool {
        guard hasWritten else { return false }
        let state = try access.statement("UPDATE state SET value = ?, extra = ? WHERE n = 0")
        state.bind(sequence, at: 1)
        state.bind(micros, at: 2)
        try state.run()
        for (number, delta) in deltas where delta != (0, 0) {
            let update = try access.statement("UPDATE state SET value = value + ?, extra = extra + ? WHERE n = ?")
            update.bind(delta.items, at: 1)
            update.bind(delta.bytes, at: 2)
            update.bind(number, at: 3)
            try update.run()
        }
        return true
    }

    /// Says that something was written outside of items and changes.
    func markWritten() { hasWritten = true }

    func table(_ name: String) throws -> OpenTable {
        try directory.table(named: name, on: access)
    }

    // MARK: Items

    /// An item to be put, checked against its table.
    struct Incoming {
        let table: OpenTable
        let item: Item
        let scanned: ScannedItem
        let hash: [UInt8]

        init(_ item: Item, into table: OpenTable) throws {
            self.table = table
            self.item = item
            scanned = try item.bytes.withUnsafeBytes { try table.scanner.scan($0) }
            hash = table.keys.hash(scanned.partition)
        }

        var key: ItemKey { scanned.key }
    }

    /// Where an item is, and what it is.
    struct Place {
        let row: Int64
        let stored: StoredItem
        let scanned: ScannedItem
    }

    func find(_ key: ItemKey, hash: [UInt8], in table: OpenTable) throws -> Place? {
        try ItemLookup.find(key, hash: hash, in: table, on: access)
    }

    func find(_ key: ItemKey, in table: OpenTable) throws -> Place? {
        try find(key, hash: table.keys.hash(key.partition), in: table)
    }

    /// Puts an item over what is at its place, if anything. The same bytes again change nothing. Returns the item's version.
    func put(_ incoming: Incoming, over place: Place?, by author: Author) throws -> Int64 {
        let table = incoming.table
        if let place {
            guard place.stored.item.bytes != incoming.item.bytes else { return place.stored.version }
            let version = try record(
                .modify, table, by: author, keys: try table.scanner.keys(of: incoming.item.bytes),
                old: place.stored.item.bytes,
                new: incoming.item.bytes)
            let update = try access.statement(
                "UPDATE items_\(table.heap) SET version = ?, ttl = ?, body = ? WHERE row = ?")
            update.bind(version, at: 1)
            update.bind(incoming.scanned.timeToLive, at: 2)
            try seal(incoming.item.bytes, table, .item(row: place.row, version: version)) { body in
                update.bind(borrowing: body, at: 3)
                update.bind(place.row, at: 4)
                try update.run()
            }
            count(table, items: 0, bytes: incoming.scanned.size - place.scanned.size)
            return version
        }
        let version = try record(
            .insert, table, by: author, keys: try table.scanner.keys(of: incoming.item.bytes), old: nil,
            new: incoming.item.bytes)
        // Rows are used again after the last one was deleted; versions never are.
        let row = (try access.statement("SELECT max(row) FROM items_\(table.heap)").number() ?? 0) + 1
        let insert = try access.statement(ItemLookup.insert(into: table.heap))
        insert.bind(row, at: 1)
        insert.bind(version, at: 2)
        insert.bind(incoming.scanned.sort, at: 3)
        insert.bind(incoming.hash, at: 4)
        insert.bind(incoming.scanned.timeToLive, at: 5)
        try seal(incoming.item.bytes, table, .item(row: row, version: version)) { body in
            insert.bind(borrowing: body, at: 6)
            try insert.run()
        }
        count(table, items: 1, bytes: incoming.scanned.size)
        return version
    }

    func remove(_ place: Place, from table: OpenTable, by author: Author) throws {
        _ = try record(
            .remove, table, by: author, keys: try table.scanner.keys(of: place.stored.item.bytes),
            old: place.stored.item.bytes, new: nil)
        let delete = try access.statement("DELETE FROM items_\(table.heap) WHERE row = ?")
        delete.bind(place.row, at: 1)
        try delete.run()
        count(table, items: -1, bytes: -place.scanned.size)
    }

    private func count(_ table: OpenTable, items: Int64, bytes: Int) {
        var delta = deltas[table.number] ?? (0, 0)
        delta.items += items
        delta.bytes += Int64(bytes)
        deltas[table.number] = delta
    }

    private func seal(
        _ plaintext: [UInt8], _ table: OpenTable, _ binding: Binding, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let key = table.keys.sealingKey(run: run.id, salt: run.salt)
        var sealed: [UInt8] = []
        sealed.reserveCapacity(plaintext.count + SealedBody.overhead)
        try plaintext.withUnsafeBytes {
            try SealedBody.seal($0, run: run.id, counter: run.take(1), key: key, binding: binding, into: &sealed)
        }
        try sealed.withUnsafeBytes(body)
    }

    // MARK: Changes

    /// Who writes, for the change log.
    struct Author {
        var actor: ChangeActor
        var run: String?

        static let user = Author(actor: .user, run: nil)
    }

    /// Writes a change of an item and returns its sequence number, which becomes the item's version.
    private func record(
        _ event: ChangeEvent, _ table: OpenTable, by author: Author, keys: [UInt8], old: [UInt8]?, new: [UInt8]?
    ) throws -> Int64 {
        sequence += 1
        let binding = Binding.change(
            sequence: sequence, micros: micros, event: event, actor: author.actor, run: author.run)
        try seal(ChangeBody(keys: keys, oldImage: old, newImage: new).bytes, table, binding) { body in
            try insertChange(event, table: table.number, by: author, items: nil, body: body)
        }
        return sequence
    }

    /// Writes a change of a whole table.
    func record(_ event: ChangeEvent, table number: Int64, by author: Author, items: Int? = nil) throws {
        sequence += 1
        try insertChange(event, table: number, by: author, items: items, body: nil)
    }

    private func insertChange(
        _ event: ChangeEvent, table number: Int64, by author: Author, items: Int?, body: UnsafeRawBufferPointer?
    ) throws {
        let insert = try access.statement(
            "INSERT INTO changes (seq, n, micros, event, actor, run, items, body) VALUES (?,?,?,?,?,?,?,?)")
        insert.bind(sequence, at: 1)
        insert.bind(number, at: 2)
        insert.bind(micros, at: 3)
        insert.bind(event.rawValue, at: 4)
        insert.bind(author.actor.rawValue, at: 5)
        insert.bind(author.run, at: 6)
        insert.bind(items.map(Int64.init), at: 7)
        if let body { insert.bind(borrowing: body, at: 8) } else { insert.bind(nil as Int64?, at: 8) }
        try insert.run()
        hasWritten = true
        changeCount += 1
    }
}
