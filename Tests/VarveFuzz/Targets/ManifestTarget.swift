// SPDX-License-Identifier: Apache-2.0

import Crypto
import VarveModel
import VarveVault

/// Documents that prove themselves: manifests and all others of a vault, the catalog made of them, and the record of commits.
///
/// Chance finds no SHA-256, so the body of every input is proven anew and read a second time.
enum ManifestTarget: FuzzTarget {
    static let name = "manifest"
    static let inputBytesMax = 32 * 1024
    static let tokens = [
        "{\"manifest\":", "{\"outcome\":", "{\"tombstone\":", "{\"removal\":", "{\"hold\":", "{\"lock\":",
        "{\"lease\":", "{\"commit\":", "{\"vault\":",
        ",\"sha256\":\"",
        "\",\"hmac\":\"", "\"}\n", "\"format\":1", "\"format\":2", "\"bundles\":[", "\"items\":", "\"rawBytes\":",
        "\"dataFiles\":", "\"sealedBytes\":", "\"previous\":", "\"description\":", "\"kind\":\"sweep\"", "null", "true",
        "1e9",
        "9223372036854775807", "-1", "0.5", "1e400", "2026-11-23T10:00:02.000000Z", "0000-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59.999999-23:59", "000001.tar.esdk", "tables/", "/manifest.json", "..", "\\u0000",
        "\"KeySchema\":", "\"TableName\":", "\"CreationDateTime\":", "\"BillingMode\":\"PROVISIONED\"",
    ]

    private static let key = SymmetricKey(data: [UInt8](0..<32))
    nonisolated(unsafe) private static let file = OpenInput()

    static func run(_ bytes: UnsafeRawBufferPointer) {
        let input = Array(bytes)
        let body = body(of: input)
        lookAt(Manifest.self, input, body) { lookAt($0) }
        lookAt(SweepOutcome.self, input, body) { _ in }
        lookAt(Tombstone.self, input, body) { lookAt($0) }
        lookAt(Removal.self, input, body) { _ in }
        lookAt(Hold.self, input, body) { _ in }
        lookAt(HoldRelease.self, input, body) { _ in }
        lookAt(RetentionLock.self, input, body) { _ in }
        lookAt(LeaseDescription.self, input, body) { lookAt($0) }
        lookAt(VaultDescription.self, input, body) { _ in }
        lookAt(CommitEntry.self, input, body) { lookAtRecord(bytes, $0) }
        lookAtTree(body)
    }

    /// What stands between the kind and the digests, or all of it where it is no document.
    private static func body(of input: [UInt8]) -> [UInt8] {
        let mark = Array(",\"sha256\":\"".utf8)
        guard let colon = input.prefix(32).firstIndex(of: UInt8(ascii: ":")), input.count > mark.count + 64 else {
            return input
        }
        let earliest = max(colon + 1, input.count - 256)
        for at in (earliest..<max(earliest, input.count - mark.count)).reversed() where input[at...].starts(with: mark)
        {
            return Array(input[(colon + 1)..<at])
        }
        return input
    }

    private static func lookAt<Content: VersionedContent & Equatable>(
        _ type: Content.Type, _ input: [UInt8], _ body: [UInt8], _ look: (Content) -> Void
    ) {
        let given = accepted(VaultError.self, "reading a \(Content.kind)") {
            try ProvenDocument.decode(type, input, name: "input")
        }
        if let given {
            guard given.document.bytes == input else { violated("a \(Content.kind) proves other bytes than its own") }
        }
        let proven = ProvenDocument(kind: Content.kind, body: body, key: key)
        let read = accepted(VaultError.self, "reading a \(Content.kind)") {
            try ProvenDocument.decode(type, proven.bytes, name: "input")
        }
        guard let read else { return }
        must("proving a document") { try read.document.authenticate(key, name: "input") }
        let encoded = must("writing a \(Content.kind)") { try ProvenDocument.encode(read.content, key: key) }
        let again = must("reading a \(Content.kind) again") {
            try ProvenDocument.decode(type, encoded.bytes, name: "again")
        }
        guard again.content == read.content else { violated("a \(Content.kind) changes when it is written") }
        if encoded.body != body {
            // The proof of one body is none of another.
            if accepted(VaultError.self, "proving", { try proven.swapped(encoded).authenticate(key, name: "swapped") })
                != nil
            {
                violated("an HMAC proves two bodies")
            }
        }
        look(read.content)
    }

    // MARK: In a vault

    private static func lookAt(_ manifest: Manifest) {
        let document = must("writing a manifest") { try ProvenDocument.encode(manifest) }
        if let catalog = catalog(manifest.vault, [manifest.path, manifest.catalogPath], document) {
            for entry in catalog.entries {
                guard entry.manifest == manifest, entry.sha256 == document.sha256Text else {
                    violated("a catalog shows another manifest")
                }
                lookAtSums(entry.manifest)
            }
        }
        _ = accepted(ModelError.self, "reading a description") {
            let table = try TableDescription(json: manifest.description)
            let again = must("reading a description again") { try TableDescription(json: table.json()) }
            if again.json() != table.json() { violated("a description changes when it is written") }
        }
    }

    /// A manifest that belongs where it lies agrees with itself.
    private static func lookAtSums(_ manifest: Manifest) {
        // A segment of quiet has no bundle.
        guard manifest.bundles.reduce(0, { $0 + $1.items }) == manifest.items,
            !manifest.bundles.isEmpty || manifest.kind == .log
        else {
            violated("a manifest's sums are wrong")
        }
        if let log = manifest.log, log.shards.reduce(0, { $0 + $1.changes }) != manifest.items {
            violated("a segment's changes are not its shards'")
        }
        for bundle in manifest.bundles {
            let path = must("naming a bundle") { try manifest.path(of: bundle) }
            guard path.text.hasPrefix(VaultPaths.tables) else {
                violated("a bundle lies outside of its vault's tables")
            }
        }
    }

    private static func lookAt(_ tombstone: Tombstone) {
        let document = must("writing a tombstone") { try ProvenDocument.encode(tombstone) }
        guard let catalog = catalog(tombstone.vault, [tombstone.path], document) else { return }
        for (id, shredded) in catalog.shredded where id != tombstone.id || shredded != tombstone {
            violated("a catalog shows another tombstone")
        }
    }

    private static func lookAt(_ lease: LeaseDescription) {
        let document = must("writing a lease") { try ProvenDocument.encode(lease) }
        guard let path = try? ObjectPath("leases/fuzz.json") else { return }
        let live = must("reading leases") {
            try Lease.live(in: MemoryStorage([path: document.bytes]), at: Instant(microseconds: 1_700_000_000_000_000))
        }
        if !live.unreadable.isEmpty { violated("a lease that was read is unreadable") }
    }

    /// Reads a vault that holds the document at these places; nil where it cannot.
    private static func catalog(_ vault: String, _ places: [String], _ document: ProvenDocument) -> Catalog? {
        let description = JSON.object([
            .init("created", .string("2026-11-23T10:00:00.000000Z")), .init("format", .integer(1)),
            .init("id", .string(vault)),
            .init("readme", .object([.init("path", .string("README.txt")), .init("sha256", .string(""))])),
            .init("tool", .string("fuzz")),
        ])
        let identity = ProvenDocument(kind: VaultDescription.kind, body: description.text(sortedNames: true))
        var objects: [ObjectPath: [UInt8]] = [:]
        for place in places {
            if let path = try? ObjectPath(place) { objects[path] = document.bytes }
        }
        if let path = try? ObjectPath("vault.json") { objects[path] = identity.bytes }
        return accepted(VaultError.self, "reading a catalog") {
            let vault = try Vault.open(MemoryStorage(objects))
            let catalog = try Catalog.read(vault, depth: .bothCopies)
            _ = vault.checkListing(catalog)
            let heads = try CatalogListing(vault, table: nil, kinds: Set(Manifest.Kind.allCases))?.compactMap {
                $0.manifest
            }
            // A listing does not look at all that a catalog looks at, but what both take is the same.
            for head in heads ?? [] {
                let same = (catalog.entries + catalog.removed).filter { $0.manifest.id == head.id }
                if same.contains(where: { $0.manifest.head != head }) { violated("a listing shows another manifest") }
            }
            return catalog
        }
    }

    // MARK: In a home

    /// An entry appended to a file that may hold anything is the last one that is read from it.
    private static func lookAtRecord(_ bytes: UnsafeRawBufferPointer, _ entry: CommitEntry) {
        file.fill(bytes)
        let record = CommitRecord(file.path)
        must("appending") { try record.append(entry) }
        let (entries, damaged) = must("reading a record") { try record.entries() }
        guard entries.last == entry else { violated("the entry that was appended is not the last") }
        let lines = bytes.split(separator: UInt8(ascii: "\n")).count
        guard entries.count + damaged == lines + 1 else { violated("a line was counted twice or not at all") }
    }

    private static func lookAtTree(_ body: [UInt8]) {
        guard let tree = accepted(ModelError.self, "reading JSON", { try JSON(text: body) }) else { return }
        let text = tree.text()
        guard must("reading JSON again", { try JSON(text: text) }) == tree else {
            violated("JSON changes when it is written")
        }
    }
}

extension ProvenDocument {
    /// This document's HMAC on another's body.
    fileprivate func swapped(_ other: ProvenDocument) throws -> ProvenDocument {
        let mark = Array(",\"hmac\":\"".utf8)
        let tail = bytes.suffix(mark.count + 64 + 4)
        let forged = other.bytes.dropLast(tail.count) + tail
        return try ProvenDocument(kind: kind, bytes: Array(forged), name: "swapped")
    }
}
