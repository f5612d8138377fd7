// SPDX-License-Identifier: Apache-2.0

/// What of a table is kept, and for how long. What any rule keeps is kept; `RetentionPlan` says what each rule means.
package struct RetentionPolicy: Hashable, Sendable {
    /// A calendar's unit. The newest snapshot of each of the newest units that have one is kept.
    package enum Unit: String, CaseIterable, Sendable {
        case hourly, daily, weekly, monthly, yearly
    }

    /// So many of the newest snapshots are kept.
    package var keepLast: Int?
    package var keepHourly: Int?
    package var keepDaily: Int?
    package var keepWeekly: Int?
    package var keepMonthly: Int?
    package var keepYearly: Int?
    /// Snapshots that are not older than this are kept.
    package var keepWithin: Duration?
    /// The window in which every second must stay restorable.
    package var pointInTime: Duration?
    /// Nothing younger goes.
    package var minimum: Duration?
    /// What is older goes, but for what must stay.
    package var maximum: Duration?
    /// How long the archives of sweeps stay at least; nil: they stay.
    package var sweeps: Duration?
    /// Only snapshots that a verification has opened and counted fill the places of the rules.
    package var keepVerifiedOnly: Bool

    package init(
        keepLast: Int? = nil, keepHourly: Int? = nil, keepDaily: Int? = nil, keepWeekly: Int? = nil,
        keepMonthly: Int? = nil, keepYearly: Int? = nil, keepWithin: Duration? = nil, pointInTime: Duration? = nil,
        minimum: Duration? = nil, maximum: Duration? = nil, sweeps: Duration? = nil, keepVerifiedOnly: Bool = false
    ) {
        self.keepLast = keepLast
        self.keepHourly = keepHourly
        self.keepDaily = keepDaily
        self.keepWeekly = keepWeekly
        self.keepMonthly = keepMonthly
        self.keepYearly = keepYearly
        self.keepWithin = keepWithin
        self.pointInTime = pointInTime
        self.minimum = minimum
        self.maximum = maximum
        self.sweeps = sweeps
        self.keepVerifiedOnly = keepVerifiedOnly
    }

    package func count(_ unit: Unit) -> Int? {
        switch unit {
        case .hourly: keepHourly
        case .daily: keepDaily
        case .weekly: keepWeekly
        case .monthly: keepMonthly
        case .yearly: keepYearly
        }
    }

    /// Whether a rule says which snapshots are kept. Without one, all are that ``maximum`` does not take.
    package var choosesSnapshots: Bool {
        keepLast != nil || keepWithin != nil || pointInTime != nil || Unit.allCases.contains { count($0) != nil }
    }

    /// Why this is no policy that can be meant; nil if it is one.
    package var flaw: String? {
        guard choosesSnapshots || maximum != nil || sweeps != nil else {
            return
                "The policy keeps nothing and lets nothing go. Give it a rule that keeps (keepLast, keepDaily, pointInTime …) or a maximum."
        }
        for (name, count) in counts where count < 1 {
            return "\(name) is \(count); a rule keeps one at least. Leave it out where it should keep none."
        }
        for (name, duration) in durations where duration <= .zero {
            return "\(name) is \(duration.ageText); it must be longer than nothing."
        }
        if let maximum {
            let others = durations.filter { $0.name != "maximum" && $0.duration > maximum }
            if let (name, duration) = others.first {
                return
                    "maximum is \(maximum.ageText), and \(name) is \(duration.ageText): what \(name) keeps would have to go. Make maximum the longest."
            }
        }
        return nil
    }

    private var counts: [(name: String, count: Int)] {
        let all = [
            ("keepLast", keepLast), ("keepHourly", keepHourly), ("keepDaily", keepDaily), ("keepWeekly", keepWeekly),
            ("keepMonthly", keepMonthly), ("keepYearly", keepYearly),
        ]
        return all.compactMap { name, count in count.map { (name, $0) } }
    }

    private var durations: [(name: String, duration: Duration)] {
        let all = [
            ("keepWithin", keepWithin), ("pointInTime", pointInTime), ("minimum", minimum), ("maximum", maximum),
            ("sweeps", sweeps),
        ]
        return all.compactMap { name, duration in duration.map { (name, $0) } }
    }
}

extension RetentionPolicy: CustomStringConvertible {
    /// `keepLast 3, keepDaily 35, pointInTime 35d`.
    package var description: String {
        let parts =
            counts.map { "\($0.name) \($0.count)" } + durations.map { "\($0.name) \($0.duration.ageText)" }
            + (keepVerifiedOnly ? ["keepVerifiedOnly"] : [])
        return parts.joined(separator: ", ")
    }
}
