// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// What a listing shows of a manifest: read from its document alone, at a small part of the cost of the whole.
package struct ManifestHead: Equatable, Sendable {
    package let vault: String
    package let path: String
    package let id: String
    package let kind: Manifest.Kind
    package let table: Manifest.TableIdentity
    package let consistency: Manifest.Consistency
    package let started: Instant
    package let items: Int
    package let rawBytes: Int
    package let sealedBytes: Int
    package let key: Manifest.KeyReference
}

extension ManifestHead {
    /// Takes apart what a manifest's document proves.
    init(_ document: JSONValue) throws {
        let name = try document["kind"].string()
        guard 1...Manifest.formatNewest ~= (try document["format"].integer()), let kind = Manifest.Kind(rawValue: name)
        else { throw ModelError(.invalidValue, "A manifest is of a format or kind that this Varve does not know.") }
        let (table, key) = (try document["table"], try document["key"])
        let consistency = try document["consistency"]
        let cut = try consistency["cut"]
        self.init(
            vault: try document["vault"].string(), path: try document["path"].string(),
            id: try document["id"].string(), kind: kind,
            table: .init(name: try table["name"].string(), id: try table["id"].string()),
            consistency: .init(
                method: try consistency["method"].string(), from: try consistency["from"].instant(),
                to: try consistency["to"].instant(),
                cut: .init(
                    time: try cut["time"].instant(), sequence: try cut.integerIfPresent("sequence", Int64.self))),
            started: try document["started"].instant(), items: try document["items"].integer(),
            rawBytes: try document["rawBytes"].integer(), sealedBytes: try document["sealedBytes"].integer(),
            key: .init(
                id: try key["id"].string(), wrappingKey: try key["wrappingKey"].string(),
                wrappingClass: try key["wrappingClass"].string()))
    }
}

extension Manifest {
    package var head: ManifestHead {
        ManifestHead(
            vault: vault, path: path, id: id, kind: kind, table: table, consistency: consistency, started: started,
            items: items, rawBytes: rawBytes, sealedBytes: sealedBytes, key: key)
    }
}

extension Vault {
    /// Reads the catalog's copy of a manifest as far as a listing shows it, and checks that it proves itself and belongs there.
    ///
    /// - Parameter stem: Of its name in the catalog.
    func manifestHead(stem: String) throws -> ManifestHead {
        let path = try ObjectPath(VaultPaths.catalogEntry(stem: stem))
        let bytes = try storage.get(path, atMost: ProvenDocument.bytesMax)
        let document = try ProvenDocument(kind: Manifest.kind, bytes: bytes, name: path.text)
        let head = try ManifestHead(try JSONText(document.body, atMost: ProvenDocument.bytesMax).value)
        guard head.vault == id, stem == VaultPaths.stem(started: head.started, id: head.id) else {
            throw VaultError(.damaged, "Manifest '\(path)' does not belong there: it was moved or copied.")
        }
        return head
    }
}
