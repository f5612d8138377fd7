// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveConfig
import VarveModel
import VarvePipeline
import VarveVault

struct CompactVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Merge small segments of captured change logs into segments of a day.",
        discussion: HelpText.of(
            """
            A capture writes a segment a minute; a restore opens each that it needs. This writes one segment for each day (UTC), with the same
            changes in the same order, and leaves the small ones where they are: nothing needs them any longer, and pruning takes them.
            Coverage is the same before and after. The newest segment of a table is left alone, as capture goes on from it.
            """,
            examples: [
                ("compact --dry-run", "what would be merged"),
                ("compact", "all tables' segments that are older than a day"),
                ("compact Orders --older-than 0s", "one table, up to the newest segment"),
            ],
            exits: [.damageFound, .partlyDone, .notFound, .lockedByAnother, .wrongKey, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "Only these tables, by their names in the vault or their ids.") var tables: [String] = []
    @Option(help: "How old a segment must be, e.g. 24h, 7d.") var olderThan = "24h"
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?
    @Flag(help: "Say what would be merged, and write nothing.") var dryRun = false

    func perform() throws -> ExitStatus {
        try CompactStep(tables: tables.map(Home.tableName), olderThan: try Duration(text: olderThan), vault: vault)
            .run(in: try common.home(), common.console, dryRun: dryRun)
    }
}

/// Merging of old segments: what `varve compact` and a job's `compact` step do.
struct CompactStep {
    /// By name or id; all where there are none.
    var tables: [String] = []
    let olderThan: Duration
    let vault: String?

    func run(in home: Home, _ console: Console, dryRun: Bool) throws -> ExitStatus {
        let target = try home.vault(vault)
        let (catalog, _) = try Catalog.settled(target.vault)
        let limit = Instant(microseconds: Instant.now().microseconds - olderThan.components.seconds * 1_000_000)
        for table in tables where catalog.entries(table: table).isEmpty {
            throw UsageError(
                "The vault \(target.name) knows no table '\(table)'. 'varve list' shows what it holds.",
                status: .notFound)
        }
        let names = tables.isEmpty ? Set(catalog.entries.map(\.manifest.table.id)).sorted() : tables
        let runs = names.flatMap { CompactLog.plan(catalog, of: $0, endedBefore: limit) }
        if dryRun {
            for run in runs {
                console.line(
                    "would merge \(Units.counted(run.segments.count, "segment")) of \(run.table.name), \(run.from.rfc3339) to \(run.through.rfc3339), \(Units.counted(run.changes, "change"))"
                )
            }
            console.line("\(Units.counted(runs.count, "segment")) would be written; nothing was")
            try console.event(
                CompactSummary(
                    dryRun: true, vault: target.name, merged: runs.map { CompactRecord($0, nil) }, failed: []))
            return .done
        }
        let stage = CompactLog(try home.archive(target))
        try stage.finishInterrupted(Set(names.flatMap { catalog.entries(table: $0) }.map(\.manifest.table)))
        var outcome = PerTable<CompactRecord>()
        for run in runs {
            try Interrupts.stop.check()
            outcome.attempt(run.table.name, console) {
                let progress = Progress()
                let manifest = try ProgressDisplay.during("compact \(run.table.name)", progress, console) {
                    try stage.run(run, progress: progress, stop: Interrupts.stop)
                }
                let record = CompactRecord(run, manifest)
                console.line(
                    "\(run.table.name)  \(Units.counted(run.segments.count, "segment")) merged, \(run.from.rfc3339) to \(run.through.rfc3339)  \(Units.counted(run.changes, "change"))  \(Units.size(manifest.rawBytes)) -> \(Units.size(manifest.sealedBytes))  id \(manifest.id)"
                )
                return record
            }
        }
        try Interrupts.stop.check()
        console.line(
            (runs.isEmpty
                ? "nothing to merge in vault \(target.name)"
                : "\(Units.counted(outcome.done.count, "segment")) written into vault \(target.name), in place of \(outcome.done.reduce(0) { $0 + $1.segments })")
                + outcome.failureNote)
        try console.event(
            CompactSummary(dryRun: false, vault: target.name, merged: outcome.done, failed: outcome.failed))
        return outcome.status
    }
}

struct CompactRecord: Encodable {
    /// Left out with `--dry-run`.
    let id: String?
    let table: String
    let tableId: String
    /// How many were merged.
    let segments: Int
    let changes: Int
    let from: String
    let through: String
    let rawBytes: Int

    init(_ run: CompactLog.Run, _ manifest: Manifest?) {
        id = manifest?.id
        table = run.table.name
        tableId = run.table.id
        segments = run.segments.count
        changes = run.changes
        from = run.from.rfc3339
        through = run.through.rfc3339
        rawBytes = run.rawBytes
    }
}

private struct CompactSummary: Encodable {
    let type = "summary"
    let dryRun: Bool
    let vault: String
    let merged: [CompactRecord]
    let failed: [TableFailure]
}
