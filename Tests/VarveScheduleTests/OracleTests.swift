// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarveSchedule
import VarveTestKit

/// Ten years of forty expressions in six zones, beside an independent account by other people's code.
@Suite struct OracleTests {
    /// With a decade in which Apia left out a day and Moscow and Samoa changed their minds.
    private static let years = (from: 2009, to: 2019)

    private static let zones = [
        "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia",
    ]

    private static let expressions = [
        "0 * * * *", "*/30 * * * *", "*/15 0-4 * * *", "7-59/20 1-3 * * 0", "30 2 * * *", "0 2 * * *", "15 2 * * *",
        "45 1 * * *",
        "0 0 * * *", "30 0 * * *", "59 23 * * *", "0 3 * * *", "0 */6 * * *", "30 1,2,3 * * *", "*/10 2 * * SUN",
        "5 4 * * sun",
        "0 22 * * 1-5", "0 0 1 * *", "0 0 1,15 * WED", "0 0 13 * 5", "0 2 */2 * 0", "0 2 1-7 * */7", "30 2 8-14 3 *",
        "30 2 * 3,10,11 *",
        "0 0 29 2 *", "0 12 31 * *", "0 0 * 2 MON", "0 0 1 1 *", "30 2 28-31 3 *", "0 0 30 12 *", "*/20 1-3 29-31 12 *",
        "0 1 * OCT,FEB SUN",
        "15 14 1 * *", "0 8-18/2 * * MON-FRI", "1 1 1 1-12/3 *", "23 0-20/2 * * *", "0 4 8-14 * *", "2,32 2 1-7 4,10 *",
        "0 2 * * 7", "10 3 25-31 10 0",
    ]

    private struct Request: Encodable {
        let from, to: Int
        let zones, expressions: [String]
        let folder: String
        /// An expression that has more runs in all is not compared with cronsim's own handling of zones, which takes long.
        let libraryRunsMax = 20_000
    }

    private struct Report: Decodable {
        let runs, moved, collapsed, repeated, compared, libraryMoved, libraryRepeated, libraryHalfHour: Int
        let wrong, unexplained: [String]
    }

    @Test func `every run of ten years, six zones and forty expressions is the one that an independent account has`()
        throws
    {
        let python: FilePath
        do {
            python = try PythonEnvironment.interpreter()
        } catch let error as TestKitError {
            try Test.cancel("\(error)")
        }
        #expect(Set(Self.expressions).count == 40)
        let folder = try TemporaryFolder()
        for (zoneNumber, name) in Self.zones.enumerated() {
            let zone = try ZoneData.zone(name)
            for (number, text) in Self.expressions.enumerated() {
                let times = ScheduleTimes(cron: try CronExpression(text), zone: zone)
                let runs = Self.runs(times)
                try folder.write(
                    "\(zoneNumber)-\(number)", runs.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) })
            }
        }
        let script = try #require(
            Bundle.module.url(forResource: "oracle", withExtension: "py", subdirectory: "Fixtures"))
        let request = Request(
            from: Self.years.from, to: Self.years.to, zones: Self.zones, expressions: Self.expressions,
            folder: folder.path.string)
        let zones = ["PYTHONTZPATH": ZoneFolder.standard.path.string]
        let result = try ChildProcess.run(
            python, [script.path], environment: zones, input: Array(try JSONEncoder().encode(request)))
        try #require(result.exitCode == 0, "\(result)")
        let report = try JSONDecoder().decode(Report.self, from: Data(result.output))
        print(
            "schedules: \(report.runs) runs compared; \(report.repeated) at times that come twice, \(report.moved) planned in gaps, \(report.collapsed) joined with another; cronsim itself differs \(report.libraryRepeated) times by a second occurrence, \(report.libraryMoved) times by a gap and \(report.libraryHalfHour) times by half an hour"
        )
        #expect(report.wrong == [])
        #expect(report.unexplained == [])
        // Only Lord Howe changes by half an hour: two expressions, on some of its 20 days of change.
        #expect(report.libraryHalfHour <= 200)
        // The comparison means something: both rules were needed, in gaps of an hour, of half of one and of a day.
        #expect(report.runs > 1_000_000 && report.compared > 200)
        #expect(report.moved > 500 && report.collapsed > 100 && report.repeated > 500)
    }

    /// The runs whose wall-clock times lie in the years.
    private static func runs(_ times: ScheduleTimes) -> [Int64] {
        let start = WallTime(CivilDate(year: Int64(years.from), month: 1, day: 1), hour: 0, minute: 0)
        let end = WallTime(CivilDate(year: Int64(years.to), month: 1, day: 1), hour: 0, minute: 0)
        // No zone is further from UTC than two days.
        var instant = Instant(microseconds: (start.seconds - 172_800) * 1_000_000)
        var runs: [Int64] = []
        while let run = times.next(after: instant), run.wall < end {
            if run.wall >= start { runs.append(run.instant.seconds) }
            instant = run.instant
        }
        return runs
    }
}
