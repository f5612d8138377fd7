// SPDX-License-Identifier: Apache-2.0

import VarveModel

/// A set of wall-clock minutes in the notation of cron: minute, hour, day of month, month, day of week.
///
/// The rules are those of Vixie's cron as Debian has it: lists, ranges, steps, names of months and weekdays, 7 for Sunday. When both day fields are
/// restricted, a day that fits either is meant; when one begins with `*`, a day must fit both. What the minutes are in a zone with clock changes is
/// decided by ``ScheduleTimes``. An expression that means no day is refused.
package struct CronExpression: Hashable, Sendable, CustomStringConvertible {
    /// Nobody writes a longer one; every value of every field listed would be shorter.
    package static let bytesMax = 1024

    /// As it was written.
    package let description: String
    let minutes: CronField
    let hours: CronField
    let daysOfMonth: CronField
    let months: CronField
    let daysOfWeek: CronField

    private static let shorthands = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]

    package init(_ text: String) throws(ScheduleError) {
        guard text.utf8.count <= Self.bytesMax else {
            throw ScheduleError(
                .invalidExpression, "The cron expression has more than \(Self.bytesMax) bytes, so it is none.")
        }
        var written = text
        if text.hasPrefix("@") {
            guard let fields = Self.shorthands[text.lowercased()] else {
                throw ScheduleError(
                    .invalidExpression,
                    "'\(text)' is no shorthand of a cron expression. There are @hourly, @daily, @weekly, @monthly and @yearly."
                )
            }
            written = fields
        }
        let fields = written.split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard fields.count == 5 else {
            throw ScheduleError(
                .invalidExpression,
                "'\(text)' has \(fields.count) \(fields.count == 1 ? "field" : "fields"); a cron expression has five: minute, hour, day of month, month, day of week, as in '0 2 * * *'."
            )
        }
        description = text
        minutes = try CronFieldRule.minute.read(fields[0])
        hours = try CronFieldRule.hour.read(fields[1])
        daysOfMonth = try CronFieldRule.dayOfMonth.read(fields[2])
        months = try CronFieldRule.month.read(fields[3])
        daysOfWeek = try CronFieldRule.dayOfWeek.read(fields[4])
        // After 400 years the calendar begins anew, on the same day of the week.
        guard firstDay(from: CivilDate(year: 2000, month: 1, day: 1)) != nil else {
            throw ScheduleError(
                .neverFires, "'\(text)' means no day that there is: no month that it names has such a day.")
        }
    }

    /// Whether the minute is one of the set.
    package func matches(_ time: WallTime) -> Bool {
        time.second == 0 && minutes.contains(time.minute) && hours.contains(time.hour) && matches(time.date)
    }

    private func matches(_ date: CivilDate) -> Bool {
        guard months.contains(date.month) else { return false }
        let inMonth = daysOfMonth.contains(date.day)
        let inWeek = daysOfWeek.contains(date.weekday)
        return daysOfMonth.beginsWithStar || daysOfWeek.beginsWithStar ? inMonth && inWeek : inMonth || inWeek
    }

    /// The first minute of the set that is later than `time`; nil after the year 9999, the last that can be written as a time.
    package func first(after time: WallTime) -> WallTime? {
        // The next whole minute.
        let start = WallTime(seconds: (floorDivide(time.seconds, 60).quotient + 1) * 60)
        guard start.date.year <= 9999 else { return nil }
        if matches(start.date), let clock = firstClock(hour: start.hour, minute: start.minute) {
            return WallTime(start.date, hour: clock.hour, minute: clock.minute)
        }
        let tomorrow = CivilDate(daysSince1970: start.date.daysSince1970 + 1)
        guard let day = firstDay(from: tomorrow), day.year <= 9999, let clock = firstClock(hour: 0, minute: 0) else {
            return nil
        }
        return WallTime(day, hour: clock.hour, minute: clock.minute)
    }

    private func firstClock(hour: Int64, minute: Int64) -> (hour: Int64, minute: Int64)? {
        if hours.contains(hour), let minute = minutes.first(from: minute) { return (hour, minute) }
        guard let hour = hours.first(from: hour + 1), let minute = minutes.first(from: 0) else { return nil }
        return (hour, minute)
    }

    /// Looks through 400 years, after which the calendar repeats itself.
    private func firstDay(from date: CivilDate) -> CivilDate? {
        var day = date.day
        for count in (date.month - 1)...(date.month - 1 + 400 * 12) {
            let (year, month) = (date.year + count / 12, count % 12 + 1)
            if months.contains(month) {
                let last = CivilDate.daysInMonth(month, of: year)
                while day <= last {
                    let candidate = CivilDate(year: year, month: month, day: day)
                    if matches(candidate) { return candidate }
                    day += 1
                }
            }
            day = 1
        }
        return nil
    }
}
