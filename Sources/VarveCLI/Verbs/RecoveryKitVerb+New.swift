// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SystemPackage
import VarveKeys
import VarvePipeline
import VarveStore
import VarveVault

extension RecoveryKitVerb {
    struct Print: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Write the kit to which everything is sealed now to a new file, or print it for paper.",
            discussion: HelpText.of(
                "WHOEVER HAS THE KIT AND A VAULT READS EVERYTHING IN IT: put it somewhere else, away from this machine.",
                examples: [
                    ("recovery-kit print --kit /media/stick/kit.json", "a file of mode 0600"),
                    ("recovery-kit print", "a page for the printer"),
                ],
                exits: [.notFound, .wrongKey, .configurationInvalid, .refused]))

        @OptionGroup var common: CommonOptions
        @Option(help: "The new file; without it the page goes to standard output.") var kit: String?

        func perform() throws -> ExitStatus {
            let home = try common.home()
            let recoveryKit = try home.keys().recoveryKit(vaults: try home.allVaults().map(\.vault.id))
            if let kit {
                try recoveryKit.save(at: FilePath(kit))
                common.console.line("recovery kit: \(kit)")
                try common.console.document(KitRecord(action: "print", kit: kit, name: recoveryKit.escrow.name))
            } else if common.json {
                try common.console.document(recoveryKit)
            } else {
                common.console.line(recoveryKit.printed)
            }
            return .done
        }
    }

    struct New: Verb {
        static let configuration = CommandConfiguration(
            abstract:
                "Make a new recovery kit and seal everything to it: when the old one is lost or may be in wrong hands.",
            discussion: HelpText.of(
                """
                The kit is written first, then the key store takes it, then every live table's key and every recovery point of every vault in varve.yaml
                is sealed to it. Run with --continue after a run that was broken off. Until that has ended, what is left opens with the old kit only.
                Key files that the old kit opens are removed here; a copy of a vault that was made before keeps them, and the old kit opens that copy.
                """,
                examples: [
                    ("recovery-kit new --kit /media/stick/kit.json", "then put the stick away"),
                    ("recovery-kit new --continue", "after a run that was broken off"),
                ],
                exits: [.partlyDone, .notFound, .lockedByAnother, .wrongKey, .configurationInvalid, .refused]))

        @OptionGroup var common: CommonOptions
        @Option(help: "The new kit's file.") var kit: String?
        @Flag(name: .customLong("continue"), help: "Make no kit; seal what is not sealed to the newest one yet.")
        var goesOn = false
        @Flag(help: "Say what would be sealed anew, and write nothing.") var dryRun = false

        func validate() throws {
            guard (kit != nil) != goesOn || (dryRun && !goesOn) else {
                throw ValidationError("Give --kit FILE for a new kit, or --continue.")
            }
        }

        func perform() throws -> ExitStatus {
            let home = try common.home()
            let console = common.console
            let keys = try home.keys()
            let vaults = try home.allVaults()
            let stores = try home.allStores()
            if dryRun {
                let points = try vaults.reduce(0) { count, vault in
                    let catalog = try Catalog.read(vault.vault)
                    return count + catalog.entries.count { catalog.shredded[$0.manifest.id] == nil }
                }
                let tables = try stores.reduce(0) { $0 + (try $1.store.tableSealings().count) }
                console.line(
                    "would make a new kit and seal \(Units.counted(points, "recovery point")) and \(Units.counted(tables, "table key")) to it"
                )
                try console.event(
                    Summary(kit: kit, name: nil, dryRun: true, tables: tables, recoveryPoints: points, failed: []))
                return .done
            }
            if let kit {
                let new = keys.makeRecoveryKit(vaults: vaults.map(\.vault.id))
                // On the disk before anything depends on it.
                try new.save(at: FilePath(kit))
                try keys.adopt(new)
                console.line("new recovery kit: \(kit)")
                console.line("  PUT IT SOMEWHERE ELSE, and destroy the old one once this has ended.")
            }
            var tables = 0
            for store in stores { tables += try store.store.rewrapTableKeys(of: nil, under: nil) }
            var points = 0
            var failed: [String] = []
            for vault in vaults {
                let catalog = try Catalog.read(vault.vault)
                let live = catalog.entries.filter { catalog.shredded[$0.manifest.id] == nil }
                for outcome in try RewrapKeys(vault: vault.vault, keys: keys).run(
                    live, under: nil, stop: Interrupts.stop)
                {
                    switch outcome.change {
                    case .unchanged: break
                    case .rewrapped: points += 1
                    case .failed(let error):
                        failed.append(outcome.manifest.id)
                        console.note("\(outcome.manifest.id): failed")
                        for line in ErrorReport(error).lines { console.note(line) }
                    }
                }
                failed += catalog.unreadable.sorted()
            }
            console.line(
                "\(Units.counted(points, "recovery point")) and \(Units.counted(tables, "table key")) sealed to it"
                    + (failed.isEmpty
                        ? ""
                        : "; NOT SEALED TO IT: \(failed.joined(separator: ", ")). Keep the old kit for these; 'varve recovery-kit new --continue' tries again")
            )
            try console.event(
                Summary(
                    kit: kit, name: try keys.recoveryKit().escrow.name, dryRun: false, tables: tables,
                    recoveryPoints: points,
                    failed: failed))
            return failed.isEmpty ? .done : .partlyDone
        }

        private struct Summary: Encodable {
            let type = "summary"
            let kit: String?
            /// The escrow key's name, as sealed messages have it.
            let name: String?
            let dryRun: Bool
            let tables: Int
            let recoveryPoints: Int
            let failed: [String]
        }
    }

    private struct KitRecord: Encodable {
        let action: String
        let kit: String
        let name: String
    }
}
