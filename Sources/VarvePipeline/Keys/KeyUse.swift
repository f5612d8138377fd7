// SPDX-License-Identifier: Apache-2.0

import VarveKeys
package import VarveStore
package import VarveVault

/// What lies sealed under a wrapping key: what its deletion would make unreadable but for the recovery kit.
package struct KeyUse: Sendable, Equatable {
    package struct Point: Sendable, Equatable, Encodable {
        package let vault: String
        package let id: String
        package let table: String
        package let items: Int
        /// `snapshot`, `sweep`, or `log` for a segment.
        package let kind: String
    }

    package struct Table: Sendable, Equatable, Encodable {
        package let store: String
        package let table: String
        /// A dropped table, whose changes the change log still has.
        package let dropped: Bool
    }

    package private(set) var points: [Point] = []
    package private(set) var tables: [Table] = []
    /// Vaults and stores of which not all could be looked at, and why: what is listed may not be all.
    package private(set) var notRead: [String] = []

    package var isEmpty: Bool { points.isEmpty && tables.isEmpty && notRead.isEmpty }

    /// Looks at the key files themselves: manifests only know how it was when they were written.
    package init(
        of keyID: String, vaults: [(name: String, vault: Vault)], stores: [(name: String, store: EmbeddedStore)]
    ) {
        for (name, vault) in vaults {
            do {
                let catalog = try Catalog.read(vault)
                notRead += catalog.unreadable.sorted().map { "vault \(name): the manifest of \($0) cannot be read" }
                for entry in catalog.entries + catalog.removed where catalog.shredded[entry.manifest.id] == nil {
                    let manifest = entry.manifest
                    do {
                        let holders = try vault.keyFiles.recipients(manifest.key.id).compactMap(\.wrappingKey)
                        guard holders.contains(keyID) else { continue }
                        points.append(
                            Point(
                                vault: name, id: manifest.id, table: manifest.table.name, items: manifest.items,
                                kind: manifest.kind.rawValue))
                    } catch {
                        notRead.append("vault \(name): the key file of \(manifest.id) cannot be read")
                    }
                }
            } catch {
                notRead.append("vault \(name) cannot be read")
            }
        }
        for (name, store) in stores {
            do {
                tables += try store.tableSealings().filter { $0.wrappingKey == keyID }.map {
                    Table(store: name, table: $0.table, dropped: $0.isDropped)
                }
            } catch {
                notRead.append("store \(name) cannot be read")
            }
        }
    }
}
