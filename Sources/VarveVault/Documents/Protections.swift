// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// The holds and locks of a vault that are in force. They beat every policy.
package struct Protections: Sendable {
    package let holds: [Hold]
    package let locks: [RetentionLock]

    /// The holds on a recovery point or segment, by its id and its table's.
    package func holds(on id: String, table: String) -> [Hold] { holds.filter { $0.on.includes(id, table: table) } }

    /// Until when something is locked; nil if no lock is on it, or none any more.
    package func lockedUntil(_ id: String, table: String, at now: Instant) -> Instant? {
        locks.filter { $0.until > now && $0.on.includes(id, table: table) }.map(\.until).max()
    }
}

extension Vault {
    /// The holds and locks that are in force now; one that cannot be read is an error.
    package func protections() throws -> Protections {
        let marks = try storage.paths(VaultPaths.holds) + storage.paths(VaultPaths.locks)
        let (protections, findings) = protections(among: marks)
        if let finding = findings.first { throw finding.error }
        return protections
    }

    /// What is removed now; a record that cannot be read is an error.
    package func removals() throws -> Removals {
        let (removals, findings) = removals(among: try storage.paths(VaultPaths.tombstones))
        if let finding = findings.first { throw finding.error }
        return removals
    }

    /// The holds and locks among `objects`, and what is wrong with those that cannot be read.
    func protections(among objects: some Sequence<ObjectPath>) -> (protections: Protections, findings: [Finding]) {
        var holds: [Hold] = []
        var locks: [RetentionLock] = []
        var released: Set<String> = []
        var findings: [Finding] = []
        for path in objects where path.text.hasPrefix(VaultPaths.holds) || path.text.hasPrefix(VaultPaths.locks) {
            do {
                if path.text.hasPrefix(VaultPaths.locks) {
                    let lock = try read(RetentionLock.self, path)
                    try demand(lock.vault, lock.path, at: path)
                    locks.append(lock)
                } else if path.name.hasSuffix(VaultPaths.releasedEnd) {
                    let release = try read(HoldRelease.self, path)
                    try demand(release.vault, release.path, at: path)
                    released.insert(release.hold)
                } else {
                    let hold = try read(Hold.self, path)
                    try demand(hold.vault, hold.path, at: path)
                    holds.append(hold)
                }
            } catch {
                findings.append(Finding(object: path.text, level: 1, error))
            }
        }
        let sorted = holds.filter { !released.contains($0.id) }.sorted { ($0.placed, $0.id) < ($1.placed, $1.id) }
        return (Protections(holds: sorted, locks: locks.sorted { ($0.placed, $0.id) < ($1.placed, $1.id) }), findings)
    }

    private func read<Content: VersionedContent>(_ type: Content.Type, _ path: ObjectPath) throws -> Content {
        let bytes = try storage.get(path, atMost: VaultReadme.bytesMax)
        return try ProvenDocument.decode(type, bytes, name: path.text).content
    }

    private func demand(_ vault: String, _ written: String, at path: ObjectPath) throws {
        guard vault == id, written == path.text else {
            throw VaultError(.damaged, "'\(path)' says that it belongs to vault '\(vault)' as '\(written)'.")
        }
    }
}
