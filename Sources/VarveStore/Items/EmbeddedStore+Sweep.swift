// SPDX-License-Identifier: Apache-2.0

package import VarveModel

extension EmbeddedStore {
    /// DynamoDB never deletes items that expired longer ago than this: such values are more likely mistakes. Five years.
    package static let expiryAgeMaxSeconds: Int64 = 5 * 365 * 86_400
    /// A time to live further ahead than this is taken for milliseconds. A hundred years.
    package static let expiryAheadMaxSeconds: Int64 = 100 * 365 * 86_400

    package func expired(
        in table: String, at now: Instant, grace seconds: Int64, after cursor: ExpiryCursor?, limit: Int
    ) throws -> [ExpiredItem] {
        try read { access in
            let table = try directory.table(named: table, on: access)
            try Self.requireTimeToLive(of: table)
            let before = now.seconds - seconds
            let oldest = now.seconds - Self.expiryAgeMaxSeconds
            let select = try access.statement(
                "SELECT ttl, row, version, body FROM items_\(table.heap) "
                    + "WHERE ttl IS NOT NULL AND ttl < ? AND (ttl, row) > (?, ?) ORDER BY ttl, row LIMIT ?")
            defer { select.reset() }
            select.bind(before, at: 1)
            select.bind(cursor.map { max($0.expiredAt, oldest) } ?? oldest, at: 2)
            select.bind(cursor.map { $0.expiredAt >= oldest ? $0.row : Int64.min } ?? Int64.min, at: 3)
            select.bind(Int64(limit), at: 4)
            var found: [ExpiredItem] = []
            while try select.step() {
                let row = select.int64(1)
                let version = select.int64(2)
                let item = Array(try table.open(select.blob(3), row: row, version: version, on: access))
                // The column stands in clear. What is deleted is decided by what is sealed.
                let sealed = try item.withUnsafeBytes { try table.scanner.scan($0).timeToLive }
                guard sealed == select.int64(0) else { throw table.damaged(row: row) }
                found.append(
                    ExpiredItem(
                        version: ItemVersion(row: row, version: version), expiredAt: select.int64(0), bytes: item))
            }
            return found
        }
    }

    /// How many items of a table expire so far ahead that the value is likely in milliseconds. They never expire.
    package func suspiciousExpiries(in table: String, at now: Instant) throws -> Int {
        try read { access in
            let table = try directory.table(named: table, on: access)
            try Self.requireTimeToLive(of: table, enabled: false)
            let count = try access.statement(
                "SELECT count(*) FROM items_\(table.heap) WHERE ttl IS NOT NULL AND ttl > ?")
            count.bind(now.seconds + Self.expiryAheadMaxSeconds, at: 1)
            return Int(try count.number() ?? 0)
        }
    }

    package func deleteExpired(from table: String, _ items: [ItemVersion], sweep: String) throws -> [SweepOutcome] {
        var outcomes: [SweepOutcome] = []
        outcomes.reserveCapacity(items.count)
        var begin = 0
        while begin < items.count {
            let end = min(begin + StoreLimits.sweepTransactionItems, items.count)
            outcomes += try write { transaction in
                let table = try transaction.table(table)
                return try items[begin..<end].map { item in
                    guard let place = try ItemLookup.find(row: item.row, in: table, on: transaction.access) else {
                        return .gone
                    }
                    // A row whose item was deleted may have another item by now.
                    guard place.stored.version == item.version else { return .changed }
                    try transaction.remove(place, from: table, by: .init(actor: .sweep, run: sweep))
                    return .deleted
                }
            }
            begin = end
        }
        return outcomes
    }

    /// How many deletions of a sweep the change log still holds.
    package func deletions(bySweep sweep: String) throws -> Int {
        try read { access in
            let count = try access.statement(
                "SELECT count(*) FROM changes WHERE run IS NOT NULL AND run = ? AND actor = ? AND event = ?")
            count.bind(sweep, at: 1)
            count.bind(ChangeActor.sweep.rawValue, at: 2)
            count.bind(ChangeEvent.remove.rawValue, at: 3)
            return Int(try count.number() ?? 0)
        }
    }

    private static func requireTimeToLive(of table: OpenTable, enabled: Bool = true) throws {
        guard let setting = table.description.timeToLive, setting.enabled || !enabled else {
            throw StoreError(
                .invalidRequest, "Time to live is not switched on for table '\(table.name)': nothing in it expires.")
        }
    }
}
