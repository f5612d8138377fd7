// SPDX-License-Identifier: Apache-2.0

import VarvePipeline

/// What became of each table in a run over several: each failure is its own, and the run says so.
struct PerTable<Result> {
    private(set) var done: [Result] = []
    private(set) var failed: [TableFailure] = []
    private var statuses: Set<ExitStatus> = []

    /// Does one table's work; an error is reported and kept, and the next table gets its turn.
    mutating func attempt(_ table: String, _ console: Console, _ body: () throws -> Result) {
        do {
            done.append(try body())
        } catch {
            let report = ErrorReport(error)
            failed.append(TableFailure(table: table, code: report.code, message: report.message))
            statuses.insert(ExitStatus(for: error))
            console.note("\(table): failed")
            for line in report.lines { console.note(line) }
        }
    }

    /// Done; partly done; or, where nothing was done, the failures' own status if they agree on one.
    var status: ExitStatus {
        if failed.isEmpty { return .done }
        if !done.isEmpty { return .partlyDone }
        return statuses.count == 1 ? statuses.first ?? .failed : .failed
    }

    /// For the end of a summary line: empty, or which tables failed.
    var failureNote: String {
        failed.isEmpty ? "" : "; FAILED: " + failed.map(\.table).joined(separator: ", ")
    }
}

struct TableFailure: Encodable {
    let table: String
    let code: String
    let message: String
}
