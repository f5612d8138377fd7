// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarveStore

struct ItemTests {
    @Test func `items come back as they were put, by key`() throws {
        let home = try StoreHome()
        _ = try home.store.createTable(table("Things", sort: .n))
        let items = try [
            #"{"pk":{"S":"a"},"sk":{"N":"2"},"v":{"S":"two"}}"#, #"{"pk":{"S":"a"},"sk":{"N":"10"},"v":{"S":"ten"}}"#,
            #"{"pk":{"S":"a"},"sk":{"N":"-1.5"},"v":{"B":"AAEC"}}"#, #"{"pk":{"S":"é"},"sk":{"N":"0"}}"#,
        ].map { try item($0) }
        for item in items { #expect(try home.store.put(item, into: "Things").old == nil) }
        #expect(
            try home.store.get(
                home.store.key(Array(#"{"pk":{"S":"a"},"sk":{"N":"1e1"}}"#.utf8), of: "Things"), from: "Things")?.item
                == items[1])
        #expect(
            try home.store.get(
                home.store.key(Array(#"{"pk":{"S":"b"},"sk":{"N":"0"}}"#.utf8), of: "Things"), from: "Things") == nil)
        // Within a partition, by the value of the sort key.
        let partition = try home.store.scanned("Things").filter { $0.starts(with: Array(#"{"pk":{"S":"a"}"#.utf8)) }
        #expect(partition == [items[2].bytes, items[0].bytes, items[1].bytes])
        #expect(try home.store.statistics(of: "Things").items == 4)
    }

    @Test func `what was written is there after the store was closed and opened`() throws {
        let home = try StoreHome()
        _ = try home.store.createTable(table("Things"))
        try home.store.put(try item("a", "1"), into: "Things")
        home.store.close()
        #expect(try code { _ = try home.store.tables() } == .closed)
        let again = try home.reopen()
        #expect(try again.get(key("a"), from: "Things")?.item == item("a", "1"))
        try again.put(try item("a", "2"), into: "Things")
        again.close()
        #expect(try home.reopen().get(key("a"), from: "Things")?.item == item("a", "2"))
    }

    /// Condition, whether it holds where no item is, and where the item is `{"v":{"S":"1"},"n":{"N":"10"}}` at the version that was read.
    static let conditions: [(Condition, onNothing: Bool, onItem: Bool)] = [
        (.none, true, true),
        (.exists, false, true),
        (.notExists, true, false),
        (.version(0), false, false),
        (.equals("v", .string("1")), false, true),
        (.equals("v", .string("2")), false, false),
        (.equals("v", .number("1")), false, false),
        (.equals("n", .number("1e1")), false, true),
        (.equals("missing", .null), false, false),
    ]

    @Test(arguments: conditions)
    func `a condition decides a write`(_ condition: Condition, onNothing: Bool, onItem: Bool) throws {
        let home = try StoreHome()
        let store = home.store
        _ = try store.createTable(table("Things"))
        let first = try item(#"{"pk":{"S":"a"},"v":{"S":"1"},"n":{"N":"10"}}"#)
        let second = try item("a", "3")
        #expect(
            try code { try store.put(first, into: "Things", if: condition) } == (onNothing ? nil : .conditionFailed))
        #expect((try store.get(key("a"), from: "Things") != nil) == onNothing)
        try store.put(first, into: "Things")
        #expect(try code { try store.put(second, into: "Things", if: condition) } == (onItem ? nil : .conditionFailed))
        #expect(try store.get(key("a"), from: "Things")?.item == (onItem ? second : first))
        try store.put(first, into: "Things")
        #expect(
            try code { try store.delete(key("a"), from: "Things", if: condition) } == (onItem ? nil : .conditionFailed))
        #expect((try store.get(key("a"), from: "Things") == nil) == onItem)
    }

    @Test func `a version names one state of one item for ever`() throws {
        let home = try StoreHome()
        let store = home.store
        _ = try store.createTable(table("Things"))
        var versions: Set<Int64> = []
        for value in ["1", "2", "1"] {
            let version = try #require(try store.put(try item("a", value), into: "Things").version)
            #expect(versions.insert(version).inserted)
            #expect(try store.put(try item("a", value), into: "Things").version == version)
        }
        let last = try #require(try store.get(key("a"), from: "Things")).version
        try store.put(try item("a", "4"), into: "Things", if: .version(last))
        #expect(try code { try store.put(try item("a", "5"), into: "Things", if: .version(last)) } == .conditionFailed)
        try store.delete(key("a"), from: "Things")
        #expect(versions.insert(try #require(try store.put(try item("a", "1"), into: "Things").version)).inserted)
    }

    @Test func `a batch is refused as a whole or written as a whole`() throws {
        let home = try StoreHome()
        let store = home.store
        _ = try store.createTable(table("Things"))
        _ = try store.createTable(table("Others"))
        try store.put(try item("old", "1"), into: "Things")
        func put(_ name: String, _ table: String = "Things") throws -> BatchWrite {
            BatchWrite(table: table, .put(try item(name, "x")))
        }
        func delete(_ name: String) -> BatchWrite { BatchWrite(table: "Things", .delete(key(name))) }
        let wrong: [[BatchWrite]] = [
            [], try (0..<26).map { try put("n\($0)") }, [try put("a"), try put("b"), try put("a")],
            [try put("a"), delete("a")],
            [delete("a"), delete("a")],
        ]
        for batch in wrong { #expect(try code { try store.batchWrite(batch) } == .invalidBatch) }
        #expect(throws: ModelError.self) {
            try store.batchWrite([try put("a"), BatchWrite(table: "Things", .put(try item(#"{"v":{"S":"no key"}}"#)))])
        }
        #expect(try code { try store.batchWrite([try put("a"), try put("b", "Nowhere")]) } == .noSuchTable)
        #expect(try store.allItems(of: "Things").count == 1)
        try store.batchWrite(try (0..<23).map { try put("n\($0)") } + [delete("old"), try put("n0", "Others")])
        #expect(try store.statistics(of: "Things").items == 23)
        #expect(try store.statistics(of: "Others").items == 1)
    }

    @Test func `a transaction is all or nothing, and says which part was wrong`() throws {
        let home = try StoreHome()
        let store = home.store
        _ = try store.createTable(table("Things"))
        try store.put(try item("a", "1"), into: "Things")
        let position = try store.position()
        do {
            try store.transactWrite([
                TransactionWrite(table: "Things", .put(try item("b", "1")), if: .notExists),
                TransactionWrite(table: "Things", .put(try item("a", "2")), if: .notExists),
                TransactionWrite(table: "Things", .check(key("c")), if: .exists),
                TransactionWrite(table: "Things", .delete(key("d"))),
            ])
            Issue.record("the transaction was not cancelled")
        } catch let error as StoreError {
            #expect(error.code == .transactionCancelled)
            #expect(error.reasons == [.none, .conditionFailed, .conditionFailed, .none])
        }
        #expect(try store.allItems(of: "Things") == [try item("a", "1").bytes])
        #expect(try store.position().sequence == position.sequence)
        let wrong: [[TransactionWrite]] = [
            [], try (0..<101).map { TransactionWrite(table: "Things", .put(try item("n\($0)", "1"))) },
            [
                TransactionWrite(table: "Things", .put(try item("x", "1"))),
                TransactionWrite(table: "Things", .check(key("x"))),
            ],
        ]
        for transaction in wrong { #expect(try code { try store.transactWrite(transaction) } == .invalidBatch) }
        let large = String(repeating: "x", count: 390_000)
        #expect(
            try code {
                try store.transactWrite(
                    try (0..<11).map { TransactionWrite(table: "Things", .put(try item("n\($0)", large))) })
            } == .invalidBatch)
        try store.transactWrite(
            [
                TransactionWrite(table: "Things", .delete(key("a")), if: .exists),
                TransactionWrite(table: "Things", .check(key("z")), if: .notExists),
            ]
                + (0..<98).map { TransactionWrite(table: "Things", .put(try item("n\($0)", "1"))) })
        #expect(try store.statistics(of: "Things").items == 98)
        let changes = try store.changes(after: position.sequence, limit: 1000)
        #expect(changes.count == 99 && Set(changes.map(\.time)).count == 1)
    }

    @Test(arguments: [(1, 7), (3, 1000), (16, 2), (1000, 10)])
    func `segments of a scan share all items, in order`(_ segments: Int, limit: Int) throws {
        let home = try StoreHome()
        let store = home.store
        _ = try store.createTable(table("Things", sort: .s))
        for group in 0..<12 {
            try store.batchWrite(
                try (0..<20).map { number in
                    BatchWrite(table: "Things", .put(try item(#"{"pk":{"S":"p\#(group)"},"sk":{"S":"\#(number)"}}"#)))
                })
        }
        let whole = try store.scanned("Things")
        #expect(whole.count == 240)
        #expect(
            try (0..<segments).flatMap { try store.scanned("Things", segment: $0, of: segments, limit: limit) } == whole
        )
        #expect(try code { _ = try store.scan("Things", segment: segments, of: segments) } == .invalidRequest)
    }

    @Test func `counts of items and bytes stay exact`() throws {
        let home = try StoreHome()
        let store = home.store
        _ = try store.createTable(table("Things"))
        var model: [String: Item] = [:]
        for step in 0..<300 {
            let name = "k\(step * 7 % 20)"
            if step % 3 == 2 {
                try store.delete(key(name), from: "Things")
                model[name] = nil
            } else {
                let new = try item(name, String(repeating: "v", count: step % 40))
                try store.put(new, into: "Things")
                model[name] = new
            }
        }
        let statistics = try store.statistics(of: "Things")
        #expect(statistics.items == model.count)
        #expect(try statistics.bytes == model.values.reduce(0) { try $0 + $1.size() })
        #expect(Set(try store.allItems(of: "Things")) == Set(model.values.map(\.bytes)))
    }

    @Test func `large keys and items at the limit are kept`() throws {
        let home = try StoreHome()
        let store = home.store
        _ = try store.createTable(table("Things"))
        let longKey = String(repeating: "k", count: 2048)
        let big = try item(longKey, String(repeating: "é", count: 200_000))
        try store.put(big, into: "Things")
        #expect(try store.get(key(longKey), from: "Things")?.item == big)
        #expect(throws: ModelError.self) { try store.put(try item(longKey + "k", "1"), into: "Things") }
        #expect(try store.allItems(of: "Things") == [big.bytes])
    }
}
