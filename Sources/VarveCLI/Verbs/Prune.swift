// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveConfig
import VarveModel
import VarvePipeline
import VarveVault

struct PruneVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Remove what no retention rule keeps; or, with --leftovers, what broken runs left.",
        discussion: HelpText.of(
            """
            Applies 'retention' of varve.yaml, or the policy that the options say, to the recovery points of a vault and to its captured logs,
            and prints of each why it is kept or goes. What any rule keeps is kept; holds, locks, running restores and the newest snapshot of
            each table beat every rule. A table without a policy keeps everything.

            In two steps: what goes is first recorded as removed, and no command takes it any more; its bytes go with a later prune, when the
            grace period has passed. Until then --undo takes it back. The next prune removes it again, unless the policy was changed.

            With --leftovers: a leftover is an object that no manifest (in either place), no later manifest's chain, no record of commits of
            this home and no running job's lease knows, and that is older than the grace period. Nothing that a recovery point needs is ever a
            leftover.
            """,
            examples: [
                ("prune --dry-run", "every recovery point, with why it is kept or goes"),
                ("prune --keep-last 3 --keep-daily 35", "another policy than that of varve.yaml"),
                ("prune --undo 3k4ljtz", "takes a removal back"),
                ("prune --leftovers --dry-run", "what broken runs left, older than a day"),
            ],
            exits: [.damageFound, .notRestorable, .notFound, .lockedByAnother, .configurationInvalid, .refused]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "Only these tables: names and patterns, '!' in front leaves out; without any, all.") var tables:
        [String] = []
    @OptionGroup(title: "Policy") var policy: PolicyOptions
    @Flag(help: "Remove what broken runs left instead.") var leftovers = false
    @Option(
        help: ArgumentHelp("Take back the removal of a recovery point, or of a log from a segment on.", valueName: "id")
    )
    var undo: String?
    @Option(
        help: "How long what is removed stays before its bytes go; with --leftovers, how old one must be, e.g. 1h, 7d.")
    var grace: String?
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?
    @Flag(help: "List what would be removed, and remove nothing.") var dryRun = false

    func validate() throws {
        let others = policy.isGiven || !tables.isEmpty
        if leftovers && (others || undo != nil) || undo != nil && (others || dryRun || grace != nil) {
            throw ValidationError("Of --leftovers, --undo and a policy say one; --undo goes alone.")
        }
    }

    func perform() throws -> ExitStatus {
        let span = try grace.map { try Duration(text: $0) }
        if leftovers { return try removeLeftovers(grace: span ?? PruneVault.graceStandard) }
        let home = try common.home()
        if let undo { return try takeBack(undo, home) }
        let rule = try policy.rule()
        guard rule != nil || !home.configuration.retention.isEmpty else {
            throw UsageError(
                "There is no policy to prune by. Write 'retention' in varve.yaml, or say one, as in --keep-last 3 --keep-daily 35; --leftovers "
                    + "removes what broken runs left.")
        }
        let selection = try tables.isEmpty ? nil : TableSelection(patterns: tables.map(Self.tablePattern))
        let step = PruneStep(vault: vault, grace: span, rule: rule, selection: selection)
        return try step.run(in: home, common.console, dryRun: dryRun)
    }

    /// A vault knows tables by their own names.
    private static func tablePattern(_ text: String) -> String {
        (text.hasPrefix("!") ? "!" : "") + Home.tableName(text.hasPrefix("!") ? String(text.dropFirst()) : text)
    }

    private func takeBack(_ id: String, _ home: Home) throws -> ExitStatus {
        let target = try home.vault(vault)
        let back = try PruneVault(
            vault: target.vault, verifications: target.verifications, tool: Varve.version
        ).undo(id)
        let isLog = back.first?.kind == .log
        common.console.line(
            isLog
                ? "taken back: \(Units.counted(back.count, "segment")) of the log of \(back[0].table.name)"
                : "taken back: \(back[0].kind.rawValue) \(back[0].id) of \(back[0].table.name)")
        common.console.line("the next prune removes it again, unless the policy was changed")
        try common.console.document(Undone(vault: target.name, undone: back.map(\.id)))
        return .done
    }

    private func removeLeftovers(grace: Duration) throws -> ExitStatus {
        let console = common.console
        let target = try common.home().vault(vault)
        let plan = try target.vault.leftovers(grace: grace, record: target.commits)
        let objects = plan.objects.map { ($0.path.text, $0.bytes) } + plan.remains.map { ($0.name, $0.bytes) }
        for (name, bytes) in objects {
            console.line("\(dryRun ? "would remove" : "remove")  \(name)  \(Units.size(bytes))")
        }
        for note in plan.notes { console.line("note: \(note)") }
        if !dryRun { try target.vault.remove(plan) }
        console.line(
            "\(Units.counted(objects.count, "leftover")), \(Units.size(plan.bytes)), \(dryRun ? "would be removed" : "removed")"
        )
        try console.document(
            LeftoversSummary(
                vault: target.name, dryRun: dryRun, objects: objects.map(\.0), bytes: plan.bytes, notes: plan.notes))
        return .done
    }

    private struct Undone: Encodable {
        let vault: String
        let undone: [String]
    }

    private struct LeftoversSummary: Encodable {
        let vault: String
        let dryRun: Bool
        let objects: [String]
        let bytes: Int
        let notes: [String]
    }
}

/// One prune of a vault: what `varve prune` and a job's `prune` step do.
struct PruneStep {
    let vault: String?
    let grace: Duration?
    /// For all tables; nil: what `varve.yaml` says for each.
    let rule: RetentionRule?
    var selection: TableSelection?

    func run(in home: Home, _ console: Console, dryRun: Bool) throws -> ExitStatus {
        let target = try home.vault(vault)
        let stage = PruneVault(vault: target.vault, verifications: target.verifications, tool: Varve.version)
        let grace = grace ?? PruneVault.graceStandard
        try demandTables(target)
        let isMeant = { (table: String) in selection?.includes(store: "", table: table) ?? true }
        let ruleOf = { (table: Manifest.TableIdentity) in rule ?? home.retention(of: table, vault: target.name) }
        let plan =
            try dryRun
            ? stage.plan(grace: grace, tables: isMeant, rule: ruleOf)
            : stage.run(grace: grace, stop: Interrupts.stop, tables: isMeant, rule: ruleOf)
        let summary = PruneSummary(plan, vault: target.name, dryRun: dryRun)
        summary.tell(console)
        try console.event(summary)
        return .done
    }

    /// A misspelt name must not pass for a table of which nothing goes.
    private func demandTables(_ target: OpenVault) throws {
        guard let exact = selection?.patterns.filter({ $0.isExact && !$0.isNegated }), !exact.isEmpty else { return }
        let known = Set(try Catalog.read(target.vault).entries.map(\.manifest.table.name))
        if let missing = exact.first(where: { !known.contains($0.table) }) {
            throw UsageError(
                "The vault \(target.name) holds nothing of table '\(missing)'. 'varve list' shows what it holds.",
                status: .notFound)
        }
    }
}
