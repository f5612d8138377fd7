// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveConfig
import VarvePipeline
import VarveStore
import VarveVault

struct SweepVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "sweep",
        abstract: "Archive expired items, then delete them.",
        discussion: HelpText.of(
            """
            An item has expired when its time-to-live attribute is a Number of epoch seconds that lies in the past, by more than the grace
            period and not more than five years. Each is archived into a sealed bundle first, and deleted only if it is still the very
            version that was archived. What was swept is listed, and can be restored into a new table.

            With --watch it goes on until it is stopped (SIGTERM or Ctrl-C, exit code 0): each pass takes what has expired, at a cost in
            proportion to that, and says how much is left (backlog) and for how long its oldest item has waited (lag). A pass that fails is
            reported and tried again after the interval.
            """,
            examples: [
                ("sweep Sessions --dry-run", "what would go"),
                ("sweep 'local/*' --grace 7d", "one pass over every table of a store"),
                ("sweep Sessions --watch --every 5m", "until stopped"),
            ],
            exits: [.partlyDone, .notFound, .lockedByAnother, .wrongKey, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "Which tables: STORE/TABLE or TABLE; * and ? match, ! takes out.") var tables: [String]
    @Option(help: "How long an item stays after its time has come, e.g. 7d, 12h.") var grace = "0s"
    @Option(help: "The vault for the archive, where varve.yaml names several.") var to: String?
    @Option(help: "Archive and delete at most this many items of a table in one pass; the rest waits for the next.")
    var maxDeletions: Int?
    @Option(help: "Delete at most this many items of a table in a second.") var deletionsPerSecond: Int?
    @Flag(help: "Go on sweeping until stopped.") var watch = false
    @Option(help: "With --watch: the time from pass to pass while there is no backlog.") var every = "1m"
    @Flag(help: "Count what would be swept, and write nothing.") var dryRun = false

    var endsWhenStopped: Bool { watch }

    func validate() throws {
        if watch && dryRun { throw ValidationError("--dry-run counts once; it cannot be combined with --watch.") }
        if let maxDeletions, maxDeletions < 1 { throw ValidationError("--max-deletions is at least 1.") }
        if let deletionsPerSecond, deletionsPerSecond < 1 {
            throw ValidationError("--deletions-per-second is at least 1.")
        }
    }

    func perform() throws -> ExitStatus {
        let step = SweepStep(
            tables: try TableSelection(patterns: tables), grace: try Duration(text: grace), vault: to,
            limits: SweepLimits(itemsMax: maxDeletions, deletionsPerSecond: deletionsPerSecond))
        let interval = try Duration(text: every)
        let home = try common.home()
        guard watch else { return try step.run(in: home, common.console, dryRun: dryRun) }
        guard interval >= WatchTable.intervalMin else {
            throw UsageError("--every is at least \(WatchTable.intervalMin.text): each pass writes an archive.")
        }
        return try SweepWatch(step: step, interval: interval).run(in: home, common.console)
    }
}

/// One pass over the expired items of a selection of tables: what `varve sweep` and a job's `sweep` step do.
struct SweepStep {
    let tables: TableSelection
    let grace: Duration
    let vault: String?
    var limits = SweepLimits()

    func run(in home: Home, _ console: Console, dryRun: Bool) throws -> ExitStatus {
        let selected = try home.tables(tables)
        let target = try home.vault(vault)
        let stage = SweepTable(try home.archive(target), limits: limits)
        let grace = grace.components.seconds
        var outcome = PerTable<SweepRecord>()
        for table in selected {
            try Interrupts.stop.check()
            outcome.attempt(table.text, console) {
                let report: SweepReport
                if dryRun {
                    report = try stage.plan(store: table.store, table: table.table, graceSeconds: grace)
                } else {
                    let progress = Progress()
                    report = try ProgressDisplay.during("sweep \(table.text)", progress, console) {
                        try stage.run(
                            store: table.store, table: table.table, graceSeconds: grace, progress: progress,
                            stop: Interrupts.stop)
                    }
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

struct SweepRecord: Encodable {
    let table: String
    let archives: [String]
    let expired: Int
    let archived: Int
    let deleted: Int
    let changed: Int
    let gone: Int
    let milliseconds: Int
    /// Expired and still there at the end, and for how many seconds the oldest of them has waited.
    let backlog: Int?
    let lagSeconds: Int64?
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
        backlog = report.backlog?.items
        lagSeconds = report.backlog?.lagSeconds
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
        if !dryRun, let backlog, let lagSeconds, backlog > 0 {
            lines.append(
                "\(table): backlog \(Units.counted(backlog, "item")), the oldest due for \(Units.span(seconds: Double(lagSeconds)))"
            )
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
