// SPDX-License-Identifier: Apache-2.0

import Glibc
import VarveModel
import VarvePipeline
import VarveStore
import VarveVault

/// Brings chosen items of a live table back to what they were: shows first what would change, and then changes only what is still as it was shown.
struct RevertStep {
    let point: PointInTime
    let keys: Set<ItemKey>
    let target: TableReference
    let source: OpenVault
    let dryRun: Bool
    let isAgreed: Bool

    func run(in home: Home, _ console: Console) throws -> ExitStatus {
        let live = try target.store.describe(target.table)
        guard live.keySchema == (try point.keySchema) else {
            throw UsageError(
                "Table \(target.text) has other keys than '\(point.table.name)' had. Restore into a new table with --as.",
                status: .refused)
        }
        let progress = Progress()
        let past = PastItems(
            vault: source.vault, keys: try home.keys(), workers: home.workers, scratch: home.scratch)
        let items = try ProgressDisplay.during("restore \(target.text)", progress, console) {
            try past.items(point, of: keys, progress: progress, stop: Interrupts.stop)
        }
        let revert = RevertItems(target.table, in: target.store)
        let differences = try revert.differences(of: keys, to: items, stop: Interrupts.stop)
        if !console.json { try show(differences, live.scanner) }
        let then = point.time?.rfc3339 ?? "change \(point.sequence ?? 0)"
        let counts = Counts(differences)
        let what =
            "\(Units.counted(keys.count, "key")), \(counts.replaced) to be written back, \(counts.added) to be put again, \(counts.removed) to be deleted, \(keys.count - differences.count) as they were at \(then)"
        if dryRun || differences.isEmpty {
            console.line("\(target.text): \(what); nothing was written")
            try console.document(summary(counts, reverted: 0, changed: 0, dryRun: dryRun))
            return .done
        }
        console.note("\(target.text): \(what)")
        guard isAgreed || Confirmation.ask("Write this into \(target.text)?") else {
            throw UsageError(
                "Nothing was written. Say --yes to write what was shown, or --dry-run only to look.", status: .refused)
        }
        var reverted = 0
        for difference in differences {
            try Interrupts.stop.check()
            if try revert.revert(difference) == .reverted { reverted += 1 }
        }
        let changed = differences.count - reverted
        console.line(
            "\(target.text): \(Units.counted(reverted, "item")) brought back to \(then)"
                + (changed == 0
                    ? "" : "; \(Units.counted(changed, "item")) changed since they were shown, and stay: run it again"))
        try console.document(summary(counts, reverted: reverted, changed: changed, dryRun: false))
        return changed == 0 ? .done : .partlyDone
    }

    /// One line for each item: `{"Keys":…,"OldImage":…,"NewImage":…}`, the old image being what is there now.
    private func show(_ differences: [RevertItems.Difference], _ scanner: ItemScanner) throws {
        var output = LineOutput(descriptor: STDOUT_FILENO)
        for difference in differences {
            guard let any = difference.past ?? difference.live?.item else { continue }
            let keys = try scanner.keys(of: any.bytes)
            try (difference.live?.item.bytes ?? []).withUnsafeBytes { old in
                try (difference.past?.bytes ?? []).withUnsafeBytes { new in
                    try output.writeChange(
                        keys: keys, old: difference.live == nil ? nil : old, new: difference.past == nil ? nil : new)
                }
            }
        }
        try output.flush()
    }

    private struct Counts {
        let replaced: Int
        let added: Int
        let removed: Int

        init(_ differences: [RevertItems.Difference]) {
            replaced = differences.count { $0.live != nil && $0.past != nil }
            added = differences.count { $0.live == nil }
            removed = differences.count { $0.past == nil }
        }
    }

    private func summary(_ counts: Counts, reverted: Int, changed: Int, dryRun: Bool) -> Summary {
        Summary(
            dryRun: dryRun, id: point.base.manifest.id, source: point.table.name, table: target.text,
            vault: source.name, at: point.time?.rfc3339, sequence: point.sequence, keys: keys.count,
            toReplace: counts.replaced, toPut: counts.added, toDelete: counts.removed, reverted: reverted,
            changedSince: changed)
    }

    private struct Summary: Encodable {
        let dryRun: Bool
        let id: String
        let source: String
        let table: String
        let vault: String
        let at: String?
        let sequence: Int64?
        let keys: Int
        let toReplace: Int
        let toPut: Int
        let toDelete: Int
        let reverted: Int
        let changedSince: Int
    }
}
