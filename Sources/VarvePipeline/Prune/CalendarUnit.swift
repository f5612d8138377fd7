// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarveSchedule

extension RetentionPolicy.Unit {
    /// Which of the calendar's units an instant lies in, on the zone's clock: a number that grows with time. Weeks begin on Monday.
    func number(of instant: Instant, in zone: TimeZoneData) -> Int64 {
        let offset = zone.offset(at: instant.seconds)
        let wall = instant.seconds + offset
        // An hour that the clock shows twice is two hours.
        if self == .hourly { return floorDivide(wall, 3600).quotient * 3600 - offset }
        let day = floorDivide(wall, 86_400).quotient
        // 1970-01-01 was a Thursday.
        if self == .daily { return day }
        if self == .weekly { return floorDivide(day + 3, 7).quotient }
        let date = CivilDate(daysSince1970: day)
        return self == .monthly ? date.year * 12 + date.month - 1 : date.year
    }

    /// The same for people: `2026-11-23`, `2026-11`, `week of 2026-11-23`.
    func label(of instant: Instant, in zone: TimeZoneData) -> String {
        let text = zone.text(instant)
        switch self {
        case .hourly: return String(text.prefix(13)) + ":00" + String(text.dropFirst(19))
        case .daily: return String(text.prefix(10))
        case .weekly:
            let monday = CivilDate(daysSince1970: number(of: instant, in: zone) * 7 - 3)
            return "week of " + WallTime(monday, hour: 0, minute: 0).description.prefix(10)
        case .monthly: return String(text.prefix(7))
        case .yearly: return String(text.prefix(4))
        }
    }
}
