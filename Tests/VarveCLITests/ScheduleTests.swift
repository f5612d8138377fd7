// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveTestKit

/// Schedules at the command line, with a real daemon and real jobs.
@Suite struct ScheduleTests {
    private static let hourly = "version: 1\njob: nightly\ncron: \"0 * * * *\"\nzone: UTC\n"

    /// A home with a small table, a snapshot of it and an hourly schedule.
    private func home(steps: String = "[ { verify: {} } ]") throws -> TestHome {
        let home = try TestHome()
        try home.load(.allTypes)
        _ = try home.backup("AllTypes")
        try home.path.appending("Jobs/nightly.yaml").write("version: 1\nsteps: \(steps)\n")
        try home.path.appending("Schedules").makeFolder()
        try home.path.appending("Schedules/often.yaml").write(Self.hourly)
        return home
    }

    private static let long = "[ " + Array(repeating: "{ verify: {} }", count: 900).joined(separator: ", ") + " ]"

    private func state(_ home: TestHome) -> FilePath { home.path.appending(".varve/state/schedules") }

    /// As if a daemon had last looked three hours ago.
    private func makeOverdue(_ home: TestHome) throws {
        try state(home).appending("often").makeFolder()
        let past = Instant(microseconds: Instant.now().microseconds - 3 * 3_600_000_000)
        var entry = RunEntry(.counting, time: past, planned: past)
        entry.times = "0 * * * * UTC"
        try ScheduleRunner.history(of: "often", in: state(home)).append(entry)
    }

    private func runs(_ home: TestHome) throws -> [[String: Any]] {
        try #require(try home.json("schedule", "history", "often")["runs"] as? [[String: Any]])
    }

    /// Waits for something that another process does, as long as that runs.
    private func wait(_ process: ChildProcess, for condition: () throws -> Bool) throws {
        var isThere = false
        _ = try eventually {
            isThere = try condition()
            return isThere || !process.isRunning
        }
        if !isThere { Issue.record("\(String(decoding: try process.errorsSoFar(), as: UTF8.self))") }
    }

    @Test func `a run that was missed is caught up at once, its output kept, and the daemon stops with 0`() throws {
        let home = try home()
        try makeOverdue(home)
        let plan = try home.run("schedule", "daemon", "--dry-run")
        #expect(plan.outputText.contains("often: would start job nightly at once"), "\(plan)")
        let daemon = try ChildProcess(Checkout.varve, ["schedule", "daemon", "--json"], in: home.path)
        try wait(daemon) { try runs(home).first?["outcome"] as? String == "done" }
        daemon.signal(SIGTERM)
        #expect(try daemon.wait().exitCode == 0)
        let all = try runs(home)
        let run = try #require(all.first)
        #expect(all.count == 1 && run["caughtUp"] as? Bool == true && run["exitCode"] as? Int == 0)
        let log = FilePath(try #require(run["log"] as? String))
        #expect(try log.readText().contains("job nightly: 1 step done"))
        // A second daemon has nothing to do.
        #expect(try home.run("schedule", "daemon", "--dry-run").outputText.contains("nothing is due"))
        let doctor = try home.run("doctor").outputText
        #expect(doctor.contains("ok    schedule often: last success "), "\(doctor)")
        #expect(doctor.contains("warn  schedule daemon: none runs"))
    }

    @Test func `one daemon keeps a home's schedules, and nothing runs because it started`() throws {
        let home = try home()
        let daemon = try ChildProcess(Checkout.varve, ["schedule", "daemon"], in: home.path)
        try wait(daemon) { String(decoding: try daemon.outputSoFar(), as: UTF8.self).contains("runs from now on") }
        let second = try home.varve(["schedule", "daemon"])
        #expect(second.exitCode == 11 && second.errorText.contains("process \(daemon.id) "), "\(second)")
        #expect(try home.run("doctor").outputText.contains("process \(daemon.id) keeps the schedules"))
        daemon.signal(SIGINT)
        #expect(try daemon.wait().exitCode == 0)
        #expect(try runs(home).isEmpty)
    }

    @Test func `a daemon that is told to stop lets its job take back, and records it`() throws {
        let home = try home(steps: Self.long)
        try makeOverdue(home)
        let daemon = try ChildProcess(Checkout.varve, ["schedule", "daemon"], in: home.path)
        try wait(daemon) { try runs(home).first?["outcome"] as? String == "running" }
        // Once the job holds its lock, its handler of signals is there.
        let lock = home.path.appending(".varve/state/jobs/nightly.lock")
        try wait(daemon) { (try? lock.readText().isEmpty) == false }
        daemon.signal(SIGTERM)
        let result = try daemon.wait()
        #expect(result.exitCode == 0, "\(result)")
        let run = try #require(try runs(home).first)
        #expect(run["outcome"] as? String == "interrupted" && run["exitCode"] as? Int == 143, "\(run)")
    }

    @Test func `a killed daemon's job goes on alone, and no other run of it starts meanwhile`() throws {
        let home = try home(steps: Self.long)
        try makeOverdue(home)
        let daemon = try ChildProcess(Checkout.varve, ["schedule", "daemon"], in: home.path)
        let lock = home.path.appending(".varve/state/jobs/nightly.lock")
        try wait(daemon) { (try? lock.readText().isEmpty) == false }
        let job = try #require(Int32(try lock.readText().dropLast()))
        defer { kill(job, SIGKILL) }
        daemon.signal(SIGKILL)
        _ = try daemon.wait()
        #expect(kill(job, 0) == 0)
        #expect(try runs(home).first?["outcome"] as? String == "interrupted")
        let byHand = try home.varve(["run", "nightly"])
        #expect(byHand.exitCode == 11 && byHand.errorText.contains("process \(job)"), "\(byHand)")
        #expect(try home.varve(["run", "nightly", "--dry-run"]).exitCode == 0)
        try makeOverdue(home)
        let next = try ChildProcess(Checkout.varve, ["schedule", "daemon"], in: home.path)
        try wait(next) { try runs(home).count == 2 }
        next.signal(SIGTERM)
        #expect(try next.wait().exitCode == 0)
        #expect(try runs(home).map { $0["outcome"] as? String } == ["interrupted", "skipped"])
    }

    @Test func `the next runs are printed in the zone and in UTC, a moved one marked`() throws {
        let home = try home()
        try home.path.appending("Schedules/berlin.yaml").write(
            "version: 1\njob: nightly\ncron: \"30 2 * * *\"\nzone: Europe/Berlin\noverlap: skip\ncatchUp: once\n")
        let result = try home.varve(
            ["schedule", "next", "berlin", "--count", "2", "--from", "2027-03-27T12:00:00+01:00", "--json"])
        if result.errorText.contains("tzdata") { try Test.cancel("\(result.errorText)") }
        let runs = try #require(try JSONText.last(result.output) as? [[String: Any]], "\(result)")
        #expect(runs.map { $0["time"] as? String } == ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"])
        #expect(runs.map { $0["zoneTime"] as? String } == ["2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00"])
        #expect(runs.map { $0["moved"] as? Bool } == [true, false])
        #expect(try home.varve(["schedule", "next", "brelin"]).exitCode == 10)
        #expect(try home.varve(["schedule", "history", "../often"]).exitCode == 10)
        #expect(try home.varve(["schedule", "next", "--count", "0"]).exitCode == 2)
    }

    @Test func `a schedule that is wrong is named by validate, and the daemon goes on with the others`() throws {
        let home = try home()
        try makeOverdue(home)
        try home.path.appending("Schedules/bad.yaml").write(
            "version: 1\njob: nightly\ncron: \"0 0 30 2 *\"\nzone: UTC\n")
        let validation = try home.varve(["config", "validate"])
        #expect(validation.exitCode == 13 && validation.outputText.contains("Schedules/bad.yaml:3:7:"), "\(validation)")
        #expect(try home.varve(["schedule", "next"]).exitCode == 13)
        let daemon = try ChildProcess(Checkout.varve, ["schedule", "daemon"], in: home.path)
        try wait(daemon) { try runs(home).first?["outcome"] as? String == "done" }
        daemon.signal(SIGTERM)
        let result = try daemon.wait()
        #expect(result.exitCode == 0 && result.errorText.contains("schedule bad: nothing of it runs"), "\(result)")
    }
}
