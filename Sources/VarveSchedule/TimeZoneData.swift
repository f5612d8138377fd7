// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// A time zone: which offset from UTC held when, and which rule holds for the future.
///
/// Made from a file of the IANA database by ``ZoneFolder``. All instants are whole seconds since 1970, all offsets seconds east of Greenwich.
package struct TimeZoneData: Hashable, Sendable {
    /// Offsets lie within these bounds (RFC 8536, section 3.2).
    package static let offsets: ClosedRange<Int64> = -89_999...93_599

    package static let utc = TimeZoneData(name: "UTC", first: 0, changes: [], rule: nil)

    /// From `instant` on, clocks show `offset`.
    struct Change: Hashable, Sendable {
        let instant: Int64
        let offset: Int64
    }

    /// A time during which one offset holds; `end` is not part of it.
    struct Period {
        let start: Int64
        let end: Int64
        let offset: Int64
    }

    /// `Europe/Berlin`.
    package let name: String
    private let first: Int64
    private let changes: [Change]
    /// What holds after the last change; nil: its offset for ever.
    private let rule: PosixRule?

    /// - Parameters:
    ///   - first: the offset before the first change.
    ///   - changes: in the order of their instants, each later than the one before.
    init(name: String, first: Int64, changes: [Change], rule: PosixRule?) {
        self.name = name
        self.first = first
        self.changes = changes
        self.rule = rule
    }

    package static func == (left: TimeZoneData, right: TimeZoneData) -> Bool {
        left.name == right.name && left.first == right.first && left.changes == right.changes && left.rule == right.rule
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(name) }

    package func offset(at instant: Int64) -> Int64 { period(at: instant).offset }

    /// An instant as the zone's clock shows it, with its offset: `2026-11-25T02:00:00+01:00`.
    package func text(_ instant: Instant) -> String {
        let offset = offset(at: instant.seconds)
        let minutes = abs(offset) / 60
        // The notation has no place for the seconds of old offsets.
        guard offset % 60 == 0 else { return "\(WallTime(seconds: instant.seconds))Z" }
        let (hours, rest) = (minutes / 60, minutes % 60)
        return "\(WallTime(seconds: instant.seconds + offset))\(offset < 0 ? "-" : "+")"
            + "\(hours < 10 ? "0" : "")\(hours):\(rest < 10 ? "0" : "")\(rest)"
    }

    /// The period in which an instant lies.
    func period(at instant: Int64) -> Period {
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].instant <= instant { low = middle + 1 } else { high = middle }
        }
        let start = low > 0 ? changes[low - 1].instant : Int64.min
        if low == changes.count, let rule { return rule.period(at: instant, notBefore: start) }
        return Period(
            start: start, end: low < changes.count ? changes[low].instant : Int64.max,
            offset: low > 0 ? changes[low - 1].offset : first)
    }

    /// The latest time that the zone's clock has shown up to and including an instant: later than what it shows then, if it was set back.
    func latestWall(through instant: Int64) -> Int64 {
        var period = period(at: instant)
        var latest = instant + period.offset
        // Further back no clock can have shown more, whatever its offset.
        let horizon = instant - (Self.offsets.upperBound - Self.offsets.lowerBound)
        while period.start > horizon {
            let start = period.start
            period = self.period(at: start - 1)
            latest = max(latest, start - 1 + period.offset)
        }
        return latest
    }

    /// The first instant at which the zone's clock shows that time or a later one.
    func firstInstant(showing wall: Int64) -> Int64 {
        var period = period(at: wall - Self.offsets.upperBound)
        while true {
            let candidate = max(period.start, wall - period.offset)
            if candidate < period.end { return candidate }
            period = self.period(at: period.end)
        }
    }
}
