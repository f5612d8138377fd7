// SPDX-License-Identifier: Apache-2.0

package import VarveModel
import VarveVault

/// One line of a schedule's history. Format: Documentation/Formats.md#history-of-schedules.
package struct RunEntry: VersionedContent, Equatable {
    package static let kind = "run"
    package static let formatNewest = 1

    package enum Event: String, Codable, Sendable {
        /// The schedule was seen for the first time, or with other times than before: what was due until `planned` never runs.
        case counting
        case started
        case ended
        /// A run was due while the job ran still.
        case skipped
        /// The schedule is no longer there.
        case removed
    }

    package enum Outcome: String, Codable, Sendable {
        case done
        case failed
        /// The daemon was told to stop, or ended, before the job did.
        case interrupted
    }

    package let format: Int
    package let event: Event
    /// When the line was written.
    package let time: Instant
    /// The planned time: of the run, or the one up to which nothing is due any more.
    package let planned: Instant?
    /// The run's id, the same in the line of its start and of its end.
    package var run: String?
    package var job: String?
    /// The cron expression and the zone that hold from here on; of `counting` only.
    package var times: String?
    /// The earliest of the planned times that this run stands for, where it stands for several.
    package var since: Instant?
    /// Whether the run was caught up: it started late, because nothing could start it in time.
    package var caughtUp: Bool?
    /// Whether its planned wall-clock time does not exist, so that it ran after the gap.
    package var moved: Bool?
    package var outcome: Outcome?
    package var exitCode: Int32?
    /// The file with what the job printed, as a name in the schedule's folder.
    package var log: String?
    /// Why it was skipped, failed or interrupted, where that needs a word.
    package var reason: String?

    package init(_ event: Event, time: Instant, planned: Instant?) {
        format = Self.formatNewest
        self.event = event
        self.time = time
        self.planned = planned
    }
}
