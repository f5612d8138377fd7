// SPDX-License-Identifier: Apache-2.0

import VarveKeys
import VarveModel
package import VarveSeal

/// Under which wrapping keys the tables' own keys lie sealed.
extension EmbeddedStore {
    /// A table key as it lies in the database.
    package struct TableSealing: Sendable {
        package let table: String
        /// A dropped table keeps its key as long as the change log has changes of it.
        package let isDropped: Bool
        /// The id of the wrapping key; nil where it is sealed to the recovery kit's alone.
        package let wrappingKey: String?
        /// To whom it is sealed.
        package let recipients: [Message.Recipient]
    }

    /// Every table's, dropped ones included, in the order in which they were made.
    package func tableSealings() throws -> [TableSealing] {
        try read { access in
            let select = try access.statement("SELECT name, state, table_key FROM tables ORDER BY n")
            defer { select.reset() }
            var all: [TableSealing] = []
            while try select.step() {
                let recipients = try Message.recipients(of: Array(select.blob(2)))
                all.append(
                    TableSealing(
                        table: select.text(0) ?? "", isDropped: select.int64(1) == TableState.dropped.rawValue,
                        wrappingKey: recipients.lazy.compactMap(\.wrappingKey).first, recipients: recipients))
            }
            return all
        }
    }

    /// Seals the keys of live and dropped tables anew. Items are not touched.
    ///
    /// - Parameters:
    ///   - names: The tables; nil: all.
    ///   - reference: The wrapping key; nil: each stays under its own, whose newest version and the newest recovery kit it gets.
    /// - Returns: How many were sealed anew; the others were sealed so already.
    package func rewrapTableKeys(of names: Set<String>?, under reference: String?) throws -> Int {
        let resolved = try reference.map { try keyStore.describe($0) }
        return try write { transaction in
            let access = transaction.access
            let select = try access.statement("SELECT n, name, description, table_key FROM tables ORDER BY n")
            var rows: [(number: Int64, name: String, description: [UInt8], sealed: [UInt8])] = []
            while try select.step() {
                rows.append(
                    (select.int64(0), select.text(1) ?? "", Array(select.blob(2)), Array(select.blob(3))))
            }
            select.reset()
            var count = 0
            for row in rows where names?.contains(row.name) != false {
                let now = try Message.recipients(of: row.sealed)
                let target = resolved?.id ?? ownKey(of: now)
                guard try keyStore.recipients(under: target) != now else { continue }
                var description = try TableDescription(createTable: row.description)
                let sealed = try directory.reseal(row.sealed, tableID: description.id, under: target)
                if let resolved {
                    description.encryption = Self.encryption(resolved)
                }
                let update = try access.statement("UPDATE tables SET table_key = ?, description = ? WHERE n = ?")
                update.bind(sealed, at: 1)
                update.bind(description.json().text(), at: 2)
                update.bind(row.number, at: 3)
                try update.run()
                count += 1
            }
            if names == nil { try resealCheckKey(in: transaction) }
            if count > 0 {
                transaction.markWritten()
                try TableDirectory.announce(on: access)
            }
            return count
        }
    }

    /// The key that proves that store and key store belong together follows the recovery kit too.
    private func resealCheckKey(in transaction: WriteTransaction) throws {
        let select = try transaction.access.statement("SELECT check_key FROM store")
        defer { select.reset() }
        guard try select.step() else { return }
        let sealed = Array(select.blob(0))
        select.reset()
        guard try keyStore.recipients(under: "owned") != Message.recipients(of: sealed) else { return }
        let context = StoreFile.checkContext(id)
        let key = try keyStore.openKey(sealed, expecting: context)
        let update = try transaction.access.statement("UPDATE store SET check_key = ?")
        update.bind(try keyStore.sealKey(key, under: "owned", context: context), at: 1)
        try update.run()
        transaction.markWritten()
    }

    /// The wrapping key that a table's key lies under; the owned one where this key store has never known it.
    private func ownKey(of recipients: [Message.Recipient]) -> String {
        let id = recipients.lazy.compactMap(\.wrappingKey).first
        guard let id, (try? keyStore.describe(id)) != nil else { return "owned" }
        return id
    }

    /// How a table's description names its wrapping key.
    private static func encryption(_ key: KeyDescription) -> TableEncryption {
        switch key.class {
        case .owned, .escrow: .owned
        case .managed: TableEncryption(class: .managed)
        case .customer: TableEncryption(class: .customer, key: key.aliases.first ?? key.id)
        }
    }
}
