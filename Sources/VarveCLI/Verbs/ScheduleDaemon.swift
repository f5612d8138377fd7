// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SystemPackage
import VarveConfig
import VarveModel
import VarvePipeline
import VarveSchedule

extension ScheduleVerb {
    struct Daemon: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Run what is due, until told to stop.",
            discussion: HelpText.of(
                """
                Starts jobs as processes of their own, one of a schedule at a time, and records each run before it starts. What was missed
                while no daemon ran is caught up once; nothing runs because a schedule is new. Schedules are read again at each look, every
                30 seconds at least.

                SIGTERM or Ctrl-C asks running jobs to take back what they began, and waits for them (exit code 0); a second one ends the
                daemon at once.
                """,
                examples: [
                    ("schedule daemon --dry-run", "what would be started now, and what next"),
                    ("schedule daemon", "until stopped"),
                ],
                exits: [.lockedByAnother, .configurationInvalid]))
        @OptionGroup var common: CommonOptions
        @Flag(help: "Say what would be started now and what next, and start nothing.") var dryRun = false

        var endsWhenStopped: Bool { true }

        func perform() throws -> ExitStatus {
            let home = try common.home()
            let daemon = ScheduleDaemon(home: home, console: common.console)
            if dryRun { return try daemon.preview() }
            try Files.makeFolder(home.schedules)
            let lock = try ProcessLock(home.daemonLock) {
                "The schedules of this home are kept by \($0) already. One daemon is enough; stop that one first."
            }
            try daemon.run()
            lock.release()
            return .done
        }
    }
}

/// The daemon's loop: looks at the schedules, starts what is due, and sleeps until something happens.
struct ScheduleDaemon {
    /// The longest sleep. A clock that was set, and a machine that slept, are noticed after so long.
    static let sleepSecondsMax: Int64 = 30

    let home: Home
    let console: Console

    func run() throws {
        let configuration = home.configuration
        let launcher = JobProcessLauncher(configuration: configuration.file) {
            Home.jobLock($0, state: configuration.state)
        }
        let runner = ScheduleRunner(folder: home.schedules, clock: SystemClock(), launcher: launcher, tell: tell)
        let sleep = SignalSleep()
        var reader = ScheduleReader(configuration: configuration, console: console)
        while !Interrupts.stop.isRaised {
            let (jobs, unreadable) = reader.read()
            let next = runner.tick(jobs, unreadable: unreadable)
            sleep.until(next, atMost: Self.sleepSecondsMax)
        }
        runner.askToStop()
        runner.reap(isEnd: true)
        if !runner.isIdle { console.note("waiting for running jobs to end; another signal ends the daemon at once") }
        while !runner.isIdle {
            sleep.until(nil, atMost: Self.sleepSecondsMax)
            runner.reap(isEnd: true)
        }
    }

    /// What ``run()`` would do now.
    func preview() throws -> ExitStatus {
        let launcher = JobProcessLauncher(configuration: home.configuration.file) { _ in "" }
        let runner = ScheduleRunner(folder: home.schedules, clock: SystemClock(), launcher: launcher) { _ in }
        var records: [Preview] = []
        for schedule in try home.readSchedules([]) {
            let preview = try runner.preview(schedule.planned)
            let zone = schedule.times.zone
            let record = Preview(
                schedule: schedule.name, job: schedule.job, isNew: preview.begins,
                due: preview.due.map { zone.text($0.instant) }, next: preview.next.map { zone.text($0.instant) })
            let now = record.due.map { "would start job \(record.job) at once, planned \($0)" }
            let begins = preview.begins ? "new, or its times have changed: nothing before now is due" : "nothing is due"
            console.line("\(record.schedule): \(now ?? begins); next \(record.next ?? "never")")
            records.append(record)
        }
        try console.document(records)
        return .done
    }

    private struct Preview: Encodable {
        let dryRun = true
        let schedule: String
        let job: String
        let isNew: Bool
        let due: String?
        let next: String?
    }

    private func tell(_ news: ScheduleNews) {
        switch news {
        case .entry(let entry, let schedule):
            let folder = ScheduleRunner.folder(of: schedule, in: home.schedules)
            let record = ScheduleEventRecord(entry, schedule: schedule, folder: folder)
            console.line(record.line)
            try? console.event(record)
        case .trouble(let error, let schedule):
            console.trouble(error, schedule: schedule)
        }
    }
}

/// Reads the schedules again and again, and tells each mistake once.
private struct ScheduleReader {
    let configuration: VarveConfiguration
    let console: Console
    private var mistakes: [String: String] = [:]

    init(configuration: VarveConfiguration, console: Console) {
        self.configuration = configuration
        self.console = console
    }

    mutating func read() -> (jobs: [PlannedJob], unreadable: Set<String>) {
        var jobs: [PlannedJob] = []
        var found: [String: String] = [:]
        for name in Schedule.names(for: configuration) {
            do {
                jobs.append(try Schedule.read(name, for: configuration).planned)
            } catch {
                found[name] = error.description
                if mistakes[name] != error.description { console.trouble(error, schedule: name) }
            }
        }
        for name in mistakes.keys.sorted() where found[name] == nil { console.note("schedule \(name): read again") }
        mistakes = found
        return (jobs, Set(found.keys))
    }
}

extension Console {
    /// Something is wrong with one schedule, and the others go on.
    fileprivate func trouble(_ error: any Error, schedule: String) {
        let report = ErrorReport(error)
        note("schedule \(schedule): nothing of it runs until this is put right")
        for line in report.lines { note(line) }
        try? event(ScheduleTrouble(schedule: schedule, code: report.code, message: report.message))
    }
}

private struct ScheduleTrouble: Encodable {
    let type = "event"
    let event = "trouble"
    let schedule: String
    let code: String
    let message: String
}
