// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarvePipeline
import VarveSchedule
import VarveStore
import VarveVault

/// A report as JSON has it; its page shows these facts and no others.
struct ReportRecord: Encodable {
    /// In JSON, one object: what `coverage --json` has of the table, and what follows here.
    struct Table: Encodable {
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

        let coverage: CoverageRecord
        /// The store that has the table now; left out where none has.
        let store: String?
        let snapshots: Int
        let sweeps: Int
        let shredded: Int
        /// Seconds since the newest snapshot's cut; negative where the clock lies before it.
        let newestAgeSeconds: Int64?
        /// In the order of their cuts.
        let points: [Point]
        let retention: Retention?
        let lastVerified: Verified?
        let lastDrill: Drill?
        let expired: Expired?
    }

    /// What could not be found out, and why.
    struct Unknown: Encodable {
        /// `retention`, `verifications`, `drills`, or `store` with its name.
        let subject: String
        let store: String?
        let code: String
        let reason: String
    }

    let vault: String
    let vaultId: String
    let time: String
    let tool: String
    let tables: [Table]
    let damaged: [DamageRecord]
    let unknown: [Unknown]
    /// How a command ends that tells this.
    let status: ExitStatus

    private enum CodingKeys: CodingKey { case vault, vaultId, time, tool, tables, damaged, unknown }

    func knows(_ subject: String) -> Bool { !unknown.contains { $0.subject == subject } }
}

extension ReportRecord.Unknown {
    init(_ unknown: VaultReport.Unknown) {
        switch unknown.subject {
        case .retention: (subject, store) = ("retention", nil)
        case .verifications: (subject, store) = ("verifications", nil)
        case .drills: (subject, store) = ("drills", nil)
        case .store(let name): (subject, store) = ("store", name)
        }
        let error = ErrorReport(unknown.error)
        code = error.code
        reason = error.chain.map(\.message).joined(separator: " Because: ")
    }

    /// What cannot be said.
    var statement: String {
        switch subject {
        case "retention": "Retention cannot be judged"
        case "verifications": "When recovery points were last verified cannot be told"
        case "drills": "Drills cannot be told"
        default: "Live tables of store \(store ?? "") cannot be told"
        }
    }

    var line: String { "UNKNOWN  \(statement): \(reason) [\(code)]" }
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
        unknown = report.unknown.map(Unknown.init)
        // What is damaged says most; what could not be found out ends as the command that is about it does.
        status =
            report.findings.isEmpty
            ? report.unknown.first.map { ExitStatus(for: $0.error) } ?? .done : ExitStatus(for: report.findings)
        tables = report.tables.map {
            Table($0, at: report.time, verifiedRecord: verifiedRecord, drillRecord: drillRecord)
        }
    }
}

extension ReportRecord.Table {
    init(_ table: VaultReport.Table, at now: Instant, verifiedRecord: String, drillRecord: String) {
        coverage = CoverageRecord(table.coverage)
        store = table.live?.store
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
        retention = table.retention.flatMap { Retention($0, table.coverage, at: now) }
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

extension ReportRecord.Table {
    private enum Key: CodingKey {
        case store, snapshots, sweeps, shredded, newestAgeSeconds, points, retention, lastVerified, lastDrill, expired
    }

    func encode(to encoder: any Encoder) throws {
        try coverage.encode(to: encoder)
        var own = encoder.container(keyedBy: Key.self)
        try own.encodeIfPresent(store, forKey: .store)
        try own.encode(snapshots, forKey: .snapshots)
        try own.encode(sweeps, forKey: .sweeps)
        try own.encode(shredded, forKey: .shredded)
        try own.encodeIfPresent(newestAgeSeconds, forKey: .newestAgeSeconds)
        try own.encode(points, forKey: .points)
        try own.encodeIfPresent(retention, forKey: .retention)
        try own.encodeIfPresent(lastVerified, forKey: .lastVerified)
        try own.encodeIfPresent(lastDrill, forKey: .lastDrill)
        try own.encodeIfPresent(expired, forKey: .expired)
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
