// SPDX-License-Identifier: Apache-2.0

package import VarveModel
package import VarveSchedule

/// Why something is kept.
package enum KeepReason: Sendable, Equatable {
    // What beats `maximum` too.
    case held(String)
    case locked(Instant)
    case inUse(String)
    case future
    case minimum
    /// Of a sweep whose outcome is not on record: the next sweep of the table reads it.
    case unsettled
    /// Something of it is missing, and may be put back. It fills no place.
    case broken
    case newest
    case newestVerified
    case pointInTime

    // What `maximum` beats.
    case last(Int)
    /// The newest of its calendar unit; or the oldest of all, where there are fewer units than places.
    case calendar(RetentionPolicy.Unit, String, isOldest: Bool)
    case within
    /// It is newer than the newest that was verified.
    case notVerifiedYet
    case sweeps
    /// No rule speaks of it.
    case noRule
    case noPolicy
    /// Of a segment: one before it is kept, and a log only goes from its beginning.
    case behindKept

    /// Whether it beats `maximum`.
    package var isHard: Bool {
        switch self {
        case .held, .locked, .inUse, .future, .minimum, .unsettled, .broken, .newest, .newestVerified, .pointInTime,
            .behindKept, .noPolicy:
            true
        case .last, .calendar, .within, .notVerifiedYet, .sweeps, .noRule: false
        }
    }

    /// A word that never changes its meaning, for scripts.
    package var word: String {
        switch self {
        case .held: "held"
        case .locked: "locked"
        case .inUse: "inUse"
        case .future: "future"
        case .minimum: "minimum"
        case .unsettled: "unsettled"
        case .broken: "broken"
        case .newest: "newest"
        case .newestVerified: "newestVerified"
        case .pointInTime: "pointInTime"
        case .last: "keepLast"
        case .calendar(let unit, _, _):
            switch unit {
            case .hourly: "keepHourly"
            case .daily: "keepDaily"
            case .weekly: "keepWeekly"
            case .monthly: "keepMonthly"
            case .yearly: "keepYearly"
            }
        case .within: "keepWithin"
        case .notVerifiedYet: "notVerifiedYet"
        case .sweeps: "sweeps"
        case .noRule: "noRule"
        case .noPolicy: "noPolicy"
        case .behindKept: "behindKept"
        }
    }
}

extension KeepReason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .held(let hold): "hold \(hold)"
        case .locked(let until): "locked until \(until)"
        case .inUse(let what): "in use: \(what)"
        case .future: "lies in the future"
        case .minimum: "younger than minimum"
        case .unsettled: "sweep without an outcome"
        case .broken: "something of it is missing"
        case .newest: "newest"
        case .newestVerified: "newest that is verified"
        case .pointInTime: "point in time needs it"
        case .last(let place): "last \(place)"
        case .calendar(let unit, let label, let isOldest): "\(unit.rawValue) \(label)\(isOldest ? " (oldest)" : "")"
        case .within: "within"
        case .notVerifiedYet: "not verified yet"
        case .sweeps: "sweep, not old enough"
        case .noRule: "no rule lets it go"
        case .noPolicy: "no policy"
        case .behindKept: "behind a segment that is kept"
        }
    }
}

/// Why something goes.
package enum GoReason: String, Sendable, Equatable {
    /// It is older than `maximum`.
    case maximum
    /// Its keys were destroyed: it is noise.
    case shredded
    /// An archive of a sweep that is older than `sweeps`.
    case sweeps
    /// No rule keeps it.
    case noRule
    /// A segment before all that a point in time needs.
    case pointInTime
    /// A segment that was merged into another one.
    case merged
}

extension GoReason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .maximum: "older than maximum"
        case .shredded: "its keys were destroyed"
        case .sweeps: "sweep, old enough"
        case .noRule: "no rule keeps it"
        case .pointInTime: "before what a point in time needs"
        case .merged: "merged into another segment"
        }
    }
}
