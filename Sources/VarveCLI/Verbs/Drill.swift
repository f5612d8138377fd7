// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SystemPackage
import VarveConfig
import VarvePipeline
import VarveVault

struct DrillVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract:
            "Restore the newest snapshot into a scratch table, compare every item, drop it, and say how long it took.",
        discussion: HelpText.of(
            "Without a table, every table that the vault has a snapshot of is drilled.",
            examples: [
                ("drill", "every table's newest snapshot"),
                ("drill Orders", "one table"),
            ],
            exits: [.partlyDone, .damageFound, .notFound, .wrongKey, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "Tables, by their names in the vault; * and ? match.") var tables: [String] = []
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?

    func perform() throws -> ExitStatus {
        let selection = try TableSelection(patterns: tables.isEmpty ? ["*"] : tables)
        let step = DrillStep(tables: .selected(selection), vault: vault)
        return try step.run(in: try common.home(), common.console)
    }
}

/// Restores done to prove that restoring works: what `varve drill` and a job's `drill` step do.
struct DrillStep {
    let tables: Job.DrillTables
    let vault: String?

    func run(in home: Home, _ console: Console) throws -> ExitStatus {
        let source = try home.vault(vault)
        let points = choose(among: try RecoveryPoints(source.vault).newestSnapshots(), home.configuration)
        let stage = DrillTable(
            vault: source.vault, keys: try home.keys(), workers: home.workers,
            scratch: home.configuration.state.appending("drills"))
        var outcome = PerTable<DrillRecord>()
        for point in points {
            try Interrupts.stop.check()
            let manifest = point.manifest
            outcome.attempt(manifest.table.name, console) {
                let progress = Progress()
                let began = ContinuousClock.now
                let result = try ProgressDisplay.during("drill \(manifest.table.name)", progress, console) {
                    try stage.run(point, progress: progress, stop: Interrupts.stop)
                }
                let record = DrillRecord(
                    id: manifest.id, table: manifest.table.name, items: result.items, rawBytes: result.rawBytes,
                    seconds: (ContinuousClock.now - began).seconds)
                console.line(
                    "\(record.table): \(Units.counted(record.items, "item")) restored and read back in \(Units.span(seconds: record.seconds)), equal to snapshot \(record.id)"
                )
                return record
            }
        }
        try Interrupts.stop.check()
        console.line(
            points.isEmpty
                ? "nothing to drill: vault \(source.name) has no snapshot of such a table"
                : "\(Units.counted(outcome.done.count, "drill")) passed" + outcome.failureNote)
        try console.event(DrillSummary(vault: source.name, drills: outcome.done, failed: outcome.failed))
        return points.isEmpty ? .notFound : outcome.status
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

private struct DrillRecord: Encodable {
    let id: String
    let table: String
    let items: Int
    let rawBytes: Int
    let seconds: Double
}

private struct DrillSummary: Encodable {
    let type = "summary"
    let vault: String
    let drills: [DrillRecord]
    let failed: [TableFailure]
}
