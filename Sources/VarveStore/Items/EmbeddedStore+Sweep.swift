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
            let window = Self.expiryWindow(at: now, grace: seconds)
            var page = ExpiredPage(table: table, limit: limit)
            // What expired in the cursor's own second first. One comparison of both columns would begin at that second's first row each
            // time, and a second may hold millions: items that were imported with one time to live.
            if let cursor, window.contains(cursor.expiredAt) {
                let rest = try access.statement(
                    ExpiredPage.sql(table, "ttl = ? AND row > ? ORDER BY row"))
                rest.bind(cursor.expiredAt, at: 1)
                rest.bind(cursor.row, at: 2)
                try page.fill(from: rest, on: access)
            }
            let begin = max(cursor.map { $0.expiredAt + 1 } ?? window.lowerBound, window.lowerBound)
            if !page.isFull, begin < window.upperBound {
                let next = try access.statement(
                    ExpiredPage.sql(table, "ttl IS NOT NULL AND ttl >= ? AND ttl < ? ORDER BY ttl, row"))
                next.bind(begin, at: 1)
                next.bind(window.upperBound, at: 2)
                try page.fill(from: next, on: access)
            }
            return page.items
        }
    }

    package func expiryBacklog(in table: String, at now: Instant, grace seconds: Int64) throws -> ExpiryBacklog {
        try read { access in
            let table = try directory.table(named: table, on: access)
            try Self.requireTimeToLive(of: table)
            let window = Self.expiryWindow(at: now, grace: seconds)
            let select = try access.statement(
                "SELECT count(*), min(ttl) FROM items_\(table.heap) WHERE ttl IS NOT NULL AND ttl >= ? AND ttl < ?")
            defer { select.reset() }
            select.bind(window.lowerBound, at: 1)
            select.bind(window.upperBound, at: 2)
            guard try select.step(), let oldest = select.optionalInt64(1) else { return ExpiryBacklog() }
            return ExpiryBacklog(items: Int(select.int64(0)), lagSeconds: window.upperBound - oldest)
        }
    }

    /// The times to live that have expired, in seconds since 1970.
    private static func expiryWindow(at now: Instant, grace seconds: Int64) -> Range<Int64> {
        let oldest = now.seconds - expiryAgeMaxSeconds
        return oldest..<max(oldest, now.seconds - seconds)
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

/// Expired items as they are found, until there are enough of them.
private struct ExpiredPage {
    let table: OpenTable
    let limit: Int
    private(set) var items: [ExpiredItem] = []
    private var bytes = 0

    init(table: OpenTable, limit: Int) {
        self.table = table
        self.limit = limit
    }

    /// Items may have 400 KB each: a page ends before its bytes grow beyond all bounds.
    var isFull: Bool { items.count >= limit || bytes >= StoreLimits.expiredBytesMax }

    static func sql(_ table: OpenTable, _ condition: String) -> String {
        "SELECT ttl, row, version, body FROM items_\(table.heap) WHERE \(condition)"
    }

    mutating func fill(from select: SQLStatement, on access: Connection.Access) throws {
        defer { select.reset() }
        while !isFull, try select.step() {
            let row = select.int64(1)
            let version = select.int64(2)
            let item = Array(try table.open(select.blob(3), row: row, version: version, on: access))
            // The column stands in clear. What is deleted is decided by what is sealed.
            let sealed = try item.withUnsafeBytes { try table.scanner.scan($0).timeToLive }
            guard sealed == select.int64(0) else { throw table.damaged(row: row) }
            bytes += item.count
            items.append(
                ExpiredItem(
                    version: ItemVersion(row: row, version: version), expiredAt: select.int64(0), bytes: item))
        }
    }
}
