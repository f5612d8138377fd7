// SPDX-License-Identifier: Apache-2.0

package import VarveModel

extension Vault {
    /// Destroys the keys of a recovery point for good: first a tombstone, then every version of its key file.
    ///
    /// Broken off in between, the tombstone stands and the keys may be there: verify says so, and shredding again finishes it. The bundles stay,
    /// as noise; so do both copies of the manifest.
    ///
    /// - Returns: The tombstone, and whether it was there before.
    /// - Throws: `.locked` when a live lease says that the recovery point is being written, read or swept; `.held` when a hold or a lock is on it.
    package func shred(
        _ entry: Catalog.Entry, tool: String, clock: any Clock = SystemClock()
    ) throws -> (tombstone: Tombstone, wasThere: Bool) {
        let manifest = entry.manifest
        let now = clock.now()
        try demandUnprotected(manifest, at: now)
        let (leases, unreadable) = try Lease.live(in: storage, at: now)
        let lease = leases.first { lease in lease.protects.contains { manifest.folder.hasPrefix($0) } }
        guard lease == nil, unreadable.isEmpty else {
            throw VaultError(
                .locked,
                "Recovery point '\(manifest.id)' is in use: \(lease.map { "\($0.what), process \($0.pid) on \($0.host)" } ?? "by whoever wrote lease '\(unreadable[0])'"). "
                    + "Nothing was destroyed; run this again when that has ended.")
        }
        if let tombstone = try tombstone(of: manifest.id) {
            try keyFiles.destroy(tombstone.key)
            return (tombstone, true)
        }
        let path = try ObjectPath(VaultPaths.tombstone(at: now, id: manifest.id))
        let tombstone = Tombstone(
            format: Tombstone.formatNewest, vault: id, path: path.text, id: manifest.id, recoveryPoint: manifest.kind,
            table: manifest.table, cut: manifest.consistency.cut.time, items: manifest.items, key: manifest.key.id,
            manifest: entry.sha256, shredded: now, tool: tool)
        try storage.put(path, try ProvenDocument.encode(tombstone).bytes)
        try keyFiles.destroy(manifest.key.id)
        return (tombstone, false)
    }

    private func demandUnprotected(_ manifest: Manifest, at now: Instant) throws {
        let marks = try storage.paths(VaultPaths.holds) + storage.paths(VaultPaths.locks)
        let (protections, findings) = protections(among: marks)
        let held = protections.holds(on: manifest.id, table: manifest.table.id).first.map {
            "hold '\($0.path)' is on it"
        }
        let locked = protections.lockedUntil(manifest.id, table: manifest.table.id, at: now).map {
            "it is locked until \($0)"
        }
        let unread = findings.first.map { "'\($0.object)' cannot be read, and may be a hold or a lock on it" }
        guard let reason = held ?? locked ?? unread else { return }
        throw VaultError(
            .held, "The keys of recovery point '\(manifest.id)' must stay: \(reason). Nothing was destroyed.")
    }
}
