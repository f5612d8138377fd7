// SPDX-License-Identifier: Apache-2.0

import VarveKeys
import VarveModel

extension SnapshotReader {
    /// The manifest for another vault: all that this one says, but for the vault, the wrapping key and the one before it.
    ///
    /// What this version does not understand stays as it is, because the text is changed and not the value made anew. In the vault of origin it is the very
    /// document that was there, byte for byte, as far as the copy still tells it.
    func document(
        in vault: Vault, key: Manifest.KeyReference, previous: Manifest.Link?
    ) throws -> (document: ProvenDocument, manifest: Manifest) {
        // A folder that was copied as it stands is the same vault.
        if vault.id == manifest.vault { return (document, manifest) }
        if vault.id == manifest.origin, let original = try originalDocument() { return original }
        var body = try ManifestBody(document)
        let kept =
            manifest.original
            ?? Manifest.Original(sha256: document.sha256Text, key: manifest.key, previous: manifest.previous)
        body["vault"] = .string(vault.id)
        body["key"] = try ManifestBody.json(key)
        body["previous"] = try previous.map { try ManifestBody.json($0) }
        body["original"] = try ManifestBody.json(kept)
        return try sealed(body, in: vault.id)
    }

    private func originalDocument() throws -> (document: ProvenDocument, manifest: Manifest)? {
        guard let original = manifest.original else { return nil }
        var body = try ManifestBody(document)
        body["vault"] = .string(manifest.origin)
        body["key"] = try ManifestBody.json(original.key)
        body["previous"] = try original.previous.map { try ManifestBody.json($0) }
        body["original"] = nil
        let made = try sealed(body, in: manifest.origin)
        return made.document.sha256Text == original.sha256 ? made : nil
    }

    private func sealed(
        _ body: ManifestBody, in vault: String
    ) throws -> (document: ProvenDocument, manifest: Manifest) {
        let document = ProvenDocument(kind: Manifest.kind, body: body.bytes, key: key.manifestAuthenticationKey())
        guard document.bytes.count <= ProvenDocument.bytesMax else {
            throw VaultError(
                .limitExceeded, "The manifest of '\(manifest.folder)' is larger than \(ProvenDocument.bytesMax) bytes.")
        }
        let read = try ProvenDocument.decode(Manifest.self, document.bytes, name: manifest.path).content
        try read.check(vault: vault, at: try ObjectPath(manifest.path))
        return (document, read)
    }
}

extension Manifest {
    /// Whether both describe the same bundles under the same key: whether one is a copy of the other, or both are of a third.
    package func isCopy(of other: Manifest) -> Bool {
        id == other.id && origin == other.origin && path == other.path && key.id == other.key.id
            && sealedDigest == other.sealedDigest && bundles == other.bundles
    }
}

/// The members of a manifest's body in their order.
private struct ManifestBody {
    private var members: [JSON.Member]

    init(_ document: ProvenDocument) throws {
        guard case .object(let members) = try JSON(text: document.body) else {
            throw VaultError(.damaged, "A manifest is no object.")
        }
        self.members = members
    }

    /// A member's value. A new member takes its place in the order of names.
    subscript(name: String) -> JSON? {
        get { members.first { $0.name == name }?.value }
        set {
            let index = members.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?):
                members.insert(
                    JSON.Member(name, value), at: members.firstIndex { $0.name > name } ?? members.endIndex)
            case (nil, nil): break
            }
        }
    }

    var bytes: [UInt8] { JSON.object(members).text() }

    static func json(_ value: some Encodable) throws -> JSON { try JSON(text: try DocumentCoding.encode(value)) }
}
