// SPDX-License-Identifier: Apache-2.0

package import VarveModel
package import VarveVault

/// To which instants a table can be restored out of one vault, and what is in the way of the others.
///
/// It is computed from what lies in the vault alone: from the positions and watermarks of committed segments, and from the cuts of snapshots. That a
/// run succeeded proves nothing, and a gap between two numbers means nothing.
package struct Coverage: Sendable, Equatable {
    /// Instants to which the table can be restored, both ends among them.
    package struct Interval: Sendable, Equatable {
        package let from: Instant
        package let through: Instant
        /// The snapshot with which it begins.
        package let base: String
        /// How many snapshots lie in it.
        package let snapshots: Int
    }

    /// Where changes are missing.
    package struct Hole: Sendable, Equatable {
        package enum Cause: String, Sendable, CaseIterable {
            /// The source's retention took changes before they were captured.
            case trimmed
            /// The source was put back to an earlier state.
            case rewound
            /// A change in the source could not be read.
            case unreadable
            /// The stream was switched off and on again.
            case streamReplaced
            /// Items came without records: a restore or an import into the table.
            case loaded
            /// A segment is missing.
            case missing
            /// A segment's manifest or one of its bundles is missing or damaged.
            case damaged
            /// A segment's keys were destroyed on purpose.
            case shredded
            /// The table was dropped and made again: it is another one since.
            case recreated
        }

        package let cause: Cause
        /// The log is whole up to here; nil where there was none before.
        package let from: Instant?
        /// It is whole again behind this instant; nil as long as it is not.
        package let to: Instant?
        package let shard: String?
        /// The segment that says so, or follows the hole; nil where none does.
        package let segment: String?
        /// The first instant after the hole to which the table can be restored: a snapshot's. nil: take one.
        package fileprivate(set) var restorableFrom: Instant?

        init(
            cause: Cause, from: Instant?, to: Instant?, shard: String?, segment: String?,
            restorableFrom: Instant? = nil
        ) {
            self.cause = cause
            self.from = from
            self.to = to
            self.shard = shard
            self.segment = segment
            self.restorableFrom = restorableFrom
        }
    }

    package let table: Manifest.TableIdentity
    package private(set) var intervals: [Interval] = []
    package private(set) var holes: [Hole] = []
    package private(set) var segments = 0
    package private(set) var changes = 0
    package private(set) var sealedBytes = 0
    /// Through when the log has been captured; nil where there is none.
    package private(set) var through: Instant?
    /// The table was dropped, and all of its log is here.
    package private(set) var hasEnded = false

    /// A hole after which no snapshot has been taken yet: the present cannot be restored.
    package var isOpen: Bool { holes.contains { $0.restorableFrom == nil } && !hasEnded }

    /// Whether the table can be restored to an instant.
    package func contains(_ instant: Instant) -> Bool {
        intervals.contains { $0.from <= instant && instant <= $0.through }
    }

    /// An instant of these tables' coverage by chance, each microsecond as likely as any other; nil where nothing is covered.
    package static func randomInstant(
        of coverages: [Coverage], using random: inout some RandomNumberGenerator
    ) -> (table: Manifest.TableIdentity, instant: Instant)? {
        let spans = coverages.flatMap { coverage in
            coverage.intervals.map {
                (coverage.table, $0.from, $0.through.microseconds - $0.from.microseconds + 1)
            }
        }
        let total = spans.reduce(0) { $0 + $1.2 }
        guard total > 0 else { return nil }
        var place = Int64.random(in: 0..<total, using: &random)
        for (table, from, length) in spans {
            if place < length { return (table, Instant(microseconds: from.microseconds + place)) }
            place -= length
        }
        return nil
    }

    /// Of every table that the vault knows, or of those with that name or id; in order of name and age.
    package static func all(in catalog: Catalog, of table: String? = nil) -> [Coverage] {
        let kept = table.map { catalog.entries(table: $0) } ?? catalog.entries
        let byTable = Dictionary(grouping: kept) { $0.manifest.table.id }
        var all = byTable.values.compactMap { entries in
            entries.first.map { Coverage(of: $0.manifest.table, entries, catalog) }
        }
        let ages = byTable.mapValues { $0.map(\.manifest.started).min() ?? Instant(microseconds: 0) }
        all.sort { left, right in
            let (l, r) = (left.table, right.table)
            if l.name != r.name { return l.name < r.name }
            return (ages[l.id] ?? .init(microseconds: 0), l.id) < (ages[r.id] ?? .init(microseconds: 0), r.id)
        }
        for index in all.indices.dropFirst()
        where all[index].table.name == all[index - 1].table.name && all[index - 1].hasEnded && all[index].segments > 0 {
            all[index].noteRecreated(after: all[index - 1])
        }
        return all
    }

    private init(of table: Manifest.TableIdentity, _ entries: [Catalog.Entry], _ catalog: Catalog) {
        self.table = table
        let log = LogReading(of: table, entries, catalog)
        segments = log.segments
        changes = log.changes
        sealedBytes = log.sealedBytes
        through = log.parts.last?.through
        hasEnded = log.hasEnded
        holes = log.holes

        var (attached, free) = log.attach(catalog.usableSnapshots(among: entries))
        for (part, bases) in zip(log.parts, attached) {
            guard let base = bases.first else { continue }
            let from = base.consistency.cut.time
            let inside = bases.filter { $0.consistency.cut.time <= max(part.through, from) }
            intervals.append(
                Interval(from: from, through: max(part.through, from), base: base.id, snapshots: inside.count))
            free += bases.dropFirst(inside.count)
        }
        // A snapshot without a log around it is one instant.
        for snapshot in free {
            let time = snapshot.consistency.cut.time
            intervals.append(Interval(from: time, through: time, base: snapshot.id, snapshots: 1))
        }
        intervals.sort { ($0.from, $0.through, $0.base) < ($1.from, $1.through, $1.base) }
        // Before its first snapshot a table has no coverage that items without a record could interrupt.
        let isHole = holes.indices.map { index in
            holes[index].cause != .loaded || attached[..<log.partAfterHole[index]].contains { !$0.isEmpty }
        }
        // A snapshot within a hole is an instant, and no end of the hole: that is one from which the log leads on.
        for index in holes.indices {
            let later = attached[min(log.partAfterHole[index], attached.count)...]
            holes[index].restorableFrom = later.compactMap { $0.first?.consistency.cut.time }.min()
        }
        holes = zip(holes, isHole).filter(\.1).map(\.0)
    }

    private mutating func noteRecreated(after before: Coverage) {
        let first = intervals.first?.from
        holes.insert(
            Hole(
                cause: .recreated, from: before.through, to: first, shard: nil, segment: nil, restorableFrom: first),
            at: 0)
    }
}
