// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarveSchedule
import VarveTestKit

/// What happens to wall-clock times when clocks are changed.
@Suite struct ScheduleTimesTests {
    struct Case: Sendable {
        let cron: String
        let rule: String
        let from: String
        /// The runs' instants; a `!` stands behind one that a gap has moved.
        let runs: [String]
    }

    private static let berlin = "CET-1CEST,M3.5.0,M10.5.0/3"

    static let cases = [
        // Set back on 2026-10-25 at 03:00 to 02:00, which is 01:00Z.
        Case(
            cron: "30 2 * * *", rule: berlin, from: "2026-10-24T12:00:00Z",
            runs: ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        Case(
            cron: "*/30 1-3 * * *", rule: berlin, from: "2026-10-24T22:00:00Z",
            runs: [
                "2026-10-24T23:00:00Z", "2026-10-24T23:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z",
                "2026-10-25T02:00:00Z",
                "2026-10-25T02:30:00Z", "2026-10-26T00:00:00Z",
            ]),
        // Asked in the middle of the hour that comes again: it has had its runs.
        Case(cron: "*/10 * * * *", rule: berlin, from: "2026-10-25T01:05:00Z", runs: ["2026-10-25T02:00:00Z"]),
        // Set forward on 2026-03-29 at 02:00 to 03:00, which is 01:00Z.
        Case(
            cron: "30 2 * * *", rule: berlin, from: "2026-03-28T00:00:00Z",
            runs: ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z!", "2026-03-30T00:30:00Z"]),
        Case(
            cron: "*/20 2 * * *", rule: berlin, from: "2026-03-28T01:50:00Z",
            runs: ["2026-03-29T01:00:00Z!", "2026-03-30T00:00:00Z"]),
        // The gap ends on a time of the set: one run, and no stranger.
        Case(
            cron: "*/30 * * * *", rule: berlin, from: "2026-03-29T00:30:00Z",
            runs: ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]),
        // Half an hour: 02:00 becomes 02:30 on 2026-10-04 at 15:30Z the day before.
        Case(
            cron: "0 2 * * *", rule: "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", from: "2026-10-03T00:00:00Z",
            runs: ["2026-10-03T15:30:00Z!", "2026-10-04T15:00:00Z"]),
        // The gap at midnight swallows the day's first hour.
        Case(
            cron: "@daily", rule: "<-03>3<-02>,M10.3.0/0,M2.3.0/0", from: "2026-10-17T12:00:00Z",
            runs: ["2026-10-18T03:00:00Z!", "2026-10-19T02:00:00Z"]),
    ]

    @Test(arguments: cases.indices)
    func `times around a change of clocks run as the rule says`(_ index: Int) throws {
        let item = Self.cases[index]
        let times = ScheduleTimes(cron: try CronExpression(item.cron), zone: try ZoneTests.zone(rule: item.rule))
        var instant = try #require(Instant(rfc3339: item.from))
        for expected in item.runs {
            let run = try #require(times.next(after: instant))
            let found = run.instant.rfc3339.prefix { $0 != "." } + "Z" + (run.isMoved ? "!" : "")
            #expect(found == expected, "\(item.cron)")
            instant = run.instant
        }
    }

    @Test func `a day that a zone leaves out is one run, at the beginning of the next`() throws {
        let zone = try ZoneData.zone("Pacific/Apia")
        let times = ScheduleTimes(cron: try CronExpression("0 */6 * * *"), zone: zone)
        let start = try #require(Instant(rfc3339: "2011-12-30T03:00:00Z"))
        var (runs, instant): ([String], Instant) = ([], start)
        for _ in 0..<4 {
            let run = try #require(times.next(after: instant))
            runs.append("\(zone.text(run.instant))")
            instant = run.instant
        }
        #expect(
            runs == [
                "2011-12-29T18:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T06:00:00+14:00",
                "2011-12-31T12:00:00+14:00",
            ])
    }

    @Test func `the last run of a span is the one that counting finds`() throws {
        var random = SeededGenerator()
        let zone = try ZoneTests.zone(rule: Self.berlin)
        for text in ["*/7 * * * *", "30 2 * * *", "* * 1 1 *", "0 0 29 2 *", "15 3 * * SUN"] {
            let times = ScheduleTimes(cron: try CronExpression(text), zone: zone)
            for _ in 0..<40 {
                let start = Instant(microseconds: Int64.random(in: 0...2_000_000_000, using: &random) * 1_000_000)
                let length = Int64.random(in: 0...3_000_000, using: &random)
                let end = Instant(microseconds: start.microseconds + length * 1_000_000)
                var expected: ScheduleTimes.Run?
                var instant = start
                while let run = times.next(after: instant), run.instant <= end {
                    (expected, instant) = (run, run.instant)
                }
                #expect(times.last(after: start, through: end) == expected, "\(text) \(start) \(end)")
            }
        }
    }
}
