// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveConfig
import VarveModel
import VarvePipeline
import VarveVault

struct VerifyVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove that what the vault lists is there, whole and openable.",
        discussion: HelpText.of(
            """
            Each level contains the ones before it:
              listing    every object that a recovery point needs is there, and nothing is that nobody knows
              manifests  every small object proves itself; manifests are authentic, in their place and in their chain
              objects    every bundle has the size and the SHA-256 that its manifest says
              content    every bundle decrypts, unpacks, and holds exactly the items or changes that were taken

            Segments of the change log are verified as recovery points are.

            Prints one line for each damaged or missing object and ends with exit code 4 if there is any.

            With --heal-from, objects that are damaged or missing are replaced by the other vault's copies. A copy is taken only if it proves to be what
            this vault's manifest states; what was touched is verified again, and the exit code is 0 if nothing is left.
            """,
            examples: [
                ("verify", "everything, down to each item"),
                ("verify 3k4ljtz --level objects", "one recovery point's files only"),
                ("verify --subset 1/30", "a thirtieth of the vault"),
                ("verify --vault main --heal-from offsite", "replace what is damaged by good copies"),
            ],
            exits: [.damageFound, .notFound, .lockedByAnother, .wrongKey, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "Ids of recovery points or segments (or unique beginnings); without any, the whole vault.") var ids:
        [String] =
            []
    @Option(help: "listing, manifests, objects or content (also 0 to 3).") var level = "content"
    @Option(help: "Check bundles of the n-th of t parts only, e.g. 3/30: t runs with n from 1 to t check all.")
    var subset: String?
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?
    @Option(help: "The vault whose copies replace what is damaged or missing.") var healFrom: String?

    func perform() throws -> ExitStatus {
        let step = VerifyStep(
            ids: ids, level: try VerifyLevel(text: level), subset: try subset.map { try VerifySubset(text: $0) },
            vault: vault, healFrom: healFrom)
        return try step.run(in: try common.home(), common.console)
    }
}

/// One verification of a vault: what `varve verify` and a job's `verify` step do.
struct VerifyStep {
    var ids: [String] = []
    let level: VerifyLevel
    let subset: VerifySubset?
    let vault: String?
    var healFrom: String?

    func run(in home: Home, _ console: Console) throws -> ExitStatus {
        // Whether there is a vault to heal from is known before hours of reading.
        let other = try healFrom.map { try home.vault($0) }
        let target: OpenVault
        do {
            target = try home.vault(vault)
        } catch {
            // A vault without its identity is a damaged vault, and saying so is what this is for.
            guard let finding = Finding(opening: error) else { throw error }
            for line in ErrorReport(error).lines { console.note(line) }
            return try tell(VerifyReport(finding), of: try home.vaultName(vault), console)
        }
        let report = try look(at: target, home, console)
        guard let other, !report.findings.isEmpty else { return try tell(report, of: target.name, console) }
        let result = try heal(target, from: other, report, home, console)
        for object in result.healed { console.line("HEALED  \(object)  from vault \(other.name)") }
        for (object, error) in result.notHealed {
            console.note("not healed: \(object)")
            for line in ErrorReport(error).lines { console.note(line) }
        }
        return try tell(result.report, of: target.name, console, healed: result.healed)
    }

    private func heal(
        _ target: OpenVault, from other: OpenVault, _ report: VerifyReport, _ home: Home, _ console: Console
    ) throws -> HealVault.Result {
        guard other.vault.storage.location != target.vault.storage.location else {
            throw PipelineError(.sameVault, "A vault is not healed from itself. Name the vault that holds copies.")
        }
        let stage = HealVault(
            vault: target.vault, from: other.vault, keys: try home.keys(), under: target.wrappingKey,
            commits: target.commits, workers: home.workers)
        let progress = Progress()
        return try ProgressDisplay.during("heal \(target.name)", progress, console) {
            try stage.run(report, depth: level.depth, progress: progress, stop: Interrupts.stop)
        }
    }

    private func look(at target: OpenVault, _ home: Home, _ console: Console) throws -> VerifyReport {
        // A listing opens nothing and needs no key.
        let keys = level == .listing ? nil : try home.keys()
        let stage = VerifyVault(vault: target.vault, keys: keys, commits: target.commits, workers: home.workers)
        let progress = Progress()
        let report = try ProgressDisplay.during("verify \(target.name)", progress, console) {
            try stage.run(
                ids: ids, depth: level.depth, part: subset.map { ($0.part - 1, $0.parts) }, progress: progress,
                stop: Interrupts.stop)
        }
        remember(report.verified, target, home, console)
        return report
    }

    /// Retention may ask for it. That it could not be written makes the verification no worse.
    private func remember(_ verified: [String], _ target: OpenVault, _ home: Home, _ console: Console) {
        if verified.isEmpty { return }
        do {
            try Files.makeFolder(home.configuration.state)
            try target.verifications.append(
                VerificationEntry(vault: target.vault.id, time: .now(), points: verified))
        } catch {
            console.note("what was verified could not be put on record:")
            for line in ErrorReport(error).lines { console.note(line) }
        }
    }

    private func tell(
        _ report: VerifyReport, of name: String, _ console: Console, healed: [String] = []
    ) throws -> ExitStatus {
        let damaged = report.findings.map(DamageRecord.init)
        for record in damaged { console.line(record.line) }
        var parts = [Units.counted(report.recoveryPoints, "recovery point")]
        if report.segments > 0 { parts.append(Units.counted(report.segments, "segment")) }
        parts.append(Units.counted(report.objects, "object"))
        parts.append("\(Units.size(report.bytesRead)) read")
        if report.items > 0 {
            let changes = report.segments > 0 ? " and changes" : ""
            parts.append(Units.counted(report.items, "item") + changes + " compared")
        }
        if !healed.isEmpty { parts.append("\(Units.counted(healed.count, "object")) healed") }
        let checked = parts.joined(separator: ", ")
        console.line(
            damaged.isEmpty
                ? "vault \(name): no damage at level \(level) (\(checked))"
                : "vault \(name): \(Units.counted(damaged.count, "damaged object")) at level \(level) (\(checked))"
        )
        try console.event(
            VerifySummary(
                vault: name, level: "\(level)", subset: subset.map { "\($0)" },
                recoveryPoints: report.recoveryPoints, segments: report.segments,
                objects: report.objects, bytesRead: report.bytesRead, items: report.items, damaged: damaged,
                healed: healed, leftovers: report.leftovers.map(\.path.text)))
        if !report.leftovers.isEmpty {
            console.note(
                "\(Units.counted(report.leftovers.count, "object")) left over from broken runs: see 'varve prune --leftovers --dry-run'"
            )
        }
        return ExitStatus(for: report.findings)
    }
}

extension VerifyLevel {
    fileprivate var depth: VerifyDepth {
        switch self {
        case .listing: .listing
        case .manifests: .manifests
        case .objects: .objects
        case .content: .content
        }
    }
}

/// One damaged or missing object. `object` is its path in the vault.
struct DamageRecord: Encodable {
    let object: String
    let level: String
    let code: VaultError.Code
    let reason: String

    init(_ finding: Finding) {
        code = finding.code
        object = finding.object
        level = VerifyLevel(rawValue: finding.level)?.description ?? "\(finding.level)"
        reason = finding.reason
    }

    var line: String { "\(word)  \(object)  [\(level)]  \(reason)" }

    private var word: String {
        switch code {
        case .unreadable: "UNREADABLE"
        case .newerFormat: "NEWER"
        default: "DAMAGED"
        }
    }
}

private struct VerifySummary: Encodable {
    let type = "summary"
    let vault: String
    let level: String
    let subset: String?
    let recoveryPoints: Int
    let segments: Int
    let objects: Int
    let bytesRead: Int
    let items: Int
    let damaged: [DamageRecord]
    let healed: [String]
    let leftovers: [String]
}
