// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveTestKit
import VarveVault

/// What a policy means, judged by a model of the rules that was written apart from it.
///
/// `VARVE_POLICIES` says how many catalogs and policies (3,000; 100,000 in torture), `VARVE_SEED` which.
@Suite struct RetentionPlanTests {
    private static let count =
        ProcessInfo.processInfo.environment["VARVE_POLICIES"].flatMap { Int($0) } ?? 3000

    private static func plan(_ world: RetentionWorld) -> RetentionPlan {
        RetentionPlan(world.facts, policy: world.policy, now: world.now, zone: world.zone)
    }

    @Test(.timeLimit(.minutes(30)))
    func `a plan keeps what the rules say, what a window needs, and the same again when it is run twice`() throws {
        var random = SeededGenerator("RetentionPlanTests")
        var problems: [String] = []
        var seen: [String: Int] = [:]
        for number in 0..<Self.count {
            let seed = random.next()
            var own = SeededGenerator(seed: seed)
            let world = RetentionWorld(&own)
            let plan = Self.plan(world)
            for verdict in plan.points + plan.segments + plan.merged {
                for reason in verdict.kept { seen[reason.word, default: 0] += 1 }
                if let goes = verdict.goes { seen["goes: \(goes)", default: 0] += 1 }
            }
            for segment in world.segments where segment.isMerged {
                seen[segment.isWhole ? "merged, whole" : "merged, broken", default: 0] += 1
            }
            let model = RetentionModel(world)
            if world.segments.contains(where: { $0.isMerged && model.isReplaced($0) }) {
                seen["merged again", default: 0] += 1
            }
            let wrong = Self.problems(world, plan, model, &own)
            if !wrong.isEmpty { problems.append("\(number) (seed \(seed)), \(world.policy): \(wrong)") }
        }
        print(
            "\(Self.count) catalogs and policies: \(problems.count) problems; "
                + seen.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        #expect(problems.isEmpty, "\(problems.count) problems, first: \(problems.prefix(2))")
        // A reason that never comes up proves nothing.
        let words: [String] = [
            "held", "locked", "inUse", "future", "minimum", "unsettled", "broken", "newest", "newestVerified",
            "pointInTime",
            "keepLast", "keepHourly", "keepDaily", "keepWeekly", "keepMonthly", "keepYearly", "keepWithin",
            "notVerifiedYet", "sweeps", "noRule", "behindKept", "goes: older than maximum",
            "goes: its keys were destroyed",
            "goes: sweep, old enough", "goes: no rule keeps it", "goes: before what a point in time needs",
            "goes: merged into another segment", "merged, whole", "merged, broken", "merged again",
        ]
        for word in words { #expect(seen[word, default: 0] > 0, "\(word)") }
    }

    private static func problems(
        _ world: RetentionWorld, _ plan: RetentionPlan, _ model: RetentionModel, _ random: inout SeededGenerator
    ) -> [String] {
        var problems: [String] = []
        for (index, verdict) in plan.points.enumerated() where (verdict.goes == nil) != model.keeps(point: index) {
            problems.append("point \(world.points[index].id): plan says \(verdict)")
        }
        let facts = plan.facts
        let bySegment = Dictionary(
            uniqueKeysWithValues: zip(facts.segments + facts.merged, plan.segments + plan.merged).map { ($0.id, $1) })
        for segment in world.segments {
            guard let verdict = bySegment[segment.id], (verdict.goes == nil) == model.keeps(segment),
                facts.merged.contains(where: { $0.id == segment.id }) == model.isReplaced(segment)
            else {
                problems.append(
                    "segment \(segment.id): plan says \(bySegment[segment.id].map { "\($0)" } ?? "nothing")")
                continue
            }
        }
        for verdict in plan.points + plan.segments + plan.merged where verdict.kept.isEmpty == (verdict.goes == nil) {
            problems.append("a verdict says both, or nothing: \(verdict)")
        }
        let rest = world.after(plan)
        let again = Self.plan(rest)
        let verdicts = again.points + again.segments + again.merged
        if verdicts.contains(where: { $0.goes != nil }) || again.logGoesBefore != nil {
            problems.append("a second run takes more")
        }
        for verdict in verdicts where verdict.kept.isEmpty { problems.append("\(verdict)") }
        // A log that goes by its name alone: seconds decide. What was merged may go without it, and what merged it has a younger name.
        let before = plan.logGoesBefore
        for segment in world.segments {
            let isBefore = before.map { world.started(segment) < $0 } ?? false
            let goes = bySegment[segment.id]?.goes
            if goes != .merged, (goes != nil) != isBefore {
                problems.append("segment \(segment.id) and the second \(before.map { "\($0)" } ?? "none")")
            }
        }
        // What was merged is missed by nobody, in or out of any window.
        let compacted = world.afterMerged(plan)
        for instant in instants(world) where world.restores(instant) != compacted.restores(instant) {
            problems.append("without what was merged \(instant) is another")
        }
        return problems + Self.lost(world, rest, &random)
    }

    /// Where something begins or ends, and the instants beside.
    private static func instants(_ world: RetentionWorld) -> [Instant] {
        (world.points.map(\.time) + world.stretches.flatMap { [$0.from, $0.reach] }).flatMap { time in
            [-1, 0, 1].map { Instant(microseconds: time.microseconds + $0) }
        }
    }

    /// Instants of the window to which the table could be restored and cannot any more.
    private static func lost(
        _ world: RetentionWorld, _ rest: RetentionWorld, _ random: inout SeededGenerator
    ) -> [String] {
        guard let window = world.policy.pointInTime else { return [] }
        let begins = world.now.before(window)
        var instants = [begins, world.now] + instants(world)
        for _ in 0..<10 {
            instants.append(
                Instant(
                    microseconds: .random(in: begins.microseconds...world.now.microseconds, using: &random)))
        }
        return instants.filter { $0 >= begins && $0 <= world.now && world.restores($0) && !rest.restores($0) }.map {
            "\($0) in the window was lost"
        }
    }

    // MARK: Sentences, one by one

    private static func day(_ day: Int, hour: Int = 2) throws -> Instant {
        let text = "2026-03-\(day < 10 ? "0" : "")\(day)T0\(hour):00:00.000000Z"
        return try #require(Instant(rfc3339: text))
    }

    private static func snapshots(_ days: [Int]) throws -> [RetentionFacts.Point] {
        try days.map { RetentionFacts.Point(id: "d\($0)", kind: .snapshot, time: try day($0)) }
    }

    private static func kept(
        _ points: [RetentionFacts.Point], _ policy: RetentionPolicy, now: Instant? = nil, zone: TimeZoneData = .utc
    ) throws -> [String] {
        let facts = RetentionFacts(table: RetentionWorld.table, points: points)
        let plan = RetentionPlan(facts, policy: policy, now: try now ?? day(31), zone: zone)
        return zip(points, plan.points).filter { $0.1.goes == nil }.map(\.0.id)
    }

    @Test func `rules are added up, and units without a snapshot do not count`() throws {
        // 2026-03-01 was a Sunday.
        let points = try Self.snapshots([1, 2, 3, 9, 10, 20, 21])
        #expect(try Self.kept(points, .init(keepLast: 2)) == ["d20", "d21"])
        #expect(try Self.kept(points, .init(keepDaily: 3)) == ["d10", "d20", "d21"])
        #expect(try Self.kept(points, .init(keepWeekly: 3)) == ["d3", "d10", "d21"])
        #expect(try Self.kept(points, .init(keepLast: 1, keepWeekly: 2)) == ["d10", "d21"])
        #expect(try Self.kept(points, .init(keepWithin: .seconds(11 * 86_400))) == ["d20", "d21"])
    }

    @Test func `where there are fewer units than places the oldest snapshot stays`() throws {
        let points = try Self.snapshots([1, 2, 3, 9])
        #expect(try Self.kept(points, .init(keepMonthly: 12)) == ["d1", "d9"])
        #expect(try Self.kept(points, .init(keepMonthly: 1)) == ["d9"])
    }

    @Test func `the newest stays whatever its age, but for a table that was dropped`() throws {
        let points = try Self.snapshots([1, 2])
        let policy = RetentionPolicy(maximum: .seconds(86_400))
        #expect(try Self.kept(points, policy) == ["d2"])
        let facts = RetentionFacts(
            table: RetentionWorld.table, points: points,
            segments: [.init(id: "s", started: try Self.day(1), reach: try Self.day(3))],
            parts: [try Self.day(3)], ended: try Self.day(3))
        let plan = RetentionPlan(facts, policy: policy, now: try Self.day(31), zone: .utc)
        #expect(plan.points.allSatisfy { $0.goes == .maximum } && plan.segments.allSatisfy { $0.goes == .maximum })
        #expect(plan.logGoesBefore == Instant(microseconds: try Self.day(1).microseconds + 1_000_000))
    }

    @Test func `days are those of the zone's clock`() throws {
        try #require(RetentionWorld.zones.count > 1, "There is no zone data: install the package tzdata.")
        let zone = try ZoneFolder.standard.zone("America/New_York")
        // Both on the 9th in UTC; on the 8th and the 9th in New York.
        let points = [
            RetentionFacts.Point(id: "a", kind: .snapshot, time: try Self.day(9, hour: 2)),
            RetentionFacts.Point(id: "b", kind: .snapshot, time: try Self.day(9, hour: 9)),
        ]
        #expect(try Self.kept(points + Self.snapshots([1]), .init(keepDaily: 2)) == ["b", "d1"])
        #expect(try Self.kept(points + Self.snapshots([1]), .init(keepDaily: 2), zone: zone) == ["a", "b"])
    }

    @Test(arguments: [
        RetentionPolicy(), RetentionPolicy(minimum: .seconds(60)), RetentionPolicy(keepLast: 0),
        RetentionPolicy(keepDaily: -1), RetentionPolicy(keepWithin: .zero),
        RetentionPolicy(pointInTime: .seconds(100), maximum: .seconds(99)),
        RetentionPolicy(keepLast: 1, minimum: .seconds(100), maximum: .seconds(99)),
        RetentionPolicy(keepVerifiedOnly: true),
    ]) func `a policy that cannot be meant has a flaw`(policy: RetentionPolicy) {
        #expect(policy.flaw != nil)
    }

    // MARK: Speed

    @Test func `a plan over a hundred thousand recovery points takes less than two seconds`() throws {
        let count = 100_000
        let now = Instant(microseconds: 1_800_000_000_000_000)
        func time(_ index: Int) -> Instant { Instant(microseconds: now.microseconds - Int64(index) * 600_000_000) }
        let facts = RetentionFacts(
            table: RetentionWorld.table,
            points: (0..<count).map {
                .init(id: "p\($0)", kind: .snapshot, time: time($0), isVerified: $0 % 3 != 0, part: 0)
            },
            segments: (0..<count).reversed().map { .init(id: "s\($0)", started: time($0), reach: time($0)) },
            parts: [now])
        let policy = RetentionPolicy(
            keepLast: 100, keepHourly: 1000, keepDaily: 400, keepWeekly: 100, keepMonthly: 24, keepYearly: 7,
            keepWithin: .seconds(86_400), pointInTime: .seconds(35 * 86_400), minimum: .seconds(86_400),
            maximum: .seconds(3650 * 86_400), keepVerifiedOnly: true)
        let zone = RetentionWorld.zones.count > 1 ? RetentionWorld.zones[1] : .utc
        var plan: RetentionPlan?
        let took = processorTime { plan = RetentionPlan(facts, policy: policy, now: now, zone: zone) }
        let kept = try #require(plan).points.count { $0.goes == nil }
        print("A plan over \(count) recovery points and \(count) segments: \(took), \(kept) points kept.")
        #expect(kept > 1000 && kept < count / 10)
        #expect(took < .seconds(2))
    }
}
