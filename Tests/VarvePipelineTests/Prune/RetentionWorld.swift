// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarvePipeline
import VarveSchedule
import VarveTestKit
import VarveVault

/// A table's history, a policy and a time, made by chance: what a plan is made from, and what it is judged by.
struct RetentionWorld {
    /// A stretch of changes as capture wrote it, once.
    struct Stretch {
        let started: Instant
        let from: Instant
        let reach: Instant
        /// The part of the log without a hole that it belonged to when it was written.
        let part: Int
    }

    /// A segment that is there: one stretch, or several that were merged.
    struct Segment {
        let id: String
        let stretches: ClosedRange<Int>
        let isMerged: Bool
        /// Neither shredded nor damaged.
        let isWhole: Bool
        let protection: RetentionFacts.Protection
    }

    var points: [RetentionFacts.Point] = []
    private(set) var stretches: [Stretch] = []
    /// In the order of their places in the log, then ids.
    private(set) var segments: [Segment] = []
    /// When the table was dropped, as the last stretch says.
    var ended: Instant?
    var policy: RetentionPolicy
    var now: Instant
    var zone: TimeZoneData

    static let table = Manifest.TableIdentity(name: "Music", id: "aaaabbbbccccdddd")
    static let hour: Int64 = 3600 * 1_000_000

    static let zones: [TimeZoneData] = {
        let names = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
        return [.utc] + (ZoneFolder.standard.isPresent ? names.compactMap { try? ZoneFolder.standard.zone($0) } : [])
    }()

    // MARK: As facts

    func started(_ segment: Segment) -> Instant { stretches[segment.stretches.lowerBound].started }

    func reach(_ segment: Segment) -> Instant { segment.stretches.map { stretches[$0].reach }.max() ?? now }

    /// The stretches of which there is a whole segment.
    private var covered: Set<Int> { Set(segments.filter(\.isWhole).flatMap(\.stretches)) }

    /// Where each part of the log begins and through when it reaches; those of which nothing is left are not among them.
    var parts: [(from: Instant, through: Instant)] {
        var parts: [(from: Instant, through: Instant)] = []
        var last: Int?
        for number in covered.sorted() {
            let stretch = stretches[number]
            if let last, last == number - 1, stretches[last].part == stretch.part {
                parts[parts.count - 1].through = stretch.reach
            } else {
                parts.append((stretch.from, stretch.reach))
            }
            last = number
        }
        return parts
    }

    private func place(_ segment: Segment) -> SegmentPlace {
        SegmentPlace(
            started: started(segment), last: stretches[segment.stretches.upperBound].started,
            members: segment.stretches.count)
    }

    var facts: RetentionFacts {
        let parts = parts
        let inOrder = segments.map { (place: place($0), segment: $0) }.sorted { $0.place < $1.place }
        let isReplaced = SegmentPlace.replaced(
            among: inOrder.map { ($0.place, $0.segment.isMerged && $0.segment.isWhole) })
        let replaced = Set(zip(inOrder, isReplaced).filter(\.1).map(\.0.segment.id))
        func facts(_ segment: Segment) -> RetentionFacts.Segment {
            .init(
                id: segment.id, started: started(segment), reach: reach(segment), protection: segment.protection)
        }
        return RetentionFacts(
            table: Self.table,
            points: points.map { point in
                RetentionFacts.Point(
                    id: point.id, kind: point.kind, time: point.time, isVerified: point.isVerified,
                    isShredded: point.isShredded, isBroken: point.isBroken, isSettled: point.isSettled,
                    part: point.kind == .snapshot && !point.isShredded
                        ? parts.lastIndex { $0.from <= point.time } : nil,
                    protection: point.protection)
            },
            segments: segments.filter { !replaced.contains($0.id) }.map(facts), parts: parts.map(\.through),
            merged: segments.filter { replaced.contains($0.id) }.map(facts),
            ended: covered.contains(stretches.count - 1) ? ended : nil)
    }

    /// The same without some points and segments.
    private func without(_ ids: Set<String>) -> RetentionWorld {
        var rest = self
        rest.points.removeAll { ids.contains($0.id) }
        rest.segments.removeAll { ids.contains($0.id) }
        return rest
    }

    /// The same without what goes.
    func after(_ plan: RetentionPlan) -> RetentionWorld {
        let points = zip(plan.facts.points, plan.points).filter { $0.1.goes != nil }.map(\.0.id)
        let segments = zip(plan.facts.segments + plan.facts.merged, plan.segments + plan.merged)
            .filter { $0.1.goes != nil }.map(\.0.id)
        return without(Set(points + segments))
    }

    /// The same without what goes because it was merged.
    func afterMerged(_ plan: RetentionPlan) -> RetentionWorld {
        without(Set(zip(plan.facts.merged, plan.merged).filter { $0.1.goes != nil }.map(\.0.id)))
    }

    /// Whether the table can be restored to an instant: from a snapshot of it, or by the log from a snapshot on.
    func restores(_ instant: Instant) -> Bool {
        let live = points.filter { $0.kind == .snapshot && !$0.isShredded && !$0.isBroken && $0.time <= now }
        if live.contains(where: { $0.time == instant }) { return true }
        let parts = parts
        return parts.indices.contains { index in
            let end = index + 1 < parts.count ? parts[index + 1].from : Instant(microseconds: .max)
            return parts[index].through >= instant
                && live.contains { $0.time >= parts[index].from && $0.time < end && $0.time <= instant }
        }
    }

    // MARK: By chance

    init(_ random: inout SeededGenerator) {
        now = Instant(
            microseconds: 1_750_000_000_000_000 + Int64.random(in: 0...(3 * 365 * 24), using: &random) * Self.hour
                + Int64.random(in: 0..<Self.hour, using: &random))
        zone = Self.zones.randomElement(using: &random) ?? .utc
        policy = Self.policy(&random)
        // Now and then all within hours, else within months or years.
        let reach = [6, 72, 24 * 20, 24 * 90, 24 * 800].randomElement(using: &random) ?? 72
        makeLog(hours: reach, &random)
        makeSegments(&random)
        let boundaries = [policy.minimum, policy.maximum, policy.keepWithin, policy.pointInTime, policy.sweeps]
            .compactMap(\.self).map { now.before($0) }
        for number in 0..<Int.random(in: 0...12, using: &random) {
            var time = Instant(
                microseconds: now.microseconds - Int64.random(in: -1...Int64(reach), using: &random) * Self.hour
                    + Int64.random(in: 0...3, using: &random) * Self.hour / 4)
            if let boundary = boundaries.randomElement(using: &random), Int.random(in: 0..<6, using: &random) == 0 {
                time = Instant(microseconds: boundary.microseconds + Int64.random(in: -1...1, using: &random))
            }
            if let other = points.randomElement(using: &random), Int.random(in: 0..<12, using: &random) == 0 {
                time = other.time
            }
            let isSweep = Int.random(in: 0..<5, using: &random) == 0
            points.append(
                RetentionFacts.Point(
                    id: "p\(number)", kind: isSweep ? .sweep : .snapshot, time: time,
                    isVerified: Bool.random(using: &random), isShredded: Int.random(in: 0..<12, using: &random) == 0,
                    isBroken: Int.random(in: 0..<16, using: &random) == 0,
                    isSettled: !isSweep || Int.random(in: 0..<8, using: &random) != 0,
                    protection: Self.protection(now, &random)))
        }
    }

    private mutating func makeLog(hours: Int, _ random: inout SeededGenerator) {
        var time = now.microseconds - Int64.random(in: 0...Int64(hours), using: &random) * Self.hour
        var part = 0
        let step = max(1, Int64(hours) * Self.hour / 10)
        for number in 0..<Int.random(in: 0...10, using: &random) where time < now.microseconds {
            if number > 0, Int.random(in: 0..<4, using: &random) == 0 {
                part += 1
                time += Int64.random(in: 1...step, using: &random)
            }
            let from = time
            time += Int64.random(in: 1...step, using: &random)
            if time > now.microseconds { break }
            // Some begin within one second.
            let started = max(
                stretches.last.map { $0.started.microseconds + 1 } ?? 0,
                Int.random(in: 0..<4, using: &random) == 0 ? 0 : from)
            stretches.append(
                Stretch(
                    started: Instant(microseconds: started), from: Instant(microseconds: from),
                    reach: Instant(microseconds: time), part: part))
        }
        if let last = stretches.last, Int.random(in: 0..<5, using: &random) == 0 { ended = last.reach }
    }

    /// A segment of each stretch; some of them merged, and merged again; some lost since.
    private mutating func makeSegments(_ random: inout SeededGenerator) {
        func segment(
            _ id: String, _ stretches: ClosedRange<Int>, isMerged: Bool, _ random: inout SeededGenerator
        ) -> Segment {
            Segment(
                id: id, stretches: stretches, isMerged: isMerged, isWhole: Int.random(in: 0..<8, using: &random) != 0,
                protection: Int.random(in: 0..<4, using: &random) == 0 ? Self.protection(now, &random) : .init())
        }
        for number in stretches.indices {
            segments.append(segment("s\(number)", number...number, isMerged: false, &random))
        }
        let merges = Bool.random(using: &random) ? 0 : Int.random(in: 1...5, using: &random)
        for number in 0..<merges where stretches.count > 1 {
            let first = Int.random(in: 0..<stretches.count - 1, using: &random)
            let last = Int.random(in: first + 1..<stretches.count, using: &random)
            // Nothing is merged across a hole.
            guard stretches[first].part == stretches[last].part else { continue }
            segments.append(segment("m\(number)", first...last, isMerged: true, &random))
        }
        // An earlier prune has taken some of what had been merged, when all was whole.
        let all = segments
        segments.removeAll { segment in
            all.contains { $0.isMerged && $0.stretches.isStrictSuperset(of: segment.stretches) }
                && Int.random(in: 0..<3, using: &random) == 0
        }
        segments = segments.sorted { (started($0), $0.id) < (started($1), $1.id) }
    }

    private static func protection(
        _ now: Instant, _ random: inout SeededGenerator
    ) -> RetentionFacts.Protection {
        switch Int.random(in: 0..<24, using: &random) {
        case 0: .init(holds: ["h"])
        case 1: .init(lockedUntil: Instant(microseconds: now.microseconds + hour))
        case 2: .init(use: "restore")
        default: .init()
        }
    }

    private static func policy(_ random: inout SeededGenerator) -> RetentionPolicy {
        func maybe<Value>(_ value: (inout SeededGenerator) -> Value) -> Value? {
            Int.random(in: 0..<3, using: &random) == 0 ? value(&random) : nil
        }
        func count(_ random: inout SeededGenerator) -> Int { Int.random(in: 1...4, using: &random) }
        func age(_ random: inout SeededGenerator) -> Duration {
            let hours = [1, 5, 24, 72, 24 * 7, 24 * 35, 24 * 365].randomElement(using: &random) ?? 1
            return .seconds(hours * 3600 + Int.random(in: 0...1, using: &random) * 1800)
        }
        while true {
            var policy = RetentionPolicy(
                keepLast: maybe(count), keepHourly: maybe(count), keepDaily: maybe(count), keepWeekly: maybe(count),
                keepMonthly: maybe(count), keepYearly: maybe(count), keepWithin: maybe(age), pointInTime: maybe(age),
                minimum: maybe(age), maximum: maybe(age), sweeps: maybe(age),
                keepVerifiedOnly: Int.random(in: 0..<4, using: &random) == 0)
            if policy.maximum != nil {
                let others = [policy.keepWithin, policy.pointInTime, policy.minimum, policy.sweeps].compactMap(\.self)
                policy.maximum = max(policy.maximum ?? .zero, others.max() ?? .zero)
            }
            if policy.flaw == nil { return policy }
        }
    }
}

extension ClosedRange<Int> {
    func isStrictSuperset(of other: ClosedRange<Int>) -> Bool {
        self != other && lowerBound <= other.lowerBound && other.upperBound <= upperBound
    }
}
