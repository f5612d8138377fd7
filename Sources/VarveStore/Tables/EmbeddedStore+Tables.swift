// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import VarveModel

extension EmbeddedStore {
    package func tables() throws -> [TableDescription] {
        try read { try directory.descriptions(on: $0) }
    }

    package func describe(_ name: String) throws -> TableDescription {
        try read { try directory.table(named: name, on: $0).description }
    }

    /// How many items a table has and how large they are by DynamoDB's rule, exactly.
    package func statistics(of name: String) throws -> (items: Int, bytes: Int) {
        try read { access in
            let table = try directory.table(named: name, on: access)
            return try Self.counts(of: table.number, on: access)
        }
    }

    static func counts(of number: Int64, on access: Connection.Access) throws -> (items: Int, bytes: Int) {
        let select = try access.statement("SELECT value, extra FROM state WHERE n = ?")
        defer { select.reset() }
        select.bind(number, at: 1)
        return try select.step() ? (Int(select.int64(0)), Int(select.int64(1))) : (0, 0)
    }

    package func createTable(_ description: TableDescription) throws -> TableDescription {
        try write { transaction in
            let draft = try draftTable(description, state: .live, in: transaction)
            try transaction.access.execute(Schema.createKeyIndex(draft.heap))
            try transaction.access.execute(Schema.createTTLIndex(draft.heap))
            try transaction.record(.created, table: draft.number, by: .user)
            try TableDirectory.announce(on: transaction.access)
            return draft.description
        }
    }

    enum TableState: Int64 {
        case loading = 0
        case live = 1
        case dropped = 2
    }

    /// A row in `tables` and an empty heap without indexes.
    struct Draft {
        let number: Int64
        let heap: Int64
        let description: TableDescription
        let keys: TableKeys
    }

    func draftTable(
        _ description: TableDescription, state: TableState, in transaction: WriteTransaction
    ) throws -> Draft {
        let access = transaction.access
        try description.validate()
        try Self.refuseExisting(description.name, on: access)
        var description = description
        description.id = RandomID.make()
        description.createdAt = Instant(microseconds: transaction.micros)
        let (keys, sealed) = try directory.makeKey(for: description)
        let heap = try Self.createHeap(in: transaction)
        let insert = try access.statement(
            "INSERT INTO tables (id, name, description, table_key, heap, ttl, state, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
        insert.bind(description.id, at: 1)
        insert.bind(description.name, at: 2)
        insert.bind(description.json().text(), at: 3)
        insert.bind(sealed, at: 4)
        insert.bind(heap, at: 5)
        insert.bind(description.timeToLive?.attribute, at: 6)
        insert.bind(state.rawValue, at: 7)
        insert.bind(transaction.micros, at: 8)
        try insert.run()
        let number = try access.statement("SELECT last_insert_rowid()").number() ?? 0
        let counter = try access.statement("INSERT INTO state (n, value, extra) VALUES (?, 0, 0)")
        counter.bind(number, at: 1)
        try counter.run()
        transaction.markWritten()
        return Draft(number: number, heap: heap, description: description, keys: keys)
    }

    static func createHeap(in transaction: WriteTransaction) throws -> Int64 {
        let access = transaction.access
        try access.statement("UPDATE state SET value = value + 1 WHERE n = -2").run()
        let heap = try access.statement("SELECT value FROM state WHERE n = -2").number() ?? 0
        try access.execute(Schema.createHeap(heap))
        transaction.markWritten()
        return heap
    }

    static func refuseExisting(_ name: String, on access: Connection.Access) throws {
        let select = try access.statement("SELECT n FROM tables WHERE name = ? AND state = 1")
        defer { select.reset() }
        select.bind(name, at: 1)
        guard try !select.step() else {
            throw StoreError(
                .tableExists, "The store has a table '\(name)' already. Choose another name, or drop it first.")
        }
    }

    package func dropTable(_ name: String) throws {
        try write { transaction in
            let table = try transaction.table(name)
            let access = transaction.access
            let update = try access.statement("UPDATE tables SET state = 2, dropped = ? WHERE n = ?")
            update.bind(transaction.micros, at: 1)
            update.bind(table.number, at: 2)
            try update.run()
            try Self.abandon(heap: table.heap, of: table.number, in: transaction)
            try transaction.record(.dropped, table: table.number, by: .user)
            try TableDirectory.announce(on: access)
        }
        try removeAbandonedHeaps()
    }

    // MARK: Heaps that nobody needs any more

    /// Notes that a heap can go, in the same way in which a load notes the heap that it fills.
    static func abandon(heap: Int64, of number: Int64, in transaction: WriteTransaction) throws {
        let insert = try transaction.access.statement("INSERT INTO loads (id, n, heap) VALUES (?, ?, ?)")
        insert.bind(RandomID.make(), at: 1)
        insert.bind(number, at: 2)
        insert.bind(heap, at: 3)
        try insert.run()
        transaction.markWritten()
    }

    /// Drops the heaps of dropped tables, and of loads whose process is gone, with everything else that these left.
    func removeAbandonedHeaps() throws {
        let noted = try read { access in
            let select = try access.statement("SELECT id, n, heap FROM loads")
            defer { select.reset() }
            var noted: [(id: String, number: Int64, heap: Int64)] = []
            while try select.step() { noted.append((select.text(0) ?? "", select.int64(1), select.int64(2))) }
            return noted
        }
        for load in noted {
            guard let lock = try LoadLock.claim(load.id, in: folder) else { continue }
            try write { transaction in
                let access = transaction.access
                // Another process may have been faster.
                let delete = try access.statement("DELETE FROM loads WHERE id = ?")
                delete.bind(load.id, at: 1)
                try delete.run()
                guard try access.statement("SELECT changes()").number() == 1 else { return }
                access.forgetStatements()
                try access.execute(Schema.dropHeap(load.heap))
                let forget = try access.statement("DELETE FROM tables WHERE n = ? AND state = 0")
                forget.bind(load.number, at: 1)
                try forget.run()
                if try access.statement("SELECT changes()").number() == 1 {
                    let counter = try access.statement("DELETE FROM state WHERE n = ?")
                    counter.bind(load.number, at: 1)
                    try counter.run()
                }
                transaction.markWritten()
            }
            lock.remove()
        }
        try LoadLock.removeUnheld(but: Set(noted.map(\.id)), in: folder)
    }

    // MARK: Time to live

    /// Changes which attribute expires items, and whether sweeping is switched on.
    ///
    /// The attribute cannot be exchanged while it is switched on, as in DynamoDB. All items are indexed by a new attribute before this
    /// returns, those written meanwhile included; if it is interrupted, the setting stays off and the next call starts over.
    package func updateTimeToLive(of table: String, to setting: TimeToLive) throws -> TableDescription {
        let mustReindex = try write { transaction in
            let now = try transaction.table(table)
            if let old = now.description.timeToLive, old.enabled, old.attribute != setting.attribute {
                throw StoreError(
                    .invalidRequest,
                    "Table '\(table)' expires items by the attribute '\(old.attribute)'. Switch that off before another attribute is chosen."
                )
            }
            let select = try transaction.access.statement("SELECT ttl FROM tables WHERE n = ?")
            defer { select.reset() }
            select.bind(now.number, at: 1)
            let indexed = try select.step() ? select.text(0) : nil
            select.reset()
            let mustReindex = indexed != setting.attribute
            var description = now.description
            description.timeToLive = TimeToLive(attribute: setting.attribute, enabled: setting.enabled && !mustReindex)
            try store(description, of: now.number, indexed: mustReindex ? nil : setting.attribute, in: transaction)
            return mustReindex
        }
        if mustReindex {
            var row: Int64? = 0
            while let begin = row { row = try reindex(table, attribute: setting.attribute, from: begin) }
            try write { transaction in
                let now = try transaction.table(table)
                guard now.description.timeToLive?.attribute == setting.attribute else { return }
                var description = now.description
                description.timeToLive = setting
                try store(description, of: now.number, indexed: setting.attribute, in: transaction)
            }
        }
        return try describe(table)
    }

    private func store(
        _ description: TableDescription, of number: Int64, indexed: String?, in transaction: WriteTransaction
    ) throws {
        let update = try transaction.access.statement("UPDATE tables SET description = ?, ttl = ? WHERE n = ?")
        update.bind(description.json().text(), at: 1)
        update.bind(indexed, at: 2)
        update.bind(number, at: 3)
        try update.run()
        try TableDirectory.announce(on: transaction.access)
        transaction.markWritten()
    }

    /// Sets the TTL column of some rows. Returns where to go on.
    private func reindex(_ table: String, attribute: String, from begin: Int64) throws -> Int64? {
        try write { transaction in
            let now = try transaction.table(table)
            guard now.description.timeToLive?.attribute == attribute else {
                throw StoreError(
                    .invalidRequest,
                    "The time to live of table '\(table)' was changed by somebody else meanwhile. Look at it and try again."
                )
            }
            let access = transaction.access
            let last = try access.statement("SELECT max(row) FROM items_\(now.heap)").number() ?? 0
            guard begin <= last else { return nil }
            let end = begin + StoreLimits.reindexRows
            let rows = try access.statement("SELECT row FROM items_\(now.heap) WHERE row >= ? AND row < ?")
            rows.bind(begin, at: 1)
            rows.bind(end, at: 2)
            var numbers: [Int64] = []
            defer { rows.reset() }
            while try rows.step() { numbers.append(rows.int64(0)) }
            for row in numbers {
                guard let place = try ItemLookup.find(row: row, in: now, on: access) else { continue }
                let update = try access.statement("UPDATE items_\(now.heap) SET ttl = ? WHERE row = ? AND ttl IS NOT ?")
                update.bind(place.scanned.timeToLive, at: 1)
                update.bind(row, at: 2)
                update.bind(place.scanned.timeToLive, at: 3)
                try update.run()
            }
            transaction.markWritten()
            return end
        }
    }
}
