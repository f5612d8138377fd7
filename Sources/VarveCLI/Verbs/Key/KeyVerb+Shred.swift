// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveModel
import VarvePipeline
import VarveStore
import VarveVault

extension KeyVerb {
    struct Shred: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Destroy the keys of recovery points, so that nothing opens them any more, and record it.",
            discussion: HelpText.of(
                """
                Every version of the key file goes, here and in each copy that another vault of varve.yaml holds; a printed 'key export' or a backup of
                a vault's disk may still hold one. What else holds items of the same table is listed first. The tombstone, both copies of the manifest
                and the bundles, now noise, stay. THERE IS NO WAY BACK.
                """,
                examples: [
                    ("key shred 3k4ljtz --dry-run", "what else holds its items"),
                    ("key shred 3k4ljtz --yes", "without a question"),
                ],
                exits: [.notFound, .lockedByAnother, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "Recovery points: ids or unique beginnings of them.") var ids: [String]
        @Option(help: "The vault, where varve.yaml names several.") var vault: String?
        @Flag(help: "Do it without asking.") var yes = false
        @Flag(help: "Say what would be destroyed and what stays, and write nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            let home = try common.home()
            let console = common.console
            let target = try home.vault(vault)
            let catalog = try Catalog.read(target.vault)
            let finder = RecoveryPoints(catalog)
            let catalogs = try home.allVaults().map { (name: $0.name, catalog: try Catalog.read($0.vault)) }
            let tables = try home.allStores().map { (name: $0.name, tables: try $0.store.tables()) }
            let plans = try ids.map { id in
                ShredPlan(
                    try finder.find(table: nil, id: id, segments: true), in: target.name, catalogs: catalogs,
                    tables: tables)
            }
            for plan in plans {
                let manifest = plan.entry.manifest
                console.line(
                    "\(dryRun ? "would shred" : "to shred"): \(manifest.id), \(manifest.kind.rawValue) of \(manifest.table.name) of "
                        + "\(manifest.consistency.cut.time.rfc3339), \(Units.counted(manifest.items, "item"))")
                for copy in plan.copies { console.line("  and its copy in vault \(copy.vault)") }
                for holder in plan.holders { console.line("  still holds items of it: \(holder.reason)") }
            }
            if dryRun {
                try console.document(Record(vault: target.name, dryRun: true, shredded: plans.map { .init($0, nil) }))
                return .done
            }
            guard
                yes || Confirmation.ask("Destroy the keys of \(Units.counted(plans.count, "recovery point")) for good?")
            else {
                throw UsageError("Nothing was destroyed: give --yes, or confirm at a terminal.", status: .refused)
            }
            var done: [Record.Shredded] = []
            for plan in plans {
                let (tombstone, wasThere) = try target.vault.shred(plan.entry, tool: Varve.version)
                console.line(
                    "shredded \(tombstone.id)\(wasThere ? " (begun at \(tombstone.shredded.rfc3339))" : ""); record \(tombstone.path)"
                )
                for copy in plan.copies {
                    let (tombstone, _) = try home.vault(copy.vault).vault.shred(copy.entry, tool: Varve.version)
                    console.line("shredded its copy in vault \(copy.vault); record \(tombstone.path)")
                }
                done.append(.init(plan, tombstone.path))
            }
            try console.document(Record(vault: target.name, dryRun: false, shredded: done))
            return .done
        }

        private struct Record: Encodable {
            struct Shredded: Encodable {
                let id: String
                let table: String
                let record: String?
                /// The vaults whose copies go with it.
                let copies: [String]
                let stillHeld: [ShredPlan.Holder]

                init(_ plan: ShredPlan, _ record: String?) {
                    id = plan.entry.manifest.id
                    table = plan.entry.manifest.table.name
                    self.record = record
                    copies = plan.copies.map(\.vault)
                    stillHeld = plan.holders
                }
            }

            let action = "shred"
            let vault: String
            let dryRun: Bool
            let shredded: [Shredded]
        }
    }
}
