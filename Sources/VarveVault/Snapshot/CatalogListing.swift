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
    /// Of what is listed.
    private let stems: [String]

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
        let marks = try storage.paths(VaultPaths.tombstones)
        let (removals, removalFindings) = vault.removals(among: marks)
        let (tombstones, tombstoneFindings) = vault.tombstones(among: marks)
        guard removalFindings.isEmpty, tombstoneFindings.isEmpty else { return nil }
        // Both at the same time. What is committed in between is in one and not in the other: then this gives up.
        let halves = try Parallel.map(2, threads: 2) { half -> (documents: Set<String>, folders: [Folder]) in
            half == 0
                ? (Set(try storage.paths(VaultPaths.catalog).compactMap(Catalog.catalogStem)), [])
                : ([], try Self.folders(storage))
        }
        let (documents, folders) = (halves[0].documents, halves[1].folders)
        var known = 0
        var wanted: [String] = []
        for folder in folders {
            let committed = folder.stems.filter { documents.contains($0) }
            for stem in committed.count == folder.stems.count ? [] : Set(folder.stems).subtracting(committed) {
                // Without a manifest it is not committed. With one, its document in the catalog is missing.
                let manifest = try ObjectPath("\(folder.path)\(stem)/\(VaultPaths.manifestName)")
                if try storage.info(manifest) != nil { return nil }
            }
            known += committed.count
            let isWanted = table.map { $0.prefix(VaultPaths.tableNameBytesMax) == folder.table } ?? true
            if isWanted && kinds.contains(folder.kind) { wanted += committed }
        }
        guard known == documents.count else { return nil }
        self.vault = vault
        self.removals = removals
        self.tombstones = tombstones
        stems = wanted
    }

    /// A folder in which recovery points or segments lie, by their stems.
    private struct Folder {
        let path: String
        /// The table's name, cut where it is too long.
        let table: Substring
        let kind: Manifest.Kind
        let stems: [String]
    }

    private static func folders(_ storage: any VaultStorage) throws -> [Folder] {
        try storage.folders(VaultPaths.tables).flatMap { table in
            // The id after the name has no tilde.
            let name = table.prefix(upTo: table.lastIndex(of: "~") ?? table.endIndex)
            return try Manifest.Kind.allCases.flatMap { kind in
                let folder = "\(VaultPaths.tables)\(table)/\(kind.folder)/"
                let paths = kind == .log ? try storage.folders(folder).map { "\(folder)\($0)/" } : [folder]
                return try paths.map { Folder(path: $0, table: name, kind: kind, stems: try storage.folders($0)) }
            }
        }
    }

    private struct Unreadable: Error {}

    /// What `body` makes of the entries that it takes, on several threads.
    ///
    /// - Returns: nil where a document cannot be read: the catalog takes its other copy and says what is wrong.
    package func compactMap<Element: Sendable>(
        _ body: @escaping @Sendable (Entry) throws -> Element?
    ) throws -> [Element]? {
        do {
            return try Parallel.map(stems.count, threads: vault.storage.readersMax) { index in
                guard let manifest = try? vault.manifestHead(stem: stems[index]) else { throw Unreadable() }
                let removed = removals.removed(
                    manifest.id, manifest.kind, of: manifest.table, started: manifest.started)
                return try body(
                    Entry(manifest: manifest, shredded: tombstones[manifest.id]?.shredded, removed: removed?.time))
            }.compactMap(\.self)
        } catch is Unreadable {
            return nil
        }
    }
}
