// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// A run as the history tells it: its start and its end in one.
package struct ScheduledRun: Sendable, Equatable {
    package enum State: String, Sendable {
        case done, failed, skipped, interrupted
        /// Started, and its end is not on record: it runs, or its daemon was killed.
        case running
    }

    package let id: String?
    package let planned: Instant?
    package let since: Instant?
    package let started: Instant?
    package internal(set) var ended: Instant?
    package internal(set) var state: State
    package internal(set) var exitCode: Int32?
    package let isCaughtUp: Bool
    package let isMoved: Bool
    package let log: String?
    package internal(set) var reason: String?

    /// The runs of a history, in its order.
    package static func runs(of entries: [RunEntry]) -> [ScheduledRun] {
        var runs: [ScheduledRun] = []
        for entry in entries {
            switch entry.event {
            case .counting, .removed: continue
            case .started: runs.append(ScheduledRun(entry, state: .running, started: entry.time))
            case .skipped: runs.append(ScheduledRun(entry, state: .skipped, started: nil))
            case .ended:
                guard let index = runs.lastIndex(where: { $0.id == entry.run }) else { continue }
                runs[index].ended = entry.time
                runs[index].state = entry.outcome.flatMap { State(rawValue: $0.rawValue) } ?? .interrupted
                runs[index].exitCode = entry.exitCode
                runs[index].reason = entry.reason
            }
        }
        return runs
    }

    /// The same run, as it is when the daemon that started it has ended.
    package var interrupted: ScheduledRun {
        var run = self
        run.state = .interrupted
        return run
    }

    private init(_ entry: RunEntry, state: State, started: Instant?) {
        id = entry.run
        planned = entry.planned
        since = entry.since
        self.started = started
        self.state = state
        isCaughtUp = entry.caughtUp ?? false
        isMoved = entry.moved ?? false
        log = entry.log
        reason = entry.reason
    }
}
