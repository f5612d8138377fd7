// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization
import SystemPackage
import Testing
import VarveModel
import VarveStore
import VarveTestKit

/// One store, several processes.
@Suite(.serialized) struct ProcessTests {
    static let accounts = 50
    static let opening = 1000

    private func bank(_ home: StoreHome) throws {
        _ = try home.store.createTable(
            TableDescription(name: "Accounts", keySchema: KeySchema(partition: KeyAttribute(name: "id", type: .s))))
        for number in 0..<Self.accounts {
            try home.store.put(
                try item(#"{"id":{"S":"account-\#(number)"},"balance":{"N":"\#(Self.opening)"}}"#), into: "Accounts")
        }
    }

    private func total(_ items: [[UInt8]]) throws -> Int {
        try items.reduce(0) { sum, bytes in
            guard case .number(let digits)? = try Item(trusted: bytes).attribute("balance"),
                let balance = Int(String(decoding: digits, as: UTF8.self))
            else { throw TestFailure("an account has no balance") }
            return sum + balance
        }
    }

    private func commits(_ result: ProcessResult) throws -> Int {
        guard result.exitCode == 0, let line = result.outputText.split(separator: "\n").last,
            let commits = Int(line.dropFirst("commits: ".count))
        else { throw TestFailure("\(result)") }
        return commits
    }

    @Test func `all readers of a snapshot see one state while another process writes`() throws {
        let home = try StoreHome()
        try bank(home)
        let load = try home.transferLoad("Accounts", accounts: Self.accounts, writers: 8, seconds: 4)
        var sequences: [Int64] = []
        var taken = 0
        while load.isRunning {
            let snapshot = try home.store.snapshot(of: "Accounts", readers: 4)
            defer { snapshot.close() }
            taken += 1
            sequences.append(snapshot.cut.sequence)
            let states = Mutex<[Int: [[UInt8]]]>([:])
            try onThreads(4) { reader in
                var items: [[UInt8]] = []
                for segment in 0..<snapshot.segments {
                    try snapshot.read(segment: segment, reader: reader) { batch in
                        batch.forEach { items.append(Array($0)) }
                    }
                }
                states.withLock { [items] in $0[reader] = items }
            }
            let all = states.withLock { $0 }
            #expect(all[0]?.count == Self.accounts)
            #expect((1..<4).allSatisfy { all[$0] == all[0] })
            #expect(try total(all[0] ?? []) == Self.accounts * Self.opening)
        }
        let done = try commits(try load.wait())
        #expect(done > 0 && taken >= 5, "\(done) commits, \(taken) snapshots")
        #expect(zip(sequences, sequences.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(Set(sequences).count > 2, "writers wrote between snapshots")
        // What the log says agrees with what the table has.
        let changes = try home.store.changes(after: 0, limit: .max)
        #expect(changes.count == 1 + Self.accounts + done * 2)
        #expect(try total(home.store.allItems(of: "Accounts")) == Self.accounts * Self.opening)
    }

    @Test func `processes that write at the same time all get their turns`() throws {
        let home = try StoreHome()
        try bank(home)
        let loads = try (0..<3).map { _ in
            try home.transferLoad("Accounts", accounts: Self.accounts, writers: 2, seconds: 120)
        }
        var own = 0
        let second = ContinuousClock.now + .seconds(2)
        // Turns are what is shared out, not time.
        while ContinuousClock.now < second || own < 200 {
            try home.store.put(
                try item(#"{"id":{"S":"mine"},"balance":{"N":"0"},"v":{"N":"\#(own)"}}"#), into: "Accounts")
            own += 1
        }
        for load in loads { load.signal(SIGTERM) }
        let counts = try loads.map { try commits(try $0.wait()) }
        #expect(counts.allSatisfy { $0 >= 20 } && own >= 20, "\(counts) and \(own)")
        let changes = try home.store.changes(after: 0, limit: .max)
        #expect(changes.count == 1 + Self.accounts + counts.reduce(0, +) * 2 + own)
        #expect(changes.map(\.sequence) == (1...Int64(changes.count)).map { $0 })
        #expect(zip(changes, changes.dropFirst()).allSatisfy { $0.time <= $1.time })
        #expect(try total(home.store.allItems(of: "Accounts")) == Self.accounts * Self.opening)
        #expect(try home.sql("PRAGMA integrity_check") == "ok\n")
    }

    @Test func `a table made, changed or dropped by another handle is seen at once`() throws {
        let home = try StoreHome()
        let other = try home.reopen()
        _ = try home.store.createTable(table("Things"))
        try other.put(try item("a", "1"), into: "Things")
        #expect(try home.store.get(key("a"), from: "Things")?.item == item("a", "1"))
        _ = try other.updateTimeToLive(of: "Things", to: TimeToLive(attribute: "ttl", enabled: true))
        try home.store.put(try item(#"{"pk":{"S":"b"},"ttl":{"N":"1"}}"#), into: "Things")
        #expect(try home.sql("SELECT ttl FROM items_1 WHERE ttl IS NOT NULL") == "1\n")
        try other.dropTable("Things")
        #expect(try code { try home.store.put(try item("c", "1"), into: "Things") } == .noSuchTable)
        _ = try other.createTable(table("Things"))
        #expect(try home.store.get(key("a"), from: "Things") == nil)
        try home.store.put(try item("a", "2"), into: "Things")
        #expect(try other.allItems(of: "Things") == [try item("a", "2").bytes])
    }

    @Test func `a snapshot outlives the drop of its table`() throws {
        let home = try StoreHome()
        _ = try home.store.createTable(table("Things"))
        try home.store.put(try item("a", "1"), into: "Things")
        let snapshot = try home.store.snapshot(of: "Things", readers: 1)
        try home.reopen().dropTable("Things")
        #expect(try snapshot.allItems() == [try item("a", "1").bytes])
        snapshot.close()
        #expect(try code { _ = try snapshot.allItems() } == .closed)
    }

    @Test func `a snapshot gives way when the log outgrows its bound, and writers go on`() throws {
        var options = StoreOptions()
        options.walBytesMax = 4 << 20
        let home = try StoreHome(options)
        let store = home.store
        let load = try store.bulkLoad(table("Things"), into: .newTable, origin: LoadOrigin(.import))
        for part in 0..<20 { try load.add(batch(try (0..<500).map { try typicalItem(part * 500 + $0) })) }
        _ = try load.finishLoading()
        _ = try load.publish()
        store.close()
        let again = try home.reopen(options)
        let snapshot = try again.snapshot(of: "Things", readers: 2)
        let other = try again.snapshot(of: "Things", readers: 1)
        let large = String(repeating: "x", count: 300_000)
        var batches = 0
        let failure = try code {
            for segment in 0..<snapshot.segments {
                try snapshot.read(segment: segment, reader: 0) { _ in
                    batches += 1
                    for number in 0..<8 {
                        try again.put(try item("large\(number)", large + String(batches)), into: "Things")
                    }
                }
            }
        }
        #expect(failure == .snapshotExpired && batches >= 1)
        #expect(try code { try snapshot.read(segment: 0, reader: 1) { _ in } } == .snapshotExpired)
        #expect(try code { _ = try other.allItems() } == .snapshotExpired)
        for number in 0..<40 { try again.put(try item("large\(number)", large + "!"), into: "Things") }
        // Nobody holds the log back any more: a new snapshot can be taken and read.
        #expect(try again.allItems(of: "Things").count == 10_040)
    }

    @Test func `a load that was killed leaves nothing`() throws {
        let home = try StoreHome()
        _ = try home.store.createTable(table("Empty"))
        let before = try home.sql("SELECT count(*) FROM sqlite_master")
        // A copy of the folder, taken while loads are half-way, is what a killed process leaves: its locks are not held.
        let half = try home.store.bulkLoad(table("Half"), into: .newTable, origin: LoadOrigin(.restore))
        try half.add(batch(try (0..<1000).map { try typicalItem($0) }))
        let ready = try home.store.bulkLoad(table("Empty"), into: .existingEmpty("Empty"), origin: LoadOrigin(.restore))
        try ready.add(batch(try (0..<1000).map { try typicalItem($0) }))
        _ = try ready.finishLoading()
        let copy = home.folder.appending("copy")
        #expect(try ChildProcess.run("cp", ["-r", home.storePath.string, copy.string]).exitCode == 0)
        let opened = try EmbeddedStore.open(at: copy, keys: home.keys)
        #expect(try opened.tables().map(\.name) == ["Empty"])
        #expect(try opened.allItems(of: "Empty").isEmpty)
        opened.close()
        let count = try ChildProcess.run(
            "python3",
            [
                "-c",
                "import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); print(d.execute('SELECT count(*) FROM sqlite_master').fetchone()[0], d.execute('SELECT count(*) FROM loads').fetchone()[0], d.execute('PRAGMA integrity_check').fetchone()[0])",
                copy.appending("store.sqlite").string,
            ])
        #expect(count.outputText == before.dropLast() + " 0 ok\n")
        #expect(try FileManager.default.contentsOfDirectory(atPath: copy.appending("loads").string).isEmpty)
        // Here, where the loads are alive, opening the store leaves them alone.
        let second = try home.reopen()
        second.close()
        #expect(try ready.publish().name == "Empty")
        #expect(try half.finishLoading() == 1000)
        _ = try half.publish()
        #expect(try home.store.tables().map(\.name) == ["Empty", "Half"])
    }

    @Test func `what a killed writer had acknowledged is there`() throws {
        let home = try StoreHome()
        try bank(home)
        for _ in 0..<3 {
            let load = try home.transferLoad("Accounts", accounts: Self.accounts, writers: 4, seconds: 60)
            let position = try home.store.position().sequence
            while try home.store.position().sequence < position + 40 { usleep(1000) }
            load.signal(SIGKILL)
            _ = try load.wait()
            #expect(try total(home.store.allItems(of: "Accounts")) == Self.accounts * Self.opening)
        }
        #expect(try home.sql("PRAGMA integrity_check") == "ok\n")
    }

    @Test func `a store that is held for too long is busy`() throws {
        var options = StoreOptions()
        options.busyTimeoutMilliseconds = 50
        let home = try StoreHome(options)
        let other = try home.reopen(options)
        _ = try home.store.createTable(table("Things"))
        try home.store.withWriter { (_: Connection.Access) throws -> Void in
            #expect(try code { try other.put(try item("a", "1"), into: "Things") } == .busy)
            #expect(try other.get(key("a"), from: "Things") == nil, "reading goes on")
        }
        try other.put(try item("a", "1"), into: "Things")
    }
}
