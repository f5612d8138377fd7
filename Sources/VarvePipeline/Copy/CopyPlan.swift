// SPDX-License-Identifier: Apache-2.0

package import VarveVault

/// What a copy from one vault into another has to do, as both vaults' catalogs tell it.
package struct CopyPlan: Sendable {
    /// What the target lacks: recovery points and segments, in the order in which they are copied.
    package private(set) var missing: [Catalog.Entry] = []
    /// Sweeps that the target holds without their outcome, with its own entry of each.
    package private(set) var outcomes: [(source: Catalog.Entry, target: Catalog.Entry)] = []
    /// Tables of which a run that was killed has committed something to the target without its second manifest.
    private(set) var unfinished: Set<Manifest.TableIdentity> = []
    /// How many of the chosen ones the target holds already.
    package private(set) var present = 0
    /// Recovery points and segments whose keys were destroyed on purpose, here or there: they are not copied.
    package private(set) var shredded: [Manifest] = []
    /// What the target's own retention has removed there: it is not copied again.
    package private(set) var removed = 0
    /// Of the shredded, those that the target still opens: what was shredded here and has a copy there.
    package private(set) var stillOpen: [Manifest] = []
    /// What cannot be copied as things stand, and why.
    package private(set) var refused: [(manifest: Manifest, error: VaultError)] = []
    /// Manifests of the source that cannot be read, so that nobody knows whether they were chosen.
    package let unreadable: [String]

    let target: Catalog

    /// - Parameter includes: whether a recovery point or segment is chosen.
    package init(from source: Catalog, to target: Catalog, _ includes: (Manifest) -> Bool) {
        self.target = target
        unreadable = source.unreadable.sorted()
        let present = Dictionary(target.entries.map { ($0.manifest.id, $0) }) { first, _ in first }
        for entry in source.entries where includes(entry.manifest) {
            add(entry, there: present[entry.manifest.id], source, target)
        }
    }

    private mutating func add(
        _ entry: Catalog.Entry, there: Catalog.Entry?, _ source: Catalog, _ target: Catalog
    ) {
        let manifest = entry.manifest
        if let there, !target.hasSecondCopy(of: there.manifest) { unfinished.insert(manifest.table) }
        if let there, !there.manifest.isCopy(of: manifest) {
            refused.append(
                (
                    manifest,
                    VaultError(
                        .exists,
                        "The target holds another recovery point '\(manifest.id)', with other bundles. It was not touched."
                    )
                ))
        } else if source.shredded[manifest.id] != nil {
            shredded.append(manifest)
            if there != nil, target.shredded[manifest.id] == nil { stillOpen.append(manifest) }
        } else if target.shredded[manifest.id] != nil {
            shredded.append(manifest)
        } else if target.removals.removed(manifest) != nil {
            removed += 1
        } else if let there {
            present += 1
            if manifest.kind == .sweep, source.hasOutcome(manifest), !target.hasOutcome(manifest) {
                outcomes.append((entry, there))
            }
        } else if target.unreadable.contains(VaultPaths.stem(started: manifest.started, id: manifest.id)) {
            refused.append(
                (
                    manifest,
                    VaultError(
                        .damaged,
                        "The target holds a copy of '\(manifest.id)' whose manifest is damaged: 'varve verify --heal-from' puts it right."
                    )
                ))
        } else {
            missing.append(entry)
        }
    }
}

extension Catalog {
    fileprivate func hasSecondCopy(of manifest: Manifest) -> Bool {
        guard let path = try? ObjectPath(manifest.catalogPath) else { return false }
        return objects[path] != nil
    }

    fileprivate func hasOutcome(_ manifest: Manifest) -> Bool {
        guard let path = try? ObjectPath(manifest.folder + VaultPaths.outcomeName) else { return false }
        return objects[path] != nil
    }
}
