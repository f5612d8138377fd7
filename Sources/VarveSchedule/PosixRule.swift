// SPDX-License-Identifier: Apache-2.0

import VarveModel

/// The rule at the end of a zone file, by which clocks change in all years to come: a `TZ` text of POSIX with the extensions of RFC 8536, section
/// 3.3.1, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
struct PosixRule: Hashable, Sendable {
    /// A day of every year, and seconds after (or before) its midnight.
    struct Moment: Hashable, Sendable {
        enum Day: Hashable, Sendable {
            /// From 1 to 365; the leap day is never counted.
            case julian(Int64)
            /// From 0 to 365; the leap day is counted.
            case ordinal(Int64)
            /// The `week`th such weekday of the month; 5 is the last.
            case weekday(month: Int64, week: Int64, day: Int64)
        }

        let day: Day
        let seconds: Int64

        /// Wall-clock seconds since 1970 in that year.
        func wall(in year: Int64) -> Int64 { days(in: year) * 86_400 + seconds }

        private func days(in year: Int64) -> Int64 {
            let newYear = CivilDate(year: year, month: 1, day: 1).daysSince1970
            switch day {
            case .julian(let number): return newYear + number - 1 + (CivilDate.isLeap(year) && number >= 60 ? 1 : 0)
            case .ordinal(let number): return newYear + number
            case .weekday(let month, let week, let day):
                let first = CivilDate(year: year, month: month, day: 1)
                let earliest = (day - first.weekday + 7) % 7
                let last = CivilDate.daysInMonth(month, of: year) - 1
                let chosen = earliest + (week - 1) * 7
                return first.daysSince1970 + (chosen > last ? chosen - 7 : chosen)
            }
        }
    }

    struct Saving: Hashable, Sendable {
        let offset: Int64
        let begin: Moment
        let end: Moment
    }

    let standard: Int64
    /// nil: no daylight-saving time.
    let saving: Saving?

    /// The period in which an instant lies, cut off at `limit`, before which other rules held.
    func period(at instant: Int64, notBefore limit: Int64) -> TimeZoneData.Period {
        guard let saving else { return TimeZoneData.Period(start: limit, end: Int64.max, offset: standard) }
        let year = CivilDate(daysSince1970: floorDivide(instant, 86_400).quotient).year
        // A year's changes may lie in the year beside it; a rule of permanent saving time ends and begins at one instant, in this order.
        var changes: [(instant: Int64, order: Int, offset: Int64)] = []
        for year in (year - 2)...(year + 2) {
            changes.append((saving.begin.wall(in: year) - standard, changes.count, saving.offset))
            changes.append((saving.end.wall(in: year) - saving.offset, changes.count, standard))
        }
        changes.sort { ($0.instant, $0.order) < ($1.instant, $1.order) }
        let after = changes.firstIndex { $0.instant > instant } ?? changes.count
        return TimeZoneData.Period(
            start: max(limit, after > 0 ? changes[after - 1].instant : Int64.min),
            end: after < changes.count ? changes[after].instant : Int64.max,
            offset: after > 0 ? changes[after - 1].offset : standard)
    }
}
