// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveConfig
import VarvePipeline
import VarveVault

struct SweepVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "sweep",
        abstract: "Archive expired items, then delete them.",
        discussion: """
            An item has expired when its time-to-live attribute is a Number of epoch seconds that lies in the past, by more than the grace
            period and not more than five years. Each is archived into a sealed bundle first, and deleted only if it is still the very
            version that was archived. What was swept is listed, and can be restored into a new table.
            """)

    @OptionGroup var common: CommonOptions
    @Argument(help: "Which tables: STORE/TABLE or TABLE; * and ? match, ! takes out.") var tables: [String]
    @Option(help: "How long an item stays after its time has come, e.g. 7d, 12h.") var grace = "0s"
    @Option(help: "The vault for the archive, where varve.yaml names several.") var to: String?
    @Flag(help: "Count what would be swept, and write nothing.") var dryRun = false

    func perform() throws -> ExitStatus {
        let step = SweepStep(tables: try TableSelection(patterns: tables), grace: try Duration(text: grace), vault: to)
        return try step.run(in: try common.home(), common.console, dryRun: dryRun)
    }
}

/// One pass over the expired items of a selection of tables: what `varve sweep` and a job's `sweep` step do.
struct SweepStep {
    let tables: TableSelection
    let grace: Duration
    let vault: String?

    func run(in home: Home, _ console: Console, dryRun: Bool) throws -> ExitStatus {
        let selected = try home.tables(tables)
        let target = try home.vault(vault)
        let stage = SweepTable(try home.archive(target))
        var outcome = PerTable<SweepRecord>()
        for table in selected {
            try Interrupts.stop.check()
            outcome.attempt(table.text, console) {
                let progress = Progress()
                let report = try ProgressDisplay.during("sweep \(table.text)", progress, console) {
                    try stage.run(
                        store: table.store, table: table.table, graceSeconds: grace.components.seconds, dryRun: dryRun,
                        progress: progress,
                        stop: Interrupts.stop)
                }
                let record = SweepRecord(table: table.text, report, dryRun: dryRun)
                for line in record.lines { console.line(line) }
                return record
            }
        }
        try Interrupts.stop.check()
        try console.event(
            SweepSummary(vault: target.name, dryRun: dryRun, sweeps: outcome.done, failed: outcome.failed))
        return outcome.status
    }
}

private struct SweepRecord: Encodable {
    let table: String
    let archives: [String]
    let expired: Int
    let archived: Int
    let deleted: Int
    let changed: Int
    let gone: Int
    let milliseconds: Int
    let dryRun: Bool

    init(table: String, _ report: SweepReport, dryRun: Bool) {
        self.table = table
        archives = report.archives
        expired = report.expired
        archived = report.archived
        deleted = report.deleted
        changed = report.changed
        gone = report.gone
        milliseconds = report.looksLikeMilliseconds
        self.dryRun = dryRun
    }

    var lines: [String] {
        var lines: [String] = []
        if dryRun {
            lines.append("\(table): \(Units.counted(expired, "item")) expired; would be archived and deleted")
        } else if expired == 0 {
            lines.append("\(table): nothing has expired")
        } else {
            lines.append(
                "\(table): \(Units.counted(expired, "item")) expired, \(Units.count(archived)) archived, \(Units.count(deleted)) deleted"
                    + (changed + gone > 0
                        ? "; left alone because they changed meanwhile: \(Units.count(changed)), already gone: \(Units.count(gone))"
                        : "")
                    + (archives.isEmpty ? "" : "; archive " + archives.joined(separator: ", ")))
        }
        if milliseconds > 0 {
            lines.append(
                "\(table): warning: \(Units.counted(milliseconds, "item")) will not expire for more than 100 years; their values look like milliseconds, and time to live counts seconds"
            )
        }
        return lines
    }
}

private struct SweepSummary: Encodable {
    let type = "summary"
    let vault: String
    let dryRun: Bool
    let sweeps: [SweepRecord]
    let failed: [TableFailure]
}
