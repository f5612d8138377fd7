// SPDX-License-Identifier: Apache-2.0

import Crypto
import VarveKeys
package import VarveModel

/// Puts good copies in the place of objects of a vault that are damaged or missing.
///
/// A copy is taken only when it is in hand and proven: a bundle by the SHA-256 that this vault's manifest states, a document by its HMAC under the recovery
/// point's key, a key by that HMAC too. Then what is damaged goes, and the good copy takes its name. Killed in between, the object is missing instead of
/// damaged, and the next run heals it. What cannot be healed is left as it is.
package struct VaultHealing {
    /// What became of one object.
    package struct Outcome: Sendable {
        package let object: String
        /// Why it was not healed; nil where it was.
        package let error: (any Error)?
    }

    private let vault: Vault
    private let other: Vault
    private let keys: any KeySealing
    private let wrappingKey: String
    private let record: CommitRecord?
    private let clock: any Clock
    private let here: Catalog
    private let there: Catalog

    /// Reads what both vaults hold.
    ///
    /// - Parameters:
    ///   - other: the vault that holds copies of what `vault` holds, or of which `vault` holds copies.
    ///   - wrappingKey: `vault`'s, as its configuration names it: for key files that are written anew.
    package init(
        _ vault: Vault, from other: Vault, keys: any KeySealing, under wrappingKey: String, record: CommitRecord?,
        clock: any Clock = SystemClock()
    ) throws {
        self.vault = vault
        self.other = other
        self.keys = keys
        self.wrappingKey = wrappingKey
        self.record = record
        self.clock = clock
        here = try Catalog.read(vault)
        there = try Catalog.read(other)
    }

    /// Heals what `findings` name. One at a time heals a vault; whoever comes second is refused with `.locked`.
    ///
    /// - Parameter stop: Throws where the run is to end.
    /// - Returns: One outcome for each object that a copy could heal. What no copy can is not among them.
    package func run(_ findings: [Finding], stop: () throws -> Void) throws -> [Outcome] {
        let works = works(findings)
        if works.isEmpty { return [] }
        let lease = try Lease.claiming(
            "heal", vault.storage, what: "healing", protects: [VaultPaths.tables, VaultPaths.keys], clock: clock)
        defer { lease.release() }
        var outcomes: [Outcome] = []
        // Both copies of a manifest are healed at once.
        var manifests: [String: Outcome] = [:]
        for work in works {
            try stop()
            let stem = stem(work.path)
            if let stem, let done = manifests[stem] {
                outcomes.append(Outcome(object: work.object, error: done.error))
                continue
            }
            let outcome = try outcome(of: work) { _ in
                try stop()
                try lease.refresh()
            }
            if let stem { manifests[stem] = outcome }
            outcomes.append(outcome)
        }
        return outcomes
    }

    /// - Parameter keepOn: keeps the lease alive; throws where the run is to end.
    private func outcome(of work: Work, keepOn: (Int) throws -> Void) throws -> Outcome {
        do {
            try heal(work, keepOn)
            return Outcome(object: work.object, error: nil)
        } catch {
            try keepOn(0)
            return Outcome(object: work.object, error: error)
        }
    }

    // MARK: What there is to do

    private struct Work {
        enum Kind: Int { case key, manifest, outcome, bundle, readme }

        let kind: Kind
        let object: String
        let path: ObjectPath
    }

    /// Keys first, because whatever follows is proven under them; then manifests, which say what bundles are.
    private func works(_ findings: [Finding]) -> [Work] {
        var seen: Set<String> = []
        let works = findings.compactMap { finding -> Work? in
            guard let path = try? ObjectPath(finding.object), let kind = kind(path), Self.isDamage(finding, kind),
                seen.insert(finding.object).inserted
            else { return nil }
            return Work(kind: kind, object: finding.object, path: path)
        }
        return works.sorted { ($0.kind.rawValue, $0.object) < ($1.kind.rawValue, $1.object) }
    }

    /// A key file that is broken where its key's name stands looks like one of another home: whether it is, the copy's key tells.
    private static func isDamage(_ finding: Finding, _ kind: Work.Kind) -> Bool {
        switch finding.code {
        case .damaged, .missing, .manifestMismatch, .hostileName, .limitExceeded: true
        case .unreadable: kind == .key
        default: false
        }
    }

    private func kind(_ path: ObjectPath) -> Work.Kind? {
        if path.text == vault.description.readme.path { return .readme }
        if path.text.hasPrefix(VaultPaths.keys), path.parts.count == 3 { return .key }
        if stem(path) != nil { return .manifest }
        guard let part = VaultPaths.part(path) else { return nil }
        if part.name == VaultPaths.outcomeName { return .outcome }
        return VaultPaths.isBundleName(part.name) ? .bundle : nil
    }

    private func stem(_ path: ObjectPath) -> String? { Catalog.manifestStem(path) ?? Catalog.catalogStem(path) }

    private func heal(_ work: Work, _ read: (Int) throws -> Void) throws {
        switch work.kind {
        case .key: try healKey(work.path)
        case .manifest: try healManifest(work.path, read)
        case .outcome: try healOutcome(work.path)
        case .bundle: try healBundle(work.path, read)
        case .readme: try healReadme(work.path)
        }
    }

    // MARK: Healing

    private func healKey(_ path: ObjectPath) throws {
        guard let entry = here.entries.first(where: { $0.manifest.key.id == path.parts[1] }) else {
            throw VaultError(.notFound, "No manifest that can be read names the key of '\(path)'.")
        }
        do {
            _ = try vault.keyFiles.open(entry.manifest.key.id, origin: entry.manifest.origin, keys: keys)
            return
        } catch let error as VaultError {
            // A wrapping key that may not be used is no damage.
            if let cause = error.cause as? KeyError,
                [.keyDisabled, .keyPendingDeletion, .keyDeleted].contains(cause.code)
            {
                throw error
            }
        }
        // The manifest holds under it: it is this recovery point's key and no other.
        let reader = try SnapshotReader(vault, entry, key: try copy(of: entry.manifest).key)
        _ = try vault.keyFiles.place(reader.key, origin: entry.manifest.origin, under: wrappingKey, keys: keys)
    }

    private func healManifest(_ path: ObjectPath, _ read: (Int) throws -> Void) throws {
        guard let stem = stem(path) else { return }
        if let entry = here.entries.first(where: { Self.stem($0.manifest) == stem }), let sound = try? reader(entry) {
            for place in [sound.manifest.path, sound.manifest.catalogPath] {
                try replace(try ObjectPath(place), sound.document.bytes)
            }
            return
        }
        guard let entry = there.entries.first(where: { Self.stem($0.manifest) == stem }) else {
            throw VaultError(
                .missing,
                "Neither copy of the manifest is sound, and '\(other.storage.location)' holds no copy of this recovery point."
            )
        }
        let known = try record?.entries().entries.contains { $0.vault == vault.id && $0.path == entry.manifest.path }
        let copy = try PointCopy(
            try SnapshotReader(other, entry, keys: keys), to: vault, under: wrappingKey, keys: keys,
            record: known == true ? nil : record, isHealing: true, clock: clock)
        do {
            for bundle in entry.manifest.bundles { try copy.copy(bundle, read) }
            _ = try copy.commit(previous: here.link(before: entry.manifest))
        } catch {
            try? copy.abandon()
            throw error
        }
    }

    private func healOutcome(_ path: ObjectPath) throws {
        guard let entry = here.entries.first(where: { path.text.hasPrefix($0.manifest.folder) }) else {
            throw VaultError(.notFound, "No manifest that can be read belongs to '\(path)'.")
        }
        let source = try copy(of: entry.manifest)
        let target = try reader(entry)
        guard try source.outcome() != nil else {
            throw VaultError(.missing, "'\(other.storage.location)' does not hold '\(path)' either.")
        }
        try vault.storage.delete(path)
        // The record knows of it already, or else nobody would miss it.
        try PointCopy.copyOutcome(from: source, to: target, record: nil)
    }

    private func healBundle(_ path: ObjectPath, _ read: (Int) throws -> Void) throws {
        guard let entry = here.entries.first(where: { path.text.hasPrefix($0.manifest.folder) }),
            let bundle = entry.manifest.bundles.first(where: { $0.name == path.name })
        else { throw VaultError(.notFound, "No manifest that can be read names '\(path)'.") }
        guard !vault.checkBundle(entry.manifest, bundle).isEmpty else {
            throw VaultError(
                .manifestMismatch,
                "Bundle '\(path)' is the one that its manifest names, and every copy of it has the same bytes: no copy heals it."
            )
        }
        let writer = try BundleTransfer.prepare(bundle, at: path, from: other, to: vault, read)
        try vault.storage.delete(path)
        try writer.commit()
        if let finding = vault.checkBundle(entry.manifest, bundle).first {
            throw VaultError(finding.code, "'\(path)' was written anew and is not sound: \(finding.reason)")
        }
    }

    private func healReadme(_ path: ObjectPath) throws {
        let candidates = [
            try? other.storage.get(path, atMost: VaultReadme.bytesMax), Array(VaultReadme.text.utf8),
        ]
        let sound = candidates.compactMap(\.self).first {
            Hex.text(SHA256.hash(data: $0)) == vault.description.readme.sha256
        }
        guard let sound else {
            throw VaultError(
                .missing, "'\(other.storage.location)' has no '\(path)' with the SHA-256 that 'vault.json' records.")
        }
        try replace(path, sound)
    }

    // MARK: Means

    private static func stem(_ manifest: Manifest) -> String {
        VaultPaths.stem(started: manifest.started, id: manifest.id)
    }

    /// A recovery point of this vault, authenticated; where its key file is damaged too, under the copy's key.
    private func reader(_ entry: Catalog.Entry) throws -> SnapshotReader {
        do {
            return try SnapshotReader(vault, entry, keys: keys)
        } catch let error as VaultError where error.code == .missing || error.code == .damaged {
            guard let copy = try? copy(of: entry.manifest) else { throw error }
            return try SnapshotReader(vault, entry, key: copy.key)
        }
    }

    /// The other vault's copy.
    private func copy(of manifest: Manifest) throws -> SnapshotReader {
        guard let entry = there.entries.first(where: { $0.manifest.id == manifest.id }) else {
            throw VaultError(
                .missing, "'\(other.storage.location)' holds no copy of recovery point '\(manifest.id)'.")
        }
        return try SnapshotReader(other, entry, keys: keys)
    }

    private func replace(_ path: ObjectPath, _ bytes: [UInt8]) throws {
        if let stored = try? vault.storage.get(path, atMost: ProvenDocument.bytesMax), stored == bytes { return }
        let writer = try vault.storage.writer(path)
        try bytes.withUnsafeBytes { try writer.write($0) }
        try vault.storage.delete(path)
        try writer.commit()
    }
}

extension Catalog {
    /// What the manifest of a copy names as the one before it: of its table and chain, the last that began before it.
    package func link(before manifest: Manifest) -> Manifest.Link? {
        let before = entries.last { entry in
            let other = entry.manifest
            return other.table.id == manifest.table.id && (other.kind == .log) == (manifest.kind == .log)
                && (other.started, other.id) < (manifest.started, manifest.id)
        }
        return before.map(\.link)
    }
}
