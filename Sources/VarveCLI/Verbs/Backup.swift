// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveConfig
import VarveModel
import VarvePipeline
import VarveStore
import VarveVault

struct BackupVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Take a snapshot of each table into a vault.",
        discussion: HelpText.of(
            """
            Tables are STORE/TABLE, or TABLE where there is one store; * and ? match, and a leading ! takes tables out again. Without any,
            all tables are taken. Each snapshot is consistent at its own cut; one table's failure does not stop the others (exit code 3).
            A synthetic snapshot is as good as any other and stands alone; its cut is the instant through which the log was captured.
            Where several vaults are named, a copy that fails is told likewise, and the snapshot stays in the first.
            """,
            examples: [
                ("backup", "every table of every store"),
                ("backup Orders 'local/*' '!local/tmp_*'", "a selection"),
                ("backup Orders --synthetic", "a full snapshot that costs the live table nothing"),
                ("backup --to main --to offsite", "into the first vault, with copies in the others"),
                ("backup Orders --json", "ends with a summary that names the snapshot's id"),
            ],
            exits: [.partlyDone, .notFound, .lockedByAnother, .wrongKey, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "Which tables.") var tables: [String] = []
    @Option(
        help: "The vault to write to, where varve.yaml names several; given again, further vaults that get copies.")
    var to: [String] = []
    @Flag(help: "Make each out of the newest snapshot and the captured log, without reading the table.")
    var synthetic = false
    @Flag(help: "Print which tables would be taken, and write nothing.") var dryRun = false

    func perform() throws -> ExitStatus {
        let step = BackupStep(
            tables: try TableSelection(patterns: tables.isEmpty ? ["*"] : tables), vaults: to, synthetic: synthetic)
        return try step.run(in: try common.home(), common.console, dryRun: dryRun)
    }
}

/// Snapshots of a selection of tables: what `varve backup` and a job's `backup` step do.
struct BackupStep {
    let tables: TableSelection
    /// The first is written to, the others get copies; none: the only one that there is.
    let vaults: [String]
    var synthetic = false

    func run(in home: Home, _ console: Console, dryRun: Bool) throws -> ExitStatus {
        let selected = try home.tables(tables)
        if dryRun {
            let copies = try Copies(to: vaults.dropFirst(), in: home)
            for table in selected {
                console.line("would \(synthetic ? "make" : "take") a snapshot of \(table.text)\(copies.note)")
            }
            try console.event(BackupPlan(tables: selected.map(\.text)))
            return .done
        }
        let target = try home.vault(vaults.first)
        let copies = try Copies(to: vaults.dropFirst(), in: home)
        let settings = try home.archive(target)
        let stage = TakeSnapshot(settings)
        let maker = MakeSnapshot(settings, scratch: home.scratch)
        var outcome = PerTable<SnapshotRecord>()
        for table in selected {
            try Interrupts.stop.check()
            outcome.attempt(table.text, console) {
                let progress = Progress()
                let manifest = try ProgressDisplay.during("backup \(table.text)", progress, console) {
                    guard synthetic else {
                        return try stage.run(
                            store: table.store, table: table.table, progress: progress, stop: Interrupts.stop)
                    }
                    let (catalog, _) = try Catalog.settled(target.vault)
                    return try maker.run(
                        table: try table.store.describe(table.table).id, catalog, progress: progress,
                        stop: Interrupts.stop)
                }
                let record = SnapshotRecord(manifest.head, table: table.text, vault: target.name)
                console.line(record.line)
                return record
            }
        }
        try Interrupts.stop.check()
        let items = outcome.done.reduce(0) { $0 + $1.items }
        let raw = outcome.done.reduce(0) { $0 + $1.rawBytes }
        let sealed = outcome.done.reduce(0) { $0 + $1.sealedBytes }
        console.line(
            "\(Units.counted(outcome.done.count, "snapshot")) in vault \(target.name): \(Units.counted(items, "item")), \(Units.size(raw)) raw, \(Units.size(sealed)) stored"
                + outcome.failureNote)
        let made = Set(outcome.done.map(\.id))
        let copied = made.isEmpty ? [] : try copies.make(of: target, console) { made.contains($0.id) }
        try console.event(
            BackupSummary(vault: target.name, snapshots: outcome.done, failed: outcome.failed, copies: copied))
        return Copies.status(copied, after: outcome.status)
    }
}

/// A snapshot as listings and summaries name it. `manifest` is its path in the vault.
struct SnapshotRecord: Encodable {
    let id: String
    let kind: String
    let table: String
    let tableId: String
    let vault: String
    let cut: String
    let sequence: Int64?
    let items: Int
    let rawBytes: Int
    let sealedBytes: Int
    let consistency: String
    let key: String
    let manifest: String
    /// When its keys were destroyed on purpose.
    let shredded: String?
    /// When retention removed it.
    let removed: String?

    init(
        _ manifest: ManifestHead, table: String, vault: String, shredded: Instant? = nil, removed: Instant? = nil
    ) {
        id = manifest.id
        kind = manifest.kind.rawValue
        self.table = table
        tableId = manifest.table.id
        self.vault = vault
        cut = manifest.consistency.cut.time.rfc3339
        sequence = manifest.consistency.cut.sequence
        items = manifest.items
        rawBytes = manifest.rawBytes
        sealedBytes = manifest.sealedBytes
        consistency = manifest.consistency.method
        key = manifest.key.wrappingKey
        self.manifest = manifest.path
        self.shredded = shredded?.rfc3339
        self.removed = removed?.rfc3339
    }

    var line: String {
        "\(table)  \(Units.counted(items, "item"))  \(Units.size(rawBytes)) -> \(Units.size(sealedBytes))  cut \(cut)  id \(id)"
    }
}

private struct BackupPlan: Encodable {
    let dryRun = true
    let tables: [String]
}

private struct BackupSummary: Encodable {
    let type = "summary"
    let vault: String
    let snapshots: [SnapshotRecord]
    let failed: [TableFailure]
    let copies: [CopyRecord]
}
