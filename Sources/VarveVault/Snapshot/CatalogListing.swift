// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// What a vault's catalog lists: its documents, one after the other, without keeping them.
///
/// A ``Catalog`` lists every object of the vault and holds every manifest: it can say what is missing, and what everything is good for. A listing of a
/// hundred thousand recovery points needs neither. Where anything is not as it should be, this gives up, and the catalog explains it.
package struct CatalogListing: Sendable {
    private let vault: Vault
    private let removals: Removals
    private let tombstones: [String: Tombstone]
    private let paths: [ObjectPath]

    /// One recovery point or segment.
    package struct Entry: Sendable {
        package let manifest: ManifestHead
        /// When its keys were destroyed.
        package let shredded: Instant?
        /// When retention removed it.
        package let removed: Instant?
    }

    /// - Parameters:
    ///   - table: Only what lies in the folders of tables with this name; nil: of all tables.
    ///   - kinds: Only these.
    /// - Returns: nil where the catalog's documents are not just those of what lies in the folders, or a record cannot be read.
    package init?(_ vault: Vault, table: String?, kinds: Set<Manifest.Kind>) throws {
        let storage = vault.storage
        let marks = try storage.list(VaultPaths.tombstones).map(\.path)
        let (removals, removalFindings) = vault.removals(among: marks)
        let (tombstones, tombstoneFindings) = vault.tombstones(among: marks)
        let stems = Set(try storage.list(VaultPaths.catalog).compactMap { Catalog.catalogStem($0.path) })
        guard removalFindings.isEmpty, tombstoneFindings.isEmpty else { return nil }
        var known = 0
        var paths: [ObjectPath] = []
        for folder in try storage.folders(VaultPaths.tables) {
            // The id after the name has no tilde; a name that is too long is cut.
            let name = folder.prefix(upTo: folder.lastIndex(of: "~") ?? folder.endIndex)
            let isWanted = table.map { $0.prefix(VaultPaths.tableNameBytesMax) == name } ?? true
            for kind in Manifest.Kind.allCases {
                for (path, stem) in try Self.folders(of: kind, in: "\(VaultPaths.tables)\(folder)/", storage) {
                    guard stems.contains(stem) else {
                        // Without a manifest it is not committed. With one, its document in the catalog is missing.
                        if try storage.info(try ObjectPath(path + VaultPaths.manifestName)) == nil { continue }
                        return nil
                    }
                    known += 1
                    if isWanted && kinds.contains(kind) {
                        paths.append(try ObjectPath(VaultPaths.catalogEntry(stem: stem)))
                    }
                }
            }
        }
        guard known == stems.count else { return nil }
        self.vault = vault
        self.removals = removals
        self.tombstones = tombstones
        self.paths = paths
    }

    /// The folders of one kind below a table's, and their stems.
    private static func folders(
        of kind: Manifest.Kind, in table: String, _ storage: any VaultStorage
    ) throws -> [(path: String, stem: String)] {
        let folder = "\(table)\(kind.folder)/"
        let names = try storage.folders(folder)
        if kind != .log { return names.map { ("\(folder)\($0)/", $0) } }
        return try names.flatMap { day in
            try storage.folders("\(folder)\(day)/").map { ("\(folder)\(day)/\($0)/", $0) }
        }
    }

    /// The entries of one part of `parts` equal ones.
    ///
    /// - Returns: nil where a document cannot be read: the catalog takes its other copy and says what is wrong.
    package func forEach(part: Int, of parts: Int, _ body: (Entry) throws -> Void) throws -> Bool {
        for path in paths[(paths.count * part / parts)..<(paths.count * (part + 1) / parts)] {
            guard let manifest = try? vault.manifestHead(at: path) else { return false }
            let removed = removals.removed(
                manifest.id, manifest.kind, of: manifest.table, started: manifest.started)
            try body(
                Entry(manifest: manifest, shredded: tombstones[manifest.id]?.shredded, removed: removed?.time))
        }
        return true
    }
}
