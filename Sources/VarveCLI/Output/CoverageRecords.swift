// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarvePipeline
import VarveVault

/// To which instants a table can be restored, as `coverage` tells it, and `report` among other things.
struct CoverageRecord: Encodable {
    struct Interval: Encodable {
        let from: String
        let through: String
        /// The snapshot with which it begins, and how many lie in it.
        let base: String
        let snapshots: Int
    }

    struct Log: Encodable {
        let segments: Int
        let changes: Int
        let sealedBytes: Int
        let through: String
        let ended: Bool
    }

    let table: String
    let tableId: String
    /// Left out where the log was never captured.
    let log: Log?
    let intervals: [Interval]
    let holes: [HoleRecord]
    /// Whether a hole waits for a snapshot.
    let open: Bool

    init(_ coverage: Coverage) {
        table = coverage.table.name
        tableId = coverage.table.id
        log = coverage.through.map {
            Log(
                segments: coverage.segments, changes: coverage.changes, sealedBytes: coverage.sealedBytes,
                through: $0.rfc3339, ended: coverage.hasEnded)
        }
        intervals = coverage.intervals.map {
            Interval(from: $0.from.rfc3339, through: $0.through.rfc3339, base: $0.base, snapshots: $0.snapshots)
        }
        holes = coverage.holes.map { HoleRecord($0, table: coverage.table.name) }
        open = coverage.isOpen
    }
}

/// A hole as commands tell it.
struct HoleRecord: Encodable {
    let table: String
    let cause: String
    /// The log is whole up to here, and again behind `to`; left out where it is not known, or not so yet.
    let from: String?
    let to: String?
    let shard: String?
    let segment: String?
    /// The first instant after it to which the table can be restored; left out until a snapshot was taken.
    let restorableFrom: String?

    init(_ hole: Coverage.Hole, table: String) {
        self.table = table
        cause = hole.cause.rawValue
        from = hole.from?.rfc3339
        to = hole.to?.rfc3339
        shard = hole.shard
        segment = hole.segment
        restorableFrom = hole.restorableFrom?.rfc3339
    }

    /// A hole that a capture has just recorded.
    init(_ cause: Coverage.Hole.Cause, table: String, from: Instant?, to: Instant, shard: String?, segment: String) {
        self.table = table
        self.cause = cause.rawValue
        self.from = from?.rfc3339
        self.to = to.rfc3339
        self.shard = shard
        self.segment = segment
        restorableFrom = nil
    }

    var reason: String {
        switch Coverage.Hole.Cause(rawValue: cause) {
        case .trimmed: "the store's log was trimmed before it was captured"
        case .rewound: "the store was put back to an earlier state"
        case .unreadable: "a change in the store's log could not be read"
        case .streamReplaced: "the stream was switched off and on again"
        case .loaded: "items were restored or imported into the table without a record of each"
        case .missing: "a segment is missing"
        case .damaged: "a segment is damaged or incomplete"
        case .shredded: "the keys of a segment were destroyed on purpose"
        case .recreated: "the table was dropped and made again"
        case nil: cause
        }
    }

    var line: String {
        "HOLE  \(table)  \(from.map { "after \($0)" } ?? "from the beginning")\(to.map { " through \($0)" } ?? ", to the end")  \(reason)"
            + (restorableFrom.map { "; restorable again from \($0)" } ?? "; not restorable since: take a snapshot")
    }
}
