// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

/// Gaps that are made on purpose are each found, with their bounds; quiet and restarts never look like one.
///
/// `VARVE_GAPS` says how many of each (24; 500 in torture), `VARVE_SEED` which.
@Suite struct GapTests {
    private static let total = CaptureHistoryTests.count("VARVE_GAPS", default: 24)

    enum Gap: CaseIterable {
        case bothManifests, damagedManifests, bundle, shredded, trimmed, loaded, unreadable, replaced
    }

    @Test func `every gap is found with its bounds, and nothing is restorable in it`() throws {
        var random = SeededGenerator("every gap is found with its bounds")
        var found: [Gap: Int] = [:]
        for trial in 0..<Self.total {
            let gap = Gap.allCases[trial % Gap.allCases.count]
            let seed = random.next()
            do {
                try Self.trial(gap, seed: seed)
                found[gap, default: 0] += 1
            } catch {
                Issue.record("\(gap), seed \(seed): \(error)")
            }
        }
        print(found.map { "\($0.key): \($0.value)" }.sorted().joined(separator: ", "))
    }

    private static func trial(_ gap: Gap, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        if gap == .replaced { return try replaced(&random) }
        let home = try CaptureHome()
        try home.makeTable("Things")
        let source = try home.source("Things")
        var value = 0
        func change(_ count: Int) throws {
            for _ in 0..<count {
                value += 1
                try home.put(Int.random(in: 0..<9, using: &random), value, into: "Things")
            }
        }
        try change(3)
        let base = try home.backup("Things")
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            try change(Int.random(in: 1...4, using: &random))
            try home.captureOnce(source)
            home.clock.advance(seconds: Int64.random(in: 1...100, using: &random))
        }
        // The gap lies behind this one.
        let before = try #require(try home.segments("Things").last)
        try change(Int.random(in: 1...4, using: &random))
        var expected: (cause: Coverage.Hole.Cause, from: Instant, to: Instant)
        switch gap {
        case .bothManifests, .damagedManifests, .bundle, .shredded:
            try home.captureOnce(source)
            let lost = try #require(try home.segments("Things").last)
            home.clock.advance(seconds: 5)
            try change(2)
            try home.captureOnce(source)
            try injure(lost, gap, home, &random)
            let cause: Coverage.Hole.Cause = gap == .bothManifests ? .missing : gap == .shredded ? .shredded : .damaged
            expected = (cause, try through(before), try through(lost))
        case .trimmed:
            home.clock.advance(seconds: CaptureHome.retention + 10)
            try change(1)
            try home.store.trimChanges()
            let first = try #require(try home.store.changes(after: home.store.trimmedThrough(), limit: 1).first)
            let heard = try home.captureOnce(source)
            #expect(heard.holes.count == 1)
            expected = (.trimmed, try through(before), first.time)
        case .loaded:
            for key in try home.items("Things").keys { try home.delete(key, from: "Things") }
            try home.load(100, 1, into: "Things")
            let record = try #require(try home.store.changes(after: 0, limit: .max).last)
            #expect(record.event == .loaded)
            try home.captureOnce(source)
            expected = (.loaded, Instant(microseconds: record.time.microseconds - 1), record.time)
        case .unreadable:
            let position = try home.store.position()
            let broken = try #require(try home.store.changes(after: position.sequence - 1, limit: 1).first)
            try home.breakChange(broken.sequence)
            try change(1)
            let next = try #require(try home.store.changes(after: broken.sequence, limit: 1).first)
            let heard = try home.captureOnce(source)
            #expect(heard.holes.count == 1)
            expected = (.unreadable, Instant(microseconds: broken.time.microseconds - 1), next.time)
            // Where a change before the broken one was read, the log is whole through there.
            if let last = heard.segments.first?.log?.through, heard.segments.count > 1 {
                expected.from = last
            } else {
                expected.from = try through(before)
            }
        case .replaced: return
        }
        var coverage = try home.coverage("Things")
        #expect(coverage.holes.count == 1, "\(gap), seed \(seed): \(coverage.holes)")
        let hole = try #require(coverage.holes.first)
        #expect(hole.cause == expected.cause, "\(gap), seed \(seed)")
        #expect(hole.from == expected.from, "\(gap), seed \(seed)")
        #expect(hole.to == expected.to, "\(gap), seed \(seed)")
        #expect(coverage.isOpen && hole.restorableFrom == nil)
        #expect(coverage.contains(base.consistency.cut.time) && coverage.contains(expected.from))
        for instant in [expected.from.after, expected.to, try #require(coverage.through)] {
            #expect(!coverage.contains(instant), "\(gap), seed \(seed): \(instant) is said to be restorable")
            let refusal = #expect(throws: PipelineError.self, "\(gap), seed \(seed): \(instant) was restored") {
                _ = try home.restored(.time(instant), of: "Things", home.catalog)
            }
            #expect(refusal?.code == .notCovered)
            // It names the last instant before that is possible.
            #expect(refusal?.message.contains(expected.from.rfc3339) == true, "\(gap), seed \(seed)")
        }
        // The next snapshot begins a new stretch by itself.
        let next = try home.backup("Things")
        try change(2)
        try home.captureOnce(source)
        coverage = try home.coverage("Things")
        #expect(coverage.holes.count == 1 && !coverage.isOpen)
        #expect(coverage.holes.first?.restorableFrom == next.consistency.cut.time)
        #expect(coverage.intervals.last?.from == next.consistency.cut.time)
        #expect(coverage.intervals.last?.through == coverage.through)
    }

    private static func replaced(_ random: inout SeededGenerator) throws {
        let home = try CaptureHome()
        let stream = SimulatedStream(seed: random.next())
        try home.snapshot(stream.table, at: stream.cut)
        stream.write(Int.random(in: 1...20, using: &random))
        try home.captureOnce(stream)
        let before = try #require(try home.segments("Simulated").last)
        stream.write(Int.random(in: 1...20, using: &random))
        stream.replace()
        stream.write(Int.random(in: 1...20, using: &random))
        let heard = try home.captureOnce(stream)
        #expect(heard.holes.map(\.cause) == [.streamReplaced])
        let coverage = try home.coverage("Simulated")
        let hole = try #require(coverage.holes.first)
        #expect(coverage.holes.count == 1 && hole.cause == .streamReplaced)
        #expect(hole.from == (try through(before)))
        let first = heard.segments.first?.log
        #expect(hole.to == first?.from)
        let lost = stream.writes.filter { $0.stream == "stream-1" && $0.effective > (hole.from ?? $0.effective) }
        #expect(lost.allSatisfy { $0.effective <= hole.to ?? $0.effective.before })
        #expect(coverage.isOpen)
    }

    private static func through(_ entry: Catalog.Entry) throws -> Instant { try #require(entry.manifest.log).through }

    private static func injure(
        _ segment: Catalog.Entry, _ gap: Gap, _ home: CaptureHome, _ random: inout SeededGenerator
    ) throws {
        let manifest = segment.manifest
        func file(_ path: String) -> URL {
            URL(fileURLWithPath: home.vault.storage.location).appendingPathComponent(path)
        }
        switch gap {
        case .bothManifests: try home.lose(manifest)
        case .damagedManifests:
            for path in [manifest.path, manifest.catalogPath] {
                var bytes = try Data(contentsOf: file(path))
                // In the body: its digests stand at the end.
                let at = Int.random(in: 20..<bytes.count / 2, using: &random)
                bytes[at] ^= 1
                try bytes.write(to: file(path))
            }
        case .bundle:
            let bundle = try #require(manifest.bundles.randomElement(using: &random))
            try FileManager.default.removeItem(at: file(manifest.folder + bundle.name))
        case .shredded: _ = try home.vault.shred(segment, tool: "test", clock: home.clock)
        case .trimmed, .loaded, .unreadable, .replaced: break
        }
    }

    // MARK: No gap

    @Test func `quiet, restarts and what can be made good are no gaps`() throws {
        var random = SeededGenerator("quiet, restarts and what can be made good are no gaps")
        var watermarks = 0
        for _ in 0..<Self.total {
            let seed = random.next()
            watermarks += try Self.quietTrial(seed: seed)
        }
        print("\(Self.total) histories without a gap, \(watermarks) segments of quiet")
    }

    private static func quietTrial(seed: UInt64) throws -> Int {
        var random = SeededGenerator(seed: seed)
        let home = try CaptureHome()
        try home.makeTable("Other")
        try home.makeTable("Things")
        let source = try home.source("Things")
        let base = try home.backup("Things")
        var value = 0
        var capture: TableCapture?
        for _ in 0..<Int.random(in: 5...12, using: &random) {
            switch Int.random(in: 0..<9, using: &random) {
            case 0: home.clock.advance(seconds: Int64.random(in: 1...CaptureHome.retention / 2, using: &random))
            case 1, 2:
                for _ in 0..<3 {
                    value += 1
                    try home.put(value % 5, value, into: "Things")
                }
            case 3:
                // Others write: the numbers of this table's changes are not dense.
                for _ in 0..<5 { try home.put(1, value, into: "Other") }
            case 4: capture = nil
            case 5:
                try capture?.closeSettled()
                capture = nil
            case 6:
                if capture == nil { capture = try home.capture(source, limits: SegmentLimits(age: .seconds(30))) }
                _ = try capture?.step()
                _ = try capture?.step()
            case 7:
                // Caught up, the log may be trimmed to its end.
                capture = nil
                try home.captureOnce(source)
                home.clock.advance(seconds: CaptureHome.retention * 3)
                try home.put(1, value, into: "Other")
                try home.store.trimChanges()
            default:
                // The newest segment is lost while the store still has its changes: they are captured again.
                capture = nil
                let segments = try home.segments("Things")
                guard let last = segments.last, segments.count > 1, last.manifest.log?.beginning == nil,
                    let after = last.manifest.log?.shards.first?.after?.number,
                    try after >= home.store.trimmedThrough()
                else { continue }
                let paths =
                    Bool.random(using: &random)
                    ? [last.manifest.path, last.manifest.catalogPath] : [last.manifest.catalogPath]
                for path in paths { try home.vault.storage.delete(ObjectPath(path)) }
            }
        }
        capture = nil
        try home.captureOnce(source)
        let coverage = try home.coverage("Things")
        #expect(coverage.holes.isEmpty, "seed \(seed): \(coverage.holes)")
        #expect(coverage.intervals.count == 1, "seed \(seed): \(coverage.intervals)")
        #expect(coverage.intervals.first?.from == base.consistency.cut.time)
        #expect(coverage.intervals.first?.through == coverage.through)
        return try home.segments("Things").count { $0.manifest.items == 0 }
    }
}

extension Instant {
    fileprivate var after: Instant { Instant(microseconds: microseconds + 1) }
    fileprivate var before: Instant { Instant(microseconds: microseconds - 1) }
}
