// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveModel
import VarvePipeline
import VarveVault

struct CoverageVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "coverage",
        abstract: "Show to which instants tables can be restored, with the holes between and why.",
        discussion: HelpText.of(
            """
            Computed from what lies in the vault: the cuts of snapshots, and the positions and watermarks of the segments that 'varve capture'
            wrote. No key and no store is needed. A snapshot without a captured log around it is a single instant. A hole is a stretch of which
            changes are missing; it ends with the next snapshot. Exit code 5 says that a hole is open: no snapshot has been taken since.
            """,
            examples: [
                ("coverage", "every table of the vault"),
                ("coverage Orders --json", "one table, for monitoring"),
            ],
            exits: [.damageFound, .notRestorable, .notFound, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "Only this table (its name, without the store, or its id).") var table: String?
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?

    func perform() throws -> ExitStatus {
        let target = try common.home().vault(vault)
        let console = common.console
        let (catalog, findings) = try Catalog.settled(target.vault)
        let coverages = Coverage.all(in: catalog, of: table.map(Home.tableName))
        if let table, coverages.isEmpty {
            throw UsageError(
                "The vault \(target.name) knows no table '\(table)'. 'varve list' shows what it holds.",
                status: .notFound)
        }
        if coverages.isEmpty { console.line("The vault \(target.name) holds no recovery point yet.") }
        for coverage in coverages { show(coverage, console) }
        for finding in findings { console.note("\(finding.object): \(finding.reason)") }
        try console.document(
            Report(
                vault: target.name, tables: coverages.map(CoverageRecord.init), damaged: findings.map(DamageRecord.init)
            ))
        if !findings.isEmpty { return ExitStatus(for: findings) }
        return coverages.contains(where: \.isOpen) ? .notRestorable : .done
    }

    private func show(_ coverage: Coverage, _ console: Console) {
        let log =
            coverage.through.map {
                "\(Units.counted(coverage.segments, "segment")), \(Units.counted(coverage.changes, "change")), \(Units.size(coverage.sealedBytes)), captured through \($0.rfc3339)"
            } ?? "its log is not captured"
        console.line(
            "\(coverage.table.name) (id \(coverage.table.id))  \(log)\(coverage.hasEnded ? "; the table was dropped" : "")"
        )
        if coverage.intervals.isEmpty { console.line("  nothing can be restored: take a snapshot") }
        for interval in coverage.intervals {
            console.line(
                interval.from == interval.through
                    ? "  \(interval.from.rfc3339)  this instant only, snapshot \(interval.base)"
                    : "  \(interval.from.rfc3339) to \(interval.through.rfc3339)  any instant, from snapshot \(interval.base), \(Units.counted(interval.snapshots, "snapshot"))"
            )
        }
        for hole in coverage.holes { console.line("  " + HoleRecord(hole, table: coverage.table.name).line) }
    }

    private struct Report: Encodable {
        let vault: String
        let tables: [CoverageRecord]
        let damaged: [DamageRecord]
    }
}
