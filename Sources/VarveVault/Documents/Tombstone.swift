// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// The record of a recovery point whose keys were destroyed on purpose. Written before the first of them goes, and never removed.
package struct Tombstone: VersionedContent, Equatable {
    package static let kind = "tombstone"
    package static let formatNewest = 1

    package let format: Int
    package let vault: String
    package let path: String
    /// The recovery point.
    package let id: String
    package let recoveryPoint: Manifest.Kind
    package let table: Manifest.TableIdentity
    package let cut: Instant
    package let items: Int
    /// The snapshot key that was destroyed: `keys/<key>/` must be empty.
    package let key: String
    /// The SHA-256 in the recovery point's manifest.
    package let manifest: String
    package let shredded: Instant
    package let tool: String
}

extension Tombstone {
    /// What whoever wants to read the recovery point is told.
    var error: VaultError {
        VaultError(
            .shredded,
            "The keys of recovery point '\(id)' of table '\(table.name)' were destroyed on purpose at \(shredded): nothing opens it any more. "
                + "The record is '\(path)'.")
    }
}

extension Vault {
    /// Every tombstone that can be read, by the id of its recovery point, and what is wrong with the others.
    func tombstones(among objects: some Sequence<ObjectPath>) -> (tombstones: [String: Tombstone], findings: [Finding])
    {
        var found: [String: Tombstone] = [:]
        var findings: [Finding] = []
        for path in objects where path.text.hasPrefix(VaultPaths.tombstones) && !VaultPaths.isRemoval(path) {
            do {
                let tombstone = try readTombstone(path)
                // Two that shredded at once wrote one each; the first counts.
                if let other = found[tombstone.id], other.shredded <= tombstone.shredded { continue }
                found[tombstone.id] = tombstone
            } catch {
                findings.append(Finding(object: path.text, level: 1, error))
            }
        }
        return (found, findings)
    }

    private func readTombstone(_ path: ObjectPath) throws -> Tombstone {
        let bytes = try storage.get(path, atMost: VaultReadme.bytesMax)
        let tombstone = try ProvenDocument.decode(Tombstone.self, bytes, name: path.text).content
        guard tombstone.vault == id, tombstone.path == path.text else {
            throw VaultError(
                .damaged,
                "Tombstone '\(path)' says that it belongs to vault '\(tombstone.vault)' as '\(tombstone.path)'.")
        }
        return tombstone
    }

    /// The tombstone of one recovery point, if it has one.
    package func tombstone(of id: String) throws -> Tombstone? {
        try tombstone(of: id, among: storage.paths(VaultPaths.tombstones))
    }

    func tombstone(of id: String, among marks: [ObjectPath]) throws -> Tombstone? {
        try marks.filter { $0.name.hasSuffix("~\(id).json") }.min().map(readTombstone)
    }
}
