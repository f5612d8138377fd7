// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveTestKit
import VarveVault

/// Retention of segments that were merged into others.
@Suite struct MergedLogTests {
    @Test func `what was merged goes, and nothing that anybody needs`() throws {
        let prune = try PruneHome(days: 6)
        let before = try prune.coverage()
        #expect(try prune.home.compact(PruneHome.table) == 5)
        let small = Set(
            try prune.home.segments(PruneHome.table).filter { $0.manifest.sources == nil }.dropLast(2).map(
                \.manifest.id))
        #expect(small.count == 10)
        let plan = try prune.run(RetentionPolicy(keepLast: 100), grace: .zero)
        let verdicts = plan.tables[0].plan
        #expect(verdicts.merged.count == 10 && verdicts.merged.allSatisfy { $0.goes == .merged })
        #expect(verdicts.points.allSatisfy { $0.goes == nil } && verdicts.segments.allSatisfy { $0.goes == nil })
        let left = try prune.home.segments(PruneHome.table).map(\.manifest.id)
        #expect(Set(left).isDisjoint(with: small) && left.count == 7)
        let after = try prune.coverage()
        #expect(after.intervals == before.intervals && after.holes.isEmpty && after.changes == before.changes)
        #expect(try prune.problems() == [])
        let catalog = try prune.home.catalog
        for day in prune.days {
            let time = day.snapshot.consistency.cut.time
            #expect(try prune.home.restored(.time(time), of: PruneHome.table, catalog) == day.items)
        }
        let again = try prune.run(RetentionPolicy(keepLast: 100), grace: .zero)
        #expect(again.records.isEmpty && again.remains.isEmpty, "running twice changes nothing more")
    }

    @Test func `what was merged stays until it may go, and comes back`() throws {
        let prune = try PruneHome(days: 3)
        try prune.home.compact(PruneHome.table)
        let young = try prune.run(RetentionPolicy(keepLast: 100, minimum: .seconds(30 * PruneHome.day)))
        #expect(young.tables[0].plan.merged.allSatisfy { $0.kept == [.minimum] } && young.records.isEmpty)
        let plan = try prune.run(RetentionPolicy(keepLast: 100))
        #expect(plan.records.count == 1)
        let gone = try #require(try prune.home.catalog.removed.first).manifest
        #expect(gone.kind == .log)
        #expect(try prune.prune().undo(gone.id).map(\.id) == [gone.id])
        #expect(try prune.home.catalog.entries.contains { $0.manifest.id == gone.id })
        #expect(try prune.problems() == [])
    }

    /// A bundle, or the key without which none of them opens.
    @Test(arguments: [false, true])
    func `what was merged keeps its bytes when the merged segment was lost in the meantime`(isKeyLost: Bool) throws {
        let prune = try PruneHome(days: 3)
        let before = try prune.coverage()
        try prune.home.compact(PruneHome.table)
        let policy = RetentionPolicy(keepLast: 100)
        try prune.run(policy)
        let gone = try prune.home.catalog.removed.map(\.manifest)
        let merged = try #require(
            try prune.home.segments(PruneHome.table).map(\.manifest).first { manifest in
                manifest.sources.map { sources in gone.contains { $0.id == sources.first?.id } } ?? false
            })
        let own = gone.filter {
            (merged.sources?.first?.started ?? $0.started)...(merged.sources?.last?.started ?? $0.started) ~= $0.started
        }
        #expect(own.count == 2 && gone.count > own.count)
        if isKeyLost {
            try prune.home.vault.storage.delete(ObjectPath(VaultPaths.keyFile(merged.key.id, number: 1)))
        } else {
            try prune.home.vault.storage.delete(merged.path(of: merged.bundles[0]))
        }
        prune.home.clock.advance(seconds: 2 * PruneHome.day)
        let dry = try prune.prune().plan(rule: PruneHome.rule(policy))
        let plan = try prune.run(policy)
        for remains in [dry.remains, plan.remains] {
            #expect(Set(remains.filter { $0.stays != nil }.map(\.remains.id)) == Set(own.map(\.id)))
            #expect(remains.count == gone.count)
        }
        #expect(try prune.coverage().holes.map(\.cause) == [.damaged])
        for segment in own { try prune.prune().undo(segment.id) }
        let after = try prune.coverage()
        #expect(after.holes.isEmpty && after.intervals == before.intervals)
    }

    @Test func `a segment that is held stays in the log although it was merged and nothing else needs it`() throws {
        let prune = try PruneHome(days: 8)
        try prune.home.compact(PruneHome.table)
        let catalog = try prune.home.catalog
        let small = try prune.home.segments(PruneHome.table).map(\.manifest).filter { $0.sources == nil }
        let held = small[4]
        try PruneVaultTests.hold(prune.home.vault, on: .init(recoveryPoint: held.id), at: prune.home.clock.now())
        let policy = RetentionPolicy(pointInTime: .seconds(2 * PruneHome.day))
        try prune.run(policy, grace: .zero)
        let left = try prune.home.segments(PruneHome.table).map(\.manifest)
        #expect(
            left.contains { $0.id == held.id } && left.allSatisfy { $0.sources != nil || $0.started >= held.started })
        #expect(left.count < catalog.entries(table: PruneHome.table, kind: .log).count)
        #expect(try prune.problems() == [])
    }

    @Test func `a window takes merged segments with it, and what was merged into them`() throws {
        let prune = try PruneHome(days: 8)
        try prune.home.compact(PruneHome.table)
        let policy = RetentionPolicy(pointInTime: .seconds(2 * PruneHome.day))
        try prune.run(policy, grace: .zero)
        let coverage = try prune.coverage()
        #expect(coverage.holes.isEmpty && !coverage.isOpen)
        let begins = Instant(
            microseconds: prune.home.clock.now().microseconds - 2 * PruneHome.day * 1_000_000)
        let interval = try #require(coverage.intervals.last)
        #expect(interval.from <= begins && interval.through == coverage.through)
        #expect(try prune.home.segments(PruneHome.table).count < 6)
        #expect(try prune.problems() == [])
        let again = try prune.run(policy, grace: .zero)
        #expect(again.records.isEmpty && again.remains.isEmpty)
        // The log goes on as if nothing had happened.
        try prune.home.put(3, 3, into: PruneHome.table)
        let heard = try prune.home.captureOnce(prune.home.source(PruneHome.table))
        #expect(heard.holes.isEmpty)
        #expect(try prune.coverage().holes.isEmpty)
    }
}
