// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarvePipeline
import VarveSchedule
import VarveTestKit
import VarveVault

/// A table's history, a policy and a time, made by chance: what a plan is made from, and what it is judged by.
struct RetentionWorld {
    struct Segment {
        let id: String
        let started: Instant
        let from: Instant
        let reach: Instant
        /// The part of the log without a hole that it belongs to.
        let part: Int
        let protection: RetentionFacts.Protection
    }

    var points: [RetentionFacts.Point] = []
    var segments: [Segment] = []
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

    /// Where each part of the log begins and through when it reaches; those of which nothing is left are not among them.
    var parts: [(id: Int, from: Instant, through: Instant)] {
        Set(segments.map(\.part)).sorted().compactMap { part in
            let own = segments.filter { $0.part == part }
            guard let first = own.first, let last = own.last else { return nil }
            return (part, first.from, last.reach)
        }
    }

    var facts: RetentionFacts {
        let parts = parts
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
            segments: segments.map {
                .init(id: $0.id, started: $0.started, reach: $0.reach, protection: $0.protection)
            },
            parts: parts.map(\.through), ended: ended)
    }

    /// The same without what goes.
    func after(_ plan: RetentionPlan) -> RetentionWorld {
        var rest = self
        rest.points = zip(points, plan.points).filter { $0.1.goes == nil }.map(\.0)
        rest.segments = zip(segments, plan.segments).filter { $0.1.goes == nil }.map(\.0)
        return rest
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
                segments.last.map { $0.started.microseconds + 1 } ?? 0,
                Int.random(in: 0..<4, using: &random) == 0 ? 0 : from)
            segments.append(
                Segment(
                    id: "s\(number)", started: Instant(microseconds: started), from: Instant(microseconds: from),
                    reach: Instant(microseconds: time), part: part,
                    protection: Int.random(in: 0..<4, using: &random) == 0
                        ? Self.protection(now, &random) : .init()))
        }
        if let last = segments.last, Int.random(in: 0..<5, using: &random) == 0 { ended = last.reach }
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
