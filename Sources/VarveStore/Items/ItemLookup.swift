// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import VarveModel

/// Finds items by key.
enum ItemLookup {
    static func insert(into heap: Int64) -> String {
        "INSERT INTO items_\(heap) (row, version, sort, hash, ttl, body) VALUES (?, ?, ?, ?, ?, ?)"
    }

    /// The item of that key. What was found by hash is opened and its key compared, so that a collision of hashes, however unlikely, is an
    /// error and never another's item.
    static func find(
        _ key: ItemKey, hash: [UInt8], in table: OpenTable, on access: Connection.Access
    ) throws -> WriteTransaction.Place? {
        let select = try access.statement(
            "SELECT row, version, body FROM items_\(table.heap) WHERE hash = ? AND sort = ?")
        defer { select.reset() }
        select.bind(hash, at: 1)
        select.bind(key.sort, at: 2)
        guard try select.step() else { return nil }
        let row = select.int64(0)
        let place = try open(select.blob(2), row: row, version: select.int64(1), in: table, on: access)
        guard place.scanned.key == key else {
            throw StoreError(
                .damaged,
                "Row \(row) of table '\(table.name)' is not the item that its index says. Restore the table from the vault."
            )
        }
        return place
    }

    /// The item at a row, in whatever version it is.
    static func find(row: Int64, in table: OpenTable, on access: Connection.Access) throws -> WriteTransaction.Place? {
        let select = try access.statement("SELECT version, body FROM items_\(table.heap) WHERE row = ?")
        defer { select.reset() }
        select.bind(row, at: 1)
        guard try select.step() else { return nil }
        return try open(select.blob(1), row: row, version: select.int64(0), in: table, on: access)
    }

    private static func open(
        _ body: UnsafeRawBufferPointer, row: Int64, version: Int64, in table: OpenTable, on access: Connection.Access
    ) throws -> WriteTransaction.Place {
        let item = Item(trusted: Array(try table.open(body, row: row, version: version, on: access)))
        do {
            let scanned = try item.bytes.withUnsafeBytes { try table.scanner.scan($0) }
            return WriteTransaction.Place(row: row, stored: StoredItem(item: item, version: version), scanned: scanned)
        } catch {
            throw table.damaged(row: row, cause: error)
        }
    }
}
