// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveConfig
import VarveVault

struct PruneVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Remove what broken runs left in a vault, after listing it.",
        discussion: HelpText.of(
            """
            A leftover is an object that no manifest (in either place), no later manifest's chain, no record of commits of this home and no
            running job's lease knows, and that is older than the grace period. Nothing that a recovery point needs is ever a leftover.
            """,
            examples: [
                ("prune --leftovers --dry-run", "what would go"),
                ("prune --leftovers", "what broken runs left, older than a day"),
            ],
            exits: [.notFound, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Flag(help: "Remove what broken runs left.") var leftovers = false
    @Option(help: "How old a leftover must be, e.g. 1h, 7d.") var grace = "24h"
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?
    @Flag(help: "List what would be removed, and remove nothing.") var dryRun = false

    func validate() throws {
        if !leftovers { throw ValidationError("Say what to prune: --leftovers.") }
    }

    func perform() throws -> ExitStatus {
        let span = try Duration(text: grace)
        let console = common.console
        let target = try common.home().vault(vault)
        let plan = try target.vault.leftovers(grace: span, record: target.commits)
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
            Summary(vault: target.name, dryRun: dryRun, objects: objects.map(\.0), bytes: plan.bytes, notes: plan.notes)
        )
        return .done
    }

    private struct Summary: Encodable {
        let vault: String
        let dryRun: Bool
        let objects: [String]
        let bytes: Int
        let notes: [String]
    }
}
