// SPDX-License-Identifier: Apache-2.0

import Synchronization
import VarveKeys
package import VarveModel

/// Copies one recovery point or segment into another vault: bundles byte for byte, a key file and a manifest of that vault's own.
///
/// The order is that of a backup: bundles, key file, manifest, its second copy, a line in the home's record. Before the manifest the copy does not
/// exist, after it nothing takes it back. A bundle that a killed run has left is taken if it is whole. ``abandon()`` removes what this run wrote and nothing
/// else. Several threads may copy bundles; one copier at a time works on a table, which a claim sees to.
package final class PointCopy: Sendable {
    private enum Phase { case open, committing, committed, abandoned }

    private struct State {
        var phase = Phase.open
        var written: [ObjectPath] = []
    }

    package let source: SnapshotReader
    package let target: Vault
    private let wrappingKey: String
    private let keys: any KeySealing
    private let record: CommitRecord?
    /// Whether manifests that are there are damaged ones, to be replaced.
    private let isHealing: Bool
    private let lease: Lease
    private let state = Mutex(State())

    /// - Parameters:
    ///   - wrappingKey: the target's, as its configuration names it.
    ///   - record: the home's record of the target's commits.
    /// - Throws: `.exists` where the target holds a manifest of it, `.shredded` where its keys there were destroyed on purpose.
    package convenience init(
        _ source: SnapshotReader, to target: Vault, under wrappingKey: String, keys: any KeySealing,
        record: CommitRecord?, clock: any Clock = SystemClock()
    ) throws {
        try self.init(
            source, to: target, under: wrappingKey, keys: keys, record: record, isHealing: false, clock: clock)
    }

    init(
        _ source: SnapshotReader, to target: Vault, under wrappingKey: String, keys: any KeySealing,
        record: CommitRecord?, isHealing: Bool, clock: any Clock
    ) throws {
        self.source = source
        self.target = target
        self.wrappingKey = wrappingKey
        self.keys = keys
        self.record = record
        self.isHealing = isHealing
        let manifest = source.manifest
        lease = try Lease(
            target.storage, what: "copy of \(manifest.table.name)",
            protects: [manifest.folder, VaultPaths.keyFolder(manifest.key.id)], clock: clock)
        // The lease first: a shredding reads leases before it writes its tombstone.
        if let tombstone = try target.tombstone(of: manifest.id) { throw tombstone.error }
        for path in [manifest.path, manifest.catalogPath] where !isHealing {
            guard try target.storage.info(try ObjectPath(path)) == nil else {
                throw VaultError(
                    .exists, "Vault '\(target.storage.location)' holds '\(path)' already. Nothing was copied.")
            }
        }
    }

    /// Copies a bundle, unless it is there and whole, and reads it back.
    ///
    /// - Parameter read: Hears of each stretch of bytes that was read; what it throws ends the copy.
    /// - Returns: Whether it was copied.
    @discardableResult
    package func copy(_ bundle: BundleRecord, _ read: (_ bytes: Int) throws -> Void = { _ in }) throws -> Bool {
        let manifest = source.manifest
        let path = try manifest.path(of: bundle)
        try lease.refresh()
        let isThere = try target.storage.info(path) != nil
        if isThere, target.checkBundle(manifest, bundle).isEmpty {
            try read(bundle.sealedBytes)
            return false
        }
        let writer = try BundleTransfer.prepare(bundle, at: path, from: source.vault, to: target) { count in
            try lease.refresh()
            try read(count)
        }
        // What a killed run left broken goes only now, when a whole one is at hand. No manifest that holds names it.
        if isThere { try target.storage.delete(path) }
        do {
            try writer.commit()
        } catch let error as VaultError where error.code == .exists {
            // Another copier was faster; what it wrote is as good if it is whole.
            guard target.checkBundle(manifest, bundle).isEmpty else { throw error }
            return false
        }
        state.withLock { $0.written.append(path) }
        if let finding = target.checkBundle(manifest, bundle).first {
            throw VaultError(
                .io,
                "Bundle '\(path)' did not arrive in '\(target.storage.location)' as it was sent: \(finding.reason) Check that vault's disk."
            )
        }
        return true
    }

    /// Writes the key file, the manifest, its second copy, a line in the record and, of a sweep, the outcome.
    ///
    /// - Parameter previous: the manifest before it in the target.
    /// - Returns: What the target's catalog then shows.
    package func commit(previous: Manifest.Link?) throws -> Catalog.Entry {
        let manifest = source.manifest
        for bundle in manifest.bundles {
            guard try target.storage.info(try manifest.path(of: bundle))?.bytes == bundle.sealedBytes else {
                throw VaultError(
                    .misuse, "The copy of '\(manifest.path)' cannot be committed: bundle '\(bundle.name)' is not there."
                )
            }
        }
        let keyFile = try target.keyFiles.place(
            source.key, origin: manifest.origin, under: wrappingKey, keys: keys)
        if let keyFile { state.withLock { $0.written.append(keyFile) } }
        let wrapping = try keys.resolve(wrappingKey)
        let reference = Manifest.KeyReference(
            id: source.key.id, wrappingKey: wrapping.id, wrappingClass: wrapping.class.rawValue)
        let (document, copy) = try source.document(in: target, key: reference, previous: previous)
        try lease.refresh()
        let path = try ObjectPath(copy.path)
        // One after the other, so that at no time there is neither a damaged manifest nor a sound one to tell of it.
        if isHealing { try target.storage.delete(path) }
        try put(path, document.bytes)
        state.withLock { $0.phase = .committed }
        defer { lease.release() }
        let entry = Catalog.Entry(manifest: copy, sha256: document.sha256Text, place: path)
        do {
            let second = try ObjectPath(copy.catalogPath)
            if isHealing { try target.storage.delete(second) }
            try target.storage.put(second, document.bytes)
            try record?.append(CommitEntry(copy, document))
            try Self.copyOutcome(
                from: source, to: SnapshotReader(vault: target, manifest: copy, document: document, key: source.key),
                record: record)
        } catch {
            throw VaultError(
                (error as? VaultError)?.code ?? .io,
                "The copy of '\(copy.id)' is committed in '\(target.storage.location)' and can be restored, but what follows its manifest could not all "
                    + "be written. The next copy of the table writes what is missing.",
                cause: error)
        }
        return entry
    }

    private func put(_ path: ObjectPath, _ bytes: [UInt8]) throws {
        state.withLock { $0.phase = .committing }
        do {
            try target.storage.put(path, bytes)
        } catch let error as VaultError where error.code == .exists {
            // Somebody else has committed this copy with these very objects: none of them may be taken back.
            state.withLock { $0.phase = .committed }
            lease.release()
            throw error
        }
    }

    /// Removes everything that this run wrote, the manifest first. Does nothing after a commit.
    package func abandon() throws {
        let begun: (written: [ObjectPath], isCommitting: Bool)? = state.withLock { state in
            guard state.phase == .open || state.phase == .committing else { return nil }
            defer { state.phase = .abandoned }
            return (state.written, state.phase == .committing)
        }
        guard let begun else { return }
        defer { lease.release() }
        // Where a manifest was lost, what takes the place of its bundles is no longer this run's alone.
        if isHealing { return }
        let manifest = try ObjectPath(source.manifest.path)
        if begun.isCommitting {
            // A manifest whose writing failed half-way may be there all the same.
            try target.storage.delete(manifest)
        } else if try target.storage.info(manifest) != nil {
            // Somebody else has committed this copy, and may have taken what this run wrote.
            return
        }
        for path in begun.written { try target.storage.delete(path) }
    }

    /// Copies what became of a sweep's items, where the source knows it and the target does not yet.
    ///
    /// - Returns: Whether there was something to copy.
    @discardableResult
    package static func copyOutcome(
        from source: SnapshotReader, to target: SnapshotReader, record: CommitRecord?
    ) throws -> Bool {
        guard source.manifest.kind == .sweep, let outcome = try source.outcome(), try target.outcome() == nil else {
            return false
        }
        try target.writeOutcome(
            deleted: outcome.deleted, changed: outcome.changed, gone: outcome.gone, finished: outcome.finished,
            interrupted: outcome.interrupted, record: record)
        return true
    }
}
