// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarveSchedule

/// Cron expressions, files of time zones and the rules at their end, and what the one means in the other.
///
/// An input is the file of a zone, or an expression; after a line feed it may have a zone's rule.
enum CronTarget: FuzzTarget {
    static let name = "cron"
    static let inputBytesMax = 8 * 1024
    static let tokens = [
        "* * * * *", "*/15", "0 2 * * *", "@daily", "@hourly", "@weekly", "@monthly", "@yearly", "MON-FRI", "sun", "7",
        "1-5", ",", "/", "29 2", "31 ", "JAN", "\n", "CET-1CEST,M3.5.0,M10.5.0/3", "<+0330>-3:30", ",J60", ",0/0",
        ",365/167", "/-167", "UTC0", "TZif2", "TZif3", "TZif", "\nEST5EDT,M3.2.0,M11.1.0\n",
    ]

    private static let berlin = rule("CET-1CEST,M3.5.0,M10.5.0/3")
    private static let lordHowe = rule("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0")

    /// An ordinary night, both changes of a year, a leap day, the beginning and the end of the calendar.
    private static let starts = [
        "2026-11-23T10:00:00.123456Z", "2026-03-29T00:59:59.999999Z", "2026-10-25T00:30:00.000000Z",
        "2028-02-28T23:59:00.000000Z", "0001-01-01T00:00:00.000000Z", "9999-12-30T12:00:00.000000Z",
    ].compactMap { Instant(rfc3339: $0) }

    private static let expressions = ["* * * * *", "30 2 * * *", "0 0 29 2 *", "*/7 1-3 * * SUN"].compactMap {
        try? CronExpression($0)
    }

    static func run(_ bytes: UnsafeRawBufferPointer) {
        let input = Array(bytes)
        if let zone = accepted(
            ScheduleError.self, "reading a zone", { try TimeZoneData(name: "Fuzz/File", file: input) })
        {
            lookAt(zone)
        }
        let parts = input.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
        var zones = [TimeZoneData.utc, berlin, lordHowe].compactMap(\.self)
        if parts.count == 2, let zone = rule(String(decoding: parts[1], as: UTF8.self)) {
            lookAt(zone)
            zones.append(zone)
        }
        let text = parts.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
        guard let cron = accepted(ScheduleError.self, "reading an expression", { try CronExpression(text) }) else {
            return
        }
        let again = must("reading an expression again") { try CronExpression(cron.description) }
        guard again == cron else { violated("an expression changes when it is read again") }
        for zone in zones {
            for start in starts { lookAt(cron, zone, from: start) }
        }
    }

    /// A zone that is nothing but a rule, as the rule at the end of a file.
    private static func rule(_ text: String) -> TimeZoneData? {
        func block(_ version: UInt8) -> [UInt8] {
            var bytes = Array("TZif".utf8) + [version] + [UInt8](repeating: 0, count: 15)
            // Of the six counts, types and letters are 1: universal time, called nothing.
            for count in [0, 0, 0, 0, 1, 1] as [UInt8] { bytes += [0, 0, 0, count] }
            return bytes + [0, 0, 0, 0, 0, 0, 0]
        }
        let version = UInt8(ascii: "3")
        let file = block(version) + block(version) + Array("\n\(text)\n".utf8)
        return accepted(ScheduleError.self, "reading a rule") { try TimeZoneData(name: "Fuzz/Rule", file: file) }
    }

    private static func lookAt(_ zone: TimeZoneData) {
        for start in starts {
            let offset = zone.offset(at: start.seconds)
            guard TimeZoneData.offsets.contains(offset) else { violated("a zone is \(offset) seconds from UTC") }
            if zone.text(start).isEmpty { violated("a time has no text") }
            for cron in expressions { lookAt(cron, zone, from: start) }
        }
    }

    private static func lookAt(_ cron: CronExpression, _ zone: TimeZoneData, from start: Instant) {
        let times = ScheduleTimes(cron: cron, zone: zone)
        guard let run = times.next(after: start) else {
            // The calendar ends with the year 9999, and no expression leaves out more than 40 years.
            if start.rfc3339 < "9900" { violated("'\(cron)' never runs again after \(start) in \(zone.name)") }
            return
        }
        guard run.instant > start else { violated("'\(cron)' runs at \(run.instant), not after \(start)") }
        guard cron.matches(run.wall) else { violated("'\(cron)' runs at \(run.wall), which it does not mean") }
        let shown = WallTime(seconds: run.instant.seconds + zone.offset(at: run.instant.seconds))
        guard shown >= run.wall else { violated("'\(cron)' runs before the clock shows \(run.wall)") }
        guard run.isMoved || cron.matches(shown) else { violated("'\(cron)' runs at \(shown) and does not say why") }
        if zone == .utc { lookAtMinutes(cron, from: start, to: run) }

        // The last run of a day is found from both sides.
        let end = Instant(microseconds: run.instant.microseconds + 86_400 * 1_000_000)
        guard let last = times.last(after: start, through: end) else { violated("the run that came is not the last") }
        guard last.instant >= run.instant, last.instant <= end else { violated("the last run lies outside of its day") }
        if let after = times.next(after: last.instant), after.instant <= end { violated("a run comes after the last") }
    }

    /// In UTC the clock shows every minute once: so none of those before the run may be meant.
    private static func lookAtMinutes(_ cron: CronExpression, from start: Instant, to run: ScheduleTimes.Run) {
        var minute = floorDivide(start.seconds, 60).quotient + 1
        let end = min(run.instant.seconds / 60, minute + 1500)
        while minute < end {
            if cron.matches(WallTime(seconds: minute * 60)) {
                violated("'\(cron)' misses \(WallTime(seconds: minute * 60))")
            }
            minute += 1
        }
    }
}
