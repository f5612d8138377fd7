// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import SystemPackage
import VarveConfig
import VarvePipeline

struct RunVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a job: the steps of Jobs/NAME.yaml, in their order.",
        discussion: HelpText.of(
            """
            A failed step ends the job, unless the step says 'continueOnFailure: true'. The job ends with the first failure's exit code.
            A job runs once at a time in a home: while another process runs it, the exit code is 11.
            """,
            examples: [
                ("run nightly --dry-run", "what it would do"),
                ("run nightly", "the steps of Jobs/nightly.yaml"),
            ],
            exits: [
                .partlyDone, .damageFound, .notRestorable, .notFound, .lockedByAnother, .wrongKey,
                .configurationInvalid, .refused,
            ])
    )

    @OptionGroup var common: CommonOptions
    @Argument(help: "The job's name (Jobs/NAME.yaml beside varve.yaml), or a path to a job file.") var job: String
    @Flag(help: "Print the steps, do those that can be done dry, and write nothing.") var dryRun = false

    func perform() throws -> ExitStatus {
        let home = try common.home()
        let console = common.console
        let job = try Job.read(
            self.job, for: home.configuration, from: FilePath(FileManager.default.currentDirectoryPath))
        let lock = dryRun ? nil : try home.lock(job: job.name)
        var status = ExitStatus.done
        var results: [StepRecord] = []
        for (number, step) in job.steps.enumerated() {
            try Interrupts.stop.check()
            console.line("step \(number + 1) of \(job.steps.count): \(step.action.verb)")
            try console.event(StepBegin(step: number + 1, of: job.steps.count, action: step.action.verb))
            let began = ContinuousClock.now
            let stepStatus = run(step.action, home, console)
            results.append(
                StepRecord(
                    step: number + 1, action: step.action.verb, exitCode: stepStatus.rawValue,
                    seconds: (ContinuousClock.now - began).seconds))
            console.line()
            if stepStatus != .done {
                if status == .done { status = stepStatus }
                if !step.continueOnFailure { break }
            }
        }
        try Interrupts.stop.check()
        let skipped = job.steps.count - results.count
        let failedStep: Int = results.first(where: { $0.exitCode != 0 }).map(\.step) ?? 0
        console.line(
            status == .done
                ? "job \(job.name): \(Units.counted(results.count, "step")) \(dryRun ? "looked at, nothing written" : "done")"
                : "job \(job.name): FAILED with exit code \(status.rawValue) at step \(failedStep)"
                    + (skipped > 0 ? "; \(Units.counted(skipped, "step")) not run" : ""))
        try console.event(JobSummary(job: job.name, exitCode: status.rawValue, steps: results, notRun: skipped))
        lock?.release()
        return status
    }

    private func would(_ work: String, _ console: Console) -> ExitStatus {
        console.line("would \(work)")
        return .done
    }

    private func run(_ action: Job.Action, _ home: Home, _ console: Console) -> ExitStatus {
        do {
            switch action {
            case .backup(let tables, let vaults, let synthetic):
                return try BackupStep(tables: tables, vaults: vaults, synthetic: synthetic)
                    .run(in: home, console, dryRun: dryRun)
            case .compact(let olderThan, let vault):
                return try CompactStep(olderThan: olderThan, vault: vault).run(in: home, console, dryRun: dryRun)
            case .capture(let tables, let vaults):
                return try CaptureStep(tables: tables, vaults: vaults).run(in: home, console, dryRun: dryRun)
            case .copy(let tables, let source, let targets):
                return try CopyStep(tables: tables, from: source, to: targets)
                    .run(in: home, console, dryRun: dryRun)
            case .verify(let level, let subset, let vault, let healFrom):
                let step = VerifyStep(level: level, subset: subset, vault: vault, healFrom: healFrom)
                let healing = healFrom.map { ", healing from vault \($0)" } ?? ""
                return dryRun
                    ? would("verify vault \(vault) at level \(level)\(healing)", console)
                    : try step.run(in: home, console)
            case .drill(let tables, let time, let vault):
                let step = DrillStep(tables: tables, at: time, vault: vault)
                return dryRun ? would("drill tables of vault \(vault)", console) : try step.run(in: home, console)
            case .report(let folder, let vault):
                return try ReportStep(vault: vault, folder: folder).run(in: home, console, dryRun: dryRun)
            case .prune(let vault, let grace, let retention):
                return try PruneStep(vault: vault, grace: grace, rule: retention.map(RetentionRule.init))
                    .run(in: home, console, dryRun: dryRun)
            case .sweep(let sweep, let vault):
                let limits = SweepLimits(
                    itemsMax: sweep.maxDeletions, deletionsPerSecond: sweep.deletionsPerSecond)
                return try SweepStep(tables: sweep.tables, grace: sweep.grace, vault: vault, limits: limits)
                    .run(in: home, console, dryRun: dryRun)
            }
        } catch {
            for line in ErrorReport(error).lines { console.note(line) }
            return ExitStatus(for: error)
        }
    }
}

private struct StepBegin: Encodable {
    let type = "event"
    let event = "step"
    let step: Int
    let of: Int
    let action: String
}

private struct StepRecord: Encodable {
    let step: Int
    let action: String
    let exitCode: Int32
    let seconds: Double
}

private struct JobSummary: Encodable {
    let type = "summary"
    let job: String
    let exitCode: Int32
    let steps: [StepRecord]
    let notRun: Int
}
