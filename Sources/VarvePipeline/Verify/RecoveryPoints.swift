// SPDX-License-Identifier: Apache-2.0

package import VarveVault

/// Finds recovery points as people name them.
package struct RecoveryPoints {
    private let catalog: Catalog

    package init(_ vault: Vault) throws {
        catalog = try Catalog.read(vault)
    }

    package init(_ catalog: Catalog) {
        self.catalog = catalog
    }

    /// The one recovery point that `id` begins, or the newest snapshot of `table` where no id is given.
    ///
    /// - Parameter segments: Whether a segment of a log will do too, where no recovery point has such an id.
    package func find(table: String?, id: String?, segments: Bool = false) throws -> Catalog.Entry {
        guard let id else {
            guard let newest = catalog.latest(table: table ?? "") else {
                throw PipelineError(
                    .noRecoveryPoint,
                    "The vault holds no snapshot of table '\(table ?? "")'. \(advice)")
            }
            return newest
        }
        let named = catalog.entries(idPrefix: id).filter { table == nil || $0.manifest.table.name == table }
        let points = named.filter { $0.manifest.kind.isRecoveryPoint }
        let matching = points.isEmpty && segments ? named : points
        guard let only = matching.first, !id.isEmpty else {
            if let error = removal(of: id) { throw error }
            let place = table.map { " of table '\($0)'" } ?? ""
            throw PipelineError(
                .noRecoveryPoint, "The vault holds no recovery point '\(id)'\(place). \(advice)")
        }
        guard matching.count == 1 else {
            throw PipelineError(
                .ambiguousID, "'\(id)' begins the ids of \(matching.count) recovery points: write more of it.")
        }
        return only
    }

    /// That the one that is meant was removed by retention; nil where it was not.
    private func removal(of id: String) -> VaultError? {
        if id.isEmpty { return nil }
        let there = catalog.removed.filter { $0.manifest.id.utf8.starts(with: id.utf8) }
        if let only = there.first, there.count == 1 { return catalog.removals.error(of: only.manifest) }
        let gone = catalog.removals.points.values.filter { $0.point.id.utf8.starts(with: id.utf8) }
        guard let only = gone.first, gone.count == 1 else { return nil }
        return VaultError(
            .removed,
            "Recovery point '\(only.point.id)' of table '\(only.point.table.name)' was removed by retention at \(only.time), and its bytes are "
                + "gone: \(only.point.reason)")
    }

    /// What is not listed may be there all the same, where a manifest cannot be read.
    private var advice: String {
        guard let finding = catalog.findings.first else { return "'varve list' shows what it holds." }
        return "Of the objects that list recovery points \(catalog.findings.count) cannot be read, the first one so: "
            + "\(finding.reason) 'varve verify' names all."
    }

    /// The newest snapshot of each table, by table name. A dropped and recreated table is another table; the newest of a name counts.
    package func newestSnapshots() -> [Catalog.Entry] {
        let names = Set(catalog.entries.filter { $0.manifest.kind == .snapshot }.map(\.manifest.table.name))
        return names.sorted().compactMap { catalog.latest(table: $0) }
    }
}
