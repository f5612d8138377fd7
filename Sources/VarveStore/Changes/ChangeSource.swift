// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// The change stream of one table: the seam between capture and whatever keeps a log of changes.
///
/// A stream has shards that split, merge and end. Changes of one item come in order within a lineage of shards, parents before children; across
/// lineages there is no order. An implementation promises:
///
/// - A shard's records come in ascending order of position, and each record that it still holds comes to whoever reads on from a position before
///   it. A record may come more than once.
/// - Nothing is left out silently: where some of what follows a position is gone, reading says ``ChangeReading/lost(_:next:)``.
/// - The shards that one shard is split into are listed together, and before it goes from the stream.
/// - What follows a closed shard is listed soon. Who begins in the middle of a stream looks some times, and then counts it as gone.
/// - What is said of times holds: after `.nothingNew(through:)` no later record of that shard, and of no shard that follows it, was written at or
///   before that instant.
/// - It is callable from any thread.
///
/// `ChangeSourceTests` holds every implementation to it.
package protocol ChangeSource: Sendable {
    /// The stream that is there now, with every shard that it still knows.
    func describe() throws -> ChangeStream

    /// Records of a shard behind a position, or from its beginning; at most `limit`, and fewer where they are large.
    func read(_ shard: String, after position: ChangePosition?, limit: Int) throws -> ChangeReading

    /// Lets the stream's own time come up to now, so that quiet can be told from lag.
    ///
    /// - Returns: The instant through which a reading that begins after this, and comes to the end, is complete.
    func settle() throws -> Instant
}

/// A stream as its source describes it.
package struct ChangeStream: Sendable, Equatable {
    /// Another one for every stream: a stream that was switched off and on again, and a table that was dropped and made again, have another.
    package let id: String
    /// The table as it is now, or as it was last.
    package let table: TableDescription
    package let shards: [ChangeShard]
    /// The stream was switched off, or its table dropped: no shard will ever be added.
    package let isEnded: Bool

    package init(id: String, table: TableDescription, shards: [ChangeShard], isEnded: Bool) {
        self.id = id
        self.table = table
        self.shards = shards
        self.isEnded = isEnded
    }
}

/// One shard of a stream.
package struct ChangeShard: Sendable, Hashable {
    package let id: String
    /// The shards whose items it took over. They may be gone from the stream by now, or not be listed yet.
    package let parents: [String]
    /// Whether changes may still be added.
    package let isOpen: Bool
    /// What lies at or before this position is gone; `nil` where nothing is.
    package let horizon: ChangePosition?

    package init(id: String, parents: [String], isOpen: Bool, horizon: ChangePosition?) {
        self.id = id
        self.parents = parents
        self.isOpen = isOpen
        self.horizon = horizon
    }
}

/// What a look at a shard gave.
package enum ChangeReading: Sendable {
    case page(ChangePage)
    /// Some of what follows the position is not to be had any more. Reading can go on behind `next`.
    case lost(ChangeLoss, next: ChangePosition?)
}

/// Why changes are not to be had any more.
package enum ChangeLoss: String, Sendable {
    /// The stream's retention took them.
    case trimmed
    /// The stream ends before the position: it was put back to an earlier state, and what follows is another history.
    case rewound
    /// What is stored does not open, or is not what was written.
    case unreadable
}

package struct ChangePage: Sendable {
    package enum End: Sendable, Equatable {
        /// There may be more at once.
        case more
        /// This is all that there was; whatever comes later in this shard is later than that instant.
        case nothingNew(through: Instant)
        /// The shard has ended, and this is the last of it.
        case closed
    }

    package let records: [StreamedChange]
    /// How far the shard has been read with this page; it may lie behind the last record. `nil`: no farther than before.
    package let through: ChangePosition?
    package let end: End

    package init(records: [StreamedChange], through: ChangePosition?, end: End) {
        self.records = records
        self.through = through
        self.end = end
    }
}

/// A change as a stream gives it.
package struct StreamedChange: Sendable {
    package let position: ChangePosition
    /// As the stream gives it: rounded, and not always in order.
    package let time: Instant
    package let event: ChangeEvent
    /// `nil` where the stream does not say.
    package let actor: ChangeActor?
    package let run: String?
    /// Canonical bytes of an item that has the key attributes only; for changes of items.
    package let keys: [UInt8]?
    package let newImage: [UInt8]?
    package let oldImage: [UInt8]?
    /// How many items came, for ``ChangeEvent/loaded``.
    package let items: Int?

    package init(
        position: ChangePosition, time: Instant, event: ChangeEvent, actor: ChangeActor?, run: String?, keys: [UInt8]?,
        newImage: [UInt8]?, oldImage: [UInt8]?, items: Int?
    ) {
        self.position = position
        self.time = time
        self.event = event
        self.actor = actor
        self.run = run
        self.keys = keys
        self.newImage = newImage
        self.oldImage = oldImage
        self.items = items
    }
}
