// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveVault

struct ListVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what is in a vault: snapshots and the archives of sweeps, oldest first.",
        discussion: HelpText.of(
            "Reads the catalog only: no key and no store is needed.",
            examples: [
                ("list", "everything"),
                ("list Orders", "one table's recovery points"),
                ("list --json", "ids, cuts, sizes, paths of manifests"),
            ],
            exits: [.damageFound, .notFound, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "Only this table's (its name, without the store).") var table: String?
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?

    func perform() throws -> ExitStatus {
        let target = try common.home().vault(vault)
        let console = common.console
        let (catalog, findings) = try Catalog.settled(target.vault)
        let wanted = table.map(Home.tableName)
        let manifests = catalog.entries.map(\.manifest)
            .filter { wanted == nil || $0.table.name == wanted }
            .sorted { ($0.started, $0.id) < ($1.started, $1.id) }
        let records = manifests.map {
            SnapshotRecord($0, table: $0.table.name, vault: target.name, shredded: catalog.shredded[$0.id]?.shredded)
        }
        if records.isEmpty {
            console.line(
                wanted == nil
                    ? "The vault \(target.name) holds no recovery point yet."
                    : "The vault \(target.name) holds no recovery point of that table.")
        } else {
            console.table(
                ["ID", "TABLE", "KIND", "CUT", "ITEMS", "RAW", "STORED", "CONSISTENCY"],
                records.map {
                    [
                        $0.id, $0.table, $0.kind, $0.cut, Units.count($0.items), Units.size($0.rawBytes),
                        Units.size($0.sealedBytes),
                        $0.shredded == nil ? $0.consistency : "SHREDDED",
                    ]
                }, right: [4, 5, 6])
        }
        for finding in findings { console.note("\(finding.object): \(finding.reason)") }
        try console.document(
            Listing(vault: target.name, recoveryPoints: records, damaged: findings.map(DamageRecord.init)))
        return ExitStatus(for: findings)
    }

    private struct Listing: Encodable {
        let vault: String
        let recoveryPoints: [SnapshotRecord]
        let damaged: [DamageRecord]
    }
}
