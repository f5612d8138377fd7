// SPDX-License-Identifier: Apache-2.0

import VarveModel
package import VarveStore

/// Sweeps one table again and again, until it is asked to stop.
///
/// Each pass takes what has expired by the time-to-live index, so a pass costs what expired and not what the table holds. While a backlog is
/// left the next pass follows at once; otherwise it waits ``interval``, so that items which expire close together share an archive. A pass
/// that fails is reported and tried again after the interval; whatever a stop or a kill leaves, the next start finishes.
package struct WatchTable: Sendable {
    /// A pass writes an archive of several objects; watching more closely than this fills the vault with them.
    package static let intervalMin: Duration = .seconds(1)

    private let sweep: SweepTable
    private let interval: Duration

    package init(_ sweep: SweepTable, interval: Duration) {
        precondition(interval >= Self.intervalMin)
        self.sweep = sweep
        self.interval = interval
    }

    /// What one pass came to.
    package typealias Outcome = Result<SweepReport, any Error>

    /// Runs passes until `stop` is raised. A pass that the stop broke off is not reported as a failure.
    ///
    /// - Parameter report: Hears of every pass.
    /// - Returns: How the last whole pass ended; nil if there was none.
    package func run(
        store: any TableStore, table: String, graceSeconds: Int64, stop: StopSignal, report: (Outcome) -> Void
    ) -> Outcome? {
        var last: Outcome?
        while !stop.isRaised {
            let began = ContinuousClock.now
            // Only a pass that came to its end has left nothing to finish.
            var pass = SweepTable.Pass.first
            if case .success = last { pass = .next }
            let outcome = Outcome {
                try sweep.run(
                    store: store, table: table, graceSeconds: graceSeconds, pass: pass, progress: Progress(), stop: stop
                )
            }
            if case .failure(let error as PipelineError) = outcome, error.code == .stopped { break }
            report(outcome)
            last = outcome
            if case .success(let done) = outcome, done.deleted > 0, done.backlog?.items ?? 0 > 0 { continue }
            _ = stop.pause(until: began + interval)
        }
        return last
    }
}
