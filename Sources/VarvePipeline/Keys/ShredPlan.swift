// SPDX-License-Identifier: Apache-2.0

package import VarveModel
package import VarveVault

/// What else still holds items of a recovery point that is about to be shredded. Destroying its keys does not reach these.
package struct ShredPlan: Sendable {
    package struct Holder: Sendable, Encodable, Equatable {
        /// `recoveryPoint`, `log` or `table`.
        package let what: String
        /// The vault's or the store's name.
        package let place: String
        /// The recovery point's id or the table's name.
        package let name: String
        /// One line for people.
        package let reason: String
    }

    package let entry: Catalog.Entry
    /// Its copies in other vaults, each with key files of its own, which are to be destroyed too.
    package let copies: [(vault: String, entry: Catalog.Entry)]
    package let holders: [Holder]

    /// - Parameters:
    ///   - catalogs: Every vault's, by its name.
    ///   - tables: Every store's live tables, by its name.
    package init(
        _ entry: Catalog.Entry, in vaultName: String, catalogs: [(name: String, catalog: Catalog)],
        tables: [(name: String, tables: [TableDescription])]
    ) {
        self.entry = entry
        let manifest = entry.manifest
        var holders: [Holder] = []
        var copies: [(vault: String, entry: Catalog.Entry)] = []
        for (name, catalog) in catalogs {
            // One that is shredded there already is shredded again: it may have been broken off.
            if name != vaultName, let copy = catalog.entries.first(where: { $0.manifest.isCopy(of: manifest) }) {
                copies.append((name, copy))
            }
            let log = catalog.entries(table: manifest.table.id, kind: .log).map(\.manifest).filter {
                catalog.shredded[$0.id] == nil && $0.items > 0 && $0.id != manifest.id
            }
            if let first = log.first, let last = log.last {
                holders.append(
                    Holder(
                        what: "log", place: name, name: last.id,
                        reason: log.count == 1
                            ? "vault \(name) holds segment \(last.id) of the table's log, through \(last.consistency.cut.time)"
                            : "vault \(name) holds \(log.count) segments of the table's log, \(first.id) to \(last.id), through \(last.consistency.cut.time)"
                    ))
            }
            for other in catalog.entries(table: manifest.table.id).map(\.manifest)
            where other.kind != .log && catalog.shredded[other.id] == nil && other.id != manifest.id {
                holders.append(
                    Holder(
                        what: "recoveryPoint", place: name, name: other.id,
                        reason:
                            "vault \(name) holds \(other.kind.rawValue) \(other.id) of the same table, of \(other.consistency.cut.time)"
                    ))
            }
        }
        for (name, tables) in tables {
            for table in tables where table.id == manifest.table.id {
                holders.append(
                    Holder(
                        what: "table", place: name, name: table.name,
                        reason:
                            "table \(name)/\(table.name) is live, and the store's change log holds its latest changes"))
            }
        }
        self.copies = copies
        self.holders = holders
    }
}
