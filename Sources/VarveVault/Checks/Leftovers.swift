// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// What broken runs left in a vault: objects that nothing knows.
package struct Leftovers: Sendable {
    /// In the order in which they may be removed.
    package let objects: [ObjectInfo]
    /// Temporary files of writers that died.
    package let remains: [StorageRemains]
    /// Why some things were not even considered: damage that hides whom they belong to.
    package let notes: [String]

    package var bytes: Int { objects.reduce(0) { $0 + $1.bytes } + remains.reduce(0) { $0 + $1.bytes } }
    package var isEmpty: Bool { objects.isEmpty && remains.isEmpty }
}

extension Vault {
    /// Objects that neither copy of a manifest, nor the chain, nor the home's record of commits, nor a live lease knows, and that were last written before
    /// `grace` ago.
    ///
    /// In doubt nothing is a leftover: a folder with a manifest, sound or not, is kept whole; and as long as one manifest cannot be read, or is known
    /// and missing, every key is kept, because it may be that one's.
    package func leftovers(grace: Duration, record: CommitRecord?, clock: any Clock = SystemClock()) throws -> Leftovers
    {
        let now = clock.now()
        let limit = Instant(microseconds: now.microseconds - grace.components.seconds * 1_000_000)
        // Leases before the listing: who begins in between is younger than the grace period.
        let (leases, unreadableLeases) = try Lease.live(in: storage, at: now)
        guard unreadableLeases.isEmpty else {
            return Leftovers(
                objects: [], remains: [],
                notes: [
                    "Lease '\(unreadableLeases[0])' cannot be read; what it protects is not known, so nothing is a leftover until it expires."
                ])
        }
        let catalog = try Catalog.read(self)
        let commits = try record?.entries().entries.filter { $0.vault == id } ?? []
        var notes: [String] = []

        // Every stem that anything knows.
        var stems = catalog.unreadable
        var keys: Set<String> = []
        // What retention removed is not left over: prune takes it by its record.
        for entry in catalog.entries + catalog.removed {
            stems.insert(VaultPaths.stem(started: entry.manifest.started, id: entry.manifest.id))
            keys.insert(entry.manifest.key.id)
        }
        for path in catalog.entries.compactMap(\.manifest.previous?.path) + commits.map(\.path) {
            guard let object = try? ObjectPath(path), let stem = Catalog.manifestStem(object),
                !catalog.removals.covers(object)
            else { continue }
            stems.insert(stem)
        }
        for commit in commits { keys.insert(commit.key) }
        for removed in catalog.removals.points.values { keys.insert(removed.point.key) }
        let known = Set(
            (catalog.entries + catalog.removed).map {
                VaultPaths.stem(started: $0.manifest.started, id: $0.manifest.id)
            })
        let keepAllKeys = !stems.subtracting(known).isEmpty
        if keepAllKeys {
            notes.append("A manifest is damaged or missing; until it is repaired, no key file is a leftover.")
        }

        let objects = catalog.objects.values.filter { object in
            guard object.modified < limit,
                !leases.contains(where: { lease in lease.protects.contains { object.path.text.hasPrefix($0) } })
            else { return false }
            if let part = VaultPaths.part(object.path) {
                return !stems.contains(part.stem) && !catalog.removals.covers(object.path)
            }
            let parts = object.path.parts
            if object.path.text.hasPrefix(VaultPaths.keys), parts.count == 3 {
                return !keepAllKeys && !keys.contains(parts[1])
            }
            return false
        }
        // What dead processes left of their leases.
        let ended = try Lease.ended(in: storage, at: now).filter { $0.modified < limit }
        return Leftovers(
            objects: (objects + ended).sorted { $0.path < $1.path }, remains: try storage.remains(before: limit),
            notes: notes)
    }

    /// Removes leftovers, keys last.
    package func remove(_ leftovers: Leftovers) throws {
        let isKey = { (object: ObjectInfo) in object.path.text.hasPrefix(VaultPaths.keys) }
        for object in leftovers.objects.filter({ !isKey($0) }) + leftovers.objects.filter(isKey) {
            try storage.delete(object.path)
        }
        for remains in leftovers.remains { try storage.remove(remains) }
    }
}
