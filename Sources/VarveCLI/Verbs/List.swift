// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveModel
import VarvePipeline
import VarveVault

struct ListVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what is in a vault: snapshots and the archives of sweeps, oldest first.",
        discussion: HelpText.of(
            """
            Reads the catalog only: no key and no store is needed. Segments of the change log are many and are no recovery points by themselves;
            --segments lists them instead, and 'varve coverage' says what they are good for. What retention removed is not listed: --removed does.
            """,
            examples: [
                ("list", "everything"),
                ("list Orders", "one table's recovery points"),
                ("list Orders --segments", "what was captured of its change log"),
                ("list --removed", "what retention removed and is still there"),
                ("list --json", "ids, cuts, sizes, paths of manifests"),
            ],
            exits: [.damageFound, .notFound, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "Only this table's (its name, without the store).") var table: String?
    @Flag(help: "List the segments of the change log instead of recovery points.") var segments = false
    @Flag(help: "List what retention removed, as long as its bytes are there.") var removed = false
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?

    func perform() throws -> ExitStatus {
        let target = try common.home().vault(vault)
        let console = common.console
        let wanted = table.map(Home.tableName)
        let what = (removed ? "removed " : "") + (segments ? "segment" : "recovery point")
        let (rows, findings) = try find(wanted, in: target)
        if rows.isEmpty {
            console.line(
                wanted == nil
                    ? "The vault \(target.name) holds no \(what) yet."
                    : "The vault \(target.name) holds no \(what) of that table.")
        } else {
            console.table(
                [
                    "ID", "TABLE", "KIND", segments ? "THROUGH" : "CUT", segments ? "CHANGES" : "ITEMS", "RAW",
                    "STORED", "CONSISTENCY",
                ], rows.map(\.cells), right: [4, 5, 6])
        }
        for finding in findings { console.note("\(finding.object): \(finding.reason)") }
        if console.json {
            let records = rows.map(\.record)
            try console.document(
                Listing(
                    vault: target.name, recoveryPoints: segments ? nil : records, segments: segments ? records : nil,
                    damaged: findings.map(DamageRecord.init)))
        }
        return ExitStatus(for: findings)
    }

    /// What is listed, in ascending order of start, and what is wrong.
    private func find(_ table: String?, in target: OpenVault) throws -> (rows: [Row], findings: [Finding]) {
        let kinds = Set(Manifest.Kind.allCases.filter { $0.isRecoveryPoint != segments })
        if let listing = try CatalogListing(target.vault, table: table, kinds: kinds),
            let rows = try read(listing, table, target.name)
        {
            return (rows, [])
        }
        let (catalog, findings) = try Catalog.settled(target.vault)
        let manifests = (removed ? catalog.removed : catalog.entries).map(\.manifest)
            .filter { kinds.contains($0.kind) && (table == nil || $0.table.name == table) }
        return (
            manifests.map {
                Row(
                    $0.head, vault: target.name, shredded: catalog.shredded[$0.id]?.shredded,
                    removed: catalog.removals.removed($0)?.time)
            }, findings
        )
    }

    /// - Returns: nil where a document cannot be read.
    private func read(_ listing: CatalogListing, _ table: String?, _ vault: String) throws -> [Row]? {
        let removed = removed
        let rows = try listing.compactMap { entry -> Row? in
            try Interrupts.stop.check()
            guard (entry.removed != nil) == removed, table == nil || entry.manifest.table.name == table else {
                return nil
            }
            return Row(entry.manifest, vault: vault, shredded: entry.shredded, removed: entry.removed)
        }
        return rows?.sorted { ($0.started, $0.record.id) < ($1.started, $1.record.id) }
    }

    /// One line. A class, because a hundred thousand of them are put in order.
    private final class Row: Sendable {
        let started: Instant
        let record: SnapshotRecord
        let cells: [String]

        init(_ manifest: ManifestHead, vault: String, shredded: Instant?, removed: Instant?) {
            started = manifest.started
            let record = SnapshotRecord(
                manifest, table: manifest.table.name, vault: vault, shredded: shredded, removed: removed)
            self.record = record
            cells = [
                record.id, record.table, record.kind, record.cut, Units.count(record.items),
                Units.size(record.rawBytes),
                Units.size(record.sealedBytes),
                record.removed.map { "REMOVED \($0)" } ?? (record.shredded == nil ? record.consistency : "SHREDDED"),
            ]
        }
    }

    private struct Listing: Encodable {
        let vault: String
        let recoveryPoints: [SnapshotRecord]?
        let segments: [SnapshotRecord]?
        let damaged: [DamageRecord]
    }
}
