// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveTestKit

@Suite struct ScheduleRunnerTests {
    @Test func `nothing runs because a schedule is new, and then every time runs once`() throws {
        let daemon = try SimulatedDaemon("2026-11-24T10:30:00Z")
        let jobs = [try PlannedJob("0 * * * *")]
        #expect(daemon.tick(jobs)?.rfc3339 == "2026-11-24T11:00:00.000000Z")
        #expect(daemon.launcher.started.isEmpty)
        #expect(daemon.entries.map(\.event) == [.counting])
        try daemon.run(jobs, until: "2026-11-24T13:59:00Z")
        #expect(try daemon.planned == ["2026-11-24T11:00:00", "2026-11-24T12:00:00", "2026-11-24T13:00:00"])
        #expect(try daemon.runs.allSatisfy { $0.state == .done && !$0.isCaughtUp && $0.exitCode == 0 })
    }

    @Test func `what was missed is caught up once, by the latest time`() throws {
        let daemon = try SimulatedDaemon("2026-11-24T10:30:00Z")
        let jobs = [try PlannedJob("0 * * * *")]
        daemon.tick(jobs)
        daemon.kill()
        try daemon.set("2026-11-26T10:30:00Z")
        #expect(try daemon.preview(jobs[0]).due?.instant.rfc3339 == "2026-11-26T10:00:00.000000Z")
        #expect(daemon.tick(jobs)?.rfc3339 == "2026-11-26T11:00:00.000000Z")
        daemon.tick(jobs)
        let run = try #require(try daemon.runs.first)
        #expect(try daemon.planned == ["2026-11-26T10:00:00"])
        #expect(run.isCaughtUp && run.since?.rfc3339 == "2026-11-24T11:00:00.000000Z" && run.state == .done)
    }

    @Test func `a first start begins to count, whatever was due before`() throws {
        let daemon = try SimulatedDaemon("2026-11-24T12:00:00Z")
        #expect(try daemon.preview(try PlannedJob("0 12 * * *")).begins)
        #expect(try daemon.history.entries().entries.isEmpty)
        daemon.tick([try PlannedJob("0 12 * * *")])
        daemon.kill()
        try daemon.set("2026-11-25T11:59:59Z")
        daemon.tick([try PlannedJob("0 12 * * *")])
        #expect(daemon.launcher.started.isEmpty)
    }

    @Test func `other times, and a schedule that comes back, begin to count anew`() throws {
        let daemon = try SimulatedDaemon("2026-11-24T10:30:00Z")
        daemon.tick([try PlannedJob("0 2 * * *")])
        try daemon.set("2026-11-25T15:00:00Z")
        daemon.kill()
        daemon.tick([try PlannedJob("0 14 * * *")])
        #expect(daemon.launcher.started.isEmpty, "A time that was earlier on the day of the change.")
        daemon.tick([])
        #expect(daemon.entries.last?.event == .removed)
        try daemon.set("2026-11-27T15:00:00Z")
        daemon.tick([try PlannedJob("0 14 * * *")])
        daemon.kill()
        daemon.tick([])
        try daemon.set("2026-11-29T15:00:00Z")
        daemon.tick([try PlannedJob("0 14 * * *")])
        #expect(daemon.launcher.started.isEmpty)
        try daemon.set("2026-11-30T15:00:00Z")
        daemon.tick([try PlannedJob("0 14 * * *")])
        #expect(try daemon.planned == ["2026-11-30T14:00:00"])
    }

    @Test func `a schedule that cannot be read starts nothing, and is caught up when it can`() throws {
        let daemon = try SimulatedDaemon("2026-11-24T10:30:00Z")
        daemon.tick([try PlannedJob("0 * * * *")])
        try daemon.set("2026-11-24T11:30:00Z")
        daemon.tick([], unreadable: ["s"])
        #expect(daemon.launcher.started.isEmpty)
        daemon.tick([try PlannedJob("0 * * * *")])
        #expect(try daemon.planned == ["2026-11-24T11:00:00"])
    }

    @Test func `a run that is due while the job runs is skipped and on record`() throws {
        let daemon = try SimulatedDaemon("2026-11-24T10:30:00Z")
        daemon.launcher.code = nil
        let jobs = [try PlannedJob("0 * * * *"), try PlannedJob("0 12 * * *", name: "other")]
        try daemon.run(jobs, until: "2026-11-24T12:30:00Z")
        #expect(daemon.launcher.started.count == 1)
        #expect(try daemon.runs.map(\.state) == [.running, .skipped])
        let other = ScheduledRun.runs(
            of: try ScheduleRunner.history(of: "other", in: daemon.folder.path).entries().entries)
        #expect(other.map(\.state) == [.skipped], "The same job under another schedule's name.")
        daemon.launcher.started[0].end(7)
        daemon.launcher.elsewhere = ["nightly"]
        try daemon.set("2026-11-24T13:00:00Z")
        daemon.tick(jobs)
        daemon.launcher.elsewhere = []
        daemon.launcher.code = 0
        try daemon.run(jobs, until: "2026-11-24T14:00:00Z")
        daemon.reap()
        #expect(try daemon.runs.map(\.state) == [.failed, .skipped, .skipped, .done])
        #expect(try daemon.runs.first?.exitCode == 7)
    }

    @Test func `jobs of several schedules run at once`() throws {
        let daemon = try SimulatedDaemon("2026-11-24T10:30:00Z")
        daemon.launcher.code = nil
        let jobs = try ["a", "b", "c"].map { try PlannedJob("0 * * * *", name: $0, job: $0) }
        try daemon.run(jobs, until: "2026-11-24T11:00:00Z")
        #expect(daemon.launcher.started.map(\.name) == ["a", "b", "c"])
    }

    @Test func `a daemon that is killed leaves an interrupted run, which is not run again`() throws {
        let daemon = try SimulatedDaemon("2026-11-24T10:30:00Z")
        daemon.launcher.code = nil
        let jobs = [try PlannedJob("0 * * * *")]
        try daemon.run(jobs, until: "2026-11-24T11:00:10Z")
        daemon.kill()
        daemon.tick(jobs)
        #expect(try daemon.runs.map(\.state) == [.interrupted])
        #expect(daemon.launcher.started.count == 1)
        daemon.launcher.elsewhere = ["nightly"]
        try daemon.run(jobs, until: "2026-11-24T12:00:10Z")
        #expect(try daemon.runs.map(\.state) == [.interrupted, .skipped], "The orphan runs still.")
    }

    @Test func `a daemon that is told to stop asks its jobs to, and records how they ended`() throws {
        let daemon = try SimulatedDaemon("2026-11-24T10:30:00Z")
        daemon.launcher.code = nil
        let jobs = try ["s", "t"].map { try PlannedJob("0 * * * *", name: $0, job: $0) }
        try daemon.run(jobs, until: "2026-11-24T11:00:00Z")
        daemon.askToStop()
        #expect(daemon.launcher.started.allSatisfy { $0.stops == 1 } && !daemon.isIdle)
        daemon.launcher.started[0].end(143)
        daemon.launcher.started[1].end(0)
        daemon.reap(isEnd: true)
        #expect(daemon.isIdle)
        #expect(try daemon.runs.map(\.state) == [.interrupted])
        let other = ScheduledRun.runs(of: try ScheduleRunner.history(of: "t", in: daemon.folder.path).entries().entries)
        #expect(other.map(\.state) == [.done])
        daemon.kill()
        daemon.tick(jobs)
        #expect(try daemon.runs.count == 1 && daemon.launcher.started.count == 2)
    }

    @Test func `a job that cannot be started has failed, and the schedule goes on`() throws {
        let daemon = try SimulatedDaemon("2026-11-24T10:30:00Z")
        daemon.launcher.fails = true
        let jobs = [try PlannedJob("0 * * * *")]
        try daemon.set("2026-11-24T10:59:00Z")
        try daemon.run(jobs, until: "2026-11-24T11:00:00Z")
        #expect(try daemon.runs.map(\.state) == [.failed])
        #expect(daemon.troubles.count == 1)
        daemon.launcher.fails = false
        try daemon.run(jobs, until: "2026-11-24T12:00:00Z")
        daemon.tick(jobs)
        #expect(try daemon.runs.map(\.state) == [.failed, .done])
    }

    @Test func `nothing starts that cannot be recorded before, and the trouble is told once`() throws {
        let daemon = try SimulatedDaemon("2026-11-24T10:30:00Z")
        let jobs = [try PlannedJob("0 * * * *")]
        daemon.tick(jobs)
        let path = daemon.history.path
        let saved = try Data(contentsOf: URL(fileURLWithPath: path.string))
        try FileManager.default.removeItem(atPath: path.string)
        try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: false)
        try daemon.set("2026-11-24T11:00:00Z")
        for _ in 0..<3 { daemon.tick(jobs) }
        #expect(daemon.launcher.started.isEmpty && daemon.troubles.count == 1)
        try FileManager.default.removeItem(atPath: path.string)
        try saved.write(to: URL(fileURLWithPath: path.string))
        daemon.tick(jobs)
        daemon.tick(jobs)
        #expect(try daemon.runs.map(\.state) == [.done])
    }

    @Test func `a clock that is set back runs nothing twice`() throws {
        let daemon = try SimulatedDaemon("2026-11-24T10:30:00Z")
        let jobs = [try PlannedJob("0 * * * *")]
        try daemon.run(jobs, until: "2026-11-24T12:00:00Z")
        try daemon.set("2026-11-24T10:45:00Z")
        try daemon.run(jobs, until: "2026-11-24T13:00:00Z")
        daemon.kill()
        try daemon.set("2026-11-24T10:45:00Z")
        try daemon.run(jobs, until: "2026-11-24T14:00:00Z")
        #expect(
            try daemon.planned == [
                "2026-11-24T11:00:00", "2026-11-24T12:00:00", "2026-11-24T13:00:00", "2026-11-24T14:00:00",
            ])
    }

    @Test func `a clock that was years ahead does not stop a schedule for years, and runs nothing twice`() throws {
        let daemon = try SimulatedDaemon("2026-11-24T10:30:00Z")
        let jobs = [try PlannedJob("0 * * * *")]
        try daemon.run(jobs, until: "2026-11-24T11:00:00Z")
        try daemon.set("2026-11-26T12:10:00Z")
        daemon.tick(jobs)
        try daemon.set("2031-01-01T00:10:00Z")
        daemon.tick(jobs)
        try daemon.set("2026-11-24T11:20:00Z")
        daemon.tick(jobs)
        try daemon.run(jobs, until: "2026-11-24T13:00:00Z")
        daemon.kill()
        try daemon.set("2026-11-26T11:30:00Z")
        try daemon.run(jobs, until: "2026-11-26T13:00:00Z")
        #expect(
            try daemon.planned == [
                "2026-11-24T11:00:00", "2026-11-26T12:00:00", "2031-01-01T00:00:00", "2026-11-24T12:00:00",
                "2026-11-24T13:00:00", "2026-11-26T11:00:00", "2026-11-26T13:00:00",
            ])
        #expect(Set(try daemon.planned).count == 7)
    }
}
