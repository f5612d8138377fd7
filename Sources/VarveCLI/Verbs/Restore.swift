// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveModel
import VarvePipeline
import VarveVault

struct RestoreVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract:
            "Restore a table as it was into a new table: a snapshot, what a sweep archived, or any instant that is covered.",
        discussion: HelpText.of(
            """
            With --at the newest snapshot before that time is read, then the log that 'varve capture' wrote, reduced to the last change of each
            key. A time without decimals means the end of that second. What the vault does not cover is refused (exit code 5) with the
            nearest instants that are possible; 'varve coverage' shows them all.

            With --into the items of --keys are brought back in a table that is there: what would change is shown first, one line an item, then
            written only where the item is still as it was shown.

            The new table gets the schema, index definitions and tags of the old one. Its time-to-live setting is kept but off, so that
            nothing expires before you have looked: 'varve table ttl NEW --on' turns it on.
            """,
            examples: [
                ("restore Orders --as Orders2 --latest --plan", "what would be read and written"),
                ("restore Orders --as Orders2 --latest", "the newest snapshot"),
                ("restore Orders --as Orders2 --at '2026-11-24 14:03:27 Europe/Berlin'", "any second that is covered"),
                ("restore Orders --as Orders2 --before 2026-11-24T14:03:27Z", "the last state before that instant"),
                ("restore Orders --as Orders2 --at -2h --keys keys.jsonl", "some items as they were two hours ago"),
                ("restore Orders --into Orders --at -2h --keys keys.jsonl", "undo what happened to some items since"),
                ("restore Orders --as Orders2 --id 3k4ljtz", "a certain one, by the beginning of its id"),
            ],
            exits: [
                .damageFound, .notRestorable, .notFound, .lockedByAnother, .wrongKey, .configurationInvalid, .refused,
            ]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "The table's name in the vault; or its id, where several had the name.") var table: String
    @Option(name: .customLong("as"), help: "The new table: STORE/TABLE, or TABLE where there is one store.")
    var target: String?
    @Option(
        help:
            "A table that is there: the items of --keys are brought back to what they were, after showing what that changes."
    ) var into: String?
    @OptionGroup var state: PastStateOptions
    @Option(help: "Only the items with these keys: a file with one key a line, as DynamoDB JSON; - is standard input.")
    var keys: String?
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?
    @Flag(name: [.long, .customLong("dry-run")], help: "Print what would be read and written, and write nothing.")
    var plan = false
    @Flag(help: "With --into: write what was shown without asking.") var yes = false

    func validate() throws {
        try state.requireOne()
        if (target == nil) == (into == nil) {
            throw ValidationError("Say where to: --as NEW, or --into TABLE --keys FILE.")
        }
        if into != nil && keys == nil {
            throw ValidationError("--into brings back chosen items only: name them with --keys FILE.")
        }
        if into == nil && yes { throw ValidationError("--yes belongs to --into: a new table is made without asking.") }
    }

    func perform() throws -> ExitStatus {
        let home = try common.home()
        let console = common.console
        let source = try home.vault(vault)
        let point = try state.point(of: Home.tableName(table), in: source.vault)
        let wanted = try keys.map { try KeyLines.read($0, of: point) }
        if let into, let wanted {
            return try RevertStep(
                point: point, keys: wanted, target: try home.table(into), source: source, dryRun: plan, isAgreed: yes
            ).run(in: home, console)
        }
        let new = try home.table(target ?? "")
        if plan {
            let plan = RestorePlan(
                point, vault: source.name, target: new.text, keys: wanted?.count, exists: try new.exists())
            for line in plan.lines { console.line(line) }
            try console.document(plan)
            return plan.possible ? .done : .failed
        }
        let stage = RestoreTable(
            vault: source.vault, keys: try home.keys(), workers: home.workers, scratch: home.scratch)
        let progress = Progress()
        let clock = ContinuousClock()
        var result: RestoreResult?
        let took = try clock.measure {
            result = try ProgressDisplay.during("restore \(new.text)", progress, console) {
                try stage.run(
                    point, where: wanted.map { keys in { @Sendable in keys.contains($0) } }, as: new.table,
                    into: new.store,
                    progress: progress, stop: Interrupts.stop)
            }
        }
        guard let result else { return .failed }
        let summary = RestoreSummary(
            point, result, table: new.text, vault: source.name, keys: wanted?.count, seconds: took.seconds)
        console.line(summary.line)
        if result.timeToLiveOff {
            console.line("time to live is kept but off: 'varve table ttl \(new.text) --on' turns it on")
        }
        try console.event(summary)
        return .done
    }
}

/// What a restore would read and write.
struct RestorePlan: Encodable {
    let dryRun = true
    /// The snapshot that is read first.
    let id: String
    let source: String
    let target: String
    let vault: String
    /// The snapshot's cut.
    let cut: String
    let consistency: String
    /// The instant that is restored; left out where it is given by a change's number.
    let at: String?
    let sequence: Int64?
    let segments: Int
    /// Changes in these segments.
    let changes: Int
    let bundles: Int
    let bytesToRead: Int
    /// Items of the snapshot.
    let items: Int
    let rawBytes: Int
    /// How many keys are wanted, where not all are.
    let keys: Int?
    let possible: Bool

    init(_ point: PointInTime, vault: String, target: String, keys: Int?, exists: Bool) {
        let manifest = point.base.manifest
        id = manifest.id
        source = manifest.table.name
        self.target = target
        self.vault = vault
        cut = manifest.consistency.cut.time.rfc3339
        consistency = manifest.consistency.method
        at = point.time?.rfc3339
        sequence = point.sequence
        segments = point.segments.count
        changes = point.changes
        bundles = point.bundles
        bytesToRead = point.sealedBytes
        items = manifest.items
        rawBytes = manifest.rawBytes
        self.keys = keys
        possible = !exists
    }

    var lines: [String] {
        let log =
            segments == 0
            ? []
            : ["         and \(Units.counted(segments, "segment")) of the log with \(Units.counted(changes, "change"))"]
        return [
            "would restore \(source) as it was at \(at ?? "change \(sequence ?? 0)") (\(consistency), recovery point \(id), cut \(cut))",
            "  read   \(Units.counted(bundles, "bundle")), \(Units.size(bytesToRead)), from vault \(vault)",
        ] + log + [
            "  write  \(keys.map { "at most \(Units.counted($0, "item"))" } ?? "\(segments == 0 ? "" : "about ")\(Units.counted(items, "item")), \(Units.size(rawBytes))"), into the new table \(target)",
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
    let at: String?
    let sequence: Int64?
    let segments: Int
    let changes: Int
    let changedKeys: Int
    let items: Int
    let rawBytes: Int
    let keys: Int?
    let seconds: Double
    let timeToLiveOff: Bool

    init(
        _ point: PointInTime, _ result: RestoreResult, table: String, vault: String, keys: Int?, seconds: Double
    ) {
        let manifest = point.base.manifest
        id = manifest.id
        source = manifest.table.name
        self.table = table
        self.vault = vault
        cut = manifest.consistency.cut.time.rfc3339
        at = point.time?.rfc3339
        sequence = point.sequence
        segments = point.segments.count
        changes = result.changes
        changedKeys = result.changedKeys
        items = result.items
        rawBytes = result.rawBytes
        self.keys = keys
        self.seconds = seconds
        timeToLiveOff = result.timeToLiveOff
    }

    var line: String {
        let what = "\(table): \(Units.counted(items, "item")), \(Units.size(rawBytes)) restored from \(id) (cut \(cut))"
        let span = "in \(Units.span(seconds: seconds))"
        let proof = keys.map { "; of \(Units.counted($0, "key")) asked for" } ?? "; equal to the snapshot"
        if segments == 0 { return "\(what) \(span)\(proof)" }
        return
            "\(what) and \(Units.counted(changes, "change")) of \(Units.counted(changedKeys, "key")) in \(Units.counted(segments, "segment")), as of \(at ?? "change \(sequence ?? 0)"), \(span)\(keys == nil ? "" : proof)"
    }
}
