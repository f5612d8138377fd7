// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SystemPackage
import VarveKeys
import VarvePipeline
import VarveVault

struct RecoveryKitVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recovery-kit", abstract: "The recovery kit: prove that it is enough, print it, make a new one.",
        subcommands: [Test.self, Print.self, New.self])

    struct Test: Verb {
        static let configuration = CommandConfiguration(
            abstract:
                "Open every recovery point of a vault with the kit alone, and read the newest of each table to its last item.",
            discussion: HelpText.of(
                "The key store is not used. 'varve doctor' warns until this has been done for each vault.",
                examples: [("recovery-kit test --kit /media/stick/varve-recovery-kit.json", "where the kit is kept")],
                exits: [.damageFound, .notFound, .wrongKey, .configurationInvalid]))

        @OptionGroup var common: CommonOptions
        @Option(help: "The recovery kit's file.") var kit: String
        @Option(help: "The vault, where varve.yaml names several.") var vault: String?

        func perform() throws -> ExitStatus {
            let home = try common.home()
            let console = common.console
            let target = try home.vault(vault)
            let kit = try RecoveryKit.load(FilePath(self.kit))
            let stage = VerifyVault(vault: target.vault, keys: kit, commits: target.commits, workers: home.workers)
            let progress = Progress()
            let newest = try RecoveryPoints(target.vault).newestSnapshots().map(\.manifest.id)
            guard !newest.isEmpty else {
                throw UsageError(
                    "The vault \(target.name) holds no snapshot yet, so that its kit opens it cannot be proven. Run 'varve backup' first.",
                    status: .notFound)
            }
            let report = try ProgressDisplay.during("recovery kit", progress, console) {
                var report = try stage.run(ids: [], depth: .manifests, progress: progress, stop: Interrupts.stop)
                report.add(try stage.run(ids: newest, depth: .content, progress: progress, stop: Interrupts.stop))
                return report
            }
            let damaged = report.findings.map(DamageRecord.init)
            for record in damaged { console.line(record.line) }
            console.line(
                damaged.isEmpty
                    ? "vault \(target.name) opens with the kit alone: \(Units.counted(report.items, "item")) of \(Units.counted(newest.count, "table")) read"
                    : "vault \(target.name) does NOT open with this kit alone")
            if damaged.isEmpty { try home.recordKitTest(vault: target.vault.id) }
            try console.event(
                Summary(
                    vault: target.name, opens: damaged.isEmpty, tables: newest.count, items: report.items,
                    damaged: damaged))
            return ExitStatus(for: report.findings)
        }

        private struct Summary: Encodable {
            let type = "summary"
            let vault: String
            let opens: Bool
            let tables: Int
            let items: Int
            let damaged: [DamageRecord]
        }
    }
}
