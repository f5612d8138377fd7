// SPDX-License-Identifier: Apache-2.0

package import VarveModel

extension EmbeddedStore {
    /// What a write found and left.
    package struct WriteResult: Sendable {
        /// The item before, if there was one.
        package let old: StoredItem?
        /// The item's version now; `nil` after a deletion.
        package let version: Int64?
    }

    /// The key that a key item such as `{"pk":{"S":"a"}}` means in a table.
    package func key(_ json: [UInt8], of table: String) throws -> ItemKey {
        try ItemKey(json: json, schema: describe(table).keySchema)
    }

    package func get(_ key: ItemKey, from table: String) throws -> StoredItem? {
        try read { access in
            let table = try directory.table(named: table, on: access)
            return try ItemLookup.find(key, hash: table.keys.hash(key.partition), in: table, on: access)?.stored
        }
    }

    /// Writes an item, replacing the one of the same key. The same bytes again change nothing, and leave no change record.
    @discardableResult
    package func put(_ item: Item, into table: String, if condition: Condition = .none) throws -> WriteResult {
        try write { transaction in
            let incoming = try WriteTransaction.Incoming(item, into: try transaction.table(table))
            let place = try transaction.find(incoming.key, hash: incoming.hash, in: incoming.table)
            try Self.require(condition, for: place, in: table)
            let version = try transaction.put(incoming, over: place, by: .user)
            return WriteResult(old: place?.stored, version: version)
        }
    }

    /// Deletes an item. Where there is none, nothing happens, and nothing is recorded.
    @discardableResult
    package func delete(_ key: ItemKey, from table: String, if condition: Condition = .none) throws -> WriteResult {
        try write { transaction in
            let name = table
            let table = try transaction.table(table)
            let place = try transaction.find(key, in: table)
            try Self.require(condition, for: place, in: name)
            if let place { try transaction.remove(place, from: table, by: .user) }
            return WriteResult(old: place?.stored, version: nil)
        }
    }

    private static func require(_ condition: Condition, for place: WriteTransaction.Place?, in table: String) throws {
        guard try condition.holds(for: place?.stored) else {
            throw StoreError(
                .conditionFailed, "The condition of a write to table '\(table)' does not hold; nothing was written.")
        }
    }
}
