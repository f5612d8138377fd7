// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarvePipeline
import VarveSchedule
import VarveVault

/// Why something is kept or goes: a word for scripts, and what people read.
struct ReasonRecord: Encodable {
    let rule: String
    let detail: String

    init(_ reason: KeepReason) {
        rule = reason.word
        detail = reason.description
    }

    init(_ reason: GoReason) {
        rule = reason.rawValue
        detail = reason.description
    }
}

extension RetentionPlan.Verdict {
    /// `kept` or `goes`.
    var word: String { goes == nil ? "kept" : "goes" }
    var reasons: [ReasonRecord] { goes.map { [ReasonRecord($0)] } ?? kept.map(ReasonRecord.init) }
}

/// A recovery point in a plan.
struct VerdictRecord: Encodable {
    let id: String
    let kind: String
    let table: String
    let tableId: String
    let cut: String
    let sealedBytes: Int
    /// `kept` or `goes`.
    let verdict: String
    let reasons: [ReasonRecord]

    init(_ point: RetentionFacts.Point, _ verdict: RetentionPlan.Verdict, _ table: Manifest.TableIdentity) {
        id = point.id
        kind = point.kind.rawValue
        self.table = table.name
        tableId = table.id
        cut = point.time.rfc3339
        sealedBytes = point.sealedBytes
        self.verdict = verdict.word
        reasons = verdict.reasons
    }
}

/// A table's captured log in a plan.
struct LogVerdictRecord: Encodable {
    let table: String
    let tableId: String
    let segments: Int
    /// How many segments go, from the beginning of the log.
    let going: Int
    let goingBytes: Int
    /// Segments that were merged into others and are still there, and how many of them go.
    let merged: Int
    let mergedGoing: Int
    /// The second up to which the log goes; left out where none of it does.
    let goesBefore: String?
    /// Why they go; or why the first one is kept.
    let reasons: [ReasonRecord]

    init?(_ plan: RetentionPlan) {
        guard let first = plan.segments.first else { return nil }
        table = plan.facts.table.name
        tableId = plan.facts.table.id
        segments = plan.segments.count
        let going = zip(plan.facts.segments, plan.segments).filter { $0.1.goes != nil }
        self.going = going.count
        merged = plan.merged.count
        let mergedGoing = zip(plan.facts.merged, plan.merged).filter { $0.1.goes != nil }
        self.mergedGoing = mergedGoing.count
        goingBytes = (going + mergedGoing).reduce(0) { $0 + $1.0.sealedBytes }
        goesBefore = plan.logGoesBefore?.rfc3339
        reasons = first.reasons
    }

    var line: String {
        let why = reasons.map(\.detail).joined(separator: ", ")
        let small =
            merged == 0
            ? "" : "; of \(Units.counted(merged, "segment")) merged into others \(Units.count(mergedGoing)) go"
        return
            (goesBefore.map {
                "log of \(table)  \(Units.count(going)) of \(Units.counted(segments, "segment")) go, before \($0), \(Units.size(goingBytes))  \(why)"
            } ?? "log of \(table)  \(Units.counted(segments, "segment")), all kept  \(why)") + small
    }
}

/// What was removed before, and is still there or has just gone.
struct RemainsRecord: Encodable {
    let id: String
    let kind: String
    let table: String
    let removed: String
    let bytes: Int
    /// Why its bytes stay for now; left out where they go.
    let stays: String?

    init(_ remains: RemovedRemains, stays: String?) {
        id = remains.id
        kind = remains.kind.rawValue
        table = remains.table.name
        removed = remains.removed.rfc3339
        bytes = remains.bytes
        self.stays = stays
    }
}

/// The end of a prune.
struct PruneSummary: Encodable {
    let type = "summary"
    let vault: String
    let dryRun: Bool
    /// Every recovery point of the tables that were looked at, in order of table and time.
    let points: [VerdictRecord]
    let logs: [LogVerdictRecord]
    /// What was removed earlier: of what `stays` is left out, the bytes go.
    let removed: [RemainsRecord]
    /// The records in the vault that this run wrote.
    let records: [String]

    init(_ plan: PruneVault.Plan, vault: String, dryRun: Bool) {
        self.vault = vault
        self.dryRun = dryRun
        points = plan.tables.flatMap { table in
            let facts = table.plan.facts
            return zip(facts.points, table.plan.points).sorted { ($0.0.time, $0.0.id) < ($1.0.time, $1.0.id) }.map {
                VerdictRecord($0.0, $0.1, facts.table)
            }
        }
        logs = plan.tables.compactMap { LogVerdictRecord($0.plan) }
        removed = plan.remains.map { RemainsRecord($0.remains, stays: $0.stays) }
        records = plan.records
    }

    func tell(_ console: Console) {
        console.table(
            ["ID", "TABLE", "KIND", "CUT", "STORED", "", "BECAUSE"],
            points.map {
                [
                    $0.id, $0.table, $0.kind, $0.cut, Units.size($0.sealedBytes),
                    $0.verdict == "goes" ? "GOES" : "kept",
                    $0.reasons.map(\.detail).joined(separator: ", "),
                ]
            }, right: [4])
        for log in logs { console.line(log.line) }
        for remains in removed where remains.kind != "log" {
            console.line(
                "removed \(remains.removed)  \(remains.id)  \(remains.table)  \(Units.size(remains.bytes))  "
                    + (remains.stays.map { "stays: \($0)" } ?? (dryRun ? "its bytes would go" : "its bytes are gone")))
        }
        let going = points.filter { $0.verdict == "goes" }
        let segments = logs.reduce(0) { $0 + $1.going + $1.mergedGoing }
        let bytes = going.reduce(0) { $0 + $1.sealedBytes } + logs.reduce(0) { $0 + $1.goingBytes }
        console.line(
            "vault \(vault): \(Units.counted(points.count, "recovery point")), \(Units.count(points.count - going.count)) kept; "
                + "\(Units.count(going.count)) and \(Units.counted(segments, "segment")) \(dryRun ? "would be removed" : "removed") (\(Units.size(bytes)))"
        )
        if !records.isEmpty { console.line("until their bytes go, 'varve prune --undo ID' takes a removal back") }
        if removed.isEmpty { return }
        let taken = removed.filter { $0.stays == nil }
        console.line(
            "of \(Units.count(removed.count)) removed before, \(Units.count(taken.count)) \(dryRun ? "would lose" : "lost") their bytes "
                + "(\(Units.size(taken.reduce(0) { $0 + $1.bytes })))")
    }
}
