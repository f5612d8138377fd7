// SPDX-License-Identifier: Apache-2.0

package import VarveModel
package import VarveSchedule
import VarveVault

/// What a policy means for one table: of every recovery point and segment whether it is kept or goes, and why. A plain value without effects.
///
/// - What any rule keeps is kept. The rules count live snapshots only: those that are not shredded, miss nothing and do not lie in the future; with
///   `keepVerifiedOnly`, those that were verified.
/// - **`keepLast` N** keeps the newest N. **`keepHourly` N** and the others keep the newest snapshot of each of the newest N units that have one, on
///   the clock of a named zone; where there are fewer units than N, the oldest snapshot too. **`keepWithin`** keeps what is not older.
/// - **`pointInTime` W** keeps, of each part of the log that reaches into the window of the last W, the snapshot from which the window can be
///   restored: the newest at or before its beginning, or the first in it; snapshots in it that no log leads on from; and the newest at or before its
///   beginning of all. The log is kept from the earliest of them on.
/// - The newest snapshot stays, and the newest verified one where only those count. So does what lies in the future, is younger than **`minimum`**, is
///   held, locked or in use, or misses something that may be put back.
/// - **`maximum`** takes what is older, but nothing that the two points above keep. Only of a table that was dropped does it take the newest too.
/// - Shredded recovery points fill no place and go. Archives of sweeps are kept for **`sweeps`**, or for ever.
/// - A log goes from its beginning only, in whole seconds: up to the first segment that something needs. Without `pointInTime` only `maximum` takes any.
///   The newest segment stays: it says where capture goes on. One that was merged into another goes, whatever the rules say of that; unless it
///   is too young, held, locked or in use.
///
/// What is kept is kept again by a plan of the rest: running twice changes nothing more.
package struct RetentionPlan: Sendable {
    /// What becomes of a recovery point or segment. `goes` is nil where it is kept.
    package struct Verdict: Sendable, Equatable {
        package fileprivate(set) var kept: [KeepReason] = []
        package fileprivate(set) var goes: GoReason?
    }

    package let facts: RetentionFacts
    /// Of each of ``RetentionFacts/points``.
    package private(set) var points: [Verdict]
    /// Of each of ``RetentionFacts/segments``.
    package private(set) var segments: [Verdict]
    /// Of each of ``RetentionFacts/merged``.
    package private(set) var merged: [Verdict]
    /// The second up to which the log goes; nil where none of it does.
    package private(set) var logGoesBefore: Instant?

    private let now: Instant

    /// - Parameter policy: nil keeps everything.
    package init(_ facts: RetentionFacts, policy: RetentionPolicy?, now: Instant, zone: TimeZoneData) {
        self.facts = facts
        self.now = now
        points = facts.points.map { Verdict(kept: Self.protected($0.protection)) }
        segments = facts.segments.map { Verdict(kept: Self.protected($0.protection)) }
        merged = facts.merged.map { Verdict(kept: Self.protected($0.protection)) }
        guard let policy else {
            for index in points.indices { points[index].kept.append(.noPolicy) }
            for index in segments.indices { segments[index].kept.append(.noPolicy) }
            for index in merged.indices { merged[index].kept.append(.noPolicy) }
            return
        }
        // Newest first.
        let order = facts.points.indices.filter { facts.points[$0].kind == .snapshot }.sorted { left, right in
            (facts.points[left].time, facts.points[left].id) > (facts.points[right].time, facts.points[right].id)
        }
        let live = order.filter { index in
            let point = facts.points[index]
            return !point.isShredded && !point.isBroken && point.time <= now
        }
        let counted = policy.keepVerifiedOnly ? live.filter { facts.points[$0].isVerified } : live
        keepByAge(policy)
        keepNewest(live, counted, policy)
        let logNeededFrom = keepWindow(live, policy)
        keepCounted(counted, policy, zone)
        keepUncounted(live, counted, policy)
        decidePoints(policy)
        decideMerged(policy)
        decideLog(policy, neededFrom: logNeededFrom)
    }

    private static func protected(_ protection: RetentionFacts.Protection) -> [KeepReason] {
        protection.holds.map { .held($0) } + (protection.lockedUntil.map { [.locked($0)] } ?? [])
            + (protection.use.map { [.inUse($0)] } ?? [])
    }

    // MARK: Recovery points

    private mutating func keep(_ index: Int, _ reason: KeepReason) { points[index].kept.append(reason) }

    /// What is too young, or not even there yet.
    private mutating func keepByAge(_ policy: RetentionPolicy) {
        let youngest = policy.minimum.map { now.before($0) }
        for (index, point) in facts.points.enumerated() {
            if point.time > now { keep(index, .future) }
            if let youngest, point.time > youngest { keep(index, .minimum) }
            if !point.isSettled { keep(index, .unsettled) }
            if point.isBroken { keep(index, .broken) }
        }
    }

    private mutating func keepNewest(_ live: [Int], _ counted: [Int], _ policy: RetentionPolicy) {
        if let newest = live.first, !hasEnded(policy, facts.points[newest].time) { keep(newest, .newest) }
        if policy.keepVerifiedOnly, let newest = counted.first, !hasEnded(policy, facts.points[newest].time) {
            keep(newest, .newestVerified)
        }
    }

    /// Whether `maximum` takes the last trace of the table too: it was dropped, and the trace is older.
    private func hasEnded(_ policy: RetentionPolicy, _ time: Instant) -> Bool {
        facts.ended != nil && isPastMaximum(policy, time)
    }

    private func isPastMaximum(_ policy: RetentionPolicy, _ time: Instant) -> Bool {
        policy.maximum.map { time < now.before($0) } ?? false
    }

    /// Keeps what the window is restored from.
    ///
    /// - Returns: From when on the log is needed; nil where no window asks for it.
    private mutating func keepWindow(_ live: [Int], _ policy: RetentionPolicy) -> Instant? {
        guard let begins = policy.pointInTime.map({ now.before($0) }) else { return nil }
        // Of a table that was dropped before the window there is no state at its beginning.
        let isGone = facts.ended.map { $0 < begins } ?? false
        var needed: Set<Int> = []
        for candidates in policy.keepVerifiedOnly ? [live, live.filter { facts.points[$0].isVerified }] : [live] {
            if !isGone, let before = candidates.first(where: { facts.points[$0].time <= begins }) {
                needed.insert(before)
            }
            var ofPart = [[Int]](repeating: [], count: facts.parts.count)
            for index in candidates {
                let point = facts.points[index]
                if let part = point.part, point.time <= facts.parts[part] {
                    ofPart[part].append(index)
                } else if point.time >= begins {
                    needed.insert(index)
                }
            }
            for (part, bases) in zip(facts.parts, ofPart) where part >= begins {
                let base = bases.first { facts.points[$0].time <= begins } ?? bases.last
                if let base { needed.insert(base) }
            }
        }
        for index in needed { keep(index, .pointInTime) }
        return min(begins, needed.map { facts.points[$0].time }.min() ?? begins)
    }

    /// Fills the places of the rules.
    private mutating func keepCounted(_ counted: [Int], _ policy: RetentionPolicy, _ zone: TimeZoneData) {
        for (place, index) in counted.prefix(policy.keepLast ?? 0).enumerated() { keep(index, .last(place + 1)) }
        for unit in RetentionPolicy.Unit.allCases {
            guard var places = policy.count(unit) else { continue }
            var last: Int64?
            for index in counted {
                let time = facts.points[index].time
                let number = unit.number(of: time, in: zone)
                let isNew = last.map { number < $0 } ?? true
                guard isNew || index == counted.last else { continue }
                keep(index, .calendar(unit, unit.label(of: time, in: zone), isOldest: !isNew))
                last = number
                places -= 1
                if places == 0 { break }
            }
        }
        guard let oldest = policy.keepWithin.map({ now.before($0) }) else { return }
        for index in counted where facts.points[index].time >= oldest { keep(index, .within) }
    }

    /// What no rule can count, or does.
    private mutating func keepUncounted(_ live: [Int], _ counted: [Int], _ policy: RetentionPolicy) {
        if policy.keepVerifiedOnly {
            for index in live.prefix(while: { $0 != counted.first }) { keep(index, .notVerifiedYet) }
        }
        if !policy.choosesSnapshots {
            for index in live { keep(index, .noRule) }
        }
        let oldest = policy.sweeps.map { now.before($0) }
        for (index, point) in facts.points.enumerated() where point.kind != .snapshot && !point.isShredded {
            guard let oldest else {
                keep(index, .noRule)
                continue
            }
            if point.time >= oldest { keep(index, .sweeps) }
        }
    }

    private mutating func decidePoints(_ policy: RetentionPolicy) {
        for (index, point) in facts.points.enumerated() {
            let kept = points[index].kept
            if kept.contains(where: \.isHard) { continue }
            if isPastMaximum(policy, point.time) {
                points[index] = Verdict(goes: .maximum)
            } else if kept.isEmpty {
                points[index] = Verdict(
                    goes: point.isShredded ? .shredded : point.kind == .sweep ? .sweeps : .noRule)
            }
        }
    }

    // MARK: The log

    /// What was merged into another segment is needed by nobody, whatever becomes of that.
    private mutating func decideMerged(_ policy: RetentionPolicy) {
        let youngest = policy.minimum.map { now.before($0) }
        for (index, segment) in facts.merged.enumerated() {
            if segment.started > now { merged[index].kept.append(.future) }
            if let youngest, segment.reach > youngest { merged[index].kept.append(.minimum) }
            if merged[index].kept.isEmpty { merged[index].goes = .merged }
        }
    }

    private mutating func decideLog(_ policy: RetentionPolicy, neededFrom: Instant?) {
        let youngest = policy.minimum.map { now.before($0) }
        for (index, segment) in facts.segments.enumerated() {
            if segment.started > now { segments[index].kept.append(.future) }
            if let youngest, segment.reach > youngest { segments[index].kept.append(.minimum) }
            if index == facts.segments.count - 1, !hasEnded(policy, segment.reach) {
                segments[index].kept.append(.newest)
            }
            if let neededFrom {
                if segment.reach >= neededFrom { segments[index].kept.append(.pointInTime) }
            } else if !isPastMaximum(policy, segment.reach) {
                segments[index].kept.append(.noRule)
            }
        }
        // The log goes in whole seconds, so that a segment's name alone tells whether it is gone; one that was merged too.
        let kept = zip(facts.segments + facts.merged, segments + merged).filter { !$0.1.kept.isEmpty }
        let end = kept.map { $0.0.started.wholeSecond }.min()
        let going = facts.segments.prefix { segment in end.map { segment.started < $0 } ?? true }.count
        for index in segments.indices {
            if index < going {
                segments[index] = Verdict(goes: neededFrom == nil ? .maximum : .pointInTime)
            } else if segments[index].kept.isEmpty {
                segments[index].kept.append(.behindKept)
            }
        }
        guard going > 0, let last = facts.segments[..<going].last else { return }
        logGoesBefore = end ?? Instant(microseconds: last.started.wholeSecond.microseconds + 1_000_000)
    }
}
