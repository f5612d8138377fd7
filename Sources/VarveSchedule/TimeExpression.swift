// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// A moment as people write it on a command line.
///
/// - RFC 3339: `2026-11-24T14:03:27Z`, `2026-11-24 15:03:27.25+01:00`;
/// - a wall clock's time, with a zone's name behind it or in UTC: `2026-11-24 14:03 Europe/Berlin`, `today 02:00`, `yesterday 02:00:30`;
/// - how long ago: `-90s`, `-30m`, `-2h`, `-7d`.
package struct TimeExpression: Hashable, Sendable {
    /// The first instant that is meant.
    package let begin: Instant
    /// The last one: the same where a fraction of a second was written, else the end of its second.
    package let end: Instant

    private init(_ begin: Instant, isWhole: Bool) {
        self.begin = begin
        end = isWhole ? Instant(microseconds: begin.microseconds + 999_999) : begin
    }

    package init(_ text: String, now: Instant, zones: ZoneFolder = .standard) throws(ScheduleError) {
        if let instant = Instant(rfc3339: text) {
            self.init(instant, isWhole: !text.contains("."))
        } else if let seconds = Self.ago(text) {
            self.init(Instant(microseconds: now.microseconds - seconds * 1_000_000), isWhole: false)
        } else {
            self = try Self.wall(text, now: now, zones: zones)
        }
    }

    private static func ago(_ text: String) -> Int64? {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
        guard text.first == "-", let unit = text.last.flatMap({ units[$0] }) else { return nil }
        let digits = text.dropFirst().dropLast()
        guard !digits.isEmpty, digits.utf8.count <= 9, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int64(digits).map { $0 * unit }
    }

    private static func wall(_ text: String, now: Instant, zones: ZoneFolder) throws(ScheduleError) -> TimeExpression {
        var words = text.split(separator: " ").map(String.init)
        if words.count == 1, let day = words.first?.split(separator: "T"), day.count == 2 {
            words = day.map(String.init)
        }
        guard words.count == 2 || words.count == 3, let (hour, minute, second) = clock(words[1]) else {
            throw unreadable(text)
        }
        let zone = words.count == 3 ? try zones.zone(words[2]) : .utc
        let today = WallTime(seconds: now.seconds + zone.offset(at: now.seconds)).date.daysSince1970
        let date: CivilDate
        switch words[0] {
        case "today": date = CivilDate(daysSince1970: today)
        case "yesterday": date = CivilDate(daysSince1970: today - 1)
        default:
            guard let midnight = Instant(rfc3339: words[0] + "T00:00:00Z") else { throw unreadable(text) }
            date = CivilDate(daysSince1970: midnight.seconds / 86_400)
        }
        let wall = WallTime(date, hour: hour, minute: minute, second: second)
        let instants = zone.instants(showing: wall.seconds)
        guard let only = instants.first else {
            throw ScheduleError(
                .invalidTime,
                "In \(zone.name) no clock showed \(wall): it was set forward then. Write the instant with its offset from UTC."
            )
        }
        guard instants.count == 1 else {
            let both = instants.map { Instant(microseconds: $0 * 1_000_000) }.map { zone.text($0) }
            throw ScheduleError(
                .invalidTime,
                "In \(zone.name) clocks showed \(wall) twice: they were set back then. Write which one you mean: \(both.joined(separator: " or "))."
            )
        }
        return TimeExpression(Instant(microseconds: only * 1_000_000), isWhole: true)
    }

    /// `14:03` or `14:03:27`.
    private static func clock(_ text: String) -> (Int64, Int64, Int64)? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3,
            parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } })
        else { return nil }
        let numbers = parts.compactMap { Int64($0) } + [0]
        guard numbers[0] < 24, numbers[1] < 60, numbers[2] < 60 else { return nil }
        return (numbers[0], numbers[1], numbers[2])
    }

    private static func unreadable(_ text: String) -> ScheduleError {
        ScheduleError(
            .invalidTime,
            "'\(text.prefix(80))' is no time. Write 2026-11-24T14:03:27Z, '2026-11-24 14:03 Europe/Berlin' (without a zone it is UTC), 'yesterday 02:00' or -2h."
        )
    }
}

extension TimeZoneData {
    /// The instants at which the zone's clock shows a time: one, or two where it was set back, or none where it was set forward.
    fileprivate func instants(showing wall: Int64) -> [Int64] {
        // Whatever the offset, the instant lies within two days; there is no zone that changes more than once in so short a time.
        let offsets = Set([-172_800, 0, 172_800].map { offset(at: wall + $0) })
        return offsets.map { wall - $0 }.filter { $0 + offset(at: $0) == wall }.sorted()
    }
}
