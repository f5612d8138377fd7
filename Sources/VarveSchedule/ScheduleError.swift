// SPDX-License-Identifier: Apache-2.0

/// A schedule cannot be kept as it is written, or not on this machine.
package struct ScheduleError: Error, Sendable, CustomStringConvertible {
    /// Stable names: JSON output and tests use them, and none ever changes its meaning.
    package enum Code: String, Sendable {
        /// A text is no cron expression that is read here.
        case invalidExpression
        /// An expression that is right and means no day at all, such as the 30th of February.
        case neverFires
        /// A text that is no time, or one that a zone's clock showed twice or not at all.
        case invalidTime
        /// A text that cannot be the name of a time zone.
        case invalidZoneName
        /// The machine's zone data has no such zone.
        case unknownZone
        /// The machine has no zone data.
        case noZoneData
        /// A file of the zone data cannot be read, or is not what RFC 8536 says.
        case damagedZoneData
    }

    package let code: Code
    /// Full sentences: what is wrong, and what to do.
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { message }
}
