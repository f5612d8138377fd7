// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SystemPackage
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
        for table in report.tables { common.console.line(ReportStep.line(table)) }
        if report.tables.isEmpty { common.console.line("The vault \(report.vault) holds no recovery point yet.") }
        if let html { common.console.line("written: \(html)") }
        try common.console.document(report)
        return report.damaged.isEmpty ? .done : .damageFound
    }
}

/// A report of a vault: what `varve report` and a job's `report` step do.
struct ReportStep {
    let vault: String?
    /// Gets a page and the same as JSON, named by vault and time; nil: nothing is written.
    let folder: FilePath?

    func make(_ home: Home) throws -> ReportRecord {
        let source = try home.vault(vault)
        let stage = PruneVault(vault: source.vault, verifications: source.verifications, tool: Varve.version)
        let plan = try stage.plan { home.retention(of: $0, vault: source.name) }
        var live: [VaultReport.Live] = []
        for (name, store) in try home.allStores() {
            for table in try store.tables() {
                let isOn = table.timeToLive?.enabled == true
                live.append(
                    VaultReport.Live(
                        store: name, description: table,
                        expired: isOn ? try store.expiryBacklog(in: table.name, at: .now(), grace: 0) : nil))
            }
        }
        let report = VaultReport(
            source.vault, plan, verified: try source.verifications.newest(), drills: try home.drills.entries(),
            live: live)
        return ReportRecord(
            report, vault: source.name, tool: "varve \(Varve.version)",
            verifiedRecord: source.verifications.path.lastComponent?.string ?? "",
            drillRecord: home.drills.path.lastComponent?.string ?? "")
    }

    func run(in home: Home, _ console: Console, dryRun: Bool) throws -> ExitStatus {
        let report = try make(home)
        for table in report.tables { console.line(Self.line(table)) }
        if let folder, !dryRun {
            try Files.makeFolder(folder)
            let stem = "\(report.vault)-\(Instant.now().compact)"
            let page = folder.appending(stem + ".html")
            try Files.write(ReportPage(report: report).text, to: page)
            try Files.write(try Console.encode(report, pretty: true) + "\n", to: folder.appending(stem + ".json"))
            console.line("written: \(page), and the same as JSON")
        }
        try console.event(report)
        return report.damaged.isEmpty ? .done : .damageFound
    }

    static func line(_ table: ReportRecord.Table) -> String {
        var parts = [Units.counted(table.snapshots, "snapshot")]
        if let age = table.newestAgeSeconds { parts.append("newest \(Units.span(seconds: Double(age))) old") }
        parts.append(table.log.map { "log through \($0.through)" } ?? "log not captured")
        if !table.holes.isEmpty {
            parts.append("\(Units.counted(table.holes.count, "hole"))\(table.open ? ", OPEN" : "")")
        }
        parts.append(table.lastVerified.map { "verified \($0.time)" } ?? "never verified")
        parts.append(
            table.lastDrill.map { "drill \($0.failure == nil ? "passed" : "FAILED") \($0.time)" } ?? "never drilled")
        if let expired = table.expired, expired.items > 0 {
            parts.append("\(Units.counted(expired.items, "expired item")) waiting")
        }
        return "\(table.name)  \(parts.joined(separator: ", "))"
    }
}
