// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// What a listing shows of a manifest: read from its document alone, at half the cost of the whole.
package struct ManifestHead: VersionedContent, Equatable {
    package static let kind = Manifest.kind
    package static let formatNewest = Manifest.formatNewest

    package let format: Int
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

extension Manifest {
    package var head: ManifestHead {
        ManifestHead(
            format: format, vault: vault, path: path, id: id, kind: kind, table: table, consistency: consistency,
            started: started, items: items, rawBytes: rawBytes, sealedBytes: sealedBytes, key: key)
    }
}

extension Vault {
    /// Reads the catalog's copy of a manifest as far as a listing shows it, and checks that it proves itself and belongs there.
    func manifestHead(at path: ObjectPath) throws -> ManifestHead {
        let bytes = try storage.get(path, atMost: ProvenDocument.bytesMax)
        let head = try ProvenDocument.decode(ManifestHead.self, bytes, name: path.text).content
        guard head.vault == id, path.text == VaultPaths.catalogEntry(started: head.started, id: head.id) else {
            throw VaultError(.damaged, "Manifest '\(path)' does not belong there: it was moved or copied.")
        }
        return head
    }
}
