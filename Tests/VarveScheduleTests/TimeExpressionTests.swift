// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarveSchedule

@Suite struct TimeExpressionTests {
    private static let now = Instant(rfc3339: "2026-11-24T00:30:00.5Z") ?? Instant(microseconds: 0)

    @Test(arguments: [
        ("2026-11-24T14:03:27Z", "2026-11-24T14:03:27.000000Z", "2026-11-24T14:03:27.999999Z"),
        ("2026-11-24 15:03:27+01:00", "2026-11-24T14:03:27.000000Z", "2026-11-24T14:03:27.999999Z"),
        ("2026-11-24T14:03:27.25Z", "2026-11-24T14:03:27.250000Z", "2026-11-24T14:03:27.250000Z"),
        ("2026-11-24T14:03:27", "2026-11-24T14:03:27.000000Z", "2026-11-24T14:03:27.999999Z"),
        ("2026-11-24 14:03", "2026-11-24T14:03:00.000000Z", "2026-11-24T14:03:00.999999Z"),
        ("today 02:00", "2026-11-24T02:00:00.000000Z", "2026-11-24T02:00:00.999999Z"),
        ("yesterday 02:00:30 UTC", "2026-11-23T02:00:30.000000Z", "2026-11-23T02:00:30.999999Z"),
        ("-2h", "2026-11-23T22:30:00.500000Z", "2026-11-23T22:30:00.500000Z"),
        ("-90s", "2026-11-24T00:28:30.500000Z", "2026-11-24T00:28:30.500000Z"),
        ("-1w", "2026-11-17T00:30:00.500000Z", "2026-11-17T00:30:00.500000Z"),
    ])
    func `a time is read as people write it`(text: String, begin: String, end: String) throws {
        let time = try TimeExpression(text, now: Self.now)
        #expect(time.begin.rfc3339 == begin && time.end.rfc3339 == end)
    }

    @Test(arguments: [
        ("2026-11-24 14:03:27 Europe/Berlin", "2026-11-24T13:03:27.000000Z"),
        ("2026-07-01 00:00 Europe/Berlin", "2026-06-30T22:00:00.000000Z"),
        // In Auckland it is tomorrow already.
        ("today 02:00 Pacific/Auckland", "2026-11-23T13:00:00.000000Z"),
        ("yesterday 23:59 America/New_York", "2026-11-23T04:59:00.000000Z"),
    ])
    func `a zone's clock is read as it hung there`(text: String, begin: String) throws {
        _ = try ZoneData.zone("Europe/Berlin")
        #expect(try TimeExpression(text, now: Self.now).begin.rfc3339 == begin)
    }

    @Test func `an hour that came twice is asked back, with both instants`() throws {
        _ = try ZoneData.zone("Europe/Berlin")
        let error = try #require(throws: ScheduleError.self) {
            _ = try TimeExpression("2026-10-25 02:30 Europe/Berlin", now: Self.now)
        }
        #expect(error.code == .invalidTime)
        #expect(error.message.contains("2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00"))
    }

    @Test func `an hour that no clock showed is none`() throws {
        _ = try ZoneData.zone("Europe/Berlin")
        let error = try #require(throws: ScheduleError.self) {
            _ = try TimeExpression("2026-03-29 02:30 Europe/Berlin", now: Self.now)
        }
        #expect(error.code == .invalidTime)
    }

    @Test(arguments: [
        "", "now", "-", "-h", "-2", "-2y", "2h", "2026-11-24", "14:03", "2026-02-30 10:00", "today 24:00", "today 2:00",
        "tomorrow 02:00", "today 02:00 UTC x", "2026-11-24T14:03:27ZZ", "-99999999999999999999h",
    ])
    func `what is no time is refused`(text: String) {
        #expect(throws: ScheduleError.self) { _ = try TimeExpression(text, now: Self.now) }
    }
}
