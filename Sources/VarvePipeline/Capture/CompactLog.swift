// SPDX-License-Identifier: Apache-2.0

package import VarveModel
import VarveStore
package import VarveVault

/// Merges small segments of a table's log into segments of a day, so that a restore opens few objects.
///
/// The new segment holds the same lines in the same order, and says of which segments it is made; these stay until a prune takes them. Readers use
/// the merged one where it is whole, and the small ones where it is not: at every instant one of the two is there.
package struct CompactLog: Sendable {
    /// Segments that become one, in the order of the log.
    package struct Run: Sendable {
        package let table: Manifest.TableIdentity
        package let segments: [Catalog.Entry]

        package var changes: Int { segments.reduce(0) { $0 + $1.manifest.items } }
        package var rawBytes: Int { segments.reduce(0) { $0 + $1.manifest.rawBytes } }
        package var from: Instant { segments[0].manifest.log?.from ?? segments[0].manifest.started }
        package var through: Instant { segments[segments.count - 1].manifest.consistency.cut.time }
    }

    /// Raw bytes of a merged segment, about; a day of more becomes several.
    package static let rawBytesMax = 4 << 30

    private let settings: ArchiveSettings

    package init(_ settings: ArchiveSettings) { self.settings = settings }

    /// What there is to be merged: neighbours of one UTC day that lead on from one another, all of them ended before `limit`.
    ///
    /// The newest segment of a table stays as it is: capture goes on from it.
    package static func plan(_ catalog: Catalog, of table: String, endedBefore limit: Instant) -> [Run] {
        let tables = Dictionary(grouping: catalog.entries(table: table)) { $0.manifest.table.id }
        return tables.values.sorted { $0[0].manifest.table.id < $1[0].manifest.table.id }.flatMap { entries in
            plan(entries, catalog, limit)
        }
    }

    private static func plan(_ entries: [Catalog.Entry], _ catalog: Catalog, _ limit: Instant) -> [Run] {
        guard let table = entries.first?.manifest.table else { return [] }
        let byID = Dictionary(uniqueKeysWithValues: entries.map { ($0.manifest.id, $0) })
        let parts = LogReading(of: table, entries, catalog).parts.map(\.segments)
        // One in which many items came belongs to two parts, and stays between them.
        let uses = Dictionary(parts.flatMap { $0 }.map { ($0, 1) }, uniquingKeysWith: +)
        let newest = parts.last?.last
        var runs: [Run] = []
        for part in parts {
            var open: [Catalog.Entry] = []
            var raw = 0
            func close() {
                if open.count > 1 { runs.append(Run(table: table, segments: open)) }
                open = []
                raw = 0
            }
            for id in part {
                guard let entry = byID[id], uses[id] == 1, id != newest, entry.manifest.sources == nil,
                    entry.manifest.consistency.cut.time < limit
                else {
                    close()
                    continue
                }
                let day = entry.manifest.consistency.cut.time.compact.prefix(8)
                if let last = open.last, last.manifest.consistency.cut.time.compact.prefix(8) != day { close() }
                if raw + entry.manifest.rawBytes > rawBytesMax { close() }
                open.append(entry)
                raw += entry.manifest.rawBytes
            }
            close()
        }
        return runs
    }

    /// Finishes what killed runs over these tables committed and did not copy. Comes before the runs, also where there are none: the killed one may
    /// have been the last.
    package func finishInterrupted(_ tables: Set<Manifest.TableIdentity>) throws {
        for table in tables { try settings.finishInterrupted(table) }
    }

    /// Writes the merged segment.
    package func run(_ run: Run, progress: Progress, stop: StopSignal) throws -> Manifest {
        let (first, last) = (run.segments[0].manifest, run.segments[run.segments.count - 1].manifest)
        let claim = try Lease.claiming(
            "compact/\(run.table.id)", settings.vault.storage, what: "compaction of \(run.table.name)",
            clock: settings.clock)
        defer { claim.release() }
        let lease = try Lease(
            settings.vault.storage, what: "compaction of \(run.table.name)",
            protects: [VaultPaths.folder(ofLog: run.table)], clock: settings.clock)
        defer { lease.release() }
        let table = try TableDescription(json: last.description)
        progress.expect(items: run.changes, storedBytes: run.segments.reduce(0) { $0 + $1.manifest.sealedBytes })
        let lane = SegmentLane(
            settings, of: table, notBefore: nil,
            sources: .init(
                base: nil, first: .init(id: first.id, started: first.started),
                last: .init(id: last.id, started: last.started), segments: run.segments.count))
        do {
            var expected = TableDigest()
            for segment in run.segments {
                try copy(segment, into: lane, lease, progress, stop)
                expected.add(try SnapshotReader(settings.vault, segment, keys: settings.keys).digests().table)
            }
            guard lane.changes == run.changes, lane.digest == expected else {
                throw PipelineError(
                    .contentMismatch,
                    "The segments from \(first.id) to \(last.id) hold other changes than were taken. Nothing was merged; 'varve verify' says what is damaged."
                )
            }
            return try lane.commit(try Self.merged(run.segments), previous: first.previous).manifest
        } catch {
            lane.abandon()
            throw error
        }
    }

    private func copy(
        _ segment: Catalog.Entry, into lane: SegmentLane, _ lease: Lease, _ progress: Progress, _ stop: StopSignal
    ) throws {
        let reader = try SnapshotReader(settings.vault, segment, keys: settings.keys)
        let index = try reader.index()
        for bundle in segment.manifest.bundles {
            try reader.forEachRunOfLines(in: bundle, index) { lines in
                try stop.check()
                try lease.refresh()
                try lane.keepAlive()
                var count = 0
                try Lines.forEach(of: lines) { line in
                    try lane.add(line: line)
                    count += 1
                }
                progress.add(items: count, rawBytes: lines.count)
                return count
            }
            progress.add(storedBytes: bundle.sealedBytes)
        }
    }

    /// What the segments say together.
    private static func merged(_ segments: [Catalog.Entry]) throws -> LogStretch {
        let stretches = segments.compactMap(\.manifest.log)
        guard let first = stretches.first, let last = stretches.last else {
            throw PipelineError(.contentMismatch, "There are no segments to be merged.")
        }
        var order: [String] = []
        var shards: [String: LogStretch.Shard] = [:]
        for shard in stretches.flatMap(\.shards) {
            guard let known = shards[shard.id] else {
                order.append(shard.id)
                shards[shard.id] = shard
                continue
            }
            shards[shard.id] = LogStretch.Shard(
                id: shard.id, parents: known.parents, after: known.after, through: shard.through ?? known.through,
                first: known.first ?? shard.first, last: shard.last ?? known.last,
                changes: known.changes + shard.changes, watermark: shard.watermark, ended: shard.ended)
        }
        return LogStretch(
            stream: first.stream, beginning: first.beginning, from: first.from, aloneFrom: first.aloneFrom,
            through: last.through, shards: order.compactMap { shards[$0] }, events: stretches.flatMap(\.events),
            ended: last.ended)
    }
}
