// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SystemPackage
import VarveConfig
import VarveModel
import VarvePipeline
import VarveVault

struct DrillVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract:
            "Restore a table into a scratch table, compare every item, drop it, and say how long it took.",
        discussion: HelpText.of(
            """
            Without a table, every table that the vault has a snapshot of is drilled: its newest snapshot, or with --at random any instant that
            is covered, picked by chance. What comes back out of a log is compared with an independent replay of it. Each drill, passed or
            failed, is put on the home's record.
            """,
            examples: [
                ("drill", "every table's newest snapshot"),
                ("drill Orders --at random", "one table, as it was at some instant"),
                ("drill Orders --at latest", "the end of its captured log"),
            ],
            exits: [.partlyDone, .damageFound, .notFound, .wrongKey, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "Tables, by their names in the vault; * and ? match.") var tables: [String] = []
    @Option(help: "Which state: snapshot (the newest one), latest (the end of the log), or random.") var at = "snapshot"
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?

    func perform() throws -> ExitStatus {
        let selection = try TableSelection(patterns: tables.isEmpty ? ["*"] : tables)
        let step = DrillStep(tables: .selected(selection), at: try Job.DrillTime(text: at), vault: vault)
        return try step.run(in: try common.home(), common.console)
    }
}

/// Restores done to prove that restoring works: what `varve drill` and a job's `drill` step do.
struct DrillStep {
    let tables: Job.DrillTables
    let at: Job.DrillTime
    let vault: String?

    func run(in home: Home, _ console: Console) throws -> ExitStatus {
        let source = try home.vault(vault)
        let (catalog, _) = try Catalog.settled(source.vault)
        let newest = choose(among: RecoveryPoints(catalog).newestSnapshots(), home.configuration)
        let stage = DrillTable(
            vault: source.vault, keys: try home.keys(), workers: home.workers,
            scratch: home.configuration.state.appending("drills"))
        try Files.makeFolder(home.configuration.state)
        let record = home.drills
        var outcome = PerTable<DrillSummary.Drill>()
        for snapshot in newest {
            try Interrupts.stop.check()
            outcome.attempt(snapshot.manifest.table.name, console) {
                let point = try point(snapshot, catalog)
                let drill = try run(point, stage, record, source, console)
                console.line(drill.line)
                return drill
            }
        }
        try Interrupts.stop.check()
        console.line(
            newest.isEmpty
                ? "nothing to drill: vault \(source.name) has no snapshot of such a table"
                : "\(Units.counted(outcome.done.count, "drill")) passed" + outcome.failureNote)
        try console.event(DrillSummary(vault: source.name, drills: outcome.done, failed: outcome.failed))
        return newest.isEmpty ? .notFound : outcome.status
    }

    private func run(
        _ point: PointInTime, _ stage: DrillTable, _ record: DrillRecord, _ source: OpenVault, _ console: Console
    ) throws -> DrillSummary.Drill {
        let progress = Progress()
        let began = ContinuousClock.now
        func note(items: Int?, failure: String?) throws {
            try record.append(
                DrillEntry(
                    vault: source.vault.id, time: .now(), table: point.table,
                    at: point.time ?? point.base.manifest.consistency.cut.time, base: point.base.manifest.id,
                    segments: point.segments.count, items: items, seconds: (ContinuousClock.now - began).seconds,
                    failure: failure))
        }
        do {
            let result = try ProgressDisplay.during("drill \(point.table.name)", progress, console) {
                try stage.run(point, progress: progress, stop: Interrupts.stop)
            }
            let seconds = (ContinuousClock.now - began).seconds
            try note(items: result.items, failure: nil)
            return DrillSummary.Drill(point, result, seconds: seconds)
        } catch {
            // One that was stopped says nothing about the vault.
            if !Interrupts.stop.isRaised { try? note(items: nil, failure: ErrorReport(error).code) }
            throw error
        }
    }

    private func point(_ snapshot: Catalog.Entry, _ catalog: Catalog) throws -> PointInTime {
        let table = snapshot.manifest.table
        switch at {
        case .snapshot: return PointInTime(snapshot)
        case .latest:
            return try .find(
                try PastStateOptions.target(at: "latest", of: table.id, in: catalog), of: table.id, in: catalog)
        case .random:
            var random = SystemRandomNumberGenerator()
            let coverages = Coverage.all(in: catalog, of: table.name)
            guard let (table, instant) = Coverage.randomInstant(of: coverages, using: &random) else {
                return PointInTime(snapshot)
            }
            return try .find(.time(instant), of: table.id, in: catalog)
        }
    }

    private func choose(among newest: [Catalog.Entry], _ configuration: VarveConfiguration) -> [Catalog.Entry] {
        switch tables {
        case .selected(let selection):
            // A vault knows tables by their own names, whatever store they came from.
            return newest.filter { point in
                configuration.stores.contains { selection.includes(store: $0.name, table: point.manifest.table.name) }
            }
        case .count(let count):
            return Array(newest.shuffled().prefix(count))
        }
    }
}

private struct DrillSummary: Encodable {
    let type = "summary"
    let vault: String
    let drills: [Drill]
    let failed: [TableFailure]

    struct Drill: Encodable {
        /// The snapshot that it began with.
        let id: String
        let table: String
        let at: String
        let segments: Int
        let changes: Int
        let items: Int
        let rawBytes: Int
        let seconds: Double

        init(_ point: PointInTime, _ result: RestoreResult, seconds: Double) {
            id = point.base.manifest.id
            table = point.table.name
            at = (point.time ?? point.base.manifest.consistency.cut.time).rfc3339
            segments = point.segments.count
            changes = result.changes
            items = result.items
            rawBytes = result.rawBytes
            self.seconds = seconds
        }

        var line: String {
            let restored =
                "\(table): \(Units.counted(items, "item")) restored and read back in \(Units.span(seconds: seconds))"
            return segments == 0
                ? "\(restored), equal to snapshot \(id)"
                : "\(restored), as of \(at), equal to a replay of \(Units.counted(changes, "change")) onto snapshot \(id)"
        }
    }
}
