// SPDX-License-Identifier: Apache-2.0

import Crypto
import SystemPackage
import VarveKeys
package import VarveModel

/// Each of these looks at one class of object and says all that it finds, instead of stopping at the first.
extension Vault {
    // MARK: Level 0: is everything there?

    /// Objects that a manifest, the chain or the home's record of commits names and that are not in the listing.
    package func checkListing(_ catalog: Catalog, record: CommitRecord? = nil) -> [Finding] {
        var findings = catalog.findings.filter { $0.level == 0 }
        func demand(_ path: String, _ reason: String) {
            guard let object = try? ObjectPath(path), catalog.objects[object] != nil else {
                findings.append(Finding(object: path, level: 0, code: .missing, reason: reason))
                return
            }
        }
        demand(description.readme.path, "The vault's README is missing.")
        let known = Set(catalog.entries.map(\.manifest.path))
        for entry in catalog.entries {
            let manifest = entry.manifest
            for bundle in manifest.bundles {
                demand(
                    manifest.folder + bundle.name, "Manifest '\(manifest.path)' names this bundle, and it is missing.")
            }
            if let tombstone = catalog.shredded[manifest.id] {
                if catalog.keyFolders.contains(VaultPaths.keyFolder(manifest.key.id)) {
                    findings.append(
                        Finding(
                            object: VaultPaths.keyFolder(manifest.key.id), level: 0, code: .unfinished,
                            reason:
                                "Tombstone '\(tombstone.path)' says that this key was destroyed, and it is still there. 'varve key shred \(manifest.id)' "
                                + "destroys it."))
                }
            } else if !catalog.keyFolders.contains(VaultPaths.keyFolder(manifest.key.id)) {
                findings.append(
                    Finding(
                        object: VaultPaths.keyFile(manifest.key.id, number: 1), level: 0, code: .missing,
                        reason: "The key of '\(manifest.path)' is missing; without it nothing of it can be opened."))
            }
            if let previous = manifest.previous, !known.contains(previous.path), !isAccountedFor(previous.path, catalog)
            {
                findings.append(
                    Finding(
                        object: previous.path, level: 0, code: .missing,
                        reason:
                            "Manifest '\(manifest.path)' names this one as the one before it, and both copies are missing."
                    ))
            }
        }
        findings += checkRecord(catalog, record, known: known)
        return findings.removingDuplicates()
    }

    private func checkRecord(_ catalog: Catalog, _ record: CommitRecord?, known: Set<String>) -> [Finding] {
        guard let record else { return [] }
        var findings: [Finding] = []
        do {
            let (commits, damagedLines) = try record.entries()
            if damagedLines > 0 {
                findings.append(
                    Finding(
                        object: record.path.string, level: 0, code: .damaged,
                        reason: "\(damagedLines) line(s) of the home's record of commits do not prove themselves."))
            }
            for commit in commits where commit.vault == id {
                if commit.catalogPath == nil {
                    guard let path = try? ObjectPath(commit.path), catalog.objects[path] == nil,
                        !catalog.removals.covers(path)
                    else { continue }
                    findings.append(
                        Finding(
                            object: commit.path, level: 0, code: .missing,
                            reason:
                                "The home's record knows that this outcome of a sweep was written, and it is missing."))
                } else if !known.contains(commit.path) && !isAccountedFor(commit.path, catalog) {
                    findings.append(
                        Finding(
                            object: commit.path, level: 0, code: .missing,
                            reason:
                                "The home's record knows that this was committed, and both copies of the manifest are missing."
                        ))
                }
            }
        } catch {
            findings.append(Finding(object: record.path.string, level: 0, error))
        }
        return findings
    }

    /// A manifest that is there but broken is no missing one; it has a finding of its own. Nor is one that retention removed.
    private func isAccountedFor(_ path: String, _ catalog: Catalog) -> Bool {
        guard let object = try? ObjectPath(path), let stem = Catalog.manifestStem(object) else { return false }
        return catalog.unreadable.contains(stem) || catalog.removals.covers(object)
    }

    // MARK: Level 1: do the documents prove themselves?

    /// `vault.json` and README, both copies of each manifest, the chain, outcomes. With `keys`, HMACs, key files and sealed digests too.
    ///
    /// - Parameter catalog: Read with `.bothCopies`.
    package func checkDocuments(_ catalog: Catalog, keys: (any KeyOpening)? = nil) -> [Finding] {
        var findings = checkIdentity() + catalog.findings.filter { $0.level == 1 }
        let byPath = Dictionary(catalog.entries.map { ($0.manifest.path, $0) }) { first, _ in first }
        for entry in catalog.entries {
            let manifest = entry.manifest
            if let previous = manifest.previous, let before = byPath[previous.path] {
                if before.sha256 != previous.sha256 {
                    findings.append(
                        Finding(
                            object: previous.path, level: 1, code: .damaged,
                            reason:
                                "Manifest '\(manifest.path)' records another SHA-256 of this one before it. One of them was replaced."
                        ))
                } else if before.manifest.table.id != manifest.table.id {
                    findings.append(
                        Finding(
                            object: manifest.path, level: 1, code: .damaged,
                            reason: "This manifest names one of another table as the one before it."))
                }
            }
            if let keys, catalog.shredded[manifest.id] == nil {
                findings += checkUnderKey(entry, catalog, keys)
            } else if let outcome = outcomeObject(manifest, catalog) {
                findings += attempt(outcome.text, level: 1) {
                    let bytes = try storage.get(outcome, atMost: VaultReadme.bytesMax)
                    _ = try ProvenDocument.decode(SweepOutcome.self, bytes, name: outcome.text)
                }
            }
        }
        return findings.removingDuplicates()
    }

    private func checkIdentity() -> [Finding] {
        attempt(VaultDescription.path, level: 1) {
            let stored = try Vault.open(storage).description
            guard stored == description else {
                throw VaultError(.damaged, "'\(VaultDescription.path)' is not the one with which the vault was opened.")
            }
        }
            + attempt(description.readme.path, level: 1) {
                let readme = try storage.get(try ObjectPath(description.readme.path), atMost: VaultReadme.bytesMax)
                guard Hex.text(SHA256.hash(data: readme)) == description.readme.sha256 else {
                    throw VaultError(
                        .damaged,
                        "'\(description.readme.path)' does not have the SHA-256 that '\(VaultDescription.path)' records."
                    )
                }
            }
    }

    private func outcomeObject(_ manifest: Manifest, _ catalog: Catalog) -> ObjectPath? {
        guard let path = try? ObjectPath(manifest.folder + VaultPaths.outcomeName), catalog.objects[path] != nil else {
            return nil
        }
        return path
    }

    private func checkUnderKey(_ entry: Catalog.Entry, _ catalog: Catalog, _ keys: any KeyOpening) -> [Finding] {
        let manifest = entry.manifest
        let key: SnapshotKey
        do {
            key = try keyFiles.open(manifest.key.id, origin: manifest.origin, keys: keys)
        } catch {
            // A missing one is a finding of level 0.
            if let error = error as? VaultError, error.code == .missing { return [] }
            let file = (try? keyFiles.newest(manifest.key.id).text) ?? VaultPaths.keyFile(manifest.key.id, number: 1)
            return [Finding(object: file, level: 1, error)]
        }
        var findings: [Finding] = []
        for path in [manifest.path, manifest.catalogPath] {
            findings += attempt(path, level: 1) {
                guard catalog.objects[try ObjectPath(path)] != nil else { return }
                // Both copies, because a flipped digit of an HMAC is found only so.
                let copy = try? self.manifest(at: try ObjectPath(path))
                try copy?.document.authenticate(key.manifestAuthenticationKey(), name: path)
            }
        }
        // Where neither copy holds, each has its finding.
        guard let reader = try? SnapshotReader(self, entry, key: key) else { return findings }
        findings += attempt(manifest.path, level: 1) { _ = try reader.digests() }
        if let outcome = outcomeObject(manifest, catalog) {
            findings += attempt(outcome.text, level: 1) { _ = try reader.outcome() }
        }
        return findings
    }

    // MARK: Level 2: is each bundle the one that its manifest names?

    /// Compares a bundle's size and SHA-256 with its manifest. Needs no key.
    package func checkBundle(_ manifest: Manifest, _ bundle: BundleRecord) -> [Finding] {
        attempt(manifest.folder + bundle.name, level: 2) {
            let path = try manifest.path(of: bundle)
            let reader = try storage.reader(path)
            guard reader.bytes == bundle.sealedBytes else {
                throw VaultError(
                    .damaged, "Bundle '\(path)' has \(reader.bytes) bytes but its manifest says \(bundle.sealedBytes).")
            }
            var hash = SHA256()
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = try buffer.withUnsafeMutableBytes { bytes in
                    let count = try reader.read(into: bytes)
                    hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                    return count
                }
                if count == 0 { break }
            }
            guard Hex.text(hash.finalize()) == bundle.sha256 else {
                throw VaultError(.damaged, "Bundle '\(path)' does not have the SHA-256 that its manifest records.")
            }
        }
    }

    // MARK: Level 3: is the content what was written?

    /// What the caller counted in a run of lines.
    package struct LineContent: Sendable {
        package var items: Int
        package var digest: TableDigest

        package init(items: Int, digest: TableDigest) {
            self.items = items
            self.digest = digest
        }
    }

    /// What a check of one bundle's content found.
    package struct ContentCheck: Sendable {
        package var findings: [Finding] = []
        package var items = 0
        package var rawBytes = 0
        package var digest = TableDigest()
    }

    /// Decrypts and decompresses a bundle, and compares MD5, counts and digest with what was written.
    ///
    /// - Parameters:
    ///   - index: From the reader's ``SnapshotReader/index()``.
    ///   - digest: The bundle's, from the reader's ``SnapshotReader/digests()``.
    ///   - read: Counts and hashes a run of lines, which it is lent.
    package func checkContent(
        _ reader: SnapshotReader, _ bundle: BundleRecord, index: ExportIndex, digest: TableDigest?,
        _ read: (UnsafeRawBufferPointer) throws -> LineContent
    ) -> ContentCheck {
        var check = ContentCheck()
        let path = reader.manifest.folder + bundle.name
        check.findings += attempt(path, level: 3) {
            try reader.forEachRunOfLines(in: bundle, index) { lines in
                let content = try read(lines)
                check.items += content.items
                check.rawBytes += lines.count
                check.digest.add(content.digest)
                return content.items
            }
            guard check.digest == digest else {
                throw VaultError(
                    .manifestMismatch,
                    "The items in bundle '\(path)' do not have the digest that was taken before they were written.")
            }
        }
        return check
    }

    /// Runs one check; what it throws is a finding about `object`.
    private func attempt(_ object: String, level: Int, _ body: () throws -> Void) -> [Finding] {
        do {
            try body()
            return []
        } catch {
            return [Finding(object: object, level: level, error)]
        }
    }
}

extension [Finding] {
    func removingDuplicates() -> [Finding] {
        var seen: Set<Finding> = []
        return filter { seen.insert($0).inserted }
    }
}
