// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing
import VarveKeys
import VarveModel
import VarvePipeline
import VarveStore
import VarveVault

@Suite struct SweepTableTests {
    private static let year: Int64 = 365 * 86_400

    private func sweep(
        _ home: PipelineHome, _ store: (any TableStore)? = nil, grace: Int64 = 0, limits: SweepLimits = SweepLimits()
    ) throws -> SweepReport {
        try SweepTable(home.archive, limits: limits).run(
            store: store ?? home.store, table: "Things", graceSeconds: grace, progress: Progress(), stop: StopSignal())
    }

    private func outcome(_ home: PipelineHome, _ id: String) throws -> VarveVault.SweepOutcome? {
        let entry = try RecoveryPoints(home.vault).find(table: nil, id: id)
        return try SnapshotReader(home.vault, entry, keys: home.keys).outcome()
    }

    @Test(
        "DynamoDB's rules say what has expired",
        arguments: [
            (#"{"N":"NOW-1"}"#, true), (#"{"N":"NOW"}"#, false), (#"{"N":"NOW+1"}"#, false),
            (#"{"N":"NOW-1.5"}"#, true), (#"{"S":"NOW-1"}"#, false), (#"{"NS":["NOW-1"]}"#, false),
            (#"{"M":{"ttl":{"N":"NOW-1"}}}"#, false), (#"{"N":"-1"}"#, false), (#"{"N":"0"}"#, false),
            (#"{"NULL":true}"#, false),
            (#"{"N":"NOW-157679999"}"#, true), (#"{"N":"NOW-157680001"}"#, false), (#"{"N":"1E+125"}"#, false),
        ]) func whatHasExpired(value: String, isSwept: Bool) throws
    {
        let home = try PipelineHome()
        try home.makeTable("Things")
        let now = home.now.seconds
        var text = value
        for (word, number) in [
            ("NOW-157679999", now - 157_679_999), ("NOW-157680001", now - 157_680_001), ("NOW-1.5", now - 2),
            ("NOW-1", now - 1),
            ("NOW+1", now + 1), ("NOW", now),
        ] {
            text = text.replacing(word, with: word == "NOW-1.5" ? "\(number).5" : "\(number)")
        }
        try home.put(#"{"id":{"S":"a"},"ttl":\#(text)}"#, into: "Things")
        try home.put(#"{"id":{"S":"without"}}"#, into: "Things")
        let report = try sweep(home)
        #expect(report.deleted == (isSwept ? 1 : 0))
        #expect(try home.ids("Things") == (isSwept ? ["without"] : ["a", "without"]))
    }

    @Test func `the grace period keeps what has expired within it`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        try home.put(id: "old", ttl: home.now.seconds - 101, into: "Things")
        try home.put(id: "young", ttl: home.now.seconds - 99, into: "Things")
        #expect(try sweep(home, grace: 100).deleted == 1)
        #expect(try home.ids("Things") == ["young"])
    }

    @Test func `an item that was renewed, changed or deleted after its archiving is left alone`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        let past = home.now.seconds - 10
        for id in ["renewed", "changed", "deleted", "swept"] { try home.put(id: id, ttl: past, into: "Things") }
        let store = MeddlingStore(store: home.store) {
            try home.put(id: "renewed", ttl: home.now.seconds + 1000, into: "Things")
            try home.put(#"{"id":{"S":"changed"},"ttl":{"N":"\#(past)"},"more":{"BOOL":true}}"#, into: "Things")
            try home.store.delete(try home.key("deleted", of: "Things"), from: "Things")
        }
        let report = try sweep(home, store)
        #expect(report.archived == 4)
        #expect((report.deleted, report.changed, report.gone) == (1, 2, 1))
        #expect(try home.ids("Things") == ["changed", "renewed"])
        let archive = try #require(report.archives.first)
        let written = try #require(try outcome(home, archive))
        #expect((written.deleted, written.changed, written.gone, written.interrupted) == (1, 2, 1, false))
        #expect(try home.verify().isEmpty)
    }

    @Test func `a sweep broken off before its outcome is settled by the next one`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        for number in 0..<2000 { try home.put(id: "i\(number)", ttl: home.now.seconds - 10, into: "Things") }
        let rounds = Rounds()
        let store = MeddlingStore(store: home.store) { if rounds.next() == 2 { throw Interruption() } }
        #expect(throws: Interruption.self) { _ = try sweep(home, store) }
        let broken = try #require(try Catalog.read(home.vault).entries(table: "Things", kind: .sweep).first).manifest
        #expect(try outcome(home, broken.id) == nil)
        let deleted = try home.store.deletions(bySweep: broken.id)
        #expect(deleted == 1024, "the first round of deletions was done")

        let report = try sweep(home)
        #expect(report.settled == 1)
        #expect(report.deleted == 2000 - deleted)
        let written = try #require(try outcome(home, broken.id))
        #expect(written.interrupted)
        #expect(written.deleted == deleted)
        #expect(try home.verify().isEmpty)
    }

    @Test func `a sweep that is still at work is not settled by another`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        try home.put(id: "a", ttl: home.now.seconds - 10, into: "Things")
        let store = MeddlingStore(store: home.store) {
            let other = try SweepTable(home.archive).run(
                store: home.store, table: "Things", graceSeconds: 0, progress: Progress(), stop: StopSignal())
            #expect(other.settled == 0)
        }
        let report = try sweep(home, store)
        #expect((report.archived, report.gone) == (1, 1), "the other sweep was first")
        #expect(try home.verify().isEmpty)
    }

    @Test func `a dry run counts and writes nothing`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        try home.put(id: "a", ttl: home.now.seconds - 10, into: "Things")
        try home.put(id: "milliseconds", ttl: home.now.seconds * 1000, into: "Things")
        let report = try SweepTable(home.archive).plan(store: home.store, table: "Things", graceSeconds: 0)
        #expect((report.expired, report.archived, report.looksLikeMilliseconds) == (1, 0, 1))
        #expect(try Catalog.read(home.vault).entries.isEmpty)
        #expect(try home.ids("Things").count == 2)
    }

    @Test func `a pass takes no more than it may, and says what is left`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        let now = home.now.seconds
        for number in 0..<30 { try home.put(id: "i\(number)", ttl: now - 1000 + Int64(number), into: "Things") }
        try home.put(id: "lives", ttl: now + 1000, into: "Things")
        let planned = try SweepTable(home.archive, limits: SweepLimits(itemsMax: 12))
            .plan(store: home.store, table: "Things", graceSeconds: 10)
        #expect((planned.expired, planned.backlog) == (12, ExpiryBacklog(items: 30, lagSeconds: 990)))
        for (left, lag) in [(18, 978), (6, 966), (0, 0)] as [(Int, Int64)] {
            let report = try sweep(home, grace: 10, limits: SweepLimits(itemsMax: 12))
            #expect(report.backlog == ExpiryBacklog(items: left, lagSeconds: lag))
            #expect(report.archives.count == 1)
        }
        #expect(try home.ids("Things") == ["lives"])
        #expect(try Catalog.read(home.vault).entries.map(\.manifest.items).sorted() == [6, 12, 12])
    }

    @Test func `deletions keep to their rate`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        for number in 0..<40 { try home.put(id: "i\(number)", ttl: home.now.seconds - 10, into: "Things") }
        let began = ContinuousClock.now
        #expect(try sweep(home, limits: SweepLimits(deletionsPerSecond: 100)).deleted == 40)
        // The last chunk of 12 is not waited for.
        #expect(ContinuousClock.now - began >= .milliseconds(270))
    }

    @Test func `nothing expires while time to live is off`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things", timeToLive: false)
        try home.put(id: "a", ttl: home.now.seconds - 10, into: "Things")
        let error = #expect(throws: PipelineError.self) { _ = try sweep(home) }
        #expect(error?.code == .timeToLiveOff)
        #expect(try home.ids("Things") == ["a"])
    }
}

/// Counts calls, from any thread.
private final class Rounds: Sendable {
    private let count = Atomic<Int>(0)
    func next() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
}
