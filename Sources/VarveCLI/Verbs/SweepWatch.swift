// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Synchronization
import VarveConfig
import VarvePipeline

/// `varve sweep --watch`: every table on a thread of its own, until the run is stopped.
struct SweepWatch {
    let step: SweepStep
    let interval: Duration

    /// - Returns: Done when the last pass over every table succeeded; otherwise the status of what failed.
    func run(in home: Home, _ console: Console) throws -> ExitStatus {
        let selected = try home.tables(step.tables)
        guard selected.count <= Workers.countMax else {
            throw UsageError(
                "\(selected.count) tables match, and one run watches at most \(Workers.countMax). Divide them among several."
            )
        }
        let target = try home.vault(step.vault)
        let watch = WatchTable(SweepTable(try home.archive(target), limits: step.limits), interval: interval)
        let grace = step.grace.components.seconds
        for table in selected { console.line("\(table.text): watching, every \(interval.text)") }
        let names = selected.map(\.text)
        let stores = selected.map { (store: $0.store, table: $0.table) }
        let ended = Mutex<[Int: ExitStatus]>([:])
        try Workers.run(selected.count, stop: Interrupts.stop) { number, stop in
            let last = watch.run(
                store: stores[number].store, table: stores[number].table, graceSeconds: grace, stop: stop
            ) { outcome in
                Self.show(outcome, of: names[number], console)
            }
            if case .failure(let error) = last { ended.withLock { $0[number] = ExitStatus(for: error) } }
        }
        let failed = ended.withLock { $0 }
        console.line(
            "stopped; \(failed.isEmpty ? "nothing is left half done" : "\(failed.count) of \(names.count) tables failed last")"
        )
        try console.event(
            Summary(vault: target.name, tables: names, failed: failed.keys.sorted().map { names[$0] }))
        if failed.isEmpty { return .done }
        return failed.count < names.count ? .partlyDone : failed.values.first ?? .failed
    }

    /// Quiet passes print nothing: a line a minute that says nothing hides the one that matters.
    private static func show(_ outcome: WatchTable.Outcome, of table: String, _ console: Console) {
        switch outcome {
        case .success(let report):
            let record = SweepRecord(table: table, report, dryRun: false)
            try? console.event(Pass(record))
            if report.expired > 0 || report.looksLikeMilliseconds > 0 {
                for line in record.lines { console.line(line) }
            }
        case .failure(let error):
            let failure = ErrorReport(error)
            try? console.event(Failure(table: table, code: failure.code, message: failure.message))
            console.note("\(table): this pass failed; it is tried again")
            for line in failure.lines { console.note(line) }
        }
    }

    private struct Pass: Encodable {
        let type = "event"
        let event = "pass"
        let time = Date()
        let sweep: SweepRecord

        init(_ sweep: SweepRecord) { self.sweep = sweep }
    }

    private struct Failure: Encodable {
        let type = "event"
        let event = "failure"
        let time = Date()
        let table: String
        let code: String
        let message: String
    }

    private struct Summary: Encodable {
        let type = "summary"
        let vault: String
        let tables: [String]
        let failed: [String]
    }
}
