// SPDX-License-Identifier: Apache-2.0

package import VarveModel

extension Vault {
    /// Finishes commits of a table whose process ended between the first copy of the manifest and the second: from the first copy on, the
    /// snapshot was committed.
    ///
    /// A copy that is missing although the home's record knows that it was written is damage: it is left for verify to tell. So is a manifest
    /// that does not prove itself, and what a live lease protects is somebody's who is just about to write the second copy.
    ///
    /// - Returns: The paths of the manifests that have both copies now.
    @discardableResult
    package func finishInterruptedCommits(
        of table: Manifest.TableIdentity, record: CommitRecord, clock: any Clock = SystemClock()
    ) throws -> [ObjectPath] {
        let manifests = try storage.paths(VaultPaths.tableFolder(table)).filter {
            Catalog.manifestStem($0) != nil
        }
        let present = Set(try storage.paths(VaultPaths.catalog).compactMap(Catalog.catalogStem))
        let single = manifests.filter { path in Catalog.manifestStem(path).map { !present.contains($0) } ?? false }
        if single.isEmpty { return [] }
        let known = Set(try record.entries().entries.map(\.path))
        let (leases, unreadable) = try Lease.live(in: storage, at: clock.now())
        guard unreadable.isEmpty else { return [] }
        var finished: [ObjectPath] = []
        for path in single where !known.contains(path.text) {
            guard !leases.contains(where: { lease in lease.protects.contains { path.text.hasPrefix($0) } }),
                let entry = try? manifest(at: path)
            else { continue }
            do {
                try storage.put(try ObjectPath(entry.manifest.catalogPath), entry.document.bytes)
            } catch let error as VaultError where error.code == .exists {
                continue  // its own process has just finished it
            }
            try record.append(CommitEntry(entry.manifest, entry.document))
            finished.append(path)
        }
        return finished
    }
}

extension CommitEntry {
    /// The line for a manifest.
    init(_ manifest: Manifest, _ document: ProvenDocument) {
        self.init(
            vault: manifest.vault, id: manifest.id, path: manifest.path,
            catalogPath: manifest.catalogPath, sha256: document.sha256Text, key: manifest.key.id,
            time: manifest.finished)
    }
}
