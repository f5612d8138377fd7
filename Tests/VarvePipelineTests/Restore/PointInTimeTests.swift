// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

/// Where one state ends and the next begins: to the microsecond, and to the number.
@Suite struct PointInTimeTests {
    /// A table with a snapshot and changes behind it, so many to a segment, and what it held after each.
    private struct History {
        let home: CaptureHome
        var states: [(time: Instant, sequence: Int64, items: [Int: Int])] = []

        init(changes: Int, perSegment: Int) throws {
            home = try CaptureHome()
            try home.makeTable("Things")
            for key in 0..<3 { try home.put(key, key, into: "Things") }
            try home.backup("Things")
            var items: [[Int: Int]] = []
            for number in 0..<changes {
                if number % 4 == 3 {
                    try home.delete(number % 3, from: "Things")
                } else {
                    try home.put(number % 3, 100 + number, into: "Things")
                }
                items.append(try home.items("Things"))
                if number % perSegment == perSegment - 1 { try home.captureOnce(try home.source("Things")) }
            }
            try home.captureOnce(try home.source("Things"))
            let all = try home.segments("Things").flatMap { try home.lines($0) }.map(\.metadata).suffix(changes)
            for (line, items) in zip(all, items) {
                states.append((line.time, try #require(line.position.number), items))
            }
        }

        func restored(_ target: PointInTime.Target) throws -> [Int: Int] {
            try home.restored(target, of: "Things", home.catalog)
        }

        func drill(_ instant: Instant) throws {
            let point = try PointInTime.find(.time(instant), of: "Things", in: home.catalog)
            _ = try DrillTable(
                vault: home.vault, keys: home.keys, workers: 1, scratch: home.folder.appending("drills")
            ).run(point, progress: Progress(), stop: StopSignal())
        }
    }

    @Test(arguments: [1, 5]) func `a change counts from its own instant and number on, and not before`(
        perSegment: Int
    ) throws {
        let history = try History(changes: 15, perSegment: perSegment)
        #expect(history.states.count == 15)
        var before: [Int: Int] = [0: 0, 1: 1, 2: 2]
        for (time, sequence, items) in history.states {
            #expect(try history.restored(.time(time)) == items)
            #expect(try history.restored(.sequence(sequence)) == items)
            #expect(try history.restored(.time(Instant(microseconds: time.microseconds - 1))) == before)
            #expect(try history.restored(.sequence(sequence - 1)) == before)
            before = items
        }
        try history.drill(try #require(history.states.last).time)
        let end = try #require(try history.home.coverage("Things").through)
        #expect(try history.restored(.time(end)) == before)
        let late = #expect(throws: PipelineError.self) {
            _ = try history.restored(.time(Instant(microseconds: end.microseconds + 1)))
        }
        #expect(late?.code == .notCovered)
    }

    @Test func `a later change takes the place of an earlier one whole, be it shorter or longer`() throws {
        let home = try CaptureHome()
        try home.makeTable("Things")
        try home.backup("Things")
        for value in [123_456, 7, 89, 5] { try home.put(1, value, into: "Things") }
        try home.put(2, 1, into: "Things")
        try home.captureOnce(try home.source("Things"))
        let end = try #require(try home.coverage("Things").through)
        #expect(try home.restored(.time(end), of: "Things", home.catalog) == [1: 5, 2: 1])
    }

    @Test func `a change at the very instant of a snapshot's cut is in the snapshot and is not counted again`() throws {
        let history = try History(changes: 6, perSegment: 2)
        let home = history.home
        let (cut, _, items) = history.states[2]
        let base = try home.snapshot(home.store.describe("Things"), at: cut, items: items)
        let point = try PointInTime.find(.time(cut), of: "Things", in: home.catalog)
        #expect(point.base.manifest.id == base.id)
        #expect(try history.restored(.time(cut)) == items)
        for (time, _, items) in history.states[3...] {
            let point = try PointInTime.find(.time(time), of: "Things", in: home.catalog)
            #expect(point.base.manifest.id == base.id, "the newest base that is not later")
            #expect(try history.restored(.time(time)) == items)
            try history.drill(time)
        }
    }

    @Test func `time to live is off in what was restored, and still known`() throws {
        let home = try CaptureHome()
        try home.makeTable("Things", timeToLive: "ttl")
        let snapshot = try home.backup("Things")
        _ = try RestoreTable(vault: home.vault, keys: home.keys, workers: 1, scratch: home.folder.path).run(
            PointInTime(try #require(try home.catalog.entries(idPrefix: snapshot.id).first)), as: "Back",
            into: home.restores, progress: Progress(), stop: StopSignal())
        let setting = try #require(try home.restores.describe("Back").timeToLive)
        #expect(setting.attribute == "ttl" && !setting.enabled)
    }
}
