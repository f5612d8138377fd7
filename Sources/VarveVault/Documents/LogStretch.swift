// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// What a manifest of a log segment says beside what all manifests say: which stretch of a table's change stream the segment holds.
///
/// Coverage is computed from this alone: from positions and watermarks, never from whether some run succeeded.
package struct LogStretch: Codable, Equatable, Sendable {
    /// The stream's id: another one for a stream that was switched off and on again.
    package let stream: String
    /// Left out where the segment goes on where the one before it ended.
    package let beginning: Beginning?
    /// Every change with an effective time after this and not after ``through`` is in the segment, or was in one before it: a shard may be ahead.
    package let from: Instant
    /// Without the segments before it, the log is whole only behind this instant: they have changes up to here, or a hole that reaches up to here.
    /// Left out where that is ``from``.
    package let aloneFrom: Instant?
    /// The watermark: no change that comes later has an effective time at or before this.
    package let through: Instant
    /// Parents before children. Shards that ended stay listed as long as the stream knows them or a child of theirs is waited for.
    package let shards: [Shard]
    /// What happened to the table as a whole, in order of position.
    package let events: [TableEvent]
    /// The stream has ended, and all of it has been read.
    package let ended: Bool

    package init(
        stream: String, beginning: Beginning?, from: Instant, aloneFrom: Instant?, through: Instant,
        shards: [Shard], events: [TableEvent], ended: Bool
    ) {
        self.stream = stream
        self.beginning = beginning
        self.from = from
        self.aloneFrom = aloneFrom
        self.through = through
        self.shards = shards
        self.events = events
        self.ended = ended
    }

    /// Why a segment does not go on where the one before it ended.
    package struct Beginning: Codable, Equatable, Sendable {
        package let cause: Cause
        /// The shard of which changes were lost, where it was one.
        package let shard: String?
        /// The watermark of the log before; nothing is known to be lost up to it. Left out where there was none.
        package let lastThrough: Instant?

        package init(cause: Cause, shard: String?, lastThrough: Instant?) {
            self.cause = cause
            self.shard = shard
            self.lastThrough = lastThrough
        }
    }

    package enum Cause: String, Codable, Sendable, CaseIterable {
        /// The table's first segment in this vault: nothing was lost.
        case first
        /// The stream's retention took changes before they were read.
        case trimmed
        /// The stream was put back to an earlier state.
        case rewound
        /// A change could not be read.
        case unreadable
        /// The stream is another one: it was switched off and on again.
        case streamReplaced
    }

    package struct Shard: Codable, Equatable, Sendable {
        package let id: String
        package let parents: [String]
        /// The segment holds the shard's changes behind `after`, through `through`. `after` is left out where it holds them from the shard's
        /// beginning, `through` where nothing of the shard has been read yet.
        package let after: ChangePosition?
        package let through: ChangePosition?
        /// The effective times of the first and the last change of this shard in the segment; left out where it has none.
        package let first: Instant?
        package let last: Instant?
        /// Changes of items of this shard in the segment.
        package let changes: Int
        /// What comes later in this shard, or in shards that follow it, has a later effective time.
        package let watermark: Instant
        /// The shard has ended and has been read to its end, or was closed when the log began here: what was left of it then lies at or before ``from``.
        package let ended: Bool

        package init(
            id: String, parents: [String], after: ChangePosition?, through: ChangePosition?, first: Instant?,
            last: Instant?, changes: Int, watermark: Instant, ended: Bool
        ) {
            self.id = id
            self.parents = parents
            self.after = after
            self.through = through
            self.first = first
            self.last = last
            self.changes = changes
            self.watermark = watermark
            self.ended = ended
        }
    }

    package struct TableEvent: Codable, Equatable, Sendable {
        package enum Kind: String, Codable, Sendable {
            case created, dropped
            /// Many items came at once, without records of their own: what came is not in the log.
            case loaded
        }

        package let event: Kind
        package let shard: String
        package let position: ChangePosition
        /// Effective.
        package let time: Instant
        package let actor: String?
        package let run: String?
        /// How many items came.
        package let items: Int?

        package init(
            event: Kind, shard: String, position: ChangePosition, time: Instant, actor: String?, run: String?,
            items: Int?
        ) {
            self.event = event
            self.shard = shard
            self.position = position
            self.time = time
            self.actor = actor
            self.run = run
            self.items = items
        }
    }
}

extension LogStretch {
    /// More shards than any stream has open at once.
    static let shardsMax = 100_000

    /// No change of this segment or of one before it is later, and no hole before it reaches further.
    package var frontier: Instant { max(aloneFrom ?? from, shards.compactMap(\.last).max() ?? from) }

    /// Why the stretch cannot be one that was written; nil if it can.
    func flaw(items: Int) -> String? {
        guard shards.count <= Self.shardsMax, Set(shards.map(\.id)).count == shards.count else {
            return "lists a shard twice, or too many"
        }
        var changes = 0
        for shard in shards {
            if let after = shard.after, shard.through.map({ $0 < after }) ?? true {
                return "has a shard that ends before it begins"
            }
            guard shard.changes >= 0, (shard.changes == 0) == (shard.first == nil),
                (shard.last == nil) == (shard.first == nil)
            else { return "has a shard whose changes and times do not agree" }
            if let first = shard.first, let last = shard.last, last < first {
                return "has a shard whose times run backwards"
            }
            let (sum, overflow) = changes.addingReportingOverflow(shard.changes)
            guard !overflow else { return "counts more changes than there can be" }
            changes = sum
        }
        if changes != items { return "has \(items) changes, and its shards have \(changes)" }
        if beginning == nil && from > through { return "ends before it begins" }
        if let aloneFrom, aloneFrom <= from { return "begins alone before it begins" }
        return nil
    }
}
