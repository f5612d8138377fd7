// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveVault

@Suite struct WatchTableTests {
    /// Watches until `report` says that it has seen enough.
    private func watch(
        _ home: PipelineHome, _ store: (any TableStore)? = nil, limits: SweepLimits = SweepLimits(),
        interval: Duration = .seconds(1), until report: (WatchTable.Outcome) throws -> Bool
    ) throws -> WatchTable.Outcome? {
        let stop = StopSignal()
        var failure: (any Error)?
        let last = WatchTable(SweepTable(home.archive, limits: limits), interval: interval)
            .run(store: store ?? home.store, table: "Things", graceSeconds: 0, stop: stop) { outcome in
                do {
                    if try report(outcome) { stop.raise(15) }
                } catch {
                    failure = error
                    stop.raise(15)
                }
            }
        if let failure { throw failure }
        return last
    }

    @Test func `a backlog is worked off without a pause, and what expires later is found`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        for number in 0..<25 { try home.put(id: "i\(number)", ttl: home.now.seconds - 10, into: "Things") }
        var passes: [Int] = []
        let began = ContinuousClock.now
        _ = try watch(home, limits: SweepLimits(itemsMax: 10), interval: .seconds(60)) { outcome in
            passes.append(try outcome.get().deleted)
            return passes.count == 3
        }
        #expect(
            ContinuousClock.now - began < .seconds(60), "three passes, of which only the last is followed by a pause")
        let last = try watch(home) { outcome in
            passes.append(try outcome.get().deleted)
            if passes.count == 4 { try home.put(id: "late", ttl: home.now.seconds - 1, into: "Things") }
            return passes.count == 5
        }
        #expect(passes == [10, 10, 5, 0, 1])
        #expect(try #require(last).get().backlog == ExpiryBacklog())
        #expect(try home.ids("Things").isEmpty)
        #expect(try home.verify().isEmpty)
    }

    @Test func `a pass that fails is tried again, and finishes what it left`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        try home.put(id: "a", ttl: home.now.seconds - 10, into: "Things")
        let rounds = Atomic<Int>(0)
        let store = MeddlingStore(store: home.store) {
            if rounds.wrappingAdd(1, ordering: .relaxed).newValue == 1 { throw Interruption() }
        }
        var failures = 0
        let last = try watch(home, store) { outcome in
            if case .failure(let error) = outcome {
                #expect(error is Interruption)
                failures += 1
                return false
            }
            return true
        }
        let report = try #require(last).get()
        #expect((failures, report.settled, report.deleted) == (1, 1, 1))
        #expect(try home.verify().isEmpty)
    }

    @Test func `a stop within the deletions ends the watch, and the next one resumes`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        for number in 0..<200 { try home.put(id: "i\(number)", ttl: home.now.seconds - 10, into: "Things") }
        let stop = StopSignal()
        let rounds = Atomic<Int>(0)
        let store = MeddlingStore(store: home.store) {
            if rounds.wrappingAdd(1, ordering: .relaxed).newValue == 2 { stop.raise(15) }
        }
        var reports = 0
        let slow = SweepTable(home.archive, limits: SweepLimits(deletionsPerSecond: 400))
        let last = WatchTable(slow, interval: .seconds(1))
            .run(store: store, table: "Things", graceSeconds: 0, stop: stop) { _ in reports += 1 }
        #expect(last == nil && reports == 0, "a pass that was broken off is no failure")
        let left = try home.ids("Things").count
        #expect(left == 100, "two chunks of 50 went before the stop was heeded")
        let archive = try #require(try Catalog.read(home.vault).entries(table: "Things", kind: .sweep).first)
        let outcome = try #require(try SnapshotReader(home.vault, archive, keys: home.keys).outcome())
        #expect((outcome.deleted, outcome.interrupted) == (100, true))

        _ = try watch(home) { try $0.get().deleted == left }
        #expect(try home.ids("Things").isEmpty)
        #expect(try home.verify().isEmpty)
    }
}
