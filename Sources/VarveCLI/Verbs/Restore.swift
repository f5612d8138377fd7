// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveModel
import VarvePipeline
import VarveVault

struct RestoreVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Restore a snapshot, or what a sweep archived, into a new table.",
        discussion: HelpText.of(
            """
            The new table gets the schema, index definitions and tags of the old one. Its time-to-live setting is kept but off, so that
            nothing expires before you have looked: 'varve table ttl NEW --on' turns it on.
            """,
            examples: [
                ("restore Orders --as Orders2 --latest --plan", "what would be read and written"),
                ("restore Orders --as Orders2 --latest", "the newest snapshot"),
                ("restore Orders --as Orders2 --id 3k4ljtz", "a certain one, by the beginning of its id"),
            ],
            exits: [.damageFound, .notFound, .lockedByAnother, .wrongKey, .configurationInvalid, .refused]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "The table's name in the vault.") var table: String
    @Option(name: .customLong("as"), help: "The new table: STORE/TABLE, or TABLE where there is one store.") var target:
        String
    @Option(help: "The recovery point: its id or a unique beginning of it.") var id: String?
    @Flag(help: "The newest snapshot of the table.") var latest = false
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?
    @Flag(name: [.long, .customLong("dry-run")], help: "Print what would be read and written, and write nothing.")
    var plan = false

    func validate() throws {
        if latest == (id != nil) { throw ValidationError("Say which recovery point: either --latest or --id ID.") }
    }

    func perform() throws -> ExitStatus {
        let home = try common.home()
        let console = common.console
        let source = try home.vault(vault)
        let point = try RecoveryPoints(source.vault).find(table: Home.tableName(table), id: id)
        let manifest = point.manifest
        let new = try home.table(target)
        if plan {
            let plan = RestorePlan(manifest, vault: source.name, target: new.text, exists: try new.exists())
            for line in plan.lines { console.line(line) }
            try console.document(plan)
            return plan.possible ? .done : .failed
        }
        let stage = RestoreTable(vault: source.vault, keys: try home.keys(), workers: home.workers)
        let progress = Progress()
        let clock = ContinuousClock()
        var result: RestoreResult?
        let took = try clock.measure {
            result = try ProgressDisplay.during("restore \(new.text)", progress, console) {
                try stage.run(point, as: new.table, into: new.store, progress: progress, stop: Interrupts.stop)
            }
        }
        guard let result else { return .failed }
        let seconds = took.seconds
        console.line(
            "\(new.text): \(Units.counted(result.items, "item")), \(Units.size(result.rawBytes)) restored from \(manifest.id) (cut \(manifest.consistency.cut.time.rfc3339)) in \(Units.span(seconds: seconds)); equal to the snapshot"
        )
        if result.timeToLiveOff {
            console.line("time to live is kept but off: 'varve table ttl \(new.text) --on' turns it on")
        }
        try console.event(
            RestoreSummary(
                id: manifest.id, source: manifest.table.name, table: new.text, vault: source.name,
                cut: manifest.consistency.cut.time.rfc3339,
                items: result.items, rawBytes: result.rawBytes, seconds: seconds, timeToLiveOff: result.timeToLiveOff))
        return .done
    }
}

/// What a restore would read and write.
struct RestorePlan: Encodable {
    let dryRun = true
    let id: String
    let source: String
    let target: String
    let vault: String
    let cut: String
    let consistency: String
    let bundles: Int
    let bytesToRead: Int
    let items: Int
    let rawBytes: Int
    let possible: Bool

    init(_ manifest: Manifest, vault: String, target: String, exists: Bool) {
        id = manifest.id
        source = manifest.table.name
        self.target = target
        self.vault = vault
        cut = manifest.consistency.cut.time.rfc3339
        consistency = manifest.consistency.method
        bundles = manifest.bundles.count
        bytesToRead = manifest.sealedBytes
        items = manifest.items
        rawBytes = manifest.rawBytes
        possible = !exists
    }

    var lines: [String] {
        [
            "would restore \(source) as it was at \(cut) (\(consistency), recovery point \(id))",
            "  read   \(Units.counted(bundles, "bundle")), \(Units.size(bytesToRead)), from vault \(vault)",
            "  write  \(Units.counted(items, "item")), \(Units.size(rawBytes)), into the new table \(target)",
            possible ? "nothing was written" : "not possible: the table \(target) exists; choose another name",
        ]
    }
}

private struct RestoreSummary: Encodable {
    let type = "summary"
    let id: String
    let source: String
    let table: String
    let vault: String
    let cut: String
    let items: Int
    let rawBytes: Int
    let seconds: Double
    let timeToLiveOff: Bool
}
