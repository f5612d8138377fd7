// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveVault

struct ExplainVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say why retention keeps a recovery point or segment, or lets it go.",
        discussion: HelpText.of(
            """
            By 'retention' of varve.yaml, or by the policy that the options say. It also tells of what was removed: when, why, and whether it can
            be taken back.
            """,
            examples: [
                ("explain 3k4ljtz", "all reasons, by the policy of varve.yaml"),
                ("explain 3k4ljtz --keep-last 1", "what another policy would mean for it"),
            ],
            exits: [.damageFound, .notFound, .configurationInvalid, .refused]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "The recovery point or segment: its id or a unique beginning of it.") var id: String
    @OptionGroup(title: "Policy") var policy: PolicyOptions
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?

    func perform() throws -> ExitStatus {
        let home = try common.home()
        let target = try home.vault(vault)
        let given = try policy.rule()
        let stage = PruneVault(vault: target.vault, verifications: target.verifications, tool: Varve.version)
        let plan = try stage.plan { given ?? home.retention(of: $0, vault: target.name) }
        let explanation = try removed(in: plan, target.name) ?? kept(in: plan, target.name)
        explanation.tell(common.console)
        try common.console.document(explanation)
        return .done
    }

    private func kept(in plan: PruneVault.Plan, _ vault: String) throws -> Explanation {
        let manifest = try RecoveryPoints(plan.catalog).find(table: nil, id: id, segments: true).manifest
        for table in plan.tables where table.plan.facts.table.id == manifest.table.id {
            let facts = table.plan.facts
            let verdicts =
                Array(zip(facts.points.map(\.id), table.plan.points))
                + Array(zip(facts.segments.map(\.id), table.plan.segments))
                + Array(zip(facts.merged.map(\.id), table.plan.merged))
            guard let verdict = verdicts.first(where: { $0.0 == manifest.id })?.1 else { continue }
            return Explanation(
                id: manifest.id, kind: manifest.kind.rawValue, table: manifest.table.name, vault: vault,
                cut: manifest.consistency.cut.time.rfc3339, policy: table.rule.map { "\($0.policy)" },
                zone: table.rule?.zone.name, verdict: verdict.word, reasons: verdict.reasons, removed: nil, undo: nil)
        }
        throw UsageError("The vault \(vault) holds no recovery point '\(id)'.", status: .notFound)
    }

    /// nil where the id is none of what was removed.
    private func removed(in plan: PruneVault.Plan, _ vault: String) throws -> Explanation? {
        let catalog = plan.catalog
        if id.isEmpty || !catalog.entries(idPrefix: id).isEmpty { return nil }
        if let manifest = catalog.removed.map(\.manifest).first(where: { $0.id.utf8.starts(with: id.utf8) }),
            let removed = catalog.removals.removed(manifest)
        {
            return Explanation(
                id: manifest.id, kind: manifest.kind.rawValue, table: manifest.table.name, vault: vault,
                cut: manifest.consistency.cut.time.rfc3339, policy: nil, zone: nil, verdict: "removed",
                reasons: [], removed: .init(time: removed.time.rfc3339, reason: removed.reason, record: removed.record),
                undo: catalog.isWhole(manifest))
        }
        let gone = catalog.removals.points.values.filter { $0.point.id.utf8.starts(with: id.utf8) }
        return gone.min { $0.point.id < $1.point.id }.map { gone in
            Explanation(
                id: gone.point.id, kind: gone.point.kind.rawValue, table: gone.point.table.name, vault: vault,
                cut: gone.point.cut.rfc3339, policy: nil, zone: nil, verdict: "removed", reasons: [],
                removed: .init(time: gone.time.rfc3339, reason: gone.point.reason, record: gone.record), undo: false)
        }
    }
}

/// What retention means for one recovery point or segment.
private struct Explanation: Encodable {
    struct Removed: Encodable {
        let time: String
        let reason: String
        let record: String
    }

    let id: String
    let kind: String
    let table: String
    let vault: String
    let cut: String
    /// Left out where the table has none, and of what was removed.
    let policy: String?
    let zone: String?
    /// `kept`, `goes` or `removed`.
    let verdict: String
    let reasons: [ReasonRecord]
    let removed: Removed?
    /// Whether a removal can be taken back.
    let undo: Bool?

    func tell(_ console: Console) {
        console.line("id        \(id) (\(kind) of \(table), cut \(cut))")
        if let removed {
            console.line("verdict   removed at \(removed.time)")
            console.line("because   \(removed.reason)")
            console.line("record    \(removed.record)")
            console.line(
                undo == true
                    ? "undo      varve prune --undo \(id)" : "undo      not possible: its bytes have begun to go")
            return
        }
        console.line(
            "policy    \(policy.map { "\($0), on the clock of \(zone ?? "UTC")" } ?? "none: everything is kept")")
        console.line("verdict   \(verdict == "goes" ? "goes with the next prune" : verdict)")
        for (number, reason) in reasons.enumerated() {
            console.line((number == 0 ? "because   " : "          ") + reason.detail)
        }
    }
}
