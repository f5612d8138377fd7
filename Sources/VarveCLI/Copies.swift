// SPDX-License-Identifier: Apache-2.0

import VarveConfig
import VarvePipeline
import VarveVault

/// The vaults that get copies of what a command makes or names. One that fails does not keep the others.
struct Copies {
    private let home: Home
    private let names: [String]

    /// - Parameter names: as the command line or a job gives them; all are known to `varve.yaml`, none comes twice.
    init(to names: ArraySlice<String>, in home: Home) throws {
        self.home = home
        self.names = try names.map { try home.vaultName($0) }
        guard Set(names).count == names.count else {
            throw UsageError("A vault is named twice: \(names.joined(separator: ", ")).")
        }
    }

    /// For the end of a line that says what would be done: empty, or where copies would go.
    var note: String { names.isEmpty ? "" : ", with copies in " + names.joined(separator: ", ") }

    /// Copies what is chosen into each of them.
    func make(
        of source: OpenVault, _ console: Console, dryRun: Bool = false, _ includes: (Manifest) -> Bool
    ) throws -> [CopyRecord] {
        try names.map { name in
            var record = CopyRecord(vault: name)
            do {
                try copy(source, to: try home.vault(name), &record, console, dryRun: dryRun, includes)
            } catch let error as PipelineError where error.code == .stopped {
                throw error
            } catch {
                record.fail(error, console)
            }
            for line in record.lines(dryRun: dryRun) { console.line(line) }
            return record
        }
    }

    /// A copy that failed makes a run that did all else partly done.
    static func status(_ copies: [CopyRecord], after status: ExitStatus) -> ExitStatus {
        status == .done && copies.contains { $0.status != .done } ? .partlyDone : status
    }

    private func copy(
        _ source: OpenVault, to target: OpenVault, _ record: inout CopyRecord, _ console: Console, dryRun: Bool,
        _ includes: (Manifest) -> Bool
    ) throws {
        let stage = CopyVault(
            from: source.vault, to: target.vault, under: target.wrappingKey, keys: try home.keys(),
            commits: target.commits, workers: home.workers)
        let plan = try stage.plan(includes)
        record.add(plan, source: source.name, console)
        if dryRun {
            for (manifest, error) in plan.refused { record.fail(manifest, error, console) }
            for entry in plan.missing { record.add(entry.manifest, bytes: entry.manifest.sealedBytes) }
            return
        }
        try Files.makeFolder(home.configuration.state)
        let progress = Progress()
        var made = record
        made.waiting = try ProgressDisplay.during("copy to \(target.name)", progress, console) {
            try stage.run(plan, progress: progress, stop: Interrupts.stop) { outcome in
                switch outcome.change {
                case .copied(let bytes): made.add(outcome.manifest, bytes: bytes)
                case .present: made.present += 1
                case .outcome: made.outcomes += 1
                case .failed(let error): made.fail(outcome.manifest, error, console)
                }
            }
        }
        record = made
    }
}
