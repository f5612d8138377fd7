// SPDX-License-Identifier: Apache-2.0

package import VarveModel
package import VarveVault

extension RetentionFacts {
    /// The facts of every table in a vault, in order of name and id.
    ///
    /// - Parameters:
    ///   - verified: The ids of recovery points that were verified down to their content.
    ///   - leases: Those that hold.
    ///   - unreadLease: One that cannot be read: it counts as using everything.
    package static func all(
        in catalog: Catalog, verified: Set<String>, leases: [LeaseDescription], unreadLease: ObjectPath? = nil,
        at now: Instant
    ) -> [RetentionFacts] {
        let byTable = Dictionary(grouping: catalog.entries) { $0.manifest.table.id }
        let unknown = unreadLease.map { "whoever wrote lease '\($0)', which cannot be read" }
        func user(_ manifest: Manifest) -> String? {
            let lease = leases.first { $0.uses(manifest.folder) }
            return lease.map { "\($0.what), process \($0.pid) on \($0.host)" } ?? unknown
        }
        return byTable.values.compactMap { entries in
            entries.first.map { RetentionFacts($0.manifest.table, entries, catalog, verified, user, now) }
        }.sorted { ($0.table.name, $0.table.id) < ($1.table.name, $1.table.id) }
    }

    private init(
        _ table: Manifest.TableIdentity, _ entries: [Catalog.Entry], _ catalog: Catalog,
        _ verified: Set<String>, _ user: (Manifest) -> String?, _ now: Instant
    ) {
        let log = LogReading(of: table, entries, catalog)
        func protection(_ manifest: Manifest) -> Protection {
            Protection(
                holds: catalog.protections.holds(on: manifest.id, table: table.id).map(\.id),
                lockedUntil: catalog.protections.lockedUntil(manifest.id, table: table.id, at: now),
                use: user(manifest))
        }
        var points: [Point] = []
        var segments: [Segment] = []
        var merged: [Segment] = []
        for manifest in entries.map(\.manifest) {
            if let stretch = manifest.log {
                // A shard may be ahead of the watermark.
                let reach = max(stretch.through, stretch.shards.compactMap(\.last).max() ?? stretch.through)
                let segment = Segment(
                    id: manifest.id, started: SegmentPlace(manifest).started, reach: reach,
                    sealedBytes: manifest.sealedBytes, protection: protection(manifest))
                if log.merged.contains(manifest.id) { merged.append(segment) } else { segments.append(segment) }
                continue
            }
            let isShredded = catalog.shredded[manifest.id] != nil
            points.append(
                Point(
                    id: manifest.id, kind: manifest.kind, time: manifest.consistency.cut.time,
                    sealedBytes: manifest.sealedBytes, isVerified: verified.contains(manifest.id),
                    isShredded: isShredded, isBroken: !isShredded && !catalog.canOpen(manifest),
                    isSettled: manifest.kind != .sweep || isShredded || catalog.hasOutcome(manifest),
                    part: manifest.kind == .snapshot && !isShredded
                        ? log.parts.lastIndex { $0.holds(manifest) } : nil,
                    protection: protection(manifest)))
        }
        self.init(
            table: table, points: points, segments: segments.sorted { ($0.started, $0.id) < ($1.started, $1.id) },
            parts: log.parts.map(\.through), merged: merged.sorted { ($0.started, $0.id) < ($1.started, $1.id) },
            ended: log.hasEnded ? log.parts.last?.through : nil)
    }
}

extension Catalog {
    /// Whether what became of a sweep's items is on record.
    fileprivate func hasOutcome(_ manifest: Manifest) -> Bool {
        guard let path = try? ObjectPath(manifest.folder + VaultPaths.outcomeName) else { return false }
        return objects[path] != nil
    }
}
