// SPDX-License-Identifier: Apache-2.0

import VarveModel

/// What is in a vault, as the vault alone tells it.
///
/// Each manifest lies in two places. One that is missing or damaged in one is taken from the other; what is wrong is in ``findings``, never hidden.
package struct Catalog: Sendable {
    /// One snapshot, sweep or segment of a log. A class, because very many are put in order and grouped.
    package final class Entry: Sendable {
        package let manifest: Manifest
        /// The SHA-256 that stands in its document.
        package let sha256: String
        /// Where it was read.
        package let place: ObjectPath

        init(manifest: Manifest, sha256: String, place: ObjectPath) {
            self.manifest = manifest
            self.sha256 = sha256
            self.place = place
        }

        /// What the manifest behind it names it by.
        package var link: Manifest.Link { .init(path: manifest.path, sha256: sha256) }
    }

    /// How much is read.
    package enum Depth: Sendable {
        /// One sound copy of each manifest.
        case oneCopy
        /// Both copies, compared: for verify.
        case bothCopies
    }

    /// In ascending order of start; without what retention removed.
    package let entries: [Entry]
    /// What retention removed and of which a manifest is still there, in ascending order of start.
    package let removed: [Entry]
    package let findings: [Finding]
    /// Every object of the vault, leases aside.
    package let objects: [ObjectPath: ObjectInfo]
    /// The folders, each with a slash at its end, in which there is a key file.
    package let keyFolders: Set<String>
    /// The stems `<started>~<id>` of manifests that no sound copy is left of.
    package let unreadable: Set<String>
    /// The tombstones of recovery points whose keys were destroyed, by the recovery point's id.
    package let shredded: [String: Tombstone]
    /// What retention removed.
    package let removals: Removals
    /// The holds and locks that are in force.
    package let protections: Protections

    package static func read(_ vault: Vault, depth: Depth = .oneCopy) throws -> Catalog {
        var objects: [ObjectPath: ObjectInfo] = [:]
        for object in try vault.storage.list("") where !object.path.text.hasPrefix(VaultPaths.leases) {
            objects[object.path] = object
        }
        var places: [String: Places] = [:]
        var keyFolders: Set<String> = []
        for path in objects.keys {
            if path.text.hasPrefix(VaultPaths.keys) {
                if KeyFiles.number(path) != nil { keyFolders.insert(path.folder + "/") }
            } else if let stem = catalogStem(path) {
                places[stem, default: Places()].catalog = path
            } else if let stem = manifestStem(path) {
                // The same id below two tables is no accident; each is looked at, and path binding refuses the false one.
                places[stem, default: Places()].manifests.append(path)
            }
        }
        let (removals, removalFindings) = vault.removals(among: objects.keys)
        var entries: [Entry] = []
        var removed: [Entry] = []
        var findings: [Finding] = []
        var unreadable: Set<String> = []
        let named = places.sorted { $0.key < $1.key }
        let looks = try Parallel.map(named.count, threads: vault.storage.readersMax) { index in
            look(at: named[index].value, in: vault, depth)
        }
        for ((stem, _), (found, own)) in zip(named, looks) {
            if let found {
                // Of what is removed, copies may be gone.
                if removals.removed(found.manifest) != nil {
                    removed.append(found)
                    continue
                }
                entries.append(found)
            } else if removals.points[String(stem.drop { $0 != "~" }.dropFirst())] != nil {
                continue
            } else {
                unreadable.insert(stem)
            }
            findings += own
        }
        entries.sort { ($0.manifest.started, $0.manifest.id) < ($1.manifest.started, $1.manifest.id) }
        removed.sort { ($0.manifest.started, $0.manifest.id) < ($1.manifest.started, $1.manifest.id) }
        let tombstones = vault.tombstones(among: objects.keys)
        let (protections, protectionFindings) = vault.protections(among: objects.keys)
        return Catalog(
            entries: entries, removed: removed,
            findings: findings + tombstones.findings + removalFindings + protectionFindings, objects: objects,
            keyFolders: keyFolders, unreadable: unreadable, shredded: tombstones.tombstones, removals: removals,
            protections: protections)
    }

    private struct Places: Sendable {
        var catalog: ObjectPath?
        var manifests: [ObjectPath] = []
    }

    private static func look(
        at places: Places, in vault: Vault, _ depth: Depth
    ) -> (found: Entry?, findings: [Finding]) {
        var findings: [Finding] = []
        var found: StoredManifest?
        // The catalog's copy first: it lies with the others and is what listings read.
        for path in [places.catalog].compactMap({ $0 }) + places.manifests.sorted() {
            if found != nil && depth == .oneCopy { break }
            do {
                let stored = try vault.manifest(at: path)
                if let found, found.document.bytes != stored.document.bytes {
                    findings.append(
                        Finding(
                            object: path.text, level: 1, code: .damaged,
                            reason:
                                "This copy of the manifest and the one at '\(found.place)' differ. At least one was changed."
                        ))
                }
                found = found ?? stored
            } catch {
                findings.append(Finding(object: path.text, level: 1, error))
            }
        }
        guard let found else { return (nil, findings) }
        if places.catalog == nil {
            findings.append(missing(found.manifest.catalogPath, other: found.place))
        }
        if !places.manifests.contains(where: { $0.text == found.manifest.path }) {
            findings.append(missing(found.manifest.path, other: found.place))
        }
        return (found.entry, findings)
    }

    private static func missing(_ path: String, other: ObjectPath) -> Finding {
        Finding(
            object: path, level: 0, code: .missing,
            reason: "One of the two copies of a manifest is missing; the other is '\(other)'.")
    }

    /// `catalog/<year>/<month>/<stem>.json`
    static func catalogStem(_ path: ObjectPath) -> String? {
        guard path.text.hasPrefix(VaultPaths.catalog), path.text.utf8.count(where: { $0 == UInt8(ascii: "/") }) == 3
        else { return nil }
        let name = path.name
        return name.hasSuffix(".json") ? String(name.dropLast(5)) : nil
    }

    /// `tables/<table>/<kind>/<stem>/manifest.json`, with the day before the stem of a segment.
    static func manifestStem(_ path: ObjectPath) -> String? {
        guard path.text.hasSuffix("/" + VaultPaths.manifestName) else { return nil }
        return VaultPaths.part(path)?.stem
    }

    // MARK: - Finding one

    /// Entries whose id begins with `prefix`.
    package func entries(idPrefix prefix: String) -> [Entry] {
        entries.filter { $0.manifest.id.utf8.starts(with: prefix.utf8) }
    }

    /// Entries of a table, by its name or its id, in ascending order of start.
    package func entries(table: String, kind: Manifest.Kind? = nil) -> [Entry] {
        entries.filter { entry in
            let manifest = entry.manifest
            return
                (manifest.table.name.utf8.elementsEqual(table.utf8) || manifest.table.id.utf8.elementsEqual(table.utf8))
                && (kind == nil || kind == manifest.kind)
        }
    }

    /// What a table can be restored from: all but the segments of logs.
    package var recoveryPoints: [Entry] { entries.filter { $0.manifest.kind.isRecoveryPoint } }

    /// The segments of a table of which no sound manifest is left, but a manifest in their own folder, by stem.
    package func unreadableSegments(of table: Manifest.TableIdentity) -> [(stem: String, id: String)] {
        if unreadable.isEmpty { return [] }
        let prefix = VaultPaths.folder(ofLog: table)
        return objects.keys.compactMap { path in
            guard path.text.hasPrefix(prefix), let stem = Self.manifestStem(path), unreadable.contains(stem) else {
                return nil
            }
            return (stem, String(stem.drop { $0 != "~" }.dropFirst()))
        }.sorted { $0.0 < $1.0 }
    }

    /// The snapshot of a table with the latest cut, of those whose keys are there.
    package func latest(table: String) -> Entry? {
        entries(table: table, kind: .snapshot).filter { shredded[$0.manifest.id] == nil }.max {
            $0.manifest.consistency.cut.time < $1.manifest.consistency.cut.time
        }
    }
}

/// A manifest as it lies in one of its two places.
package struct StoredManifest: Sendable {
    package let manifest: Manifest
    package let document: ProvenDocument
    package let place: ObjectPath

    /// What a catalog keeps of it.
    package var entry: Catalog.Entry { .init(manifest: manifest, sha256: document.sha256Text, place: place) }
}

extension Vault {
    /// Reads one copy of a manifest and checks that it proves itself and belongs there.
    package func manifest(at path: ObjectPath) throws -> StoredManifest {
        let bytes = try storage.get(path, atMost: ProvenDocument.bytesMax)
        let (document, manifest) = try ProvenDocument.decode(Manifest.self, bytes, name: path.text)
        try manifest.check(vault: id, at: path)
        return StoredManifest(manifest: manifest, document: document, place: path)
    }

    /// What the next manifest of a table names as the one before it. A damaged one is passed over: verify reports it, and backups must go on.
    func newestManifest(of table: Manifest.TableIdentity) throws -> Manifest.Link? {
        let paths = try storage.paths(VaultPaths.tableFolder(table)).filter {
            Catalog.manifestStem($0) != nil && VaultPaths.part($0)?.kind != .log
        }
        for path in paths.sorted(by: { (Catalog.manifestStem($0) ?? "") > (Catalog.manifestStem($1) ?? "") }) {
            if let stored = try? manifest(at: path) { return stored.entry.link }
        }
        return nil
    }
}

extension Vault {
    /// The table's segments, newest first, as far as their manifests can be read: where capture looks for what it has.
    ///
    /// - Parameter accept: Whether a segment will do; the first that does is returned.
    package func newestSegment(
        of table: Manifest.TableIdentity, where accept: (Catalog.Entry) throws -> Bool
    ) throws -> Catalog.Entry? {
        let prefix = VaultPaths.folder(ofLog: table)
        let manifests = try storage.paths(prefix).filter { Catalog.manifestStem($0) != nil }
        // Stems tell seconds apart; within one second the manifests themselves say which came first.
        let bySecond = Dictionary(grouping: manifests) { Catalog.manifestStem($0)?.prefix { $0 != "~" } ?? "" }
        for second in bySecond.keys.sorted(by: >) {
            let entries = (bySecond[second] ?? []).compactMap { path in segment(at: path) }
            // One that was made of others is younger than what it holds.
            for entry in entries.sorted(by: { $0.manifest.started > $1.manifest.started })
            where try entry.manifest.sources == nil && accept(entry) {
                return entry
            }
        }
        return nil
    }

    /// Either copy of the manifest.
    private func segment(at path: ObjectPath) -> Catalog.Entry? {
        if let stored = try? manifest(at: path) { return stored.entry }
        guard let stem = Catalog.manifestStem(path),
            let other = try? ObjectPath(VaultPaths.catalogEntry(stem: stem))
        else { return nil }
        return try? manifest(at: other).entry
    }
}
