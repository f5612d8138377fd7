// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveTestKit

/// Ten years in every zone, with daemons that are killed and stay away for a while: exactly the specified runs.
@Suite struct ScheduleSimulationTests {
    private static let zones = [
        "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia",
    ]

    @Test(arguments: zones)
    func `ten years of kills and absences run what is specified, once`(name: String) throws {
        if !ZoneFolder.standard.isPresent { try Test.cancel("Install the package tzdata.") }
        var random = SeededGenerator("\(name), ten years of kills and absences")
        let zone = try ZoneFolder.standard.zone(name)
        let job = try PlannedJob("30 2 * * *", zone: zone)
        let daemon = try SimulatedDaemon("2009-01-01T00:00:00Z")
        let end = try #require(Instant(rfc3339: "2019-01-01T00:00:00Z"))
        daemon.launcher.code = 0
        var expected: [Instant] = []
        var caughtUp = 0
        var settled = daemon.clock.now()
        daemon.tick([job])
        while daemon.clock.now() < end {
            // How the next wake comes about: in time, a little late, or after the daemon was away.
            let due = try #require(job.times.next(after: settled)).instant
            switch Int.random(in: 0..<60, using: &random) {
            case 0:
                daemon.kill()
                daemon.clock.advance(seconds: Int64.random(in: 0...30 * 86_400, using: &random))
            case 1, 2: daemon.clock.advance(seconds: Int64.random(in: 0...30, using: &random))
            case 3: daemon.kill()
            default: daemon.clock.set(max(due, daemon.clock.now()))
            }
            let now = daemon.clock.now()
            // The specification in the plainest words: the latest time that is due and not settled.
            var latest: Instant?
            var missed = 0
            while let run = job.times.next(after: latest ?? settled), run.instant <= now {
                latest = run.instant
                missed += 1
            }
            if let latest {
                expected.append(latest)
                settled = latest
                if missed > 1 || now.microseconds - latest.microseconds > 90_000_000 { caughtUp += 1 }
            }
            daemon.tick([job])
            daemon.reap()
        }
        let started = daemon.entries.filter { $0.event == .started }
        #expect(started.map(\.planned) == expected)
        #expect(daemon.entries.count { $0.event == .ended && $0.outcome == .done } == expected.count)
        #expect(daemon.entries.count { $0.caughtUp == true } == caughtUp && caughtUp > 20)
        #expect(expected.count > 1000 && daemon.troubles.isEmpty)
        #expect(daemon.entries.count { $0.event == .counting } == 1)
        print("schedules: \(name): \(expected.count) runs, \(caughtUp) of them caught up")
    }
}
