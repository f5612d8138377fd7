// SPDX-License-Identifier: Apache-2.0

package import VarveSchedule

/// A schedule as a ``ScheduleRunner`` keeps it: which job, and when.
package struct PlannedJob: Sendable, Equatable {
    /// The schedule's name, by which its history is found.
    package let name: String
    package let job: String
    package let times: ScheduleTimes

    package init(name: String, job: String, times: ScheduleTimes) {
        self.name = name
        self.job = job
        self.times = times
    }
}

/// What a ``ScheduleRunner`` tells while it works.
package enum ScheduleNews {
    /// A line that is now in the history of the schedule.
    case entry(RunEntry, schedule: String)
    /// Something failed that concerns this schedule; it is tried again.
    case trouble(any Error, schedule: String)
}

/// What a ``ScheduleRunner`` would do with a schedule.
package struct SchedulePreview: Sendable {
    /// Whether it would begin to count here, so that nothing before now is due.
    package let begins: Bool
    /// The run that would start at once.
    package let due: ScheduleTimes.Run?
    package let next: ScheduleTimes.Run?
}
