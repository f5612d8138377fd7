// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import VarveConfig
import VarveModel
import VarvePipeline
import VarveSchedule

extension Home {
    /// Where histories and logs of schedules are.
    var schedules: FilePath { configuration.state.appending("schedules") }

    /// What a schedule daemon holds as long as it lives: one at a time keeps a home's schedules.
    var daemonLock: FilePath { configuration.state.appending("schedule-daemon.lock") }

    /// What a run of a job holds as long as it lives.
    static func jobLock(_ job: String, state: FilePath) -> FilePath {
        state.appending("jobs").appending("\(job).lock")
    }

    /// Keeps other runs of a job away.
    func lock(job: String) throws -> ProcessLock {
        let path = Self.jobLock(job, state: configuration.state)
        try Files.makeFolder(path.removingLastComponent())
        return try ProcessLock(path) {
            "The job '\(job)' is being run by \($0). A job runs once at a time in a home: wait for its end."
        }
    }

    /// The schedules of these names, or all; each mistake in a file is an error.
    func readSchedules(_ names: [String]) throws -> [Schedule] {
        let known = Schedule.names(for: configuration)
        if let missing = names.first(where: { !known.contains($0) }) {
            let hint = nearest(to: missing, among: known).map { " The nearest name is '\($0)'." } ?? ""
            throw UsageError(
                "There is no schedule '\(missing)' in \(configuration.folder.appending("Schedules")).\(hint)",
                status: .notFound)
        }
        return try (names.isEmpty ? known : names).map { try Schedule.read($0, for: configuration) }
    }

    /// The runs of a schedule, oldest first. One whose end is not on record runs only while a daemon lives.
    func runs(of schedule: String) throws -> (runs: [ScheduledRun], damagedLines: Int) {
        let (entries, damaged) = try ScheduleRunner.history(of: schedule, in: schedules).entries()
        let runs = ScheduledRun.runs(of: entries)
        return (try ProcessLock.holder(of: daemonLock) == nil ? runs.map(\.unlessRunning) : runs, damaged)
    }
}

extension ScheduledRun {
    fileprivate var unlessRunning: ScheduledRun { state == .running ? interrupted : self }
}

extension Schedule {
    var planned: PlannedJob { PlannedJob(name: name, job: job, times: times) }
}

extension Instant {
    /// To the second: planned times have no fractions.
    var wholeSeconds: String { rfc3339.prefix { $0 != "." } + "Z" }
}
