// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveConfig
import VarvePipeline
import VarveVault

struct CopyVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Copy recovery points and captured change logs from one vault into another.",
        discussion: HelpText.of(
            """
            Copies what the other vault lacks, bundle for bundle: the same bytes, checked against their SHA-256 on the way and on arrival. The copies
            get key files under that vault's own wrapping key, and manifests of its own; list, coverage, verify and restore then work there without the
            first vault. Sweeps come with their outcome. What was shredded is not copied.

            Without arguments everything is copied. A word that names or matches a table means all of the table's, its log included; any other is the
            beginning of an id. One table's failure does not stop the others (exit code 3); a run that was broken off is finished by the next.
            """,
            examples: [
                ("copy --to offsite", "all that is missing there"),
                ("copy --from main --to offsite 'Orders*' '!Orders_tmp'", "tables"),
                ("copy 3k4ljtz --to offsite --dry-run", "whether one recovery point would be copied"),
            ],
            exits: [
                .partlyDone, .damageFound, .notRestorable, .notFound, .lockedByAnother, .wrongKey,
                .configurationInvalid,
            ]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "Tables (* and ? match, ! takes out) or ids of recovery points and segments.")
    var what: [String] = []
    @Option(help: "The vault to copy from, where varve.yaml names several others.") var from: String?
    @Option(help: "The vault to copy to; may be given again.") var to: [String] = []
    @Flag(help: "Say what would be copied, and write nothing.") var dryRun = false

    func validate() throws {
        if to.isEmpty { throw ValidationError("Say where to copy to: --to VAULT.") }
    }

    func perform() throws -> ExitStatus {
        try CopyStep(what: what, tables: nil, from: from, to: to)
            .run(in: try common.home(), common.console, dryRun: dryRun)
    }
}

/// Copies from one vault into others: what `varve copy` and a job's `copy` step do.
struct CopyStep {
    /// Tables or ids, as they stand on the command line; none: everything.
    var what: [String] = []
    let tables: TableSelection?
    /// nil: the only vault that is not in ``to``.
    let from: String?
    let to: [String]

    func run(in home: Home, _ console: Console, dryRun: Bool) throws -> ExitStatus {
        let copies = try Copies(to: to[...], in: home)
        let name = try from ?? home.configuration.onlyVault(but: to)
        let source = try home.vault(name)
        let includes = try choice(source)
        let records = try copies.make(of: source, console, dryRun: dryRun, includes)
        try console.event(CopySummary(from: source.name, dryRun: dryRun, copies: records))
        let statuses = Set(records.map(\.status))
        if statuses.count == 1, let only = statuses.first { return only }
        return .partlyDone
    }

    /// Which recovery points and segments are meant.
    private func choice(_ source: OpenVault) throws -> (Manifest) -> Bool {
        if what.isEmpty && tables == nil { return { _ in true } }
        let catalog = try Catalog.read(source.vault)
        let known = Set(catalog.entries.map(\.manifest.table.name))
        let patterns = what.filter { word in known.contains(word) || word.contains { "/*?!".contains($0) } }
        let finder = RecoveryPoints(catalog)
        let ids = Set(
            try what.filter { !patterns.contains($0) }.map {
                try finder.find(table: nil, id: $0, segments: true).manifest.id
            })
        let selection = try tables ?? (patterns.isEmpty ? nil : TableSelection(patterns: patterns))
        let missing = (selection?.patterns ?? []).first { pattern in
            pattern.isExact && !pattern.isNegated && !known.contains { pattern.matches(table: $0) }
        }
        if let missing {
            throw UsageError(
                "The vault \(source.name) holds nothing of a table '\(missing)'. 'varve list --vault \(source.name)' shows what it holds.",
                status: .notFound)
        }
        return { ids.contains($0.id) || selection?.includes(table: $0.table.name) ?? false }
    }
}
