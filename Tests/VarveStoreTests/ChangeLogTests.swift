// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarveStore

struct ChangeLogTests {
    @Test func `every change is recorded once, in order, with its keys and images`() throws {
        let home = try StoreHome()
        let store = home.store
        let made = try store.createTable(table("Things", sort: .s, ttl: "ttl"))
        let one = try item(#"{"pk":{"S":"a"},"sk":{"S":"1"},"ttl":{"N":"1000"}}"#)
        let two = try item(#"{"pk":{"S":"a"},"sk":{"S":"1"},"v":{"S":"2"}}"#)
        let keys = Array(#"{"pk":{"S":"a"},"sk":{"S":"1"}}"#.utf8)
        let itemKey = try store.key(keys, of: "Things")
        let begin = try store.position()
        try store.put(one, into: "Things")
        try store.put(one, into: "Things")  // the same again: no record
        try store.put(two, into: "Things")
        try store.delete(itemKey, from: "Things")
        try store.delete(itemKey, from: "Things")  // nothing there: no record
        let changes = try store.changes(after: begin.sequence, limit: 100)
        #expect(changes.map(\.event) == [.insert, .modify, .remove])
        #expect(changes.map(\.sequence) == [begin.sequence + 1, begin.sequence + 2, begin.sequence + 3])
        #expect(changes.map(\.keys) == [keys, keys, keys])
        #expect(changes.map(\.oldImage) == [nil, one.bytes, two.bytes])
        #expect(changes.map(\.newImage) == [one.bytes, two.bytes, nil])
        #expect(
            changes.allSatisfy {
                $0.actor == .user && $0.run == nil && $0.tableID == made.id && $0.tableName == "Things"
            })
        #expect(zip(changes, changes.dropFirst()).allSatisfy { $0.time < $1.time })
        #expect(try store.changes(after: begin.sequence, limit: 2).count == 2)
        #expect(try store.changes(after: begin.sequence + 3, limit: 2).isEmpty)
    }

    @Test func `a reader can follow one table, and tell a sweep from a user`() throws {
        let clock = TestClock(Instant(microseconds: 2_000_000_000 * 1_000_000))
        var options = StoreOptions()
        options.clock = clock
        let home = try StoreHome(options)
        let store = home.store
        let things = try store.createTable(table("Things", ttl: "ttl"))
        _ = try store.createTable(table("Others"))
        for name in ["a", "b"] {
            try store.put(try item(#"{"pk":{"S":"\#(name)"},"ttl":{"N":"1999999000"}}"#), into: "Things")
            try store.put(try item(name, "x"), into: "Others")
        }
        let found = try store.expired(in: "Things", at: clock.now(), grace: 0, after: nil, limit: 10)
        _ = try store.deleteExpired(from: "Things", found.map(\.version), sweep: "sweep-1")
        try store.dropTable("Others")
        let changes = try store.changes(after: 0, table: things.id, limit: 100)
        #expect(changes.map(\.event) == [.created, .insert, .insert, .remove, .remove])
        #expect(changes.map(\.actor) == [.user, .user, .user, .sweep, .sweep])
        #expect(changes.map(\.run) == [nil, nil, nil, "sweep-1", "sweep-1"])
        #expect(changes.suffix(2).map(\.oldImage) == found.map(\.bytes))
        #expect(try store.deletions(bySweep: "sweep-1") == 2)
        #expect(try store.deletions(bySweep: "sweep-2") == 0)
        // The log of a dropped table can still be read.
        #expect(
            try store.changes(after: 0, limit: 100).filter { $0.tableName == "Others" }.map(\.event) == [
                .created, .insert, .insert, .dropped,
            ])
    }

    @Test func `a load has one record, which counts its items`() throws {
        let home = try StoreHome()
        let store = home.store
        let load = try store.bulkLoad(table("Things"), into: .newTable, origin: LoadOrigin(.restore, run: "snapshot-7"))
        try load.add(batch(try (0..<100).map { try item("k\($0)", "v") }))
        #expect(try load.finishLoading() == 100)
        let made = try load.publish()
        let changes = try store.changes(after: 0, table: made.id, limit: 10)
        #expect(changes.map(\.event) == [.created, .loaded])
        #expect(changes.last?.items == 100 && changes.last?.run == "snapshot-7" && changes.last?.actor == .restore)
        let stored = try #require(try store.get(key("k5"), from: "Things"))
        try store.put(try item("k5", "w"), into: "Things", if: .version(stored.version))
        #expect(try store.changes(after: 0, table: made.id, limit: 10).last?.oldImage == stored.item.bytes)
    }

    @Test func `a sweep deletes only the very version that it found`() throws {
        let clock = TestClock(Instant(microseconds: 2_000_000_000 * 1_000_000))
        var options = StoreOptions()
        options.clock = clock
        let home = try StoreHome(options)
        let store = home.store
        _ = try store.createTable(table("Things", ttl: "ttl"))
        func put(_ name: String, _ ttl: Int, _ value: String = "") throws {
            try store.put(
                try item(#"{"pk":{"S":"\#(name)"},"ttl":{"N":"\#(ttl)"},"v":{"S":"\#(value)"}}"#), into: "Things")
        }
        for name in ["kept", "renewed", "rewritten", "deleted", "replaced"] { try put(name, 1_999_999_000) }
        let found = try store.expired(in: "Things", at: clock.now(), grace: 0, after: nil, limit: 100)
        #expect(found.count == 5)
        try put("renewed", 2_000_009_000)
        try put("rewritten", 1_999_999_000, "new value, still expired")
        try store.delete(key("deleted"), from: "Things")
        // The row of an item that is gone is used again by another.
        try store.delete(key("replaced"), from: "Things")
        try put("another", 1_999_999_000)
        let outcomes = try store.deleteExpired(from: "Things", found.map(\.version), sweep: "s")
        #expect(outcomes == [.deleted, .changed, .changed, .changed, .gone])
        #expect(try store.statistics(of: "Things").items == 3)
        #expect(try store.get(key("kept"), from: "Things") == nil)
        #expect(try store.get(key("another"), from: "Things") != nil)
    }

    @Test func `a new attribute for the time to live counts for items that are there already`() throws {
        let clock = TestClock(Instant(microseconds: 2_000_000_000 * 1_000_000))
        var options = StoreOptions()
        options.clock = clock
        let home = try StoreHome(options)
        let store = home.store
        _ = try store.createTable(table("Things", ttl: "old"))
        for number in 0..<30 {
            try store.put(
                try item(#"{"pk":{"S":"k\#(number)"},"old":{"N":"1"},"new":{"N":"\#(1_999_000_000 + number)"}}"#),
                into: "Things")
        }
        let versions = try store.position().sequence
        _ = try store.updateTimeToLive(of: "Things", to: TimeToLive(attribute: "old", enabled: false))
        _ = try store.updateTimeToLive(of: "Things", to: TimeToLive(attribute: "new", enabled: true))
        #expect(
            try store.expired(in: "Things", at: clock.now(), grace: 0, after: nil, limit: 100).map(\.expiredAt)
                == (0..<30).map { 1_999_000_000 + $0 })
        #expect(try store.position().sequence == versions)
        try store.put(try item(#"{"pk":{"S":"ms"},"new":{"N":"1999000000000"}}"#), into: "Things")
        #expect(try store.suspiciousExpiries(in: "Things", at: clock.now()) == 1)
    }

    @Test func `retention trims what is old, and a reader that comes too late is told so`() throws {
        let clock = TestClock()
        var options = StoreOptions()
        options.clock = clock
        options.changeRetentionSeconds = 100
        let home = try StoreHome(options)
        let store = home.store
        _ = try store.createTable(table("Things"))
        _ = try store.createTable(table("Gone"))
        try store.put(try item("a", "1"), into: "Gone")
        try store.dropTable("Gone")
        for number in 0..<10 { try store.put(try item("a", "\(number)"), into: "Things") }
        let middle = try store.position().sequence
        clock.advance(seconds: 90)
        for number in 0..<10 { try store.put(try item("b", "\(number)"), into: "Things") }
        #expect(try store.trimChanges() == 0)
        clock.advance(seconds: 20)
        #expect(try store.trimChanges() == Int(middle))
        #expect(try store.trimmedThrough() == middle)
        #expect(try store.changes(after: middle, limit: 100).count == 10)
        #expect(try code { _ = try store.changes(after: middle - 1, limit: 100) } == .changesTrimmed)
        clock.advance(seconds: 1000)
        #expect(try store.trimChanges() == 10)
        // Numbers go on, though nothing is left.
        let end = try store.position().sequence
        try store.put(try item("c", "1"), into: "Things")
        #expect(try store.changes(after: end, limit: 10).map(\.sequence) == [end + 1])
        #expect(try home.sql("SELECT count(*) FROM tables") == "1\n")
    }

    @Test func `writing trims by itself`() throws {
        let clock = TestClock()
        var options = StoreOptions()
        options.clock = clock
        options.changeRetentionSeconds = 0
        let home = try StoreHome(options)
        let store = home.store
        _ = try store.createTable(table("Things"))
        for round in 0..<45 {
            clock.advance(seconds: 1)
            try store.batchWrite(try (0..<25).map { BatchWrite(table: "Things", .put(try item("k\($0)", "\(round)"))) })
        }
        #expect(try store.trimmedThrough() > 1000)
        #expect(try Int(home.sql("SELECT count(*) FROM changes").dropLast()) ?? .max < 150)
    }

    @Test func `times ascend, even when the clock is set back`() throws {
        let clock = TestClock(Instant(microseconds: 2_000_000_000_000_000))
        var options = StoreOptions()
        options.clock = clock
        let home = try StoreHome(options)
        let store = home.store
        _ = try store.createTable(table("Things"))
        try store.put(try item("a", "1"), into: "Things")
        clock.set(Instant(microseconds: 1_000_000_000_000_000))
        try store.put(try item("a", "2"), into: "Things")
        let snapshot = try store.snapshot(of: "Things", readers: 1)
        clock.set(Instant(microseconds: 900_000_000_000_000))
        try store.put(try item("a", "3"), into: "Things")
        let times = try store.changes(after: 0, limit: 10).map(\.time)
        #expect(times.map(\.microseconds) == (0..<4).map { 2_000_000_000_000_000 + $0 })
        #expect(snapshot.cut.time == times[2] && snapshot.cut.sequence == 3)
        snapshot.close()
        clock.set(Instant(microseconds: 3_000_000_000_000_000))
        let later = try store.snapshot(of: "Things", readers: 1)
        later.close()
        clock.set(Instant(microseconds: 2_500_000_000_000_000))
        try store.put(try item("a", "4"), into: "Things")
        #expect(try store.changes(after: 4, limit: 10)[0].time > later.cut.time)
    }
}
