// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

@Suite struct RunTests {
    @Test(arguments: [1, 2, 7]) func `every worker runs once, on a thread of its own`(count: Int) throws {
        let seen = Mutex<[Int]>([])
        let threads = Mutex<Set<UInt>>([])
        try Workers.run(count, stop: StopSignal()) { worker, _ in
            seen.withLock { $0.append(worker) }
            threads.withLock { _ = $0.insert(UInt(pthread_self())) }
            usleep(20_000)
        }
        #expect(seen.withLock { $0.sorted() } == Array(0..<count))
        #expect(threads.withLock { $0.count } == count)
    }

    @Test func `the first error stops the others and is the one that is thrown`() throws {
        #expect(throws: Interruption.self) {
            try Workers.run(3, stop: StopSignal()) { worker, stop in
                if worker == 1 { throw Interruption() }
                while true {
                    try stop.check()
                    usleep(1000)
                }
            }
        }
    }

    @Test func `turns come in the order in which they were drawn, and end with the first failure`() throws {
        let turns = OrderedTurns()
        let served = Mutex<[Int64]>([])
        try Workers.run(4, stop: StopSignal()) { worker, _ in
            for _ in 0..<50 {
                let number = try turns.draw(2)
                usleep(UInt32(worker) * 50)
                try turns.serve(from: number, count: 2) { served.withLock { $0.append(number) } }
            }
        }
        #expect(served.withLock { $0 } == (0..<200).map { $0 * 2 })
        #expect(try turns.finish(Interruption()) == 400)
        #expect(throws: Interruption.self) { try turns.draw(1) }
        let failing = OrderedTurns()
        #expect(throws: Interruption.self) {
            try Workers.run(4, stop: StopSignal()) { worker, _ in
                let number = try failing.draw(1)
                // All others wait for this one.
                if number == 0 {
                    failing.fail(Interruption())
                } else {
                    try failing.serve(from: number, count: 1) { Issue.record("It was not its turn.") }
                }
            }
        }
    }

    @Test func `a request to stop reaches workers and keeps the signal's number`() throws {
        let stop = StopSignal()
        stop.raise(15)
        stop.raise(2)
        let error = #expect(throws: PipelineError.self) {
            try Workers.run(2, stop: stop) { _, stop in try stop.check() }
        }
        #expect(error?.code == .stopped)
        #expect(stop.signal == 15, "the first signal counts")
    }

    @Test func `a backup that is stopped leaves nothing in the vault`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        try home.put(id: "a", ttl: 1, into: "Things")
        let stop = StopSignal()
        stop.raise(15)
        #expect(throws: PipelineError.self) {
            _ = try TakeSnapshot(home.archive).run(store: home.store, table: "Things", progress: Progress(), stop: stop)
        }
        #expect(try home.vault.storage.list("").map(\.path.text).sorted() == ["README.txt", "vault.json"])
    }

    @Test func `a restore that is stopped makes no table`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        try home.put(id: "a", ttl: 1, into: "Things")
        _ = try TakeSnapshot(home.archive).run(
            store: home.store, table: "Things", progress: Progress(), stop: StopSignal())
        let point = try RecoveryPoints(home.vault).find(table: "Things", id: nil)
        let stop = StopSignal()
        stop.raise(2)
        #expect(throws: PipelineError.self) {
            _ = try RestoreTable(
                vault: home.vault, keys: home.keys, workers: 2, scratch: home.folder.path
            ).run(PointInTime(point), as: "New", into: home.store, progress: Progress(), stop: stop)
        }
        #expect(try home.store.tables().map(\.name) == ["Things"])
    }

    @Test func `a drill removes scratch folders of dead processes and keeps those of live ones`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        try home.put(id: "a", ttl: 1, into: "Things")
        _ = try TakeSnapshot(home.archive).run(
            store: home.store, table: "Things", progress: Progress(), stop: StopSignal())
        let point = try RecoveryPoints(home.vault).find(table: "Things", id: nil)
        try home.folder.write("drills/dead/store.sqlite", "x")
        try home.folder.write("drills/dead.lock", "")
        try home.folder.write("drills/live/store.sqlite", "x")
        let lock = try home.folder.write("drills/live.lock", "")
        let descriptor = try FileDescriptor.open(lock, .readWrite)
        defer { try? descriptor.close() }
        #expect(flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0)

        let result = try DrillTable(
            vault: home.vault, keys: home.keys, workers: 2, scratch: home.folder.appending("drills")
        )
        .run(PointInTime(point), progress: Progress(), stop: StopSignal())
        #expect(result.items == 1)
        let left = try FileManager.default.contentsOfDirectory(atPath: home.folder.appending("drills").string)
        #expect(left.sorted() == ["live", "live.lock"])
    }

    @Test func `a beginning that several ids share is refused`() throws {
        let home = try PipelineHome()
        try home.makeTable("Things")
        var ids: [String] = []
        // 33 ids cannot all begin with different letters of a 32-letter alphabet.
        for _ in 0..<33 {
            ids.append(
                try TakeSnapshot(home.archive).run(
                    store: home.store, table: "Things", progress: Progress(), stop: StopSignal()
                ).id)
        }
        let points = try RecoveryPoints(home.vault)
        let letters = Dictionary(grouping: ids) { $0.prefix(1) }
        let shared = try #require(letters.first { $0.value.count > 1 })
        #expect(throws: PipelineError.self) { _ = try points.find(table: nil, id: String(shared.key)) }
        for id in ids { #expect(try points.find(table: nil, id: id).manifest.id == id) }
        #expect(throws: PipelineError.self) { _ = try points.find(table: nil, id: "") }
    }
}
