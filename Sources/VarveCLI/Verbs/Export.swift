// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SystemPackage
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveVault

struct ExportVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract:
            "Write a table as it was as a native DynamoDB export, in clear: all of it, or what changed between two times.",
        discussion: HelpText.of(
            """
            DIR gets AWSDynamoDB/<ExportId> with data files of DynamoDB JSON lines under zstd, which the native import takes. With --from and
            --to it is an incremental export: one line for each item that was written in that time, from how it was before (OldImage) to how
            it was at the end (NewImage); --from is included, --to is not. Nothing in the export is encrypted.

            \(ConditionOption.help)
            """,
            examples: [
                ("export Orders exports --at '2026-11-24 02:00'", "the whole table as it was"),
                ("export Orders exports --from '2026-11-24 00:00' --to '2026-11-25 00:00'", "what a day changed"),
                ("export Orders exports --latest", "the newest snapshot"),
                ("export Orders exports --latest --where 'Total >= 50'", "the items of it that meet a condition"),
            ],
            exits: [.damageFound, .notRestorable, .notFound, .wrongKey, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "The table's name in the vault; or its id, where several had the name.") var table: String
    @Argument(help: "The folder for exports; made where it is not there.") var folder: String
    @OptionGroup var state: PastStateOptions
    @Option(parsing: .unconditional, help: "What was written from that time on.") var from: String?
    @Option(parsing: .unconditional, help: "What was written before that time.") var to: String?
    @OptionGroup var choice: ConditionOption
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?
    @Flag(help: "Say what would be read, and write nothing.") var dryRun = false

    func validate() throws {
        guard (from == nil) == (to == nil) else { throw ValidationError("--from and --to belong together.") }
        if from == nil { return try state.requireOne() }
        if choice.isGiven {
            throw ValidationError(
                "--where chooses among the items of one state; an incremental export (--from, --to) has two of each item."
            )
        }
        if state.isGiven {
            throw ValidationError("--from and --to make an incremental export; leave out the other times.")
        }
    }

    func perform() throws -> ExitStatus {
        let condition = try choice.condition()
        let home = try common.home()
        let console = common.console
        let source = try home.vault(vault)
        let stage = ExportTable(
            vault: source.vault, keys: try home.keys(), workers: home.workers, scratch: home.scratch)
        let root = Files.absolute(FilePath(folder))
        let name = Home.tableName(table)
        let progress = Progress()
        let summary: Summary
        if let from, let to {
            let now = Instant.now()
            let (catalog, _) = try Catalog.settled(source.vault)
            let window = try LogWindow.find(
                from: try PastStateOptions.time(from, now).begin, to: try PastStateOptions.time(to, now).begin,
                of: name, in: catalog)
            let result =
                try dryRun
                ? nil
                : ProgressDisplay.during("export \(name)", progress, console) {
                    try stage.incremental(window, into: root, progress: progress, stop: Interrupts.stop)
                }
            summary = Summary(
                result, table: name, vault: source.name, from: window.from.rfc3339, to: window.to.rfc3339,
                segments: window.segments.count, changes: window.changes)
        } else {
            let point = try state.point(of: name, in: source.vault)
            let result =
                try dryRun
                ? nil
                : ProgressDisplay.during("export \(name)", progress, console) {
                    try stage.full(
                        point, where: ItemFilter(condition: condition), into: root, progress: progress,
                        stop: Interrupts.stop)
                }
            summary = Summary(
                result, table: name, vault: source.name, id: point.base.manifest.id,
                at: point.time?.rfc3339, sequence: point.sequence, segments: point.segments.count,
                changes: point.changes, isConditional: condition != nil)
        }
        console.line(summary.line)
        try console.event(summary)
        return .done
    }

    private struct Summary: Encodable {
        let type = "summary"
        let dryRun: Bool
        let table: String
        let vault: String
        let kind: String
        let id: String?
        let at: String?
        let sequence: Int64?
        let from: String?
        let to: String?
        let segments: Int
        let changes: Int
        /// True where a condition chooses; left out where none does. Its text holds values and is not repeated.
        let `where`: Bool?
        /// The items that the condition was put to; ``items`` met it.
        let considered: Int?
        /// Left out with `--dry-run`.
        let folder: String?
        let items: Int?
        let rawBytes: Int?

        init(
            _ result: ExportTable.Result?, table: String, vault: String, id: String? = nil, at: String? = nil,
            sequence: Int64? = nil, from: String? = nil, to: String? = nil, segments: Int, changes: Int,
            isConditional: Bool = false
        ) {
            dryRun = result == nil
            self.table = table
            self.vault = vault
            kind = from == nil ? "full" : "incremental"
            self.id = id
            self.at = at
            self.sequence = sequence
            self.from = from
            self.to = to
            self.segments = segments
            self.changes = changes
            `where` = isConditional ? true : nil
            considered = result?.considered
            folder = result?.folder.string
            items = result?.items
            rawBytes = result?.rawBytes
        }

        var line: String {
            let what =
                from.flatMap { from in to.map { "what was written to \(table) from \(from) to before \($0)" } }
                ?? "\(table) as it was at \(at ?? "change \(sequence ?? 0)")"
            guard let folder, let items, let rawBytes else {
                return
                    "would export \(what): \(id.map { "snapshot \($0) and " } ?? "")\(Units.counted(segments, "segment")) with \(Units.counted(changes, "change")); nothing was written"
            }
            let part = considered.map { "; \(items) of \(Units.counted($0, "item")) met the condition" } ?? ""
            return
                "\(what): \(Units.counted(items, from == nil ? "item" : "changed item")), \(Units.size(rawBytes)), in \(folder)\(part)"
        }
    }
}
