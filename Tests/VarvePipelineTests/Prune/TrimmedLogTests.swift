// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveTestKit
import VarveVault

/// A log whose beginning retention removed: what is left must not be taken for more than it is.
@Suite struct TrimmedLogTests {
    @Test func `a copy of a log whose beginning was removed begins without a hole`() throws {
        let prune = try PruneHome(days: 6)
        try prune.run(RetentionPolicy(pointInTime: .seconds(2 * PruneHome.day)), grace: .zero)
        let home = prune.home
        try FileManager.default.createDirectory(
            atPath: home.folder.appending("second").string, withIntermediateDirectories: true)
        let second = try Vault.create(
            DirectoryStorage(home.folder.appending("second")), tool: "test", clock: home.clock)
        let copy = CopyVault(
            from: home.vault, to: second, under: "owned", keys: home.keys,
            commits: CommitRecord(home.folder.appending("second.log")), workers: 1, clock: home.clock)
        _ = try copy.run(try copy.plan(), progress: Progress(), stop: StopSignal()) { _ in }
        let (first, there) = (try prune.coverage(), try prune.coverage(second))
        #expect(there.holes.isEmpty && there.intervals == first.intervals)
    }

    private static func stretch(
        _ range: ClosedRange<Int>, _ from: Instant, _ through: Instant, _ beginning: LogStretch.Beginning? = nil
    ) -> LogStretch {
        func position(_ number: Int) -> ChangePosition? { ChangePosition(Int64(number)) }
        return LogStretch(
            stream: "s", beginning: beginning, from: from, aloneFrom: nil, through: through,
            shards: [
                .init(
                    id: "log", parents: [], after: position(range.lowerBound), through: position(range.upperBound),
                    first: nil, last: nil, changes: 0, watermark: through, ended: false)
            ], events: [], ended: false)
    }

    /// A store that was put back counts the same numbers again: a snapshot of the history before must not be joined to the log of the one
    /// behind, whatever of it has gone.
    @Test func `a snapshot of another history is not joined to what is left of a log`() throws {
        let home = try CaptureHome()
        let table = Manifest.TableIdentity(name: "Music", id: "aaaabbbbccccdddd")
        let description = JSON.object([.init("TableName", .string("Music"))])
        let start = home.clock.now()
        func at(_ seconds: Int64) -> Instant { Instant(microseconds: start.microseconds + seconds * 1_000_000) }
        func writer(_ kind: Manifest.Kind) throws -> SnapshotWriter {
            home.clock.advance(seconds: 2)
            return try SnapshotWriter(
                home.vault,
                .init(kind: kind, table: table, description: description, wrappingKey: "owned", tool: "test"),
                keys: home.keys, record: home.commits, clock: home.clock)
        }
        func snapshot(_ seconds: Int64, sequence: Int64) throws -> Manifest {
            try writer(.snapshot).commit(
                consistency: .init(
                    method: "test", from: at(seconds), to: at(seconds),
                    cut: .init(time: at(seconds), sequence: sequence))
            ).manifest
        }
        var previous: Manifest.Link?
        func segment(_ stretch: LogStretch) throws -> Manifest {
            let reader = try writer(.log).commit(log: stretch, previous: previous)
            previous = reader.link
            return reader.manifest
        }
        _ = try segment(
            Self.stretch(0...500, at(0), at(500), .init(cause: .first, shard: nil, lastThrough: nil)))
        let old = try snapshot(600, sequence: 550)
        _ = try segment(
            Self.stretch(300...540, at(700), at(800), .init(cause: .rewound, shard: "log", lastThrough: at(500))))
        let last = try segment(Self.stretch(540...600, at(800), at(900)))
        let new = try snapshot(850, sequence: 560)

        func intervals() throws -> [Coverage.Interval] {
            try #require(Coverage.all(in: try Catalog.read(home.vault), of: "Music").first).intervals
        }
        let before = try intervals()
        #expect(before.map(\.base) == [old.id, new.id] && before.map(\.through) == [at(600), at(900)])
        home.clock.advance(seconds: 1000)
        try home.vault.record(
            .removed, points: [],
            logs: [.init(table: table, before: last.started, segments: 2, sealedBytes: 0, reason: "Old.")],
            after: try Catalog.read(home.vault), tool: "test", clock: home.clock)
        let coverage = try #require(Coverage.all(in: try Catalog.read(home.vault), of: "Music").first)
        #expect(coverage.segments == 1 && coverage.holes == [])
        #expect(coverage.intervals == before)
    }
}
