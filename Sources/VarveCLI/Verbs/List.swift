// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Synchronization
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
        let (records, findings) = try find(wanted, in: target, workers: common.home().workers)
        if records.isEmpty {
            console.line(
                wanted == nil
                    ? "The vault \(target.name) holds no \(what) yet."
                    : "The vault \(target.name) holds no \(what) of that table.")
        } else {
            console.table(
                [
                    "ID", "TABLE", "KIND", segments ? "THROUGH" : "CUT", segments ? "CHANGES" : "ITEMS", "RAW",
                    "STORED", "CONSISTENCY",
                ],
                records.map {
                    [
                        $0.id, $0.table, $0.kind, $0.cut, Units.count($0.items), Units.size($0.rawBytes),
                        Units.size($0.sealedBytes),
                        $0.removed.map { "REMOVED \($0)" } ?? ($0.shredded == nil ? $0.consistency : "SHREDDED"),
                    ]
                }, right: [4, 5, 6])
        }
        for finding in findings { console.note("\(finding.object): \(finding.reason)") }
        try console.document(
            Listing(
                vault: target.name, recoveryPoints: segments ? nil : records, segments: segments ? records : nil,
                damaged: findings.map(DamageRecord.init)))
        return ExitStatus(for: findings)
    }

    /// What is listed, in ascending order of start, and what is wrong.
    private func find(
        _ table: String?, in target: OpenVault, workers: Int
    ) throws -> (records: [SnapshotRecord], findings: [Finding]) {
        let kinds = Set(Manifest.Kind.allCases.filter { $0.isRecoveryPoint != segments })
        if let listing = try CatalogListing(target.vault, table: table, kinds: kinds),
            let records = try read(listing, table, target.name, workers: workers)
        {
            return (records, [])
        }
        let (catalog, findings) = try Catalog.settled(target.vault)
        let manifests = (removed ? catalog.removed : catalog.entries).map(\.manifest)
            .filter { kinds.contains($0.kind) && (table == nil || $0.table.name == table) }
        return (
            manifests.map {
                SnapshotRecord(
                    $0.head, table: $0.table.name, vault: target.name, shredded: catalog.shredded[$0.id]?.shredded,
                    removed: catalog.removals.removed($0)?.time)
            }, findings
        )
    }

    /// - Returns: nil where a document cannot be read.
    private func read(
        _ listing: CatalogListing, _ table: String?, _ vault: String, workers: Int
    ) throws -> [SnapshotRecord]? {
        let found = Mutex<[(started: Instant, record: SnapshotRecord)]?>([])
        let removed = removed
        try Workers.run(workers, stop: Interrupts.stop) { part, stop in
            var own: [(started: Instant, record: SnapshotRecord)] = []
            let isWhole = try listing.forEach(part: part, of: workers) { entry in
                let manifest = entry.manifest
                guard (entry.removed != nil) == removed, table == nil || manifest.table.name == table else { return }
                try stop.check()
                let record = SnapshotRecord(
                    manifest, table: manifest.table.name, vault: vault, shredded: entry.shredded,
                    removed: entry.removed)
                own.append((manifest.started, record))
            }
            found.withLock { $0 = isWhole ? $0.map { $0 + own } : nil }
        }
        let rows = found.withLock { $0 }
        return rows?.sorted { ($0.started, $0.record.id) < ($1.started, $1.record.id) }.map(\.record)
    }

    private struct Listing: Encodable {
        let vault: String
        let recoveryPoints: [SnapshotRecord]?
        let segments: [SnapshotRecord]?
        let damaged: [DamageRecord]
    }
}
