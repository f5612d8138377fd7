// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// When a cron expression means in a time zone.
///
/// One rule holds for every expression: **a wall-clock minute of the set runs at the first instant at which the zone's clock shows it or a later time.**
/// So a time that comes twice, because clocks are set back, runs the first time only; one that never comes, because they are set forward, runs at the
/// first instant after the gap; and all times of one gap, with the one that the gap ends on, are one run.
package struct ScheduleTimes: Hashable, Sendable, CustomStringConvertible {
    package let cron: CronExpression
    package let zone: TimeZoneData

    /// One run.
    package struct Run: Hashable, Sendable {
        package let instant: Instant
        /// The wall-clock time that is meant.
        package let wall: WallTime
        /// Whether the zone's clock never shows that time, nor any other of the set at this instant: the run stands for what a gap swallowed.
        package let isMoved: Bool
    }

    package init(cron: CronExpression, zone: TimeZoneData) {
        self.cron = cron
        self.zone = zone
    }

    /// Two schedules with the same text mean the same times.
    package var description: String { "\(cron) \(zone.name)" }

    /// The first run that is later than `instant`; nil after the year 9999.
    package func next(after instant: Instant) -> Run? {
        // Whatever the wall has shown by then has had its run.
        guard let wall = cron.first(after: WallTime(seconds: zone.latestWall(through: instant.seconds))) else {
            return nil
        }
        let seconds = zone.firstInstant(showing: wall.seconds)
        let shown = WallTime(seconds: seconds + zone.offset(at: seconds))
        return Run(
            instant: Instant(microseconds: seconds * 1_000_000), wall: wall,
            isMoved: shown != wall && !cron.matches(shown))
    }

    /// The last run of the time after `start` up to and including `end`; nil where there is none.
    package func last(after start: Instant, through end: Instant) -> Run? {
        guard var found = next(after: start), found.instant <= end else { return nil }
        // Windows that double, so that neither a minute's schedule over years nor a leap day's costs more than a few steps.
        var width: Int64 = 3600 * 1_000_000
        while end.microseconds - width > found.instant.microseconds {
            if let run = next(after: Instant(microseconds: end.microseconds - width)), run.instant <= end {
                found = run
                break
            }
            width *= 2
        }
        while let run = next(after: found.instant), run.instant <= end { found = run }
        return found
    }
}
