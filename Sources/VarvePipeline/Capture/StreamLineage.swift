// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarveStore
import VarveVault

/// Where the reading of one stream stands, and what of it the next segment will say: a plain value, without effects.
///
/// Shards come in the order in which they were found, parents before children; a shard is read only when its parents have been read to their ends.
/// A change's effective time is the running maximum of times along its lineage, so that a stream whose times go backwards still has one order; and it is
/// later than what the segments before it are complete through, also behind a hole.
struct StreamLineage {
    /// A shard that is being read, or has been.
    struct Shard {
        let id: String
        let parents: [String]
        var after: ChangePosition?
        var through: ChangePosition?
        var first: Instant?
        var last: Instant?
        var changes = 0
        /// What comes later has a later time, by the running maximum of its own lineage; nil where nothing is known yet.
        var watermark: Instant?
        /// It has been read to its end, or all that is left of it lies before the stretch.
        var isEnded = false
        /// Changes before `after` were not read: the stretch is complete only from some later instant on.
        var isCutOff = false
        /// From when on it is; nil until something was read.
        var completeFrom: Instant?
        /// It was closed when the stretch began, and is not read on.
        var isPassedOver = false

        /// The watermark of a shard that ended, and whose successors came and went unseen: nothing that follows it is to be waited for.
        static let forsaken = Instant(rfc3339: "9999-12-31T23:59:59.999999Z") ?? Instant(microseconds: .max)
        var isForsaken: Bool { watermark == Self.forsaken }
    }

    /// A change with the time that the log gives it.
    struct Placed {
        let change: StreamedChange
        let time: Instant
    }

    private(set) var stream: String?
    private(set) var shards: [Shard] = []
    /// The watermark of the last segment.
    private(set) var committedThrough: Instant?
    /// No change in the segments by now is later, and no hole reaches further. A shard may have been read further than others.
    private var frontier: Instant?
    private(set) var isEnded = false
    private var beginning: LogStretch.Beginning?
    private var events: [LogStretch.TableEvent] = []
    /// Whether a shard came to its end since the last segment.
    private(set) var hasShardEnded = false
    /// Whether anything happened since the last segment that the next one must say, whatever the time.
    private(set) var hasNews = false

    init() {}

    /// Goes on where a segment ended.
    init(after stretch: LogStretch) {
        stream = stretch.stream
        committedThrough = stretch.through
        frontier = stretch.frontier
        isEnded = stretch.ended
        shards = stretch.shards.map { shard in
            Shard(
                id: shard.id, parents: shard.parents, after: shard.through, through: shard.through,
                watermark: shard.watermark, isEnded: shard.ended)
        }
    }

    /// Whether the next segment does not go on where the last one ended.
    var beginsAnew: Bool { beginning != nil }

    // MARK: Following the stream's description

    /// Why the stream, as it is described now, cannot be followed from here without a hole; nil if it can.
    func breaks(at description: ChangeStream) -> (cause: LogStretch.Cause, shard: String?)? {
        guard let stream else { return (.first, nil) }
        guard stream == description.id else { return (.streamReplaced, nil) }
        let described = Set(description.shards.map(\.id))
        if let gone = shards.first(where: { !$0.isEnded && !described.contains($0.id) }) { return (.trimmed, gone.id) }
        for shard in description.shards where index(shard.id) == nil && !begunWith.contains(shard.id) {
            // Changes of its parent are missing, whatever else it waits for: what is read of the others must not hide that.
            if isOrphan(shard, described) { return (.trimmed, shard.id) }
            // As long as it waits for its parents, nothing of its own is missing yet.
            if shard.horizon != nil && isReadable(shard, described) { return (.trimmed, shard.id) }
        }
        return nil
    }

    /// Whether each of its parents has been read to its end, or is gone.
    private func isReadable(_ shard: ChangeShard, _ described: Set<String>) -> Bool {
        shard.parents.allSatisfy { parent in index(parent).map { shards[$0].isEnded } ?? !described.contains(parent) }
    }

    /// Whether a shard between this one and those that were read came and went unseen.
    private func isOrphan(_ shard: ChangeShard, _ described: Set<String>) -> Bool {
        shard.parents.contains { index($0) == nil && !described.contains($0) }
    }

    /// Begins a new stretch with what the description has: of another stream from its horizons, of the same stream from where each shard was read to.
    ///
    /// What was written into a shard that is closed by now lies before the stretch, so that only those that are open are read on. What follows a closed
    /// shard may be listed late; or it came and went unseen, for a retention that goes by times which run backwards takes a shard before its parent.
    ///
    /// - Parameter now: Nothing that is lost can be later than this.
    mutating func beginAnew(
        _ cause: LogStretch.Cause, shard: String?, _ description: ChangeStream, now: Instant
    ) {
        let through = watermark
        let described = Set(description.shards.map(\.id))
        let isSame = stream == description.id
        shards = isSame ? shards.filter { described.contains($0.id) } : []
        stream = description.id
        isEnded = false
        begin(cause, shard, through)
        lostThrough = now
        begunWith = described
        looksLeft = Self.looksForSuccessors
        // A stream that has ended is read as a whole: nothing is waited for.
        observe(
            description, passingOver: description.isEnded ? [] : Set(description.shards.filter { !$0.isOpen }.map(\.id))
        )
    }

    /// How often a stream that begins anew is looked at before what follows a closed shard counts as gone.
    private static let looksForSuccessors = 10
    private var looksLeft = 0
    /// The shards that were described when the stretch began: what is missing before them lies before it.
    private var begunWith: Set<String> = []

    /// Begins a new stretch because changes of one shard are lost; its reading goes on behind `next`.
    ///
    /// - Parameter now: Nothing that is lost can be later than this. What was trimmed in front of what is still there is not later than that.
    mutating func lose(_ id: String, _ loss: ChangeLoss, next: ChangePosition?, now: Instant) {
        let through = watermark
        let before = beginsAnew ? lostThrough : nil
        begin(loss.cause, id, through)
        lostThrough = loss == .rewound ? now : before
        guard let index = index(id) else { return }
        shards[index].after = next
        shards[index].through = next
        shards[index].isCutOff = true
        shards[index].completeFrom = nil
    }

    /// What was lost before the stretch that begins anew may be as late as this; nil where its own changes tell.
    private var lostThrough: Instant?

    private mutating func begin(_ cause: LogStretch.Cause, _ shard: String?, _ through: Instant?) {
        beginning = LogStretch.Beginning(cause: cause, shard: shard, lastThrough: through)
        committedThrough = through ?? committedThrough
        for index in shards.indices { resetSegment(index) }
        events = []
        hasShardEnded = false
        hasNews = true
    }

    /// Takes in the shards that are new and can be read by now, and forgets those that nobody needs any more.
    mutating func observe(_ description: ChangeStream) { observe(description, passingOver: []) }

    private mutating func observe(_ description: ChangeStream, passingOver closed: Set<String>) {
        isStreamEnded = description.isEnded
        for index in shards.indices where closed.contains(shards[index].id) { passOver(index) }
        let described = Set(description.shards.map(\.id))
        var hasFound = true
        while hasFound {
            hasFound = false
            for shard in description.shards where index(shard.id) == nil {
                guard isReadable(shard, described) else { continue }
                add(shard)
                if closed.contains(shard.id) { passOver(shards.endIndex - 1) }
                hasFound = true
            }
        }
        forgetAndForsake(described)
        noteEnd()
    }

    /// Takes a closed shard for one that was read to its end: what is left of it lies before the stretch.
    private mutating func passOver(_ index: Int) {
        shards[index].isPassedOver = true
        shards[index].isEnded = true
        shards[index].isCutOff = false
        shards[index].watermark = shards[index].watermark ?? Self.unknown
    }

    /// Forgets shards that nobody needs any more, and stops waiting, when it was long enough, for what follows those that were passed over.
    private mutating func forgetAndForsake(_ described: Set<String>) {
        let parents = Set(shards.flatMap(\.parents))
        let known = Set(shards.map(\.id))
        // One whose own parent is still listed shows that the parent has a successor.
        shards.removeAll { shard in
            shard.isEnded && !described.contains(shard.id) && (parents.contains(shard.id) || shard.isForsaken)
                && !shard.parents.contains { known.contains($0) }
        }
        guard looksLeft > 0 else { return }
        looksLeft -= 1
        if looksLeft > 0 { return }
        for index in shards.indices where shards[index].isPassedOver && !parents.contains(shards[index].id) {
            shards[index].watermark = Shard.forsaken
        }
    }

    private mutating func add(_ shard: ChangeShard) {
        let parents = shard.parents.compactMap { index($0).map { shards[$0] } }
        var new = Shard(id: shard.id, parents: shard.parents, after: shard.horizon, through: shard.horizon)
        // One that is found late does not take back what has been said by then: its changes count as written after that.
        let said = beginsAnew ? nil : committedThrough
        new.watermark = (parents.filter { !$0.isForsaken }.map(\.watermark) + [said]).compactMap(\.self).max()
        // At the beginning of a stretch nothing is known of what came before; later, a new shard is read whole.
        new.isCutOff = parents.isEmpty ? beginsAnew : parents.contains { $0.isCutOff && $0.completeFrom == nil }
        shards.append(new)
        hasNews = true
    }

    private var isStreamEnded = false

    /// The shards that can be read now, each with the position to read on from.
    var readable: [(id: String, after: ChangePosition?)] {
        shards.filter { !$0.isEnded }.map { ($0.id, $0.through) }
    }

    // MARK: Taking in what was read

    /// Takes in a page: returns the changes of items that are new, each with its effective time.
    mutating func apply(_ page: ChangePage, of id: String) -> [Placed] {
        guard let index = index(id) else { return [] }
        var placed: [Placed] = []
        for change in page.records {
            // A record may come more than once.
            if let through = shards[index].through, change.position <= through { continue }
            let latest = max(change.time, shards[index].watermark?.next ?? change.time)
            shards[index].through = change.position
            // The rest of its transaction may have the same time.
            shards[index].watermark = latest.previous
            // A new stream comes after the one that it replaced, whatever its times say.
            let time = max(latest, committedThrough?.next ?? latest)
            if shards[index].isCutOff && shards[index].completeFrom == nil {
                shards[index].completeFrom = time
            }
            if change.event.streamName == nil {
                note(change, at: time, in: id)
            } else {
                shards[index].first = shards[index].first ?? time
                shards[index].last = time
                shards[index].changes += 1
                placed.append(Placed(change: change, time: time))
            }
        }
        if let through = page.through, shards[index].through.map({ $0 < through }) ?? true {
            shards[index].through = through
        }
        switch page.end {
        case .more: break
        case .nothingNew(let through):
            shards[index].watermark = max(through, shards[index].watermark ?? through)
            if shards[index].isCutOff && shards[index].completeFrom == nil {
                shards[index].completeFrom = shards[index].watermark
            }
        case .closed:
            shards[index].isEnded = true
            shards[index].watermark = shards[index].watermark ?? Self.unknown
            hasShardEnded = true
            hasNews = true
        }
        noteEnd()
        return placed
    }

    /// The watermark of a shard of which nothing is known: nothing is claimed.
    private static let unknown = Instant(microseconds: 0)

    private mutating func noteEnd() {
        let wasEnded = isEnded
        isEnded = isStreamEnded && shards.allSatisfy(\.isEnded)
        if isEnded && !wasEnded { hasNews = true }
        guard isEnded, let committedThrough else { return }
        // Where the stream's clock ran behind to the end, its last changes lie right behind the log before it.
        for index in shards.indices {
            shards[index].watermark = max(shards[index].watermark ?? committedThrough, committedThrough)
        }
    }

    private mutating func note(_ change: StreamedChange, at time: Instant, in shard: String) {
        let kind: LogStretch.TableEvent.Kind? =
            switch change.event {
            case .created: .created
            case .dropped: .dropped
            case .loaded: .loaded
            case .insert, .modify, .remove: nil
            }
        guard let kind else { return }
        events.append(
            LogStretch.TableEvent(
                event: kind, shard: shard, position: change.position, time: time, actor: change.actor?.name,
                run: change.run, items: change.items))
        hasNews = true
    }

    // MARK: What the next segment says

    /// No change that comes later has an effective time at or before this; nil as long as that is not known of every shard.
    var watermark: Instant? { [readThrough, committedThrough].compactMap(\.self).max() }

    /// Through when everything in the stream has been read, by its own times; nil as long as that is not known of every shard. Behind ``watermark``
    /// where a stream came in the place of one whose clock ran ahead of its own.
    var readThrough: Instant? {
        let parents = Set(shards.flatMap(\.parents))
        // What a shard that ended leaves to its children is theirs to say, once they are there.
        let leaves = shards.filter { shard in
            !shard.isEnded || (!isEnded && !shard.isForsaken && !parents.contains(shard.id))
        }
        if leaves.isEmpty {
            // A stream at its end: nothing comes after its last change.
            let last = shards.filter { !$0.isForsaken }.compactMap(\.watermark).max()
            return isEnded ? last?.next ?? lostThrough : last
        }
        let watermarks = leaves.compactMap(\.watermark)
        return watermarks.count == leaves.count ? watermarks.min() : nil
    }

    /// The stretch since the last segment; nil where it cannot be stated yet, or has nothing to say.
    var stretch: LogStretch? {
        guard let stream, let through = watermark, shards.allSatisfy({ $0.watermark != nil }) else { return nil }
        let parents = Set(shards.flatMap(\.parents))
        let isUnknown = shards.contains { shard in
            if shard.isPassedOver { return !isEnded && !shard.isForsaken && !parents.contains(shard.id) }
            return shard.isCutOff && shard.completeFrom == nil && !isEnded && !shard.isForsaken
                && !(shard.isEnded && parents.contains(shard.id))
        }
        if isUnknown { return nil }
        let from: Instant
        if beginsAnew {
            // Behind the hole nobody reads what segments before it hold.
            let known = [committedThrough, lostThrough, frontier].compactMap(\.self)
            from = (shards.compactMap(\.completeFrom) + known).max() ?? through
        } else {
            from = committedThrough ?? through
        }
        guard hasNews || through > from || shards.contains(where: { $0.changes > 0 }) else { return nil }
        return LogStretch(
            stream: stream, beginning: beginning, from: from,
            aloneFrom: frontier.flatMap { $0 > from ? $0 : nil }, through: through,
            shards: shards.compactMap { shard in
                shard.watermark.map {
                    LogStretch.Shard(
                        id: shard.id, parents: shard.parents, after: shard.after, through: shard.through,
                        first: shard.first, last: shard.last, changes: shard.changes, watermark: $0,
                        ended: shard.isEnded)
                }
            }, events: events, ended: isEnded)
    }

    /// The vault holds the stretch: what comes next belongs to the segment after it.
    mutating func commit(_ stretch: LogStretch) {
        committedThrough = stretch.through
        frontier = stretch.frontier
        beginning = nil
        lostThrough = nil
        for index in shards.indices {
            resetSegment(index)
            shards[index].isCutOff = false
            shards[index].completeFrom = nil
            shards[index].isPassedOver = false
        }
        looksLeft = 0
        events = []
        hasShardEnded = false
        hasNews = false
    }

    private mutating func resetSegment(_ index: Int) {
        shards[index].after = shards[index].through
        shards[index].first = nil
        shards[index].last = nil
        shards[index].changes = 0
    }

    private func index(_ id: String) -> Int? { shards.firstIndex { $0.id == id } }
}

extension ChangeLoss {
    fileprivate var cause: LogStretch.Cause {
        switch self {
        case .trimmed: .trimmed
        case .rewound: .rewound
        case .unreadable: .unreadable
        }
    }
}

extension Instant {
    fileprivate var next: Instant { Instant(microseconds: microseconds + 1) }
    fileprivate var previous: Instant { Instant(microseconds: microseconds - 1) }
}
