// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarveStore

/// What every `TableStore` must do. A store's own tests call each check with a fresh, empty store.
struct TableStoreConformance: Sendable, CustomTestStringConvertible {
    let name: String
    let run: @Sendable (any TableStore) throws -> Void

    var testDescription: String { name }

    private init(_ name: String, _ run: @escaping @Sendable (any TableStore) throws -> Void) {
        self.name = name
        self.run = run
    }

    static let all: [TableStoreConformance] = [
        .init("tables come and go") { store in
            #expect(try store.tables().isEmpty)
            let made = try store.createTable(table("Music", sort: .n, ttl: "expires"))
            #expect(!made.id.isEmpty && made.createdAt != nil)
            #expect(try store.describe("Music").id == made.id)
            #expect(try store.describe("Music").timeToLive == TimeToLive(attribute: "expires", enabled: true))
            _ = try store.createTable(table("Another"))
            #expect(try store.tables().map(\.name) == ["Another", "Music"])
            #expect(try code { _ = try store.createTable(table("Music")) } == .tableExists)
            try store.dropTable("Music")
            #expect(try store.tables().map(\.name) == ["Another"])
            #expect(try code { _ = try store.describe("Music") } == .noSuchTable)
            #expect(try code { try store.dropTable("Music") } == .noSuchTable)
            #expect(try store.createTable(table("Music")).id != made.id)
        },
        .init("a load and a snapshot carry every item, whatever its size") { store in
            var items = try (0..<5000).map { try typicalItem($0) }
            items.append(try item(#"{"pk":{"S":"large"},"v":{"S":"\#(String(repeating: "x", count: 400_000))"}}"#))
            items.append(try item(#"{"pk":{"S":"small"}}"#))
            let load = try store.bulkLoad(table("Loaded"), into: .newTable, origin: LoadOrigin(.restore, run: "r1"))
            for start in stride(from: 0, to: items.count, by: 700) {
                try load.add(batch(Array(items[start..<min(start + 700, items.count)])))
            }
            #expect(try store.tables().isEmpty, "a load is not seen before it is published")
            #expect(try load.finishLoading() == items.count)
            var back: [[UInt8]] = []
            try load.readBack { batch in batch.forEach { back.append(Array($0)) } }
            #expect(Set(back) == Set(items.map(\.bytes)) && back.count == items.count)
            let description = try load.publish()
            #expect(try store.describe("Loaded").id == description.id)
            let snapshot = try store.snapshot(of: "Loaded", readers: 2)
            defer { snapshot.close() }
            #expect(snapshot.approximateItems == items.count)
            #expect(snapshot.description.id == description.id)
            var seen: [[UInt8]] = []
            for segment in 0..<snapshot.segments {
                try snapshot.read(segment: segment, reader: segment % 2) { batch in
                    #expect(batch.bytes.count <= 1 << 20)
                    batch.forEach { seen.append(Array($0)) }
                }
            }
            #expect(Set(seen) == Set(items.map(\.bytes)) && seen.count == items.count)
        },
        .init("an empty table has an empty snapshot") { store in
            _ = try store.createTable(table("Empty"))
            let snapshot = try store.snapshot(of: "Empty", readers: 3)
            #expect(try snapshot.allItems().isEmpty)
            snapshot.close()
            snapshot.close()
        },
        .init("two items of one key do not load") { store in
            let load = try store.bulkLoad(table("Twice"), into: .newTable, origin: LoadOrigin(.import))
            try load.add(batch([try item("a", "1"), try item("b", "1")]))
            try load.add(batch([try item("a", "2")]))
            #expect(try code { _ = try load.finishLoading() } == .duplicateKey)
            try load.discard()
            #expect(try store.tables().isEmpty)
        },
        .init("items that are not sound do not load") { store in
            let load = try store.bulkLoad(table("Bad"), into: .newTable, origin: LoadOrigin(.import))
            #expect(throws: ModelError.self) { try load.add(batch([try item(#"{"other":{"S":"a"}}"#)])) }
            var broken = ItemBatch()
            broken.append(Array(#"{"pk":{"S":"a"} }"#.utf8))
            #expect(throws: ModelError.self) { try load.add(broken) }
            try load.discard()
        },
        .init("a discarded load leaves nothing, and ends the load") { store in
            let load = try store.bulkLoad(table("Gone"), into: .newTable, origin: LoadOrigin(.import))
            try load.add(batch([try item("a", "1")]))
            try load.discard()
            try load.discard()
            #expect(try store.tables().isEmpty)
            #expect(try code { try load.add(batch([try item("b", "1")])) } == .closed)
            #expect(try code { _ = try load.publish() } == .closed)
        },
        .init("an existing table is loaded only while it is empty") { store in
            let made = try store.createTable(table("Target"))
            let load = try store.bulkLoad(made, into: .existingEmpty("Target"), origin: LoadOrigin(.restore))
            try load.add(batch([try item("a", "1"), try item("b", "1")]))
            #expect(try load.finishLoading() == 2)
            #expect(try load.publish().id == made.id)
            let snapshot = try store.snapshot(of: "Target", readers: 1)
            #expect(try snapshot.allItems().count == 2)
            snapshot.close()
            #expect(
                try code { _ = try store.bulkLoad(made, into: .existingEmpty("Target"), origin: LoadOrigin(.restore)) }
                    == .notEmpty)
        },
        .init("the first to publish a name has it") { store in
            let loads = try (0..<2).map { number in
                let load = try store.bulkLoad(table("Name"), into: .newTable, origin: LoadOrigin(.restore))
                try load.add(batch([try item("a", String(number))]))
                _ = try load.finishLoading()
                return load
            }
            _ = try loads[1].publish()
            #expect(try code { _ = try loads[0].publish() } == .tableExists)
            try loads[0].discard()
            let snapshot = try store.snapshot(of: "Name", readers: 1)
            #expect(try snapshot.allItems() == [try item("a", "1").bytes])
            snapshot.close()
        },
        .init("only what has expired is found, the longest expired first") { store in
            let now = Instant(microseconds: 1_900_000_000 * 1_000_000)
            let items =
                try [
                    ("old", "1899990000"), ("older", "1899980000"), ("now", "1900000000"), ("future", "1900000001"),
                    ("ancient", "1700000000"), ("fraction", "1899999999.9"), ("grace", "1899999950"),
                    ("milliseconds", "1899990000000"),
                    // More of one second than a page holds.
                    ("same1", "1899970000"), ("same2", "1899970000"), ("same3", "1899970000.5"),
                    ("same4", "1899970000"),
                    ("same5", "1899970000"),
                ].map { try item(#"{"pk":{"S":"\#($0)"},"ttl":{"N":"\#($1)"}}"#) }
                + [try item(#"{"pk":{"S":"text"},"ttl":{"S":"1899990000"}}"#), try item(#"{"pk":{"S":"none"}}"#)]
            let load = try store.bulkLoad(table("Things", ttl: "ttl"), into: .newTable, origin: LoadOrigin(.import))
            try load.add(batch(items))
            _ = try load.finishLoading()
            _ = try load.publish()
            func names(_ grace: Int64) throws -> [String] {
                var names: [String] = []
                var cursor: ExpiryCursor?
                while true {
                    let found = try store.expired(in: "Things", at: now, grace: grace, after: cursor, limit: 2)
                    for item in found { names.append(try name(item.bytes)) }
                    guard let last = found.last else { return names }
                    cursor = last.cursor
                }
            }
            let same = ["same1", "same2", "same3", "same4", "same5"]
            #expect(try names(0) == same + ["older", "old", "grace", "fraction"])
            #expect(try names(100) == same + ["older", "old"])
            #expect(
                try store.expiryBacklog(in: "Things", at: now, grace: 0) == ExpiryBacklog(items: 9, lagSeconds: 30_000))
            #expect(
                try store.expiryBacklog(in: "Things", at: now, grace: 100)
                    == ExpiryBacklog(items: 7, lagSeconds: 29_900))
            let found = try store.expired(in: "Things", at: now, grace: 0, after: nil, limit: 100)
            #expect(
                try store.deleteExpired(from: "Things", found.map(\.version), sweep: "s1")
                    == [SweepOutcome](repeating: .deleted, count: 9))
            #expect(
                try store.deleteExpired(from: "Things", found.map(\.version), sweep: "s1")
                    == [SweepOutcome](repeating: .gone, count: 9))
            #expect(try names(0).isEmpty)
            #expect(try store.expiryBacklog(in: "Things", at: now, grace: 0) == ExpiryBacklog())
        },
        .init("time to live is switched, and its attribute exchanged only when it is off") { store in
            _ = try store.createTable(table("Things"))
            let now = Instant.now()
            #expect(
                try code { _ = try store.expired(in: "Things", at: now, grace: 0, after: nil, limit: 1) }
                    == .invalidRequest)
            #expect(
                try store.updateTimeToLive(of: "Things", to: TimeToLive(attribute: "a", enabled: true)).timeToLive?
                    .enabled == true)
            #expect(
                try code { _ = try store.updateTimeToLive(of: "Things", to: TimeToLive(attribute: "b", enabled: true)) }
                    == .invalidRequest)
            _ = try store.updateTimeToLive(of: "Things", to: TimeToLive(attribute: "a", enabled: false))
            let changed = try store.updateTimeToLive(of: "Things", to: TimeToLive(attribute: "b", enabled: true))
            #expect(changed.timeToLive == TimeToLive(attribute: "b", enabled: true))
            #expect(try store.expired(in: "Things", at: now, grace: 0, after: nil, limit: 1).isEmpty)
        },
    ]

    private static func name(_ bytes: [UInt8]) throws -> String {
        guard case .string(let name)? = try Item(trusted: bytes).attribute("pk") else { return "?" }
        return String(decoding: name, as: UTF8.self)
    }
}

struct EmbeddedStoreConformanceTests {
    @Test(arguments: TableStoreConformance.all)
    func `the embedded store is a table store`(_ check: TableStoreConformance) throws {
        let home = try StoreHome()
        try check.run(home.store)
    }
}
