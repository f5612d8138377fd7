// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarveVault

/// The segments of one table in the order of their chain, put together to parts without a hole.
struct LogReading {
    /// Changes without a hole between them.
    struct Part {
        /// The part has every change with an effective time after this one.
        let from: Instant
        var through: Instant
        /// Where the source has one shard with sequence numbers: the part has every change behind `after`, and none behind `before`.
        let after: ChangePosition?
        var before: ChangePosition?
        /// Many items came here: it ends before.
        var beforeTime: Instant?
        /// A snapshot from before was taken of another history.
        let notBefore: Instant?
        /// Where the source has one shard with sequence numbers: how far it has been read.
        var last: ChangePosition?
        /// The ids of its segments, in order. One in which many items came belongs to the part before and to the part behind.
        var segments: [String]

        /// Whether all changes since the snapshot's cut are in this part, as far as it goes.
        func holds(_ snapshot: Manifest) -> Bool {
            let cut = snapshot.consistency.cut
            if let notBefore, cut.time < notBefore { return false }
            if let sequence = cut.sequence.map({ ChangePosition(max(0, $0)) }), let after {
                return after <= sequence && before.map { sequence < $0 } ?? true
            }
            return from <= cut.time && beforeTime.map { cut.time < $0 } ?? true
        }
    }

    private(set) var parts: [Part] = []
    private(set) var holes: [Coverage.Hole] = []
    /// For each hole, the index of the first part behind it.
    private(set) var partAfterHole: [Int] = []
    private(set) var segments = 0
    private(set) var changes = 0
    private(set) var sealedBytes = 0
    private(set) var hasEnded = false
    /// The ids of segments that were merged into another one, which is whole: nobody reads them any more.
    private(set) var merged: Set<String> = []

    /// The stream that is followed, and how far each of its shards has been.
    private var stream: String?
    private var head: [String: Head] = [:]
    /// No change by now is later, and no hole reaches further.
    private var frontier = Instant(microseconds: .min)

    private struct Head {
        var through: ChangePosition?
        var isEnded: Bool
    }

    /// A segment, or what is left of one.
    private enum Piece {
        case whole(Manifest, LogStretch)
        case broken(Coverage.Hole.Cause, id: String)

        var id: String {
            switch self {
            case .whole(let manifest, _): manifest.id
            case .broken(_, let id): id
            }
        }
    }

    /// Retention removed the beginning of the log, here or where it was copied from: what there is begins without a hole.
    private var isTrimmed: Bool

    init(of table: Manifest.TableIdentity, _ entries: [Catalog.Entry], _ catalog: Catalog) {
        isTrimmed = catalog.removals.logBegins(table.id) != nil
        var broken: (cause: Coverage.Hole.Cause, id: String)?
        for (piece, isMerged) in Self.pieces(of: table, entries, catalog) {
            if isMerged {
                merged.insert(piece.id)
                continue
            }
            switch piece {
            case .broken(let cause, let id):
                broken = broken ?? (cause, id)
            case .whole(let manifest, let stretch):
                segments += 1
                changes += manifest.items
                sealedBytes += manifest.sealedBytes
                add(manifest, stretch, broken?.cause)
                broken = nil
            }
        }
        if let broken {
            note(broken.cause, from: parts.last?.through, to: nil, shard: nil, segment: broken.id)
            hasEnded = false
        }
    }

    /// Notes a hole; the part behind it comes next.
    private mutating func note(
        _ cause: Coverage.Hole.Cause, from: Instant?, to: Instant?, shard: String?, segment: String
    ) {
        holes.append(Coverage.Hole(cause: cause, from: from, to: to, shard: shard, segment: segment))
        partAfterHole.append(parts.count)
    }

    /// All that there is of the log, in its order, and whether it was merged into something else.
    private static func pieces(
        of table: Manifest.TableIdentity, _ entries: [Catalog.Entry], _ catalog: Catalog
    ) -> [(piece: Piece, isMerged: Bool)] {
        var pieces: [(place: SegmentPlace, merges: Bool, piece: Piece)] = []
        for manifest in entries.map(\.manifest) {
            guard let stretch = manifest.log else { continue }
            let cause = catalog.fault(of: manifest)
            pieces.append(
                (
                    SegmentPlace(manifest), cause == nil && manifest.sources != nil,
                    cause.map { .broken($0, id: manifest.id) } ?? .whole(manifest, stretch)
                ))
        }
        let begins = catalog.removals.logBegins(table.id)?.compact
        for (stem, id) in catalog.unreadableSegments(of: table) {
            let second = stem.prefix { $0 != "~" }
            // What was removed is missed by nobody, damaged or not.
            if let begins, second < begins { continue }
            // Within its second it may have been any; the first of them says best what came before.
            pieces.append((SegmentPlace(second: String(second)), false, .broken(.damaged, id: id)))
        }
        pieces.sort { $0.place < $1.place }
        // What was merged is not needed any more, whatever has become of it.
        let isReplaced = SegmentPlace.replaced(among: pieces.map { ($0.place, $0.merges) })
        return zip(pieces, isReplaced).map { ($0.piece, $1) }
    }

    private mutating func add(_ manifest: Manifest, _ stretch: LogStretch, _ broken: Coverage.Hole.Cause?) {
        // The first segment of one vault may be copied into another that has segments already: there it goes on, or a stretch is missing.
        if let beginning = stretch.beginning, beginning.cause != .first || parts.isEmpty {
            begin(manifest, stretch, hole: Self.cause(beginning.cause), beginning.lastThrough, beginning.shard)
        } else if parts.isEmpty {
            // The vault that it was copied from had nothing before it either.
            if manifest.original != nil && manifest.previous == nil { isTrimmed = true }
            begin(manifest, stretch, hole: broken ?? (isTrimmed ? nil : .missing), nil, nil)
        } else if follows(stretch) {
            extend(manifest, stretch)
        } else {
            begin(manifest, stretch, hole: broken ?? .missing, parts.last?.through, nil)
        }
        hasEnded = stretch.ended
        for event in stretch.events where event.event == .loaded { split(at: event, manifest) }
    }

    private static func cause(_ cause: LogStretch.Cause) -> Coverage.Hole.Cause? {
        switch cause {
        case .first: nil
        case .trimmed: .trimmed
        case .rewound: .rewound
        case .unreadable: .unreadable
        case .streamReplaced: .streamReplaced
        }
    }

    private mutating func begin(
        _ manifest: Manifest, _ stretch: LogStretch, hole: Coverage.Hole.Cause?, _ lastThrough: Instant?,
        _ shard: String?
    ) {
        // Segments before it may hold changes that are later; behind a hole nobody reads those.
        let from = stretch.aloneFrom ?? stretch.from
        if let hole {
            note(hole, from: parts.last?.through ?? lastThrough, to: from, shard: shard, segment: manifest.id)
        }
        // Positions and a snapshot's sequence number are of one kind only where there is one shard; and not where they have come twice.
        let only = stretch.shards.count == 1 && stretch.beginning?.cause != .rewound ? stretch.shards[0].after : nil
        // Where the beginning of the log is gone, so is what it said of the history before.
        let isFirstKept = isTrimmed && parts.isEmpty && stretch.beginning == nil
        let notBefore = stretch.beginning?.cause == .rewound || isFirstKept ? from : parts.last?.notBefore
        parts.append(
            Part(
                from: from, through: stretch.through, after: only, notBefore: notBefore,
                last: only == nil ? nil : stretch.shards[0].through, segments: [manifest.id]))
        head = [:]
        follow(stretch)
    }

    /// Whether a segment's shards go on where they were followed to, none of them missing and none come from nowhere.
    private func follows(_ stretch: LogStretch) -> Bool {
        guard stretch.stream == stream, let through = parts.last?.through else { return false }
        // Positions tell all of one shard. Of several, one may have been passed over unread where a log began anew; if the segment that told of
        // that is missing, its time is what is left of it.
        if stretch.shards.count > 1 {
            guard stretch.from <= through, stretch.aloneFrom ?? through <= max(through, frontier) else { return false }
        }
        let listed = Dictionary(uniqueKeysWithValues: stretch.shards.map { ($0.id, $0) })
        for shard in stretch.shards {
            if let known = head[shard.id] {
                if let after = shard.after, known.through.map({ $0 < after }) ?? true { return false }
            } else {
                guard shard.after == nil else { return false }
                let areRead = shard.parents.allSatisfy { listed[$0]?.ended ?? head[$0]?.isEnded ?? false }
                guard areRead else { return false }
            }
        }
        return head.allSatisfy { $0.value.isEnded || listed[$0.key] != nil }
    }

    private mutating func extend(_ manifest: Manifest, _ stretch: LogStretch) {
        follow(stretch)
        let last = parts.count - 1
        parts[last].through = max(parts[last].through, stretch.through)
        parts[last].segments.append(manifest.id)
        if parts[last].last != nil { parts[last].last = stretch.shards.first?.through ?? parts[last].last }
    }

    private mutating func follow(_ stretch: LogStretch) {
        stream = stretch.stream
        frontier = max(frontier, stretch.frontier)
        for shard in stretch.shards {
            let known = head[shard.id]
            head[shard.id] = Head(
                through: [known?.through, shard.through].compactMap(\.self).max(),
                isEnded: known?.isEnded ?? false || shard.ended)
        }
    }

    /// Many items came: what was before can be restored up to here, and what is after from the next snapshot on.
    private mutating func split(at event: LogStretch.TableEvent, _ manifest: Manifest) {
        let last = parts.count - 1
        let before = Instant(microseconds: event.time.microseconds - 1)
        let through = parts[last].through
        guard event.time > parts[last].from || parts[last].after != nil else { return }
        let isKnown = parts[last].after.map { event.position <= $0 } ?? false
        if isKnown { return }
        note(.loaded, from: min(before, through), to: event.time, shard: event.shard, segment: manifest.id)
        let after = parts[last].after == nil ? nil : event.position
        parts[last].through = min(before, through)
        let read = parts[last].last
        parts[last].before = event.position
        parts[last].beforeTime = event.time
        parts[last].last = read == nil ? nil : event.position.predecessor
        parts.append(
            Part(
                from: event.time, through: max(through, event.time), after: after, notBefore: parts[last].notBefore,
                last: read, segments: [manifest.id]))
    }
}

extension LogReading {
    /// For each part the snapshots from which it leads on, and those that none leads on from; of snapshots in the order of their cuts.
    func attach(_ snapshots: [Manifest]) -> (attached: [[Manifest]], free: [Manifest]) {
        var free: [Manifest] = []
        var attached = [[Manifest]](repeating: [], count: parts.count)
        for snapshot in snapshots {
            // The last that fits: after a stream was put back, positions come twice.
            if let index = parts.lastIndex(where: { $0.holds(snapshot) }) {
                attached[index].append(snapshot)
            } else {
                free.append(snapshot)
            }
        }
        return (attached, free)
    }
}

extension Catalog {
    /// The ids of segments that retention removed because they had been merged, and whose changes are in no segment any more that is whole: as long
    /// as they can be taken back.
    func orphanedSegments() -> Set<String> {
        let gone = Dictionary(grouping: removed.map(\.manifest).filter { $0.kind == .log }) { $0.table.id }
        var orphans: Set<String> = []
        for (table, segments) in gone {
            let begins = removals.logBegins(table) ?? Instant(microseconds: .min)
            // What came before went with the beginning of the log.
            var places = segments.map { (place: SegmentPlace($0), merges: false, id: $0.id) }
                .filter { $0.place.started >= begins }
            if places.isEmpty { continue }
            places += entries.map(\.manifest)
                .filter { $0.table.id == table && $0.log != nil && $0.sources != nil && fault(of: $0) == nil }
                .map { (place: SegmentPlace($0), merges: true, id: $0.id) }
            places.sort { $0.place < $1.place }
            let isReplaced = SegmentPlace.replaced(among: places.map { ($0.place, $0.merges) })
            orphans.formUnion(zip(places, isReplaced).filter { !$0.merges && !$1 }.map(\.0.id))
        }
        return orphans.isEmpty
            ? [] : Set(removed.map(\.manifest).filter { orphans.contains($0.id) && isWhole($0) }.map(\.id))
    }

    /// Why nothing can be read from a segment whose manifest is there; nil if it is whole.
    fileprivate func fault(of segment: Manifest) -> Coverage.Hole.Cause? {
        shredded[segment.id] != nil ? .shredded : canOpen(segment) ? nil : .damaged
    }
}
