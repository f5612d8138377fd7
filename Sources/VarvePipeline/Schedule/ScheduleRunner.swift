// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import SystemPackage
package import VarveModel
import VarveSchedule

/// Keeps schedules: starts the jobs that are due, records what became of them, and never runs a planned time twice.
///
/// Whoever owns it calls ``tick(_:unreadable:)`` whenever it likes, at the time that it returned at the latest, and from one thread. Time comes from
/// the clock and is looked at afresh each time, so that a clock that is set, or a machine that slept, is no special case: what is due by then is due.
/// A run is in the history, on the disk, before its job is started.
package final class ScheduleRunner {
    private struct Watched {
        var track: ScheduleTrack
        var running: Running?
    }

    private struct Running {
        let start: RunEntry
        let job: String
        let process: any RunningJob
        var wasAskedToStop = false
    }

    private let folder: FilePath
    private let clock: any Clock
    private let launcher: any JobLauncher
    private let tell: (ScheduleNews) -> Void
    private var watched: [String: Watched] = [:]
    private var lookedForVanished = false
    /// The last trouble of each schedule, so that the same is told once.
    private var troubles: [String: String] = [:]

    /// - Parameter folder: where the histories are, a folder a schedule; it is made where need be.
    package init(
        folder: FilePath, clock: any Clock, launcher: any JobLauncher, tell: @escaping (ScheduleNews) -> Void
    ) {
        self.folder = folder
        self.clock = clock
        self.launcher = launcher
        self.tell = tell
    }

    /// The folder of a schedule's history and logs.
    package static func folder(of name: String, in folder: FilePath) -> FilePath { folder.appending(name) }

    package static func history(of name: String, in folder: FilePath) -> RunHistory {
        RunHistory(Self.folder(of: name, in: folder).appending("history.log"))
    }

    /// Whether no job runs.
    package var isIdle: Bool { watched.values.allSatisfy { $0.running == nil } }

    /// Starts what is due and records what ended. Returns when something is due next.
    ///
    /// - Parameters:
    ///   - jobs: the schedules as they are now.
    ///   - unreadable: the names of schedules that cannot be read now: nothing of them starts, and nothing of them is forgotten.
    package func tick(_ jobs: [PlannedJob], unreadable: Set<String> = []) -> Instant? {
        reap()
        forget(allBut: Set(jobs.map(\.name)).union(unreadable))
        var next: Instant?
        for job in jobs {
            attempt(job.name) {
                if let due = try look(at: job) { next = min(next ?? due, due) }
            }
        }
        return next
    }

    /// Records the ends of jobs that have ended, and starts nothing. What cannot be recorded is tried again, unless this is the end.
    package func reap(isEnd: Bool = false) {
        for (name, entry) in watched {
            guard let running = entry.running, let code = running.process.exitCode() else { continue }
            attempt(name) { try recordEnd(of: running, code: code, schedule: name) }
            if isEnd { watched[name]?.running = nil }
        }
    }

    /// Asks every job that runs to take back what it began.
    package func askToStop() {
        for name in watched.keys {
            watched[name]?.running?.process.askToStop()
            watched[name]?.running?.wasAskedToStop = true
        }
    }

    /// What ``tick(_:unreadable:)`` would do with a schedule now, and nothing done.
    package func preview(_ job: PlannedJob) throws -> SchedulePreview {
        let now = clock.now()
        var track = ScheduleTrack(try Self.history(of: job.name, in: folder).entries().entries)
        if let beginning = track.beginning(job.times, now: now) {
            track.take(beginning)
            return SchedulePreview(begins: true, due: nil, next: track.next(job.times))
        }
        let due = track.due(job.times, now: now)?.run
        return SchedulePreview(
            begins: false, due: due, next: due == nil ? track.next(job.times) : job.times.next(after: now))
    }

    // MARK: One schedule

    private func look(at job: PlannedJob) throws -> Instant? {
        let now = clock.now()
        if watched[job.name] == nil { watched[job.name] = Watched(track: try load(job.name, now: now)) }
        if let beginning = watched[job.name]?.track.beginning(job.times, now: now) { try record(beginning, job.name) }
        if let (run, since) = watched[job.name]?.track.due(job.times, now: now) {
            var entry: RunEntry
            if let reason = try reasonToSkip(job) {
                entry = RunEntry(.skipped, time: now, planned: run.instant)
                entry.reason = reason
            } else {
                entry = RunEntry(.started, time: now, planned: run.instant)
                let id = RandomID.make()
                entry.run = id
                entry.log = RunLogs.name(planned: run.instant, run: id)
                let late = now.microseconds - run.instant.microseconds > ScheduleTrack.lateMicroseconds
                if late || since != nil { entry.caughtUp = true }
            }
            entry.job = job.job
            entry.since = since
            if run.isMoved { entry.moved = true }
            try record(entry, job.name)
            if entry.event == .started { try start(entry, job) }
        }
        return watched[job.name]?.track.next(job.times)?.instant
    }

    /// A job of two schedules runs once at a time, as one of one does.
    private func reasonToSkip(_ job: PlannedJob) throws -> String? {
        if watched[job.name]?.running != nil { return "The run before it had not ended." }
        let other = watched.first { $0.value.running?.job == job.job }
        if let other { return "The schedule '\(other.key)' was running the job." }
        return try launcher.isRunningElsewhere(job.job) ? "Another process was running the job." : nil
    }

    private func start(_ entry: RunEntry, _ job: PlannedJob) throws {
        let logs = RunLogs(Self.folder(of: job.name, in: folder))
        do {
            let process = try launcher.start(job.job, log: logs.path(entry.log ?? ""))
            watched[job.name]?.running = Running(start: entry, job: job.job, process: process)
        } catch {
            try record(Self.end(of: entry, .failed, code: nil, reason: "\(error)", now: clock.now()), job.name)
            throw error
        }
    }

    private func recordEnd(of running: Running, code: Int32, schedule name: String) throws {
        // 128 and a signal that asks to stop: SIGHUP, SIGINT or SIGTERM.
        let gaveWay = running.wasAskedToStop && [129, 130, 143].contains(code)
        let entry = Self.end(
            of: running.start, code == 0 ? .done : gaveWay ? .interrupted : .failed, code: code,
            reason: gaveWay ? "The daemon was told to stop." : nil, now: clock.now())
        try record(entry, name)
        watched[name]?.running = nil
        try Self.history(of: name, in: folder).trim()
        if let log = running.start.log { RunLogs(Self.folder(of: name, in: folder)).tidy(log) }
    }

    private static func end(
        of start: RunEntry, _ outcome: RunEntry.Outcome, code: Int32?, reason: String?, now: Instant
    ) -> RunEntry {
        var entry = RunEntry(.ended, time: now, planned: start.planned)
        entry.run = start.run
        entry.job = start.job
        entry.outcome = outcome
        entry.exitCode = code
        entry.reason = reason
        return entry
    }

    // MARK: Histories

    /// Reads a history, and closes the runs that the last daemon did not see the end of.
    private func load(_ name: String, now: Instant) throws -> ScheduleTrack {
        try FileManager.default.createDirectory(
            atPath: Self.folder(of: name, in: folder).string, withIntermediateDirectories: true)
        var track = ScheduleTrack(try Self.history(of: name, in: folder).entries().entries)
        for start in track.unended {
            let reason = "The daemon ended before the job did. The run's log says how far it came."
            try record(Self.end(of: start, .interrupted, code: nil, reason: reason, now: now), name, &track)
        }
        return track
    }

    /// Schedules that are gone begin anew should they come back. A job of theirs that runs may end first.
    private func forget(allBut present: Set<String>) {
        var known = Set(watched.keys)
        if !lookedForVanished {
            lookedForVanished = true
            known.formUnion((try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? [])
        }
        for name in known.subtracting(present).sorted() where watched[name]?.running == nil {
            attempt(name) {
                let now = clock.now()
                var track = try watched[name]?.track ?? load(name, now: now)
                if track.position != nil { try record(RunEntry(.removed, time: now, planned: nil), name, &track) }
                watched[name] = nil
            }
        }
    }

    private func record(_ entry: RunEntry, _ name: String, _ track: inout ScheduleTrack) throws {
        try Self.history(of: name, in: folder).append(entry)
        track.take(entry)
        tell(.entry(entry, schedule: name))
    }

    private func record(_ entry: RunEntry, _ name: String) throws {
        try Self.history(of: name, in: folder).append(entry)
        watched[name]?.track.take(entry)
        tell(.entry(entry, schedule: name))
    }

    /// One schedule's trouble is not another's.
    private func attempt(_ name: String, _ work: () throws -> Void) {
        do {
            try work()
            troubles[name] = nil
        } catch {
            if troubles.updateValue("\(error)", forKey: name) != "\(error)" { tell(.trouble(error, schedule: name)) }
        }
    }
}
