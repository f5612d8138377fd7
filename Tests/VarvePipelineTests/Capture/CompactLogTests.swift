// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

@Suite struct CompactLogTests {
    /// A table with a snapshot and a segment for each of so many changes.
    private func home(changes: Int) throws -> (CaptureHome, EmbeddedTable) {
        let home = try CaptureHome()
        try home.makeTable("Things")
        let table = EmbeddedTable(id: try home.store.describe("Things").id)
        try home.backup("Things")
        for value in 0..<changes {
            try home.put(value % 5, value, into: "Things")
            try home.captureOnce(try home.source("Things"))
        }
        return (home, table)
    }

    private struct EmbeddedTable { let id: String }

    @Test func `neighbours become one segment with the same lines, and the newest stays`() throws {
        let (home, table) = try home(changes: 6)
        let before = try home.segments("Things").flatMap { try home.lines($0) }.map(\.value)
        let coverage = try home.coverage("Things")
        #expect(try home.compact("Things") == 1)
        let merged = try #require(try home.segments("Things").first { $0.manifest.sources != nil })
        #expect(merged.manifest.format == 3 && merged.manifest.sources?.segments == 5)
        #expect(try home.lines(merged).map(\.value) == Array(before.dropLast()))
        let log = try #require(merged.manifest.log)
        #expect(log.beginning?.cause == .first && log.shards.map(\.changes) == [5])
        #expect(try home.verify().isEmpty)
        #expect(try home.compact("Things") == 0, "what was merged is not merged again")
        try home.removeMerged("Things")
        #expect(try home.segments("Things").count == 2)
        #expect(try home.coverage("Things").intervals == coverage.intervals)
        #expect(
            try home.restored(.time(#require(coverage.through)), of: table.id, home.catalog) == home.items("Things"))
        // Capture goes on from the newest of the small ones, not from the youngest manifest.
        try home.put(1, 100, into: "Things")
        let heard = try home.captureOnce(try home.source("Things"))
        #expect(heard.holes.isEmpty && heard.segments.map(\.items) == [1])
    }

    /// As if the run had been killed between the two copies of its manifest.
    private func takeBackSecondCopy(_ manifest: Manifest, _ home: CaptureHome) throws {
        try home.vault.storage.delete(ObjectPath(manifest.catalogPath))
        try FileManager.default.removeItem(atPath: home.commits.path.string)
        #expect(try !home.verify().isEmpty)
    }

    @Test func `a killed run is finished by the next, though nothing is left to be made`() throws {
        let (home, table) = try home(changes: 4)
        #expect(try home.compact("Things") == 1)
        let merged = try #require(try home.segments("Things").map(\.manifest).first { $0.sources != nil })
        try takeBackSecondCopy(merged, home)
        #expect(CompactLog.plan(try home.catalog, of: "Things", endedBefore: Instant(microseconds: .max)).isEmpty)
        try CompactLog(home.archive).finishInterrupted([merged.table])
        #expect(try home.verify().isEmpty)
        let made = try #require(try home.synthesize(table.id))
        try takeBackSecondCopy(made, home)
        #expect(try home.synthesize(table.id) == nil)
        #expect(try home.verify().isEmpty)
    }

    @Test func `a merged segment says of its stretch what the small ones say together`() throws {
        let (home, _) = try home(changes: 5)
        let small = try home.segments("Things").map(\.manifest).dropLast()
        try home.compact("Things")
        let merged = try #require(try home.segments("Things").map(\.manifest).first { $0.sources != nil })
        let log = try #require(merged.log)
        let logs = small.compactMap(\.log)
        let (first, last) = (try #require(logs.first), try #require(logs.last))
        #expect(log.stream == first.stream && log.beginning == first.beginning)
        #expect(log.from == first.from && log.through == last.through && log.ended == last.ended)
        #expect(log.events == logs.flatMap(\.events) && log.events.map(\.event) == [.created])
        let shards = logs.compactMap(\.shards.first)
        let shard = try #require(log.shards.first)
        #expect(log.shards.count == 1 && shard.id == shards[0].id && shard.parents == shards[0].parents)
        #expect(shard.after == shards[0].after && shard.through == shards.last?.through)
        #expect(shard.first == shards.compactMap(\.first).min() && shard.last == shards.compactMap(\.last).max())
        #expect(shard.changes == shards.reduce(0) { $0 + $1.changes } && shard.watermark == shards.last?.watermark)
        #expect(merged.previous == small.first?.previous)
        #expect(merged.items == small.reduce(0) { $0 + $1.items })
        let sources = try #require(merged.sources)
        #expect(sources.base == nil && sources.segments == small.count)
        #expect(sources.first?.id == small.first?.id && sources.last?.id == small.last?.id)
    }

    @Test func `where the merged segment is damaged the small ones count, and the other way round`() throws {
        let (home, _) = try home(changes: 4)
        let coverage = try home.coverage("Things")
        try home.compact("Things")
        let segments = try home.segments("Things")
        let merged = try #require(segments.first { $0.manifest.sources != nil }).manifest
        let bundle = try merged.path(of: merged.bundles[0])
        let kept = try home.vault.storage.get(bundle, atMost: 1 << 20)
        try home.vault.storage.delete(bundle)
        #expect(try home.coverage("Things").intervals == coverage.intervals)
        #expect(try home.coverage("Things").holes.isEmpty)
        try home.vault.storage.put(bundle, kept)
        let small = try #require(segments.first { $0.manifest.sources == nil }).manifest
        try home.vault.storage.delete(small.path(of: small.bundles[0]))
        #expect(try home.coverage("Things").intervals == coverage.intervals)
        try home.vault.storage.delete(bundle)
        #expect(try home.coverage("Things").holes.map(\.cause) == [.damaged])
    }

    @Test func `a segment without its key is lost, unless it was merged into one that has its own`() throws {
        let (home, _) = try home(changes: 4)
        let coverage = try home.coverage("Things")
        try home.compact("Things")
        let segments = try home.segments("Things").map(\.manifest)
        let small = try #require(segments.first { $0.sources == nil })
        try home.vault.storage.delete(ObjectPath(VaultPaths.keyFile(small.key.id, number: 1)))
        #expect(try home.coverage("Things").intervals == coverage.intervals)
        #expect(try home.coverage("Things").holes.isEmpty)
        let merged = try #require(segments.first { $0.sources != nil })
        try home.vault.storage.delete(ObjectPath(VaultPaths.keyFile(merged.key.id, number: 1)))
        #expect(try home.coverage("Things").holes.map(\.cause) == [.damaged])
    }

    @Test func `segments of two days, of two sides of a hole, or of today are not merged together`() throws {
        let (home, table) = try home(changes: 3)
        home.clock.advance(seconds: 86_400)
        for value in 0..<3 {
            try home.put(value, value, into: "Things")
            try home.captureOnce(try home.source("Things"))
        }
        let limit = Instant(microseconds: home.clock.now().microseconds - 3_600_000_000)
        let old = CompactLog.plan(try home.catalog, of: table.id, endedBefore: limit)
        #expect(old.map(\.segments.count) == [3])
        let all = CompactLog.plan(try home.catalog, of: table.id, endedBefore: Instant(microseconds: .max))
        #expect(all.map(\.segments.count).count == 2)
        #expect(Set(all.map { $0.through.compact.prefix(8) }).count == 2)
        home.clock.advance(seconds: CaptureHome.retention + 1)
        try home.put(1, 50, into: "Things")
        try home.store.trimChanges()
        home.clock.advance(seconds: CaptureHome.retention + 1)
        try home.put(1, 51, into: "Things")
        try home.store.trimChanges()
        try home.captureOnce(try home.source("Things"))
        try home.put(1, 52, into: "Things")
        try home.captureOnce(try home.source("Things"))
        try home.compact("Things")
        #expect(try home.coverage("Things").holes.map(\.cause) == [.trimmed])
        for segment in try home.segments("Things") where segment.manifest.sources != nil {
            #expect(segment.manifest.log?.beginning?.cause != .trimmed || segment.manifest.sources?.segments == 2)
        }
    }

    @Test func `a synthetic snapshot is what the table was, stands alone, and reads nothing of the store`() throws {
        let (home, table) = try home(changes: 7)
        try home.delete(2, from: "Things")
        try home.captureOnce(try home.source("Things"))
        let truth = try home.items("Things")
        try home.put(3, 999, into: "Things")
        let made = try #require(try home.synthesize(table.id))
        #expect(made.consistency.method == "synthetic" && made.format == 3 && made.items == truth.count)
        #expect(made.consistency.cut.time == (try home.coverage("Things").through))
        #expect(made.sources?.segments == 8 && made.sources?.base != nil)
        #expect(try home.verify().isEmpty)
        for segment in try home.segments("Things") {
            for path in try home.vault.storage.list(segment.manifest.folder).map(\.path)
                + [ObjectPath(segment.manifest.catalogPath)]
            { try home.vault.storage.delete(path) }
        }
        #expect(try home.restored(.time(made.consistency.cut.time), of: table.id, home.catalog) == truth)
        #expect(try home.synthesize(table.id) == nil, "there is no log behind it")
    }

    @Test func `a synthetic snapshot has the cut and the description of the end of the log`() throws {
        let home = try CaptureHome()
        try home.makeTable("Things", timeToLive: "ttl")
        try home.put(1, 1, into: "Things")
        let base = try home.backup("Things")
        try home.captureOnce(try home.source("Things"))
        _ = try home.store.updateTimeToLive(of: "Things", to: TimeToLive(attribute: "ttl", enabled: false))
        try home.put(1, 2, into: "Things")
        try home.captureOnce(try home.source("Things"))
        let end = try #require(try home.coverage("Things").through)
        let made = try #require(try home.synthesize("Things"))
        #expect(made.consistency.cut == .init(time: end, sequence: nil) && made.consistency.to == end)
        #expect(try TableDescription(json: base.description).timeToLive?.enabled == true)
        #expect(try TableDescription(json: made.description).timeToLive?.enabled == false)
        // The newest base serves the next one.
        try home.put(2, 3, into: "Things")
        try home.captureOnce(try home.source("Things"))
        #expect(try #require(try home.synthesize("Things")).sources?.base == made.id)
    }

    @Test func `a segment in which many items came is merged with none, and its hole stays where it was`() throws {
        let home = try CaptureHome()
        try home.makeTable("Things")
        func change(_ value: Int) throws {
            try home.put(1, value, into: "Things")
            try home.captureOnce(try home.source("Things"))
        }
        try home.backup("Things")
        for value in 0..<3 { try change(value) }
        try home.delete(1, from: "Things")
        try home.load(100, 1, into: "Things")
        try home.captureOnce(try home.source("Things"))
        for value in 3..<6 { try change(value) }
        let loaded = try #require(
            try home.segments("Things").first { $0.manifest.log?.events.contains { $0.event == .loaded } ?? false })
        let before = try home.coverage("Things")
        #expect(before.holes.map(\.cause) == [.loaded] && before.isOpen)
        #expect(try home.compact("Things") == 2)
        let after = try home.coverage("Things")
        #expect(after.holes == before.holes && after.intervals == before.intervals)
        for merged in try home.segments("Things").map(\.manifest) where merged.sources != nil {
            #expect(merged.log?.events.contains { $0.event == .loaded } == false)
            #expect(merged.sources?.first?.id != loaded.manifest.id && merged.sources?.last?.id != loaded.manifest.id)
        }
    }

    @Test func `of two stretches a synthetic snapshot is made of the newer one`() throws {
        let (home, table) = try home(changes: 3)
        // What was written is trimmed before anybody has read it.
        home.clock.advance(seconds: CaptureHome.retention + 1)
        try home.put(1, 50, into: "Things")
        home.clock.advance(seconds: CaptureHome.retention + 1)
        try home.put(1, 51, into: "Things")
        try home.store.trimChanges()
        try home.captureOnce(try home.source("Things"))
        let base = try home.backup("Things")
        try home.put(2, 52, into: "Things")
        try home.captureOnce(try home.source("Things"))
        let coverage = try home.coverage("Things")
        #expect(coverage.holes.map(\.cause) == [.trimmed] && coverage.intervals.count == 2)
        let made = try #require(try home.synthesize(table.id))
        #expect(made.sources?.base == base.id && made.consistency.cut.time == coverage.through)
    }

    @Test func `a snapshot behind the end of the log is an instant of its own`() throws {
        let (home, _) = try home(changes: 2)
        let through = try #require(try home.coverage("Things").through)
        try home.put(1, 50, into: "Things")
        let late = try home.backup("Things")
        let intervals = try home.coverage("Things").intervals
        #expect(intervals.map(\.through) == [through, late.consistency.cut.time])
        #expect(intervals.map(\.snapshots) == [1, 1] && intervals.last?.base == late.id)
    }

    @Test func `what was merged stays as it is when more is merged`() throws {
        let (home, _) = try home(changes: 4)
        #expect(try home.compact("Things") == 1)
        let first = try #require(try home.segments("Things").first { $0.manifest.sources != nil }).manifest
        for value in 0..<3 {
            try home.put(1, 100 + value, into: "Things")
            try home.captureOnce(try home.source("Things"))
        }
        #expect(try home.compact("Things") == 1)
        let merged = try home.segments("Things").map(\.manifest).filter { $0.sources != nil }
        #expect(merged.compactMap(\.sources?.segments) == [3, 3] && merged.contains { $0.id == first.id })
        #expect(try home.coverage("Things").segments == 3 && home.coverage("Things").holes.isEmpty)
    }
}
