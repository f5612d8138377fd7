// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarvePipeline
import VarveSchedule
import VarveStore
import VarveVault

/// A report as JSON has it; its page shows these facts and no others.
struct ReportRecord: Encodable {
    struct Table: Encodable {
        struct Interval: Encodable {
            let from: String
            let through: String
            /// The snapshot with which it begins.
            let base: String
        }

        /// A snapshot or the archive of a sweep.
        struct Point: Encodable {
            let id: String
            let kind: String
            let cut: String
            let items: Int
            let rawBytes: Int
            let sealedBytes: Int
            /// The object that says so.
            let manifest: String
        }

        struct Log: Encodable {
            let segments: Int
            let changes: Int
            let sealedBytes: Int
            let through: String
            let ended: Bool
        }

        struct Retention: Encodable {
            let policy: String
            let zone: String
            let kept: Int
            /// What the next prune removes.
            let goes: Int
            /// How many are kept for each reason; one may have several.
            let reasons: [String: Int]
            /// The beginning of the window in which every second must be restorable, where the policy has one.
            let pointInTimeFrom: String?
            /// The instant from which on every one is restorable up to the end of the log.
            let restorableFrom: String?
        }

        struct Verified: Encodable {
            let id: String
            let time: String
            let record: String
        }

        struct Drill: Encodable {
            let time: String
            let at: String
            let base: String
            let segments: Int
            let items: Int?
            let seconds: Double
            /// The code of the error; left out where it passed.
            let failure: String?
            let record: String
        }

        struct Expired: Encodable {
            let items: Int
            let lagSeconds: Int64
        }

        let name: String
        let id: String
        /// The store that has the table now; left out where none has.
        let store: String?
        let intervals: [Interval]
        let holes: [HoleRecord]
        /// Whether a hole waits for a snapshot.
        let open: Bool
        let log: Log?
        let snapshots: Int
        let sweeps: Int
        let shredded: Int
        /// Seconds since the newest snapshot's cut.
        let newestAgeSeconds: Int64?
        /// In the order of their cuts.
        let points: [Point]
        let retention: Retention?
        let lastVerified: Verified?
        let lastDrill: Drill?
        let expired: Expired?
    }

    let vault: String
    let vaultId: String
    let time: String
    let tool: String
    let tables: [Table]
    let damaged: [DamageRecord]
}

extension ReportRecord {
    /// - Parameters:
    ///   - verifiedRecord: where verifications are on record, and `drillRecord` drills.
    init(_ report: VaultReport, vault: String, tool: String, verifiedRecord: String, drillRecord: String) {
        self.vault = vault
        vaultId = report.vault
        time = report.time.rfc3339
        self.tool = tool
        damaged = report.findings.map(DamageRecord.init)
        tables = report.tables.map {
            Table($0, at: report.time, verifiedRecord: verifiedRecord, drillRecord: drillRecord)
        }
    }
}

extension ReportRecord.Table {
    init(_ table: VaultReport.Table, at now: Instant, verifiedRecord: String, drillRecord: String) {
        let coverage = table.coverage
        name = table.identity.name
        id = table.identity.id
        store = table.live?.store
        intervals = coverage.intervals.map {
            Interval(from: $0.from.rfc3339, through: $0.through.rfc3339, base: $0.base)
        }
        holes = coverage.holes.map { HoleRecord($0, table: coverage.table.name) }
        open = coverage.isOpen
        log = coverage.through.map {
            Log(
                segments: coverage.segments, changes: coverage.changes, sealedBytes: coverage.sealedBytes,
                through: $0.rfc3339, ended: coverage.hasEnded)
        }
        snapshots = table.snapshots.count
        sweeps = table.sweeps.count
        shredded = table.shredded
        newestAgeSeconds = table.snapshots.last.map {
            (now.microseconds - $0.consistency.cut.time.microseconds) / 1_000_000
        }
        points = table.points.map {
            Point(
                id: $0.id, kind: $0.kind.rawValue, cut: $0.consistency.cut.time.rfc3339, items: $0.items,
                rawBytes: $0.rawBytes, sealedBytes: $0.sealedBytes, manifest: $0.path)
        }
        retention = table.retention.flatMap { Retention($0, coverage, at: now) }
        lastVerified = table.lastVerified.map {
            Verified(id: $0.id, time: $0.time.rfc3339, record: verifiedRecord)
        }
        lastDrill = table.lastDrill.map {
            Drill(
                time: $0.time.rfc3339, at: $0.at.rfc3339, base: $0.base, segments: $0.segments, items: $0.items,
                seconds: $0.seconds, failure: $0.failure, record: drillRecord)
        }
        expired = table.live?.expired.map { Expired(items: $0.items, lagSeconds: $0.lagSeconds) }
    }
}

extension ReportRecord.Table.Retention {
    init?(_ table: PruneVault.Plan.Table, _ coverage: Coverage, at now: Instant) {
        guard let rule = table.rule else { return nil }
        policy = "\(rule.policy)"
        zone = rule.zone.name
        kept = table.plan.points.count { $0.goes == nil }
        goes = table.plan.points.count { $0.goes != nil }
        var reasons: [String: Int] = [:]
        for reason in table.plan.points.flatMap(\.kept) { reasons[reason.word, default: 0] += 1 }
        self.reasons = reasons
        pointInTimeFrom = rule.policy.pointInTime.map { now.before($0).rfc3339 }
        restorableFrom = coverage.intervals.last { $0.through == coverage.through }.map(\.from.rfc3339)
    }
}
