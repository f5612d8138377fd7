// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveConfig
import VarveKeys
import VarveModel
import VarvePipeline
import VarveStore
import VarveVault

extension KeyVerb {
    struct Rewrap: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Move recovery points or live tables to another wrapping key, without touching their data.",
            discussion: HelpText.of(
                """
                Each recovery point's key, and each segment's, is sealed anew, as one more small file that is read back before the one before it goes. No bundle is read
                or written. Without --to each stays under its own key, whose newest version and the newest recovery kit it gets. A run that was
                broken off leaves everything openable; the next one goes on where it ended.
                """,
                examples: [
                    ("key rewrap --all --to alias/new --dry-run", "what would be written"),
                    ("key rewrap --all --to alias/new", "a whole vault"),
                    ("key rewrap --table Orders --to alias/new", "one table's recovery points"),
                    ("key rewrap --live 'local/*' --to alias/new", "the keys of live tables"),
                ],
                exits: [.partlyDone, .notFound, .lockedByAnother, .wrongKey, .configurationInvalid]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "Recovery points: ids or unique beginnings of them.") var ids: [String] = []
        @Option(help: "Every recovery point and segment of this table (its name, without the store).") var table:
            String?
        @Flag(help: "Every recovery point and segment of the vault.") var all = false
        @Option(help: "Live tables: patterns of STORE/TABLE; may be repeated.") var live: [String] = []
        @Option(help: "The wrapping key: id, alias/NAME, owned or managed.") var to: String?
        @Option(help: "The vault, where varve.yaml names several.") var vault: String?
        @Flag(help: "Say what would be moved, and write nothing.") var dryRun = false

        func validate() throws {
            let ways = [!ids.isEmpty, table != nil, all, !live.isEmpty].count { $0 }
            guard ways == 1 else {
                throw ValidationError("Give recovery points, or --table, or --all, or --live: one of these.")
            }
        }

        func perform() throws -> ExitStatus {
            let home = try common.home()
            return try live.isEmpty ? points(home) : liveTables(home)
        }

        private func points(_ home: Home) throws -> ExitStatus {
            let console = common.console
            let target = try home.vault(vault)
            let keys = try home.keys()
            _ = try to.map { try keys.recipients(under: $0) }
            let catalog = try Catalog.read(target.vault)
            let finder = RecoveryPoints(catalog)
            let chosen =
                try ids.isEmpty
                ? table.map { catalog.entries(table: Home.tableName($0)) } ?? catalog.entries
                : ids.map { try finder.find(table: nil, id: $0, segments: true) }
            let points = chosen.filter { catalog.shredded[$0.manifest.id] == nil }
            if points.isEmpty, let table {
                throw UsageError(
                    "The vault \(target.name) holds no recovery point of table '\(table)'.", status: .notFound)
            }
            let stage = RewrapKeys(vault: target.vault, keys: keys)
            if dryRun {
                let needed = try stage.plan(points, under: to).map(\.manifest)
                for manifest in needed where manifest.kind.isRecoveryPoint {
                    console.line("would rewrap \(manifest.id) of \(manifest.table.name)")
                }
                console.line("\(needed.count) of \(Self.counted(points.map(\.manifest))) would be rewrapped")
                try console.event(
                    Summary(
                        vault: target.name, dryRun: true, rewrapped: needed.map(\.id),
                        unchanged: points.count - needed.count, bytesWritten: 0, failed: []))
                return .done
            }
            let outcomes = try stage.run(points, under: to, stop: Interrupts.stop)
            var rewrapped: [String] = []
            var moved: [Manifest] = []
            var bytes = 0
            var failed: [Failure] = []
            var statuses: Set<ExitStatus> = []
            for outcome in outcomes {
                switch outcome.change {
                case .unchanged: break
                case .rewrapped(let count):
                    rewrapped.append(outcome.manifest.id)
                    moved.append(outcome.manifest)
                    bytes += count
                    // Segments are many; they are counted.
                    if outcome.manifest.kind.isRecoveryPoint {
                        console.line("rewrapped \(outcome.manifest.id) of \(outcome.manifest.table.name)")
                    }
                case .failed(let error):
                    let report = ErrorReport(error)
                    failed.append(Failure(id: outcome.manifest.id, code: report.code, message: report.message))
                    statuses.insert(ExitStatus(for: error))
                    console.note("\(outcome.manifest.id): failed")
                    for line in report.lines { console.note(line) }
                }
            }
            console.line(
                "\(Self.counted(moved)) rewrapped, \(outcomes.count - rewrapped.count - failed.count) so already, "
                    + "\(failed.count) failed; \(Units.size(bytes)) written")
            try console.event(
                Summary(
                    vault: target.name, dryRun: false, rewrapped: rewrapped,
                    unchanged: outcomes.count - rewrapped.count - failed.count, bytesWritten: bytes, failed: failed))
            if failed.isEmpty { return .done }
            if failed.count < outcomes.count { return .partlyDone }
            return statuses.count == 1 ? statuses.first ?? .failed : .failed
        }

        private static func counted(_ manifests: [Manifest]) -> String {
            let points = manifests.count { $0.kind.isRecoveryPoint }
            let segments = manifests.count - points
            return Units.counted(points, "recovery point")
                + (segments > 0 ? " and \(Units.counted(segments, "segment"))" : "")
        }

        private func liveTables(_ home: Home) throws -> ExitStatus {
            let console = common.console
            let keys = try home.keys()
            _ = try to.map { try keys.recipients(under: $0) }
            var moved = 0
            for (store, tables) in Dictionary(
                grouping: try home.tables(try TableSelection(patterns: live)), by: \.storeName
            )
            .sorted(by: { $0.key < $1.key }) {
                guard let first = tables.first else { continue }
                if dryRun {
                    for table in tables {
                        console.line("would seal the key of \(table.text) under \(to ?? "its own wrapping key") anew")
                    }
                    continue
                }
                let count = try first.store.rewrapTableKeys(of: Set(tables.map(\.table)), under: to)
                moved += count
                console.line(
                    "store \(store): the keys of \(count) of \(Units.counted(tables.count, "table")) sealed anew")
            }
            try console.event(LiveSummary(dryRun: dryRun, tables: moved))
            return .done
        }

        private struct Failure: Encodable {
            let id: String
            let code: String
            let message: String
        }

        private struct Summary: Encodable {
            let type = "summary"
            let vault: String
            let dryRun: Bool
            let rewrapped: [String]
            let unchanged: Int
            let bytesWritten: Int
            let failed: [Failure]
        }

        private struct LiveSummary: Encodable {
            let type = "summary"
            let dryRun: Bool
            let tables: Int
        }
    }
}
