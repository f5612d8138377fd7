// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import Synchronization
import VarveKeys
import VarveModel
import VarveSeal

/// Finds tables by name and keeps them open, keys and all.
///
/// Another process may create, drop or change tables at any time; each such change counts up a number in the database. Every look-up happens
/// within a transaction and compares that number first, so that what it returns is true for the whole transaction.
final class TableDirectory: Sendable {
    private struct Cache {
        var generation: Int64 = -1
        var tables: [String: OpenTable] = [:]
        /// By table number. A table keeps its key, so these stay whatever else changes.
        var keys: [Int64: TableKeys] = [:]
    }

    private let storeID: String
    private let keyStore: KeyStore
    private let cache = Mutex(Cache())

    init(storeID: String, keyStore: KeyStore) {
        self.storeID = storeID
        self.keyStore = keyStore
    }

    /// The live table of that name.
    func table(named name: String, on access: Connection.Access) throws -> OpenTable {
        let generation = try access.statement("SELECT value FROM state WHERE n = -1").number() ?? 0
        let known = cache.withLock { cache in
            if cache.generation != generation {
                cache.generation = generation
                cache.tables.removeAll()
            }
            return cache.tables[name]
        }
        if let known { return known }
        let statement = try access.statement(Self.select + " WHERE name = ? AND state = 1")
        defer { statement.reset() }
        statement.bind(name, at: 1)
        guard try statement.step() else { throw Self.noSuchTable(name) }
        let table = try read(statement)
        cache.withLock { cache in
            if cache.generation == generation { cache.tables[name] = table }
        }
        return table
    }

    /// A table by its number, in whatever state it is.
    func table(number: Int64, on access: Connection.Access) throws -> OpenTable? {
        let statement = try access.statement(Self.select + " WHERE n = ?")
        defer { statement.reset() }
        statement.bind(number, at: 1)
        return try statement.step() ? try read(statement) : nil
    }

    /// The descriptions of all live tables, by name.
    func descriptions(on access: Connection.Access) throws -> [TableDescription] {
        let statement = try access.statement("SELECT name, description FROM tables WHERE state = 1 ORDER BY name")
        defer { statement.reset() }
        var all: [TableDescription] = []
        while try statement.step() {
            all.append(try Self.description(Array(statement.blob(1)), of: statement.text(0) ?? ""))
        }
        return all
    }

    /// Tells every process that tables have changed.
    static func announce(on access: Connection.Access) throws {
        try access.statement("UPDATE state SET value = value + 1 WHERE n = -1").run()
    }

    static func noSuchTable(_ name: String) -> StoreError {
        StoreError(.noSuchTable, "The store has no table '\(name)'. 'varve table list' shows the tables that it has.")
    }

    // MARK: Rows

    private static let select = "SELECT n, name, description, table_key, heap FROM tables"

    private func read(_ statement: SQLStatement) throws -> OpenTable {
        let number = statement.int64(0)
        let name = statement.text(1) ?? ""
        let description = try Self.description(Array(statement.blob(2)), of: name)
        let keys = try openKeys(Array(statement.blob(3)), number: number, tableID: description.id, name: name)
        return OpenTable(number: number, name: name, heap: statement.int64(4), description: description, keys: keys)
    }

    private static func description(_ json: [UInt8], of name: String) throws -> TableDescription {
        do {
            return try TableDescription(createTable: json)
        } catch {
            throw StoreError(
                .damaged, "The description of table '\(name)' cannot be read: the database is damaged.", cause: error)
        }
    }

    // MARK: Keys

    private func openKeys(_ message: [UInt8], number: Int64, tableID: String, name: String) throws -> TableKeys {
        if let known = cache.withLock({ $0.keys[number] }) { return known }
        let keys: TableKeys
        do {
            keys = TableKeys(try keyStore.openKey(message, expecting: context(tableID: tableID)))
        } catch let error as KeyError where [.keyDisabled, .keyPendingDeletion, .keyDeleted].contains(error.code) {
            throw StoreError(
                .keyMismatch, "The key of table '\(name)' cannot be opened now: its wrapping key may not be used.",
                cause: error)
        } catch {
            throw StoreError(
                .keyMismatch,
                "The key of table '\(name)' does not open with this key store. Open the store with the key store it was made with.",
                cause: error)
        }
        cache.withLock { $0.keys[number] = keys }
        return keys
    }

    /// Makes a table's key and seals it to the wrapping key that the table's description names.
    func makeKey(for description: TableDescription) throws -> (keys: TableKeys, sealed: [UInt8]) {
        let key = SymmetricKey(size: .bits256)
        let reference: String
        switch description.encryption.class {
        case .owned: reference = "owned"
        case .managed: reference = "managed"
        case .customer:
            guard let name = description.encryption.key else {
                throw StoreError(
                    .invalidRequest,
                    "Table '\(description.name)' wants a customer key but names none. Name one, such as alias/main.")
            }
            reference = name
        }
        return (TableKeys(key), try keyStore.sealKey(key, under: reference, context: context(tableID: description.id)))
    }

    /// Seals a table's key under another wrapping key, and proves that it opens.
    func reseal(_ message: [UInt8], tableID: String, under reference: String) throws -> [UInt8] {
        let context = context(tableID: tableID)
        let key = try keyStore.openKey(message, expecting: context)
        let sealed = try keyStore.sealKey(key, under: reference, context: context)
        // SymmetricKey compares in constant time.
        guard try keyStore.openKey(sealed, expecting: context) == key else {
            throw StoreError(.keyMismatch, "A table's key did not open after it was sealed anew. Nothing was changed.")
        }
        return sealed
    }

    private func context(tableID: String) -> EncryptionContext {
        ["varve:store": storeID, "varve:table": tableID]
    }
}
