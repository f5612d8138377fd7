// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import VarveKeys
package import VarveModel
import VarveSeal

/// Reads one snapshot or sweep whose manifest has been authenticated under its key. Safe to use from several threads: one bundle each.
package struct SnapshotReader: Sendable {
    package let vault: Vault
    package let manifest: Manifest
    package let document: ProvenDocument
    package let key: SnapshotKey

    /// What the manifest behind it names it by.
    package var link: Manifest.Link { .init(path: manifest.path, sha256: document.sha256Text) }

    init(vault: Vault, manifest: Manifest, document: ProvenDocument, key: SnapshotKey) {
        self.vault = vault
        self.manifest = manifest
        self.document = document
        self.key = key
    }

    /// Opens the snapshot's key and authenticates the manifest under it; where that copy does not hold, the other one.
    package init(_ vault: Vault, _ entry: Catalog.Entry, keys: any KeyOpening) throws {
        if let refusal = try vault.refusal(of: entry.manifest) { throw refusal }
        try self.init(
            vault, entry, key: try vault.keyFiles.open(entry.manifest.key.id, origin: entry.manifest.origin, keys: keys)
        )
    }

    /// Authenticates the manifest under a key that is at hand; where that copy does not hold, the other one.
    package init(_ vault: Vault, _ entry: Catalog.Entry, key: SnapshotKey) throws {
        let authenticationKey = key.manifestAuthenticationKey()
        func authentic(_ path: ObjectPath) throws -> StoredManifest {
            let stored = try vault.manifest(at: path)
            try stored.document.authenticate(authenticationKey, name: path.text)
            guard stored.manifest.key.id == key.id, stored.manifest.id == entry.manifest.id else {
                throw VaultError(
                    .damaged, "'\(path)' is another manifest than the one that was there. It was replaced.")
            }
            return stored
        }
        let stored: StoredManifest
        do {
            stored = try authentic(entry.place)
        } catch {
            let paths = [entry.manifest.path, entry.manifest.catalogPath].filter { $0 != entry.place.text }
            guard let path = paths.first, let other = try? authentic(try ObjectPath(path)) else { throw error }
            stored = other
        }
        self.init(vault: vault, manifest: stored.manifest, document: stored.document, key: key)
    }

    /// What a public tool needs to open the bundles.
    package func exportedKey() -> ExportedKey { key.export() }

    /// The digests of the items that were written: of the whole table, and of each bundle by name.
    package func digests() throws -> (table: TableDigest, bundles: [String: TableDigest]) {
        let damaged = VaultError(
            .damaged, "The sealed digests in manifest '\(manifest.path)' do not open or are no digests.")
        guard let message = Data(base64Encoded: manifest.sealedDigest) else { throw damaged }
        let plaintext: [UInt8]
        do {
            plaintext = try Message.open(
                Array(message), keys: [key.wrapper],
                expecting: try BundleContext.digest(
                    origin: manifest.origin, table: manifest.table.id, snapshot: manifest.id)
            ).plaintext
        } catch {
            throw VaultError(damaged.code, damaged.message, cause: error)
        }
        let sealed = try DocumentCoding.decode(SealedDigests.self, plaintext, name: manifest.path)
        let bundles = sealed.bundles.compactMapValues { TableDigest(hex: $0) }
        guard let table = TableDigest(hex: sealed.table), Set(bundles.keys) == Set(manifest.bundles.map(\.name)) else {
            throw damaged
        }
        return (table, bundles)
    }

    /// Reads one bundle.
    package func reader(_ bundle: BundleRecord) throws -> BundleReader {
        BundleReader(
            storage: vault.storage, path: try manifest.path(of: bundle), record: bundle, exportID: manifest.exportID,
            context: try BundleContext.bundle(
                origin: manifest.origin, table: manifest.table.id, snapshot: manifest.id, name: bundle.name),
            key: key.wrapper)
    }

    /// Reads the last bundle: which data files there are, with the MD5 and the number of items of each.
    package func index() throws -> ExportIndex {
        guard let bundle = manifest.indexBundle else {
            // A segment of quiet time holds nothing.
            if manifest.kind == .log { return ExportIndex(summary: ExportSummary(), files: [:]) }
            throw VaultError(.damaged, "Manifest '\(manifest.path)' lists no bundles.")
        }
        let path = try manifest.path(of: bundle)
        var files: [String: [UInt8]] = [:]
        try reader(bundle).forEachEntry { files[$0.name] = Array($0.bytes) }
        let names = [
            ExportLayout.started, ExportLayout.summary, ExportLayout.summaryChecksum, ExportLayout.files,
            ExportLayout.filesChecksum,
        ]
        guard Set(files.keys) == Set(names), let list = files[ExportLayout.files],
            let summary = files[ExportLayout.summary]
        else {
            throw VaultError(
                .manifestMismatch, "Bundle '\(path)' does not hold the five files of an export's manifests.")
        }
        guard ExportManifests.checksum(of: list) == files[ExportLayout.filesChecksum],
            ExportManifests.checksum(of: summary) == files[ExportLayout.summaryChecksum]
        else {
            throw VaultError(
                .manifestMismatch,
                "The export's manifests in bundle '\(path)' do not have the MD5 that stands beside them.")
        }
        let records = try list.withUnsafeBytes { try ExportManifests.records($0, name: path.text) }
        let folder = ExportLayout.folder(manifest.exportID)
        var byName: [String: DataFileRecord] = [:]
        var items = 0
        for record in records {
            guard record.dataFileS3Key.hasPrefix(folder), 0...DataFile.rawBytesMax ~= record.itemCount,
                record.md5Checksum != nil,
                byName.updateValue(record, forKey: String(record.dataFileS3Key.dropFirst(folder.count))) == nil
            else {
                throw VaultError(
                    .manifestMismatch, "The list of data files in bundle '\(path)' has a line that Varve never writes.")
            }
            items += record.itemCount
        }
        guard records.count == manifest.dataFiles, items == manifest.items else {
            throw VaultError(
                .manifestMismatch,
                "Bundle '\(path)' lists \(records.count) data files with \(items) items; the manifest says \(manifest.dataFiles) with \(manifest.items)."
            )
        }
        return ExportIndex(
            summary: try DocumentCoding.decode(ExportSummary.self, summary, name: path.text), files: byName)
    }

    /// Reads a bundle's data files in turn, each with its MD5 checked, and hands out their lines as they are decompressed: a run of whole lines
    /// of `{"Item":…}` a call, lent for it.
    ///
    /// What was handed out before an error must not be kept: that the bundle is whole and the right one is known only at the end.
    ///
    /// - Parameter body: Returns how many items it found in the run; each data file must have as many as the export's manifest says.
    package func forEachRunOfLines(
        in bundle: BundleRecord, _ index: ExportIndex, _ body: (UnsafeRawBufferPointer) throws -> Int
    ) throws {
        let path = try manifest.path(of: bundle)
        var files = 0
        var items = 0
        var bytes = 0
        var lines = WholeLines()
        try reader(bundle).forEachEntry { entry in
            if bundle == manifest.indexBundle { return }
            let name = "Data file '\(entry.name)' in bundle '\(path)'"
            guard let record = index.files[entry.name] else {
                throw VaultError(.manifestMismatch, "\(name) is none that the export's manifest lists.")
            }
            guard record.md5Checksum == DataFile.md5Text(entry.bytes) else {
                throw VaultError(.manifestMismatch, "\(name) does not have its MD5.")
            }
            var found = 0
            try DataFile.decompress(entry.bytes, name: name) { block in
                bytes += block.count
                try lines.add(block) { found += try body($0) }
            }
            guard lines.isComplete else {
                throw VaultError(.manifestMismatch, "\(name) has a last line without an end.")
            }
            guard found == record.itemCount else {
                throw VaultError(
                    .manifestMismatch,
                    "\(name) holds \(found) items; the export's manifest says \(record.itemCount).")
            }
            files += 1
            items += found
        }
        guard files == bundle.dataFiles, items == bundle.items, bytes == bundle.rawBytes else {
            throw VaultError(
                .manifestMismatch,
                "Bundle '\(path)' holds \(files) data files with \(items) items in \(bytes) bytes; its manifest says \(bundle.dataFiles) with "
                    + "\(bundle.items) in \(bundle.rawBytes).")
        }
    }
}

/// What a snapshot's last bundle says: the native export's own manifests.
package struct ExportIndex: Sendable {
    package let summary: ExportSummary
    /// By their name below the export's folder: `data/<name>`.
    package let files: [String: DataFileRecord]
}

// MARK: - Sweeps

extension SnapshotReader {
    /// What became of the items of a sweep; nil as long as nobody has written it.
    package func outcome() throws -> SweepOutcome? {
        let path = try outcomePath()
        let bytes: [UInt8]
        do {
            bytes = try vault.storage.get(path, atMost: VaultReadme.bytesMax)
        } catch let error as VaultError where error.code == .notFound {
            return nil
        }
        let (document, outcome) = try ProvenDocument.decode(SweepOutcome.self, bytes, name: path.text)
        try document.authenticate(key.manifestAuthenticationKey(), name: path.text)
        guard outcome.path == path.text, outcome.vault == manifest.vault, outcome.sweep == manifest.id,
            outcome.manifest == self.document.sha256Text
        else {
            throw VaultError(.damaged, "'\(path)' belongs to another sweep: it was moved or copied here.")
        }
        return outcome
    }

    /// Writes `outcome.json`, once.
    @discardableResult
    package func writeOutcome(
        deleted: Int, changed: Int, gone: Int, finished: Instant, interrupted: Bool, record: CommitRecord?
    ) throws -> SweepOutcome {
        guard manifest.kind == .sweep else {
            throw VaultError(.misuse, "'\(manifest.path)' is no sweep; only sweeps have an outcome.")
        }
        let path = try outcomePath()
        let outcome = SweepOutcome(
            format: SweepOutcome.formatNewest, vault: manifest.vault, path: path.text, sweep: manifest.id,
            manifest: document.sha256Text, deleted: deleted, changed: changed, gone: gone, finished: finished,
            interrupted: interrupted)
        let document = try ProvenDocument.encode(outcome, key: key.manifestAuthenticationKey())
        try vault.storage.put(path, document.bytes)
        try record?.append(
            CommitEntry(
                vault: vault.id, id: manifest.id, path: path.text, catalogPath: nil,
                sha256: document.sha256Text, key: manifest.key.id, time: finished))
        return outcome
    }

    private func outcomePath() throws -> ObjectPath { try ObjectPath(manifest.folder + VaultPaths.outcomeName) }
}
