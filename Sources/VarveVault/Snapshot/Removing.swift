// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// What is left in a vault of one recovery point or segment that retention removed.
package struct RemovedRemains: Sendable {
    package let id: String
    package let kind: Manifest.Kind
    package let table: Manifest.TableIdentity
    package let removed: Instant
    /// With a slash at its end.
    package let folder: String
    package let catalogPath: ObjectPath
    /// The key to destroy; nil where something that is kept names the same one.
    package let key: String?
    /// As the listing showed them.
    package let objects: Int
    package let bytes: Int
}

extension Catalog {
    /// What is left of everything that retention removed, in order of its folders.
    package func remainsOfRemoved() -> [RemovedRemains] {
        if removals.isEmpty { return [] }
        var sizes: [String: (objects: Int, bytes: Int)] = [:]
        func count(_ object: ObjectInfo, _ group: String) {
            sizes[group, default: (0, 0)].objects += 1
            sizes[group, default: (0, 0)].bytes += object.bytes
        }
        for object in objects.values {
            if let part = VaultPaths.part(object.path) {
                count(object, part.stem)
            } else if let stem = Self.catalogStem(object.path) {
                count(object, stem)
            } else if object.path.text.hasPrefix(VaultPaths.keys) {
                count(object, object.path.folder + "/")
            }
        }
        let keysInUse = Set(entries.map(\.manifest.key.id))
        var found: [RemovedRemains] = []
        func add(
            _ id: String, _ kind: Manifest.Kind, _ table: Manifest.TableIdentity, _ time: Instant, _ path: String,
            _ key: String
        ) {
            // A record speaks of its own recovery point's folder and of no other.
            guard let manifest = try? ObjectPath(path), let part = VaultPaths.part(manifest),
                part.name == VaultPaths.manifestName, part.stem.hasSuffix("~" + id),
                let catalogPath = try? ObjectPath(VaultPaths.catalogEntry(stem: part.stem))
            else { return }
            let own = [sizes[part.stem], sizes[VaultPaths.keyFolder(key)]].compactMap(\.self)
            guard !own.isEmpty else { return }
            found.append(
                RemovedRemains(
                    id: id, kind: kind, table: table, removed: time, folder: manifest.folder + "/",
                    catalogPath: catalogPath, key: keysInUse.contains(key) ? nil : key,
                    objects: own.reduce(0) { $0 + $1.objects }, bytes: own.reduce(0) { $0 + $1.bytes }))
        }
        for removed in removals.points.values {
            let point = removed.point
            add(point.id, point.kind, point.table, removed.time, point.path, point.key)
        }
        for manifest in removed.map(\.manifest) where removals.points[manifest.id] == nil {
            guard let time = removals.removed(manifest)?.time else { continue }
            add(manifest.id, manifest.kind, manifest.table, time, manifest.path, manifest.key.id)
        }
        return found.sorted { $0.folder < $1.folder }
    }

    /// Whether everything of a recovery point or segment is still there, as the listing shows it.
    package func isWhole(_ manifest: Manifest) -> Bool {
        let paths = [manifest.path, manifest.catalogPath]
        return paths.allSatisfy { path in (try? ObjectPath(path)).map { objects[$0] != nil } ?? false }
            && canOpen(manifest)
    }

    /// Whether the listing shows a file of a manifest's key, and each of its bundles in its size.
    package func canOpen(_ manifest: Manifest) -> Bool {
        let folder = manifest.folder
        return keyFolders.contains(VaultPaths.keyFolder(manifest.key.id))
            && manifest.bundles.allSatisfy { bundle in
                guard let path = try? ObjectPath(folder + bundle.name) else { return false }
                return objects[path]?.bytes == bundle.sealedBytes
            }
    }
}

extension Vault {
    /// Writes what is removed, or given back, on record: the first step, after which every reader takes it for removed.
    ///
    /// - Parameter catalog: The vault as it was read last; the record's time is later than those of all in it, whatever the clock says.
    /// - Returns: The records, several where there is much to say.
    @discardableResult
    package func record(
        _ action: Removal.Action, points: [Removal.Point], logs: [Removal.Log], after catalog: Catalog, tool: String,
        clock: any Clock = SystemClock()
    ) throws -> [Removal] {
        var time = clock.now()
        if let latest = catalog.removals.latest, time <= latest {
            time = Instant(microseconds: latest.microseconds + 1)
        }
        var records: [Removal] = []
        var rest = points[...]
        while !rest.isEmpty || (records.isEmpty && !logs.isEmpty) {
            let id = RandomID.make()
            let path = try ObjectPath(VaultPaths.removal(at: time, id: id))
            let record = Removal(
                format: Removal.formatNewest, vault: self.id, path: path.text, id: id, action: action, time: time,
                points: Array(rest.prefix(Removal.pointsMax)), logs: records.isEmpty ? logs : [], tool: tool)
            try storage.put(path, try ProvenDocument.encode(record).bytes)
            records.append(record)
            rest = rest.dropFirst(Removal.pointsMax)
            time = Instant(microseconds: time.microseconds + 1)
        }
        return records
    }

    /// Takes the bytes of what is removed: the second step.
    ///
    /// Key files go first, then all else, then the manifest, and its second copy last: as long as anything is there, either copy or the record says
    /// what it is, and running this again finishes it. A broken run's `finishInterruptedCommits` looks at the first copy only, and so never brings
    /// back a second one.
    ///
    /// - Returns: How many objects went.
    @discardableResult
    package func removeBytes(_ remains: RemovedRemains) throws -> Int {
        var count = 0
        if let key = remains.key {
            count += try keyFiles.all(key).count
            try keyFiles.destroy(key)
        }
        let manifest = try ObjectPath(remains.folder + VaultPaths.manifestName)
        for object in try storage.list(remains.folder) where object.path != manifest {
            try storage.delete(object.path)
            count += 1
        }
        for path in [manifest, remains.catalogPath] where try storage.info(path) != nil {
            try storage.delete(path)
            count += 1
        }
        return count
    }
}
