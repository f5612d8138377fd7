// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// What a clock on the wall shows: a date and a time of day, without a zone.
package struct WallTime: Comparable, Hashable, Sendable, CustomStringConvertible {
    /// Seconds since the wall showed 1970-01-01 00:00:00, every day counted as 86,400.
    package let seconds: Int64

    package init(seconds: Int64) { self.seconds = seconds }

    package init(_ date: CivilDate, hour: Int64, minute: Int64, second: Int64 = 0) {
        seconds = date.daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second
    }

    package var date: CivilDate { CivilDate(daysSince1970: floorDivide(seconds, 86_400).quotient) }
    package var hour: Int64 { floorDivide(seconds, 86_400).remainder / 3600 }
    package var minute: Int64 { floorDivide(seconds, 3600).remainder / 60 }
    package var second: Int64 { floorDivide(seconds, 60).remainder }

    package static func < (left: WallTime, right: WallTime) -> Bool { left.seconds < right.seconds }

    /// `2026-11-25T02:00:00`.
    package var description: String {
        String(Instant(microseconds: seconds * 1_000_000).rfc3339.prefix(while: { $0 != "." }))
    }
}
