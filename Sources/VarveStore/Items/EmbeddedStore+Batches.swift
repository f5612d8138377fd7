// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// One write without a condition.
package struct BatchWrite: Sendable {
    package enum Action: Sendable {
        case put(Item)
        case delete(ItemKey)
    }

    package let table: String
    package let action: Action

    package init(table: String, _ action: Action) {
        self.table = table
        self.action = action
    }
}

/// One part of a transaction.
package struct TransactionWrite: Sendable {
    package enum Action: Sendable {
        case put(Item)
        case delete(ItemKey)
        /// Nothing is written, but the condition must hold.
        case check(ItemKey)
    }

    package let table: String
    package let action: Action
    package let condition: Condition

    package init(table: String, _ action: Action, if condition: Condition = .none) {
        self.table = table
        self.action = action
        self.condition = condition
    }
}

extension EmbeddedStore {
    /// Writes up to 25 items, of one or several tables.
    ///
    /// As in DynamoDB the whole batch is refused when two writes are for one item, when an item is not sound, or when it is too large. Unlike
    /// there, it is written as a whole.
    package func batchWrite(_ writes: [BatchWrite]) throws {
        guard (1...StoreLimits.batchWritesMax).contains(writes.count) else {
            throw StoreError(
                .invalidBatch, "A batch holds \(writes.count) writes; 1 to \(StoreLimits.batchWritesMax) are possible.")
        }
        let plan = writes.map { write in
            switch write.action {
            case .put(let item): TransactionWrite(table: write.table, .put(item))
            case .delete(let key): TransactionWrite(table: write.table, .delete(key))
            }
        }
        try apply(plan, kind: "batch", bytesMax: StoreLimits.batchWriteBytesMax)
    }

    /// Writes up to 100 items, of one or several tables, all or nothing.
    ///
    /// When a condition does not hold, nothing is written: `.transactionCancelled` says for each part whether its own did.
    package func transactWrite(_ writes: [TransactionWrite]) throws {
        guard (1...StoreLimits.transactionWritesMax).contains(writes.count) else {
            throw StoreError(
                .invalidBatch,
                "A transaction holds \(writes.count) parts; 1 to \(StoreLimits.transactionWritesMax) are possible.")
        }
        try apply(writes, kind: "transaction", bytesMax: StoreLimits.transactionBytesMax)
    }

    private func apply(_ writes: [TransactionWrite], kind: String, bytesMax: Int) throws {
        try write { transaction in
            let parts = try Self.prepare(writes, kind: kind, bytesMax: bytesMax, in: transaction)
            var reasons: [StoreError.CancellationReason] = []
            var places: [WriteTransaction.Place?] = []
            for (part, write) in zip(parts, writes) {
                let place = try transaction.find(part.key, hash: part.hash, in: part.table)
                reasons.append(try write.condition.holds(for: place?.stored) ? .none : .conditionFailed)
                places.append(place)
            }
            guard reasons.allSatisfy({ $0 == .none }) else {
                let failed = reasons.count { $0 != .none }
                throw StoreError(
                    .transactionCancelled,
                    "The transaction was cancelled: the conditions of \(failed) of its \(reasons.count) parts do not hold. Nothing was written.",
                    reasons: reasons)
            }
            for (part, place) in zip(parts, places) {
                if let incoming = part.incoming {
                    _ = try transaction.put(incoming, over: place, by: .user)
                } else if part.deletes, let place {
                    try transaction.remove(place, from: part.table, by: .user)
                }
            }
        }
    }

    private struct Part {
        let table: OpenTable
        let key: ItemKey
        let hash: [UInt8]
        let incoming: WriteTransaction.Incoming?
        let deletes: Bool
    }

    private struct Target: Hashable {
        let table: Int64
        let key: ItemKey
    }

    /// Checks everything that can be checked before anything is looked up.
    private static func prepare(
        _ writes: [TransactionWrite], kind: String, bytesMax: Int, in transaction: WriteTransaction
    ) throws -> [Part] {
        var targets: Set<Target> = []
        var bytes = 0
        return try writes.map { write in
            let table = try transaction.table(write.table)
            let part: Part
            switch write.action {
            case .put(let item):
                let incoming = try WriteTransaction.Incoming(item, into: table)
                bytes += incoming.scanned.size
                part = Part(table: table, key: incoming.key, hash: incoming.hash, incoming: incoming, deletes: false)
            case .delete(let key):
                part = Part(table: table, key: key, hash: table.keys.hash(key.partition), incoming: nil, deletes: true)
            case .check(let key):
                part = Part(table: table, key: key, hash: table.keys.hash(key.partition), incoming: nil, deletes: false)
            }
            guard targets.insert(Target(table: table.number, key: part.key)).inserted else {
                throw StoreError(
                    .invalidBatch,
                    "Two parts of a \(kind) are for one item of table '\(write.table)'. Nothing was written.")
            }
            guard bytes <= bytesMax else {
                throw StoreError(
                    .invalidBatch, "A \(kind) holds more than \(bytesMax) bytes of items. Nothing was written.")
            }
            return part
        }
    }
}
