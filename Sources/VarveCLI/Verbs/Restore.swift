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

            \(ConditionOption.help)

            The new table gets the schema, index definitions and tags of the old one. Its time-to-live setting is kept but off, so that
            nothing expires before you have looked: 'varve table ttl NEW --on' turns it on.
            """,
            examples: [
                ("restore Orders --as Orders2 --latest --plan", "what would be read and written"),
                ("restore Orders --as Orders2 --latest", "the newest snapshot"),
                ("restore Orders --as Orders2 --at '2026-11-24 14:03:27 Europe/Berlin'", "any second that is covered"),
                ("restore Orders --as Orders2 --before 2026-11-24T14:03:27Z", "the last state before that instant"),
                ("restore Orders --as Orders2 --at -2h --keys keys.jsonl", "some items as they were two hours ago"),
                (
                    "restore Orders --as Open --at -2h --where \"Status = 'open' AND Total > 50\"",
                    "those that met a condition then"
                ),
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
    @OptionGroup var choice: ConditionOption
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
        if into != nil && choice.isGiven {
            throw ValidationError("--where chooses items for a new table (--as); --into takes them by their keys only.")
        }
        if into == nil && yes { throw ValidationError("--yes belongs to --into: a new table is made without asking.") }
    }

    func perform() throws -> ExitStatus {
        let condition = try choice.condition()
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
                point, vault: source.name, target: new.text, keys: wanted?.count, isConditional: condition != nil,
                exists: try new.exists())
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
                    point, where: ItemFilter(keys: wanted, condition: condition), as: new.table, into: new.store,
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
    /// True where a condition chooses; left out where none does. Its text holds values and is not repeated.
    let `where`: Bool?
    let possible: Bool

    init(
        _ point: PointInTime, vault: String, target: String, keys: Int?, isConditional: Bool, exists: Bool
    ) {
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
        `where` = isConditional ? true : nil
        possible = !exists
    }

    private var amount: String {
        if let keys {
            return "at most \(Units.counted(keys, "item"))\(`where` == nil ? "" : ", those that meet the condition")"
        }
        if `where` == nil {
            return "\(segments == 0 ? "" : "about ")\(Units.counted(items, "item")), \(Units.size(rawBytes))"
        }
        // Each change may have added an item.
        return "at most \(Units.counted(items + changes, "item")), those that meet the condition"
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
            "  write  \(amount), into the new table \(target)",
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
    /// True where a condition chose; left out where none did. Its text holds values and is not repeated.
    let `where`: Bool?
    /// The items that the condition was put to; ``items`` met it.
    let considered: Int?
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
        `where` = result.considered == nil ? nil : true
        considered = result.considered
        self.seconds = seconds
        timeToLiveOff = result.timeToLiveOff
    }

    var line: String {
        let what = "\(table): \(Units.counted(items, "item")), \(Units.size(rawBytes)) restored from \(id) (cut \(cut))"
        let span = "in \(Units.span(seconds: seconds))"
        let part = [
            keys.map { "; of \(Units.counted($0, "key")) asked for" },
            considered.map { "; \(items) of \(Units.counted($0, "item")) met the condition" },
        ].compactMap(\.self).joined()
        if segments == 0 { return "\(what) \(span)\(part.isEmpty ? "; equal to the snapshot" : part)" }
        return
            "\(what) and \(Units.counted(changes, "change")) of \(Units.counted(changedKeys, "key")) in \(Units.counted(segments, "segment")), as of \(at ?? "change \(sequence ?? 0)"), \(span)\(part)"
    }
}
