// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarvePipeline
import VarveSchedule
import VarveVault

/// The rules of retention once more, as sentences that each look at everything: slow, and nothing in common with the plan but the words.
struct RetentionModel {
    private let world: RetentionWorld
    private let facts: RetentionFacts
    private let policy: RetentionPolicy
    private let now: Int64
    /// Of each point, its label in each unit.
    private let labels: [[String]]

    init(_ world: RetentionWorld) {
        self.world = world
        facts = world.facts
        policy = world.policy
        now = world.now.microseconds
        labels = world.points.map { Self.labels(of: $0.time, world.zone) }
    }

    private static func labels(of instant: Instant, _ zone: TimeZoneData) -> [String] {
        let text = zone.text(instant)
        let date = String(text.prefix(10))
        let numbers = date.split(separator: "-").compactMap { Int64($0) }
        let civil = CivilDate(year: numbers[0], month: numbers[1], day: numbers[2])
        let monday = civil.daysSince1970 - (civil.weekday + 6) % 7
        return [
            String(text.prefix(13)) + String(text.dropFirst(19)), date, "\(monday)", String(date.prefix(7)),
            String(date.prefix(4)),
        ]
    }

    private func ago(_ duration: Duration?) -> Int64? {
        duration.map { now - $0.components.seconds * 1_000_000 }
    }

    private func time(_ index: Int) -> Int64 { facts.points[index].time.microseconds }

    private func isNewer(_ left: Int, _ right: Int) -> Bool {
        (time(left), facts.points[left].id) > (time(right), facts.points[right].id)
    }

    private var all: Range<Int> { facts.points.indices }

    private func isLive(_ index: Int) -> Bool {
        let point = facts.points[index]
        return point.kind == .snapshot && !point.isShredded && !point.isBroken && time(index) <= now
    }

    private func isCounted(_ index: Int) -> Bool {
        isLive(index) && (!policy.keepVerifiedOnly || facts.points[index].isVerified)
    }

    private func isPast(_ time: Int64) -> Bool { ago(policy.maximum).map { time < $0 } ?? false }

    private func isProtected(_ protection: RetentionFacts.Protection) -> Bool {
        !protection.holds.isEmpty || protection.lockedUntil != nil || protection.use != nil
    }

    // MARK: Recovery points

    func keeps(point index: Int) -> Bool {
        let point = facts.points[index]
        if isProtected(point.protection) || time(index) > now || !point.isSettled || point.isBroken { return true }
        if let youngest = ago(policy.minimum), time(index) > youngest { return true }
        let mayEnd = facts.ended != nil && isPast(time(index))
        if isLive(index), !mayEnd, !all.contains(where: { isLive($0) && isNewer($0, index) }) { return true }
        if policy.keepVerifiedOnly, isCounted(index), !mayEnd,
            !all.contains(where: { isCounted($0) && isNewer($0, index) })
        {
            return true
        }
        if isNeeded(index) { return true }
        if isPast(time(index)) || point.isShredded { return false }
        if point.kind == .sweep { return ago(policy.sweeps).map { time(index) >= $0 } ?? true }
        return !policy.choosesSnapshots || isChosen(index)
    }

    /// Whether the window cannot do without it.
    func isNeeded(_ index: Int) -> Bool {
        guard let begins = ago(policy.pointInTime), isLive(index) else { return false }
        let isGone = facts.ended.map { $0.microseconds < begins } ?? false
        let pools = policy.keepVerifiedOnly ? [isLive, isCounted] : [isLive]
        return pools.contains { isIn in
            guard isIn(index) else { return false }
            if !isGone, time(index) <= begins,
                !all.contains(where: { isIn($0) && time($0) <= begins && isNewer($0, index) })
            {
                return true
            }
            guard let part = part(index) else { return time(index) >= begins }
            guard facts.parts[part].microseconds >= begins else { return false }
            let others = all.filter { isIn($0) && self.part($0) == part && $0 != index }
            if time(index) <= begins {
                return !others.contains { time($0) <= begins && isNewer($0, index) }
            }
            return !others.contains { isNewer(index, $0) }
        }
    }

    /// The part of the log that leads on from it.
    private func part(_ index: Int) -> Int? {
        facts.points[index].part.flatMap { facts.parts[$0].microseconds >= time(index) ? $0 : nil }
    }

    private func isChosen(_ index: Int) -> Bool {
        let newer = all.filter { isCounted($0) && isNewer($0, index) }
        if policy.keepVerifiedOnly, isLive(index), !isCounted(index) {
            return !all.contains { isCounted($0) && isNewer($0, index) }
        }
        guard isCounted(index) else { return false }
        if let last = policy.keepLast, newer.count < last { return true }
        if let within = ago(policy.keepWithin), time(index) >= within { return true }
        let isOldest = !all.contains { isCounted($0) && isNewer(index, $0) }
        for (number, unit) in RetentionPolicy.Unit.allCases.enumerated() {
            guard let places = policy.count(unit) else { continue }
            let taken = Set(newer.map { labels[$0][number] })
            let isFirst = !taken.contains(labels[index][number])
            if (isFirst || isOldest) && taken.count < places { return true }
        }
        return false
    }

    // MARK: The log

    /// Whether a whole segment has all of its changes and more.
    func isReplaced(_ segment: RetentionWorld.Segment) -> Bool {
        world.segments.contains {
            $0.isMerged && $0.isWhole && $0.stretches.isStrictSuperset(of: segment.stretches)
        }
    }

    func keeps(_ segment: RetentionWorld.Segment) -> Bool {
        if isReplaced(segment) { return isGuarded(segment) }
        let second = world.started(segment).seconds
        return world.segments.contains { world.started($0).seconds <= second && isNeeded($0) }
    }

    /// Whether something beats every rule.
    private func isGuarded(_ segment: RetentionWorld.Segment) -> Bool {
        isProtected(segment.protection) || world.started(segment).microseconds > now
            || ago(policy.minimum).map { world.reach(segment).microseconds > $0 } ?? false
    }

    private func isNeeded(_ segment: RetentionWorld.Segment) -> Bool {
        if isGuarded(segment) { return true }
        if isReplaced(segment) { return false }
        let reach = world.reach(segment).microseconds
        let isLast = !world.segments.contains {
            !isReplaced($0) && (world.started($0), $0.id) > (world.started(segment), segment.id)
        }
        if isLast, facts.ended == nil || !isPast(reach) { return true }
        guard let begins = ago(policy.pointInTime) else { return !isPast(reach) }
        let earliest = all.filter { isNeeded($0) }.map { time($0) }.min() ?? begins
        return reach >= min(begins, earliest)
    }
}
