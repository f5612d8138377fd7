// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarveSchedule

@Suite struct CronTests {
    private func times(_ text: String, from: WallTime, count: Int) throws -> [String] {
        let cron = try CronExpression(text)
        var found: [String] = []
        var time = from
        for _ in 0..<count {
            guard let next = cron.first(after: time) else { break }
            found.append("\(next)")
            time = next
        }
        return found
    }

    /// 2026-11-24 is a Tuesday.
    static let start = WallTime(CivilDate(year: 2026, month: 11, day: 24), hour: 12, minute: 0)

    static let expressions: [(text: String, next: [String])] = [
        ("* * * * *", ["2026-11-24T12:01:00", "2026-11-24T12:02:00"]),
        ("*/25 * * * *", ["2026-11-24T12:25:00", "2026-11-24T12:50:00", "2026-11-24T13:00:00"]),
        ("5-20/15 * * * *", ["2026-11-24T12:05:00", "2026-11-24T12:20:00", "2026-11-24T13:05:00"]),
        ("30 2 * * *", ["2026-11-25T02:30:00", "2026-11-26T02:30:00"]),
        ("0 12 * * *", ["2026-11-25T12:00:00"]),
        ("0 0 * * MON", ["2026-11-30T00:00:00", "2026-12-07T00:00:00"]),
        ("0 0 * * 7", ["2026-11-29T00:00:00", "2026-12-06T00:00:00"]),
        ("0 0 * * 0", ["2026-11-29T00:00:00"]),
        ("0 0 * * fri-sun", ["2026-11-27T00:00:00", "2026-11-28T00:00:00", "2026-11-29T00:00:00"]),
        ("0 0 * * 5-7", ["2026-11-27T00:00:00", "2026-11-28T00:00:00", "2026-11-29T00:00:00", "2026-12-04T00:00:00"]),
        ("0 0 1 jan,Jul *", ["2027-01-01T00:00:00", "2027-07-01T00:00:00"]),
        ("0 0 31 * *", ["2026-12-31T00:00:00", "2027-01-31T00:00:00", "2027-03-31T00:00:00"]),
        ("0 0 29 2 *", ["2028-02-29T00:00:00", "2032-02-29T00:00:00"]),
        // Both restricted: a day that fits either.
        ("0 0 13 * 5", ["2026-11-27T00:00:00", "2026-12-04T00:00:00", "2026-12-11T00:00:00", "2026-12-13T00:00:00"]),
        // One begins with a star: a day that fits both.
        ("0 0 */2 * 2", ["2026-12-01T00:00:00", "2026-12-15T00:00:00", "2026-12-29T00:00:00"]),
        ("0 0 1-7 * */7", ["2026-12-06T00:00:00", "2027-01-03T00:00:00"]),
        (
            "1,2 3,4 * * *",
            ["2026-11-25T03:01:00", "2026-11-25T03:02:00", "2026-11-25T04:01:00", "2026-11-25T04:02:00"]
        ),
        ("@hourly", ["2026-11-24T13:00:00"]), ("@daily", ["2026-11-25T00:00:00"]),
        ("@weekly", ["2026-11-29T00:00:00"]), ("@monthly", ["2026-12-01T00:00:00"]),
        ("@Yearly", ["2027-01-01T00:00:00"]), (" 0\t4  * * * ", ["2026-11-25T04:00:00"]),
    ]

    @Test(arguments: expressions)
    func `an expression means its times`(text: String, next: [String]) throws {
        #expect(try times(text, from: Self.start, count: next.count) == next)
    }

    @Test func `a leap day on one day of the week is found across a century without one`() throws {
        // 29 February of 2072 and of 2112 are Mondays; between them 2100 has no 29th.
        let from = WallTime(CivilDate(year: 2072, month: 3, day: 1), hour: 0, minute: 0)
        #expect(
            try times("0 0 29 2 */7", from: Self.start, count: 2) == ["2032-02-29T00:00:00", "2060-02-29T00:00:00"])
        let sundays = try times("0 0 29 2 */7", from: from, count: 2)
        #expect(sundays == ["2088-02-29T00:00:00", "2128-02-29T00:00:00"])
    }

    @Test func `nothing is planned after the last time that can be written`() throws {
        let end = WallTime(CivilDate(year: 9999, month: 12, day: 31), hour: 23, minute: 58)
        #expect(try times("* * * * *", from: end, count: 9) == ["9999-12-31T23:59:00"])
    }

    static let refused: [(text: String, code: ScheduleError.Code, words: String)] = [
        ("", .invalidExpression, "0 fields"), ("* * * *", .invalidExpression, "4 fields"),
        ("* * * * * *", .invalidExpression, "6 fields"), ("60 * * * *", .invalidExpression, "0 to 59"),
        ("* 24 * * *", .invalidExpression, "hour"), ("* * 0 * *", .invalidExpression, "day of month"),
        ("* * * 13 *", .invalidExpression, "month"), ("* * * * 8", .invalidExpression, "day of week"),
        ("* * * MAN *", .invalidExpression, "'MAN'"), ("*/0 * * * *", .invalidExpression, "step"),
        ("*/61 * * * *", .invalidExpression, "longer than its range"), ("5/10 * * * *", .invalidExpression, "5-59/10"),
        ("20-10 * * * *", .invalidExpression, "backwards"), ("* * * * fri-mon", .invalidExpression, "backwards"),
        ("1,,2 * * * *", .invalidExpression, "minute"), ("? * * * *", .invalidExpression, "minute"),
        ("* * L * *", .invalidExpression, "'L'"), ("-1 * * * *", .invalidExpression, "minute"),
        ("+1 * * * *", .invalidExpression, "minute"), ("1- * * * *", .invalidExpression, "minute"),
        ("*/ * * * *", .invalidExpression, "step"), ("** * * * *", .invalidExpression, "minute"),
        ("٣ * * * *", .invalidExpression, "minute"), ("99999999999999999999 * * * *", .invalidExpression, "minute"),
        ("@reboot", .invalidExpression, "@daily"), ("@", .invalidExpression, "@daily"),
        ("0 0 30 2 *", .neverFires, "no day"), ("0 0 31 4,6,9,11 *", .neverFires, "no day"),
        (String(repeating: "1,", count: 600) + "1 * * * *", .invalidExpression, "bytes"),
    ]

    @Test(arguments: refused)
    func `what means nothing is refused, with the reason`(text: String, code: ScheduleError.Code, words: String) throws
    {
        let error = try #require(throws: ScheduleError.self) { try CronExpression(text) }
        #expect(error.code == code && error.message.contains(words), "\(error)")
    }

    @Test func `days of the calendar go back and forth for 800 years`() {
        var previous = CivilDate(daysSince1970: -146_098)
        for days in Int64(-146_097)...146_097 {
            let date = CivilDate(daysSince1970: days)
            let isNext =
                date.day == previous.day + 1 && date.month == previous.month
                || date.day == 1 && previous.day == CivilDate.daysInMonth(previous.month, of: previous.year)
            if !isNext || date.daysSince1970 != days || date.weekday != (previous.weekday + 1) % 7 {
                Issue.record("\(previous) is followed by \(date)")
            }
            previous = date
        }
        #expect(CivilDate(daysSince1970: 0) == CivilDate(year: 1970, month: 1, day: 1))
    }
}
