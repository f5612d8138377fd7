// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// The change log of an embedded store, as the stream of one of its tables: one shard, whose positions are the store's sequence numbers.
///
/// It cannot be switched off. It ends when the table is dropped, and can be read to its end as long as the log holds it.
package struct EmbeddedChangeSource: ChangeSource {
    package let store: EmbeddedStore
    package let tableID: String
    private let last: TableDescription

    /// The one shard's id.
    package static let shard = "log"

    package init(_ store: EmbeddedStore, table: TableDescription) {
        self.store = store
        tableID = table.id
        last = table
    }

    package func describe() throws -> ChangeStream {
        let found = try store.changeStream(of: tableID)
        guard let found else { return ChangeStream(id: streamID, table: last, shards: [], isEnded: true) }
        return ChangeStream(
            id: streamID, table: found.table,
            shards: [
                ChangeShard(
                    id: Self.shard, parents: [], isOpen: !found.isDropped, horizon: ChangePosition(found.trimmed))
            ],
            isEnded: found.isDropped)
    }

    private var streamID: String { "\(store.id)/\(tableID)" }

    package func read(_ shard: String, after position: ChangePosition?, limit: Int) throws -> ChangeReading {
        guard shard == Self.shard, let number = (position ?? ChangePosition(0)).number else {
            throw StoreError(
                .invalidRequest,
                "The change log of an embedded store has one shard, '\(Self.shard)', and no position '\(position?.text ?? "")' of '\(shard)'."
            )
        }
        return try store.changePage(of: tableID, after: number, limit: limit)
    }

    package func settle() throws -> Instant { try store.noteTime() }
}

extension EmbeddedStore {
    /// The change logs of all tables: of live ones, by name, then of dropped ones that the log still has changes of, in the order of their making.
    package func changeSources() throws -> [(source: EmbeddedChangeSource, table: TableDescription, isDropped: Bool)] {
        try read { access in
            let numbers = try access.statement(
                "SELECT n, state FROM tables WHERE state IN (1, 2) ORDER BY state, name, n")
            defer { numbers.reset() }
            var found: [(number: Int64, isDropped: Bool)] = []
            while try numbers.step() {
                found.append((numbers.int64(0), numbers.int64(1) == TableState.dropped.rawValue))
            }
            return try found.compactMap { row in
                guard let table = try directory.table(number: row.number, on: access)?.description else { return nil }
                return (EmbeddedChangeSource(self, table: table), table, row.isDropped)
            }
        }
    }

    /// `nil` for a table that the store knows nothing of any more.
    func changeStream(of id: String) throws -> (table: TableDescription, isDropped: Bool, trimmed: Int64)? {
        try read { access in
            let trimmed = try Self.trimmedThrough(on: access)
            guard let (number, isDropped) = try Self.tableNumber(id, on: access),
                let table = try directory.table(number: number, on: access)
            else { return nil }
            return (table.description, isDropped, trimmed)
        }
    }

    private static func tableNumber(_ id: String, on access: Connection.Access) throws -> (Int64, isDropped: Bool)? {
        let find = try access.statement("SELECT n, state FROM tables WHERE id = ?")
        defer { find.reset() }
        find.bind(id, at: 1)
        return try find.step() ? (find.int64(0), find.int64(1) == TableState.dropped.rawValue) : nil
    }

    /// One state of the log of one table, from behind a sequence number.
    func changePage(of id: String, after sequence: Int64, limit: Int) throws -> ChangeReading {
        precondition(limit > 0, "a page has room for a record")
        return try read { access in
            let trimmed = try Self.trimmedThrough(on: access)
            guard sequence >= trimmed else { return .lost(.trimmed, next: ChangePosition(trimmed)) }
            let state = try access.statement("SELECT value, extra FROM state WHERE n = 0")
            defer { state.reset() }
            guard try state.step() else {
                throw StoreError(.damaged, "The store's counters are missing: the database is damaged.")
            }
            let (newest, time) = (state.int64(0), Instant(microseconds: state.int64(1)))
            guard sequence <= newest else { return .lost(.rewound, next: ChangePosition(trimmed)) }
            guard let (number, isDropped) = try Self.tableNumber(id, on: access),
                let table = try directory.table(number: number, on: access)
            else {
                return .page(ChangePage(records: [], through: ChangePosition(newest), end: .closed))
            }
            let select = try access.statement(
                "SELECT seq, n, micros, event, actor, run, items, body FROM changes WHERE n = ? AND seq > ? ORDER BY seq LIMIT ?"
            )
            defer { select.reset() }
            select.bind(number, at: 1)
            select.bind(sequence, at: 2)
            select.bind(Int64(limit), at: 3)
            var records: [StreamedChange] = []
            var bytes = 0
            var isAtEnd = false
            while records.count < limit, bytes < StoreLimits.changesBytesMax {
                guard try select.step() else {
                    isAtEnd = true
                    break
                }
                do {
                    records.append(StreamedChange(try Self.record(select, of: table, on: access)))
                } catch let error as StoreError where error.code == .damaged {
                    // What comes before it is handed out first; then nobody comes past it without being told.
                    if records.isEmpty { return .lost(.unreadable, next: ChangePosition(select.int64(0))) }
                    break
                }
                bytes += select.blob(7).count
            }
            guard isAtEnd else {
                return .page(ChangePage(records: records, through: records.last?.position, end: .more))
            }
            return .page(
                ChangePage(
                    records: records, through: ChangePosition(newest),
                    end: isDropped ? .closed : .nothingNew(through: time)))
        }
    }

    /// Makes now the store's time: whatever is written next is later.
    func noteTime() throws -> Instant {
        try withWriter { access in
            try access.beginWrite()
            do {
                let cut = try cutHere(on: access)
                try access.commit()
                return cut.time
            } catch {
                access.rollback()
                throw error
            }
        }
    }
}

extension StreamedChange {
    fileprivate init(_ record: ChangeRecord) {
        self.init(
            position: ChangePosition(record.sequence), time: record.time, event: record.event, actor: record.actor,
            run: record.run, keys: record.keys, newImage: record.newImage, oldImage: record.oldImage,
            items: record.items)
    }
}
