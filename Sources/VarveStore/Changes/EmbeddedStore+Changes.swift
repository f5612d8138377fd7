// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import VarveModel

extension EmbeddedStore {
    /// The sequence number and the time of the last transaction.
    package func position() throws -> Cut {
        try read { access in
            let select = try access.statement("SELECT value, extra FROM state WHERE n = 0")
            defer { select.reset() }
            guard try select.step() else {
                throw StoreError(.damaged, "The store's counters are missing: the database is damaged.")
            }
            return Cut(time: Instant(microseconds: select.int64(1)), sequence: select.int64(0))
        }
    }

    /// The oldest sequence number from which changes can be read: pass it as `after` to read all that there are.
    package func trimmedThrough() throws -> Int64 {
        try read { try Self.trimmedThrough(on: $0) }
    }

    static func trimmedThrough(on access: Connection.Access) throws -> Int64 {
        try access.statement("SELECT extra FROM state WHERE n = -1").number() ?? 0
    }

    /// Changes behind a sequence number, in order: of all tables, or of the table of that id.
    ///
    /// Ends at `limit` records or about 8 MiB. Fails with `.changesTrimmed` when some of what was asked for is no longer there, rather than
    /// leaving a hole.
    package func changes(after sequence: Int64, table id: String? = nil, limit: Int) throws -> [ChangeRecord] {
        try read { access in
            let trimmed = try Self.trimmedThrough(on: access)
            guard sequence >= trimmed else {
                throw StoreError(
                    .changesTrimmed,
                    "Changes after number \(sequence) were asked for, but the change log was trimmed through number \(trimmed). Take a snapshot "
                        + "and go on from there; a longer retention keeps more.")
            }
            var tables: [Int64: OpenTable] = [:]
            let select: SQLStatement
            let columns = "SELECT seq, n, micros, event, actor, run, items, body FROM changes"
            if let id {
                let find = try access.statement("SELECT n FROM tables WHERE id = ?")
                find.bind(id, at: 1)
                guard let number = try find.number() else { return [] }
                select = try access.statement("\(columns) WHERE n = ? AND seq > ? ORDER BY seq LIMIT ?")
                select.bind(number, at: 1)
                select.bind(sequence, at: 2)
                select.bind(Int64(limit), at: 3)
            } else {
                select = try access.statement("\(columns) WHERE seq > ? ORDER BY seq LIMIT ?")
                select.bind(sequence, at: 1)
                select.bind(Int64(limit), at: 2)
            }
            defer { select.reset() }
            var records: [ChangeRecord] = []
            var bytes = 0
            while bytes < StoreLimits.changesBytesMax, try select.step() {
                let number = select.int64(1)
                let table: OpenTable
                if let known = tables[number] {
                    table = known
                } else if let found = try directory.table(number: number, on: access) {
                    table = found
                    tables[number] = found
                } else {
                    throw Self.damaged(select.int64(0))
                }
                bytes += select.blob(7).count
                records.append(try Self.record(select, of: table, on: access))
            }
            return records
        }
    }

    static func record(
        _ select: SQLStatement, of table: OpenTable, on access: Connection.Access
    ) throws -> ChangeRecord {
        let sequence = select.int64(0)
        let micros = select.int64(2)
        let run = select.text(5)
        guard let event = ChangeEvent(rawValue: select.int64(3)), let actor = ChangeActor(rawValue: select.int64(4))
        else {
            throw damaged(sequence)
        }
        var body: ChangeBody?
        if !select.isNull(7) {
            let sealed = select.blob(7)
            guard let sealingRun = SealedBody.run(of: sealed) else { throw damaged(sequence) }
            let key = try table.sealingKey(run: sealingRun, on: access)
            let binding = Binding.change(sequence: sequence, micros: micros, event: event, actor: actor, run: run)
            do {
                body = ChangeBody(Array(try SealedBody.open(sealed, key: key, binding: binding)))
            } catch {
                throw damaged(sequence, cause: error)
            }
            guard body != nil else { throw damaged(sequence) }
        }
        return ChangeRecord(
            sequence: sequence, time: Instant(microseconds: micros), tableID: table.id, tableName: table.name,
            event: event, actor: actor,
            run: run, keys: body?.keys, oldImage: body?.oldImage, newImage: body?.newImage,
            items: select.optionalInt64(6).map(Int.init))
    }

    private static func damaged(_ sequence: Int64, cause: (any Error)? = nil) -> StoreError {
        StoreError(
            .damaged,
            "Change \(sequence) of the store does not open: it was changed, moved or damaged since it was written. Take a snapshot; changes "
                + "before it can no longer be relied upon.", cause: cause)
    }

    /// Removes changes older than the retention, in steps. Returns how many went.
    @discardableResult
    package func trimChanges() throws -> Int {
        var total = 0
        while true {
            let count = try trimStep()
            total += count
            if count < StoreLimits.trimStep { return total }
        }
    }

    private func trimStep() throws -> Int {
        try write { transaction in
            let access = transaction.access
            let last = try access.statement(
                "SELECT max(seq) FROM (SELECT seq, micros FROM changes ORDER BY seq LIMIT \(StoreLimits.trimStep)) WHERE micros < ?"
            )
            last.bind(transaction.micros - options.changeRetentionSeconds * 1_000_000, at: 1)
            guard let last = try last.number() else { return 0 }
            let delete = try access.statement("DELETE FROM changes WHERE seq <= ?")
            delete.bind(last, at: 1)
            try delete.run()
            let count = Int(try access.statement("SELECT changes()").number() ?? 0)
            let note = try access.statement("UPDATE state SET extra = ? WHERE n = -1")
            note.bind(last, at: 1)
            try note.run()
            // Dropped tables stay as long as their key is needed to read changes.
            try access.statement(
                """
                DELETE FROM state WHERE n IN (
                    SELECT n FROM tables WHERE state = 2 AND NOT EXISTS (SELECT 1 FROM changes WHERE changes.n = tables.n))
                """
            ).run()
            try access.statement(
                "DELETE FROM tables WHERE state = 2 AND NOT EXISTS (SELECT 1 FROM changes WHERE changes.n = tables.n)"
            ).run()
            transaction.markWritten()
            return count
        }
    }
}
