// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SystemPackage
import VarveConfig
import VarveModel
import VarvePipeline
import VarveStore
import VarveVault

struct ReportVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Report what is on record of every table of a vault: coverage, recovery points, retention, proofs.",
        discussion: HelpText.of(
            """
            Per table: to which instants it can be restored, with holes and their causes; age, number and sizes of recovery points; what
            retention demands and what is there; the last verification and the last drill with their results; expired items that wait for a
            sweep. Facts only, each with the object it comes from. --html writes one page that needs nothing else: it can be mailed, printed,
            and read in ten years.

            What cannot be found out is stated too, with its reason: that retention cannot be judged while a record, a hold or a lock cannot be
            read or the clock lies before the vault's newest manifest; or that a store does not open. Everything else is reported all the same.
            The exit code is then 4 where something is damaged, else that of the command which would fail for the same reason.
            """,
            examples: [
                ("report", "in short, as text"),
                ("report --html report.html", "as a page"),
                ("report --json", "for other programs"),
            ],
            exits: [.damageFound, .notFound, .wrongKey, .configurationInvalid, .refused]))

    @OptionGroup var common: CommonOptions
    @Option(help: ArgumentHelp("Write the page into this file, which must not be there yet.", valueName: "file"))
    var html: String?
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?

    func perform() throws -> ExitStatus {
        let home = try common.home()
        let report = try ReportStep(vault: vault, folder: nil).make(home)
        if let html {
            try Files.write(ReportPage(report: report).text, to: Files.absolute(FilePath(html)))
        }
        if report.tables.isEmpty { common.console.line("The vault \(report.vault) holds no recovery point yet.") }
        ReportStep.tell(report, common.console)
        if let html { common.console.line("written: \(html)") }
        try common.console.document(report)
        return report.status
    }
}

/// A report of a vault: what `varve report` and a job's `report` step do.
struct ReportStep {
    let vault: String?
    /// Gets a page and the same as JSON, named by vault and time; nil: nothing is written.
    let folder: FilePath?

    func make(_ home: Home) throws -> ReportRecord {
        let source = try home.vault(vault)
        let settled = try Catalog.settled(source.vault)
        let stage = PruneVault(vault: source.vault, verifications: source.verifications, tool: Varve.version)
        var live: [VaultReport.Live] = []
        var unknown: [VaultReport.Unknown] = []
        for name in home.configuration.stores.map(\.name) {
            do {
                live += try Self.live(name, home.store(name).store)
            } catch {
                unknown.append(VaultReport.Unknown(.store(name), error))
            }
        }
        let report = VaultReport(
            source.vault, settled, at: .now(),
            retention: Result {
                try stage.plan(of: settled.catalog) { home.retention(of: $0, vault: source.name) }
            },
            verified: Result { try source.verifications.newest() }, drills: Result { try home.drills.entries() },
            live: live, unknown: unknown)
        return ReportRecord(
            report, vault: source.name, tool: "varve \(Varve.version)",
            verifiedRecord: source.verifications.path.lastComponent?.string ?? "",
            drillRecord: home.drills.path.lastComponent?.string ?? "")
    }

    private static func live(_ name: String, _ store: EmbeddedStore) throws -> [VaultReport.Live] {
        try store.tables().map { table in
            let isOn = table.timeToLive?.enabled == true
            return VaultReport.Live(
                store: name, description: table,
                expired: isOn ? try store.expiryBacklog(in: table.name, at: .now(), grace: 0) : nil)
        }
    }

    func run(in home: Home, _ console: Console, dryRun: Bool) throws -> ExitStatus {
        let report = try make(home)
        Self.tell(report, console)
        if let folder, !dryRun {
            try Files.makeFolder(folder)
            let stem = "\(report.vault)-\(Instant.now().compact)"
            let page = folder.appending(stem + ".html")
            try Files.write(ReportPage(report: report).text, to: page)
            try Files.write(try Console.encode(report, pretty: true) + "\n", to: folder.appending(stem + ".json"))
            console.line("written: \(page), and the same as JSON")
        }
        try console.event(report)
        return report.status
    }

    static func tell(_ report: ReportRecord, _ console: Console) {
        for table in report.tables { console.line(line(table, of: report)) }
        for unknown in report.unknown { console.line(unknown.line) }
        for damage in report.damaged { console.note("\(damage.object): \(damage.reason)") }
    }

    private static func line(_ table: ReportRecord.Table, of report: ReportRecord) -> String {
        let coverage = table.coverage
        var parts = [Units.counted(table.snapshots, "snapshot")]
        if let age = table.newestAgeSeconds {
            parts.append(
                age < 0
                    ? "newest \(Units.span(seconds: Double(-age))) ahead of the clock"
                    : "newest \(Units.span(seconds: Double(age))) old")
        }
        parts.append(coverage.log.map { "log through \($0.through)" } ?? "log not captured")
        if !coverage.holes.isEmpty {
            parts.append("\(Units.counted(coverage.holes.count, "hole"))\(coverage.open ? ", OPEN" : "")")
        }
        if report.knows("verifications") {
            parts.append(table.lastVerified.map { "verified \($0.time)" } ?? "never verified")
        }
        if report.knows("drills") {
            parts.append(
                table.lastDrill.map { "drill \($0.failure == nil ? "passed" : "FAILED") \($0.time)" } ?? "never drilled"
            )
        }
        if let expired = table.expired, expired.items > 0 {
            parts.append("\(Units.counted(expired.items, "expired item")) waiting")
        }
        return "\(coverage.table)  \(parts.joined(separator: ", "))"
    }
}
