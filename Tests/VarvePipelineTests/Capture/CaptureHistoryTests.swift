// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveStore
import VarveTestKit
import VarveVault

/// Random histories: whatever happens to a table and to its capture, what coverage promises is what the segments hold.
///
/// `VARVE_HISTORIES` says how many of each kind (12), `VARVE_SEED` which; `VARVE_HISTORY` is the seed of the only one of them to be tried again.
@Suite struct CaptureHistoryTests {
    static func count(_ variable: String, default standard: Int) -> Int {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) } ?? standard
    }

    /// Every interval gives back the truth at its ends and at random instants between; nothing else gives anything back.
    ///
    /// - Parameter inside: How many random instants of each interval.
    private static func check(
        _ home: CaptureHome, _ coverage: Coverage, inside: Int = 12, _ random: inout SeededGenerator,
        _ truth: (Instant) -> [Int: Int]
    ) throws -> Int {
        let catalog = try home.catalog
        let lines = try home.segments(coverage.table.id).map { entry in
            let lines = try home.lines(entry)
            #expect(lines.count == entry.manifest.items)
            return lines.map { "\($0.metadata.shard)/\($0.metadata.position)" }
        }
        #expect(lines.allSatisfy { Set($0).count == $0.count }, "a change is in a segment twice")
        var checked = 0
        for interval in coverage.intervals {
            var instants = [interval.from, interval.through]
            if interval.from < interval.through {
                for _ in 0..<inside { instants.append(.between(interval.from, interval.through, &random)) }
            }
            for instant in instants {
                #expect(coverage.contains(instant))
                let items = try home.restored(.time(instant), of: coverage.table.id, catalog)
                #expect(items == truth(instant), "at \(instant) of \(interval)")
                if Int.random(in: 0..<3, using: &random) == 0 {
                    // Values of another time, too: an item that met the condition then, and no longer does, must not come back.
                    let other = Instant.between(interval.from, interval.through, &random)
                    try checkPart(home, coverage, catalog, at: instant, truth(instant), truth(other), &random)
                }
                checked += 1
            }
        }
        // Everywhere else, and in holes above all.
        var others = coverage.holes.compactMap { hole in
            hole.from.flatMap { from in hole.to.map { Instant.between(from, $0, &random) } }
        }
        let ends = coverage.intervals.flatMap { [$0.from, $0.through] }
        others += ends.flatMap { [$0.moved(by: -1), $0.moved(by: 1)] }
        for instant in others where !coverage.contains(instant) {
            let error = #expect(throws: PipelineError.self) {
                _ = try home.restored(.time(instant), of: coverage.table.id, catalog)
            }
            #expect(error?.code == .notCovered, "at \(instant), which is not covered")
            checked += 1
        }
        return checked
    }

    /// A restore of the items that some keys and a condition choose has those of the truth that they choose.
    private static func checkPart(
        _ home: CaptureHome, _ coverage: Coverage, _ catalog: Catalog, at instant: Instant, _ truth: [Int: Int],
        _ other: [Int: Int], _ random: inout SeededGenerator
    ) throws {
        let values = (Array(truth.values) + Array(other.values) + [0]).sorted()
        let keys = Set((0..<SimulatedStream.keys).filter { _ in Bool.random(using: &random) })
        let (low, high) = (values.randomElement(using: &random) ?? 0, values.randomElement(using: &random) ?? 0)
        let choices: [(String, (Int, Int) -> Bool)] = [
            ("v <= \(low)", { $1 <= low }), ("v > \(low)", { $1 > low }), ("NOT v = \(low)", { $1 != low }),
            ("v BETWEEN \(min(low, high)) AND \(max(low, high))", { (min(low, high)...max(low, high)).contains($1) }),
            ("id IN (1, 2, 3) OR v = \(high)", { (1...3).contains($0) || $1 == high }),
            ("id < 10 AND v < \(high)", { $0 < 10 && $1 < high }), ("attribute_not_exists(id)", { _, _ in false }),
        ]
        let (text, isMet) = choices.randomElement(using: &random) ?? choices[0]
        let isOfKeys = Bool.random(using: &random)
        let point = try PointInTime.find(.time(instant), of: coverage.table.id, in: catalog)
        let wanted = ItemFilter(
            keys: try isOfKeys
                ? Set(keys.map { try ItemKey(json: SimulatedStream.item($0, nil), schema: point.keySchema) }) : nil,
            condition: try ItemCondition(text))
        let considered = truth.filter { !isOfKeys || keys.contains($0.key) }
        let items = try home.restored(.time(instant), of: coverage.table.id, where: wanted, catalog) { result in
            #expect(result.considered == considered.count, "\(text) at \(instant)")
        }
        #expect(items == considered.filter { isMet($0.key, $0.value) }, "\(text) at \(instant)")
    }

    /// No change lies at or before what an earlier segment is complete through, not even where a stretch begins anew.
    private static func checkOrder(_ home: CaptureHome, _ table: String) throws {
        var through = Instant(microseconds: 0)
        for entry in try home.segments(table) where entry.manifest.sources == nil {
            let log = try #require(entry.manifest.log)
            for line in try home.lines(entry) { #expect(line.metadata.time > through, "in \(entry.manifest.id)") }
            #expect(log.through >= through)
            through = log.through
        }
    }

    /// Merges what can be, and takes away what was merged, or does not. Coverage must be as it was.
    private static func mergeMore(_ home: CaptureHome, _ table: String, _ random: inout SeededGenerator) throws {
        let before = try home.coverage(table)
        if Bool.random(using: &random) { try home.compact(table) }
        if Bool.random(using: &random) { try home.removeMerged(table) }
        let after = try home.coverage(table)
        #expect(after.intervals == before.intervals && after.isOpen == before.isOpen)
        #expect(after.changes == before.changes && after.through == before.through)
        #expect(after.holes.map { [$0.from, $0.to] } == before.holes.map { [$0.from, $0.to] })
    }

    /// So many histories. What goes wrong in one of them ends that one only, and comes behind its round and seed.
    private static func histories(
        _ name: String, _ body: (_ seed: UInt64, _ round: Int) throws -> (checked: Int, holes: Int)
    ) {
        var random = SeededGenerator(name)
        var (checked, holes) = (0, 0)
        let only = ProcessInfo.processInfo.environment["VARVE_HISTORY"].flatMap { UInt64($0) }
        for round in 0..<count("VARVE_HISTORIES", default: 12) {
            let seed = random.next()
            if let only, only != seed { continue }
            print("\(name): round \(round), seed \(seed)")
            do {
                let (instants, found) = try body(seed, round)
                checked += instants
                holes += found
            } catch {
                Issue.record("round \(round), seed \(seed): \(error)")
            }
        }
        print("\(name): \(checked) instants compared, \(holes) holes")
        #expect(checked > 0)
    }

    /// Takes segments away, as retention does and as accidents do. Whatever is still said to be covered must still be true.
    private static func takeAway(
        _ home: CaptureHome, _ table: String, _ random: inout SeededGenerator, _ truth: (Instant) -> [Int: Int]
    ) throws -> Int {
        var checked = 0
        if Bool.random(using: &random), let end = try home.coverage(table).through {
            home.clock.advance(to: end)
            let window = Duration.seconds(Int64.random(in: 1...300, using: &random))
            let before = try home.coverage(table)
            _ = try PruneVault(vault: home.vault, verifications: nil, tool: "test", clock: home.clock)
                .run(grace: .zero, stop: StopSignal()) { identity in
                    identity.id == table
                        ? RetentionRule(RetentionPolicy(keepDaily: 2, pointInTime: window), zone: .utc) : nil
                }
            let after = try home.coverage(table)
            // Every second of the window that could be restored can be.
            let begin = home.clock.now().before(window)
            for interval in before.intervals where interval.through >= begin {
                for instant in [max(interval.from, begin), interval.through] {
                    #expect(after.contains(instant), "\(instant) is in the window of \(window)")
                }
            }
            checked += try check(home, after, inside: 6, &random, truth)
        }
        let segments = try home.segments(table)
        if segments.count > 1, let lost = segments.randomElement(using: &random) {
            try home.lose(lost.manifest)
            checked += try check(home, try home.coverage(table), inside: 6, &random, truth)
        }
        return checked
    }

    // MARK: Streams with many shards

    @Test func `histories of a stream with many shards`() {
        Self.histories("histories of a stream with many shards") { try Self.simulatedHistory(seed: $0, round: $1) }
    }

    private static func simulatedHistory(seed: UInt64, round: Int) throws -> (checked: Int, holes: Int) {
        var random = SeededGenerator(seed: seed)
        let home = try CaptureHome()
        let stream = SimulatedStream(seed: random.next())
        var capture: TableCapture?
        // Whether something happened of which nobody can know whether it took changes: an ended shard that went before its end was read.
        var mayHide = false
        // Segments that were taken from the vault, and what puts each back.
        var lostSegments: [() throws -> Void] = []
        let limits = SegmentLimits(age: .seconds(60), rawBytes: 2000)
        func snapshot() throws {
            let cut = stream.cut
            try home.snapshot(stream.table, at: cut, items: stream.items(at: cut))
        }
        try snapshot()
        for _ in 0..<70 {
            stream.write(Int.random(in: 0...6, using: &random))
            switch Int.random(in: 0..<14, using: &random) {
            case 0: stream.split()
            case 1: stream.merge()
            case 2, 3, 4, 5:
                if capture == nil { capture = try home.capture(stream, limits: limits) }
                for _ in 0..<Int.random(in: 1...6, using: &random) { _ = try capture?.step() }
            case 6:
                // A crash: what was read and not committed is read again.
                capture = nil
            case 7:
                try capture?.closeSettled()
                capture = nil
            case 8:
                home.clock.advance(seconds: 61)
                stream.advance(seconds: 30)
            case 9, 10:
                switch Int.random(in: 0..<4, using: &random) {
                case 0: try home.synthesize(stream.table.id)
                case 1:
                    capture = nil
                    try home.compact(stream.table.id)
                default: try snapshot()
                }
            case 11:
                // Nothing is lost: everything is in the vault before it is trimmed.
                capture = nil
                try home.captureOnce(stream, limits: limits)
                stream.advance(seconds: 20)
                if !stream.trim(olderThan: 3600).shards.isEmpty { mayHide = true }
            case 12:
                capture = nil
                switch Int.random(in: 0..<6, using: &random) {
                case 0, 1:
                    stream.advance(seconds: 100)
                    if !stream.trim(olderThan: 90).shards.isEmpty { mayHide = true }
                case 2:
                    stream.removeAny()
                    mayHide = true
                case 3:
                    // Captured again from the one before it, as far as the stream still has it.
                    if let newest = try home.segments(stream.table.id).last?.manifest, newest.sources == nil {
                        lostSegments.append(try home.lose(newest))
                        mayHide = true
                    }
                default: break
                }
            default:
                capture = nil
                if Int.random(in: 0..<6, using: &random) == 0 {
                    stream.replace()
                    mayHide = true
                }
            }
        }
        capture = nil
        try home.captureOnce(stream, limits: limits)
        try snapshot()
        try home.captureOnce(stream, limits: limits)

        let coverage = try home.coverage(stream.table.id)
        let captured = try Set(
            home.segments(stream.table.id).flatMap { try home.lines($0) }
                .map { "\($0.metadata.shard)/\($0.metadata.position)" })
        let log = try home.segments(stream.table.id).compactMap(\.manifest.log)
        let begin = try #require(log.first)
        let missing = stream.writes.filter { !captured.contains("\($0.shard)/\($0.position)") }
        // What was gone before the log began is no hole in it.
        let lost = missing.filter { $0.effective > begin.from && $0.effective <= coverage.through ?? $0.effective }
        // Every change that is missing lies in a hole, and every hole is one.
        for write in lost {
            #expect(
                coverage.holes.contains { hole in
                    hole.from.map { $0 < write.effective } ?? true && write.effective <= hole.to ?? write.effective
                }, "round \(round), seed \(seed): \(write) is in no hole of \(coverage.holes)")
        }
        if !mayHide {
            for hole in coverage.holes {
                #expect(
                    missing.contains {
                        hole.from ?? $0.effective < $0.effective && $0.effective <= hole.to ?? $0.effective
                    },
                    "round \(round), seed \(seed): \(hole) misses nothing")
            }
        }
        #expect(coverage.through == log.last?.through)
        #expect(coverage.intervals.last?.through == log.last?.through)
        #expect(!coverage.isOpen)
        #expect(try home.verify().isEmpty == lostSegments.isEmpty)
        try checkOrder(home, stream.table.id)
        try mergeMore(home, stream.table.id, &random)
        var checked = try check(home, coverage, &random) { stream.items(at: $0) }
        if !lostSegments.isEmpty {
            // As where another vault had them still.
            for putBack in lostSegments where Bool.random(using: &random) { try putBack() }
            checked += try check(home, try home.coverage(stream.table.id), inside: 6, &random) { stream.items(at: $0) }
        }
        checked += try takeAway(home, stream.table.id, &random) { stream.items(at: $0) }
        return (checked, coverage.holes.count)
    }

    // MARK: The embedded store

    @Test func `histories of an embedded store`() {
        Self.histories("histories of an embedded store") { try Self.embeddedHistory(seed: $0, round: $1) }
    }

    /// What a table was, whenever it changed.
    private struct Chronicle {
        var states: [(cut: Cut, items: [Int: Int])] = []

        func items(at instant: Instant) -> [Int: Int] { states.last { $0.cut.time <= instant }?.items ?? [:] }
    }

    private static func embeddedHistory(seed: UInt64, round: Int) throws -> (checked: Int, holes: Int) {
        var random = SeededGenerator(seed: seed)
        let home = try CaptureHome()
        try home.makeTable("Other")
        var table = try home.makeTable("Things", timeToLive: "v")
        var source = try home.source("Things")
        var chronicles: [String: Chronicle] = [:]
        var trims: [String: Int] = [:]
        var capture: TableCapture?
        var items: [Int: Int] = [:]
        // Every value is a time to live that is over.
        var value = Int(home.clock.now().seconds) - 100_000
        let limits = SegmentLimits(age: .seconds(60), rawBytes: 2000)
        func note() throws {
            chronicles[table.id, default: Chronicle()].states.append((try home.store.position(), items))
        }
        func snapshot() throws { try home.backup("Things") }
        func change() throws {
            value += 1
            let key = Int.random(in: 0..<20, using: &random)
            if items[key] != nil && Int.random(in: 0..<3, using: &random) == 0 {
                try home.delete(key, from: "Things")
                items[key] = nil
            } else {
                try home.put(key, value, into: "Things")
                items[key] = value
            }
            try note()
        }
        try note()
        try snapshot()
        for _ in 0..<50 {
            for _ in 0..<Int.random(in: 0...5, using: &random) { try change() }
            switch Int.random(in: 0..<15, using: &random) {
            case 0, 1, 2, 3:
                if capture == nil { capture = try home.capture(source, limits: limits) }
                for _ in 0..<Int.random(in: 1...3, using: &random) { _ = try capture?.step() }
            case 4: capture = nil
            case 5:
                try capture?.closeSettled()
                capture = nil
            case 6: home.clock.advance(seconds: 61)
            case 7: try home.synthesize(table.id)
            case 12:
                if Bool.random(using: &random) { try home.compact(table.id) }
            case 8: try home.put(1, value, into: "Other")
            case 9:
                // Behind by more than the retention, or not.
                capture = nil
                let isCaught = Bool.random(using: &random)
                if isCaught { try home.captureOnce(source, limits: limits) }
                let before = try home.store.trimmedThrough()
                home.clock.advance(seconds: CaptureHome.retention + 1)
                try change()
                try home.store.trimChanges()
                if try !isCaught && home.store.trimmedThrough() > before { trims[table.id, default: 0] += 1 }
            case 10:
                if Int.random(in: 0..<3, using: &random) == 0 {
                    capture = nil
                    // Sealed first, or after: the log of a dropped table is there to be read.
                    let isLate = Bool.random(using: &random)
                    if !isLate { try home.captureOnce(source, limits: limits) }
                    try home.store.dropTable("Things")
                    items = [:]
                    let old = try home.capture(source, limits: limits)
                    while try old.step() != .ended {}
                    table = try home.makeTable("Things", timeToLive: "v")
                    source = try home.source("Things")
                    try note()
                    try snapshot()
                }
            case 11:
                let expired = try home.store.expired(
                    in: "Things", at: home.clock.now(), grace: 0, after: nil,
                    limit: Int.random(in: 1...4, using: &random))
                _ = try home.store.deleteExpired(from: "Things", expired.map(\.version), sweep: "sweep")
                for item in expired { items[try CaptureHome.parts(item.bytes).0] = nil }
                if !expired.isEmpty { try note() }
            default: try snapshot()
            }
        }
        capture = nil
        try home.captureOnce(source, limits: limits)
        try snapshot()
        try home.captureOnce(source, limits: limits)
        #expect(try home.coverage("Things").intervals.last?.through == home.coverage("Things").through)
        #expect(try home.verify().isEmpty)
        var checked = 0
        var holes = 0
        for coverage in Coverage.all(in: try home.catalog, of: "Things") {
            let gaps = coverage.holes.filter { $0.cause != .recreated }
            #expect(gaps.count <= trims[coverage.table.id] ?? 0, "round \(round), seed \(seed): \(gaps)")
            #expect(gaps.allSatisfy { $0.cause == .trimmed })
            #expect(coverage.hasEnded == (coverage.table.id != table.id))
            try checkOrder(home, coverage.table.id)
            try mergeMore(home, coverage.table.id, &random)
            checked += try check(home, coverage, &random) {
                chronicles[coverage.table.id]?.items(at: $0) ?? [:]
            }
            // By the number of a change, too.
            let catalog = try home.catalog
            for state in (chronicles[coverage.table.id]?.states ?? []).shuffled(using: &random).prefix(10)
            where coverage.contains(state.cut.time) {
                let items = try home.restored(.sequence(state.cut.sequence), of: coverage.table.id, catalog)
                #expect(items == state.items, "round \(round), seed \(seed): at change \(state.cut.sequence)")
                checked += 1
            }
            checked += try takeAway(home, coverage.table.id, &random) {
                chronicles[coverage.table.id]?.items(at: $0) ?? [:]
            }
            holes += gaps.count
        }
        return (checked, holes)
    }
}

extension Instant {
    fileprivate func moved(by microseconds: Int64) -> Instant {
        Instant(microseconds: self.microseconds + microseconds)
    }

    fileprivate static func between(_ from: Instant, _ to: Instant, _ random: inout SeededGenerator) -> Instant {
        Instant(microseconds: Int64.random(in: from.microseconds...max(from, to).microseconds, using: &random))
    }
}
