// SPDX-License-Identifier: Apache-2.0

import Synchronization
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveTestKit

/// A clock that a test sets.
final class SimulatedClock: Clock {
    private let time: Mutex<Instant>

    init(_ time: Instant) { self.time = Mutex(time) }

    func now() -> Instant { time.withLock { $0 } }
    func set(_ instant: Instant) { time.withLock { $0 = instant } }
    func advance(seconds: Int64) {
        time.withLock { $0 = Instant(microseconds: $0.microseconds + seconds * 1_000_000) }
    }
}

/// Jobs that run as long as the test lets them, and end as it says.
final class SimulatedLauncher: JobLauncher {
    final class Job: RunningJob {
        let name: String
        private let state = Mutex<(code: Int32?, stops: Int)>((nil, 0))

        init(name: String, code: Int32?) {
            self.name = name
            state.withLock { $0.code = code }
        }

        var stops: Int { state.withLock { $0.stops } }
        func end(_ code: Int32) { state.withLock { $0.code = code } }
        func exitCode() -> Int32? { state.withLock { $0.code } }
        func askToStop() { state.withLock { $0.stops += 1 } }
    }

    /// What a job that is started ends with at once; nil: it runs until the test ends it.
    var code: Int32? = 0
    var fails = false
    var elsewhere: Set<String> = []
    private(set) var started: [Job] = []

    func start(_ job: String, log: FilePath) throws -> any RunningJob {
        if fails { throw PipelineError(.noProcess, "Job '\(job)' could not be started.") }
        let job = Job(name: job, code: code)
        started.append(job)
        return job
    }

    func isRunningElsewhere(_ job: String) throws -> Bool { elsewhere.contains(job) }
}

/// A runner in a folder of its own, that can be killed and started again.
final class SimulatedDaemon {
    let folder: TemporaryFolder
    let clock: SimulatedClock
    let launcher = SimulatedLauncher()
    private(set) var entries: [RunEntry] = []
    private(set) var troubles: [any Error] = []
    private var runner: ScheduleRunner?

    init(_ time: String) throws {
        folder = try TemporaryFolder(in: "/dev/shm")
        clock = SimulatedClock(try #require(Instant(rfc3339: time)))
    }

    /// As SIGKILL would.
    func kill() { runner = nil }

    @discardableResult
    func tick(_ jobs: [PlannedJob], unreadable: Set<String> = []) -> Instant? {
        live.tick(jobs, unreadable: unreadable)
    }

    func askToStop() { live.askToStop() }
    func reap(isEnd: Bool = false) { live.reap(isEnd: isEnd) }
    var isIdle: Bool { live.isIdle }

    func preview(_ job: PlannedJob) throws -> SchedulePreview { try live.preview(job) }

    /// Runs until a time, looking at the latest when the runner says.
    func run(_ jobs: [PlannedJob], until end: String) throws {
        let end = try #require(Instant(rfc3339: end))
        while true {
            let next = tick(jobs)
            guard let next, next <= end else { break }
            clock.set(max(next, clock.now()))
        }
        clock.set(end)
        tick(jobs)
    }

    func set(_ time: String) throws { clock.set(try #require(Instant(rfc3339: time))) }

    var history: RunHistory { ScheduleRunner.history(of: "s", in: folder.path) }
    var runs: [ScheduledRun] { get throws { ScheduledRun.runs(of: try history.entries().entries) } }
    /// What was planned, to the second.
    var planned: [String] { get throws { try runs.map { $0.planned.map { String($0.rfc3339.prefix(19)) } ?? "-" } } }

    private var live: ScheduleRunner {
        if let runner { return runner }
        let made = ScheduleRunner(folder: folder.path, clock: clock, launcher: launcher) { [weak self] news in
            switch news {
            case .entry(let entry, _): self?.entries.append(entry)
            case .trouble(let error, _): self?.troubles.append(error)
            }
        }
        runner = made
        return made
    }
}

extension PlannedJob {
    init(_ cron: String, zone: TimeZoneData = .utc, name: String = "s", job: String = "nightly") throws {
        self.init(name: name, job: job, times: ScheduleTimes(cron: try CronExpression(cron), zone: zone))
    }
}
