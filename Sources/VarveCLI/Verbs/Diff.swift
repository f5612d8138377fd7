// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Synchronization
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveStore
import VarveVault

struct DiffVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract:
            "Show what differs between two states of a table: recovery points, covered instants, or the table as it is now.",
        discussion: HelpText.of(
            """
            A state is TABLE (as it is now), TABLE@TIME (any covered instant; @latest is the end of the log), or the beginning of a recovery
            point's id. One line for each item that differs, as DynamoDB JSON: {"Keys":…,"OldImage":…,"NewImage":…}, in no order, where an
            item that was added has no old image and one that was removed no new one. With --json the lines are left out.
            """,
            examples: [
                ("diff Orders@-2h Orders", "what happened to the live table in two hours"),
                ("diff 3k4ljtz vl5xgc --count", "how many items differ between two recovery points"),
                ("diff 'Orders@yesterday 02:00' Orders@latest", "between two instants of the log"),
            ],
            exits: [.damageFound, .notRestorable, .notFound, .wrongKey, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "The old state.") var old: String
    @Argument(help: "The new state.") var new: String
    @Flag(help: "Only how many items differ.") var count = false
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?

    func perform() throws -> ExitStatus {
        let home = try common.home()
        let console = common.console
        let (catalog, _) = try Catalog.settled(try home.vault(vault).vault)
        let states = try [old, new].map { try state($0, home, catalog) }
        defer {
            for case .live(let snapshot) in states { snapshot.close() }
        }
        let showsLines = !count && !console.json
        let output = Mutex(LineOutput(descriptor: STDOUT_FILENO))
        let stage = CompareTables(keys: try home.keys(), workers: home.workers, scratch: home.scratch)
        let progress = Progress()
        let counts = try ProgressDisplay.during("diff", progress, console) {
            try stage.run(from: states[0], to: states[1], progress: progress, stop: Interrupts.stop) { difference in
                guard showsLines else { return }
                try output.withLock {
                    try $0.writeChange(keys: difference.keys, old: difference.old, new: difference.new)
                }
            }
        }
        try output.withLock { try $0.flush() }
        let text =
            "\(Units.counted(counts.added, "item")) added, \(Units.counted(counts.removed, "item")) removed, \(Units.counted(counts.changed, "item")) changed, \(Units.counted(counts.same, "item")) the same"
        if showsLines { console.note(text) } else { console.line(text) }
        try console.document(
            Summary(
                old: old, new: new, added: counts.added, removed: counts.removed, changed: counts.changed,
                same: counts.same))
        return .done
    }

    private func state(_ text: String, _ home: Home, _ catalog: Catalog) throws -> TableState {
        let source = try home.vault(vault).vault
        if let at = text.firstIndex(of: "@") {
            let table = Home.tableName(String(text[..<at]))
            let target = try PastStateOptions.target(at: String(text[text.index(after: at)...]), of: table, in: catalog)
            return .past(try .find(target, of: table, in: catalog), source)
        }
        let named = catalog.entries(idPrefix: text).filter(\.manifest.kind.isRecoveryPoint)
        if !named.isEmpty {
            return .past(PointInTime(try RecoveryPoints(catalog).find(table: nil, id: text)), source)
        }
        let table = try home.table(text)
        guard try table.exists() else {
            throw UsageError(
                "'\(text)' is neither a table nor the beginning of a recovery point's id. Write TABLE, TABLE@TIME or an id.",
                status: .notFound)
        }
        return .live(try table.store.snapshot(of: table.table, readers: 1))
    }

    private struct Summary: Encodable {
        let old: String
        let new: String
        let added: Int
        let removed: Int
        let changed: Int
        let same: Int
    }
}
