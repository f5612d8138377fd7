// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarveStore
import VarveTestKit

struct SealingTests {
    @Test func `nothing of an item stands in clear in the database or its log`() throws {
        let home = try StoreHome()
        let store = home.store
        _ = try store.createTable(table("Things", ttl: "expires"))
        let markers = ["PARTITIONMARK", "VALUEMARK", "ATTRIBUTEMARK", "OLDMARK", "LOADMARK"]
        for number in 0..<50 {
            try store.put(
                try item(
                    #"{"pk":{"S":"PARTITIONMARK\#(number)"},"ATTRIBUTEMARK":{"S":"OLDMARK"},"expires":{"N":"1000"}}"#),
                into: "Things")
            try store.put(
                try item(#"{"pk":{"S":"PARTITIONMARK\#(number)"},"ATTRIBUTEMARK":{"S":"VALUEMARK"}}"#), into: "Things")
        }
        try store.delete(key("PARTITIONMARK1"), from: "Things")
        let load = try store.bulkLoad(table("Loaded"), into: .newTable, origin: LoadOrigin(.import))
        try load.add(batch(try (0..<50).map { try item("LOADMARK\($0)", "VALUEMARK") }))
        _ = try load.finishLoading()
        _ = try load.publish()
        for file in ["store.sqlite", "store.sqlite-wal"] {
            for marker in markers {
                // Another process, because closing the database here would drop the locks of SQLite.
                let found = try ChildProcess.run("grep", ["-c", marker, home.storePath.appending(file).string])
                #expect(found.exitCode == 1, "\(marker) stands in \(file)")
            }
        }
        // The search itself works: the names of tables are in clear.
        #expect(
            try ChildProcess.run("grep", ["-c", "Things", home.storePath.appending("store.sqlite-wal").string]).exitCode
                == 0)
    }

    @Test func `files belong to their owner alone`() throws {
        let home = try StoreHome()
        _ = try home.store.createTable(table("Things"))
        let modes = try ChildProcess.run(
            "stat",
            ["-c", "%a %n", home.storePath.string]
                + ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm"].map { home.storePath.appending($0).string })
        #expect(modes.outputText.split(separator: "\n").map { $0.prefix(3) } == ["700", "600", "600", "600"])
    }

    @Test func `no nonce is used twice, whoever writes what`() throws {
        let home = try StoreHome()
        _ = try home.store.createTable(table("Things"))
        _ = try home.store.createTable(table("Others"))
        for opening in 0..<3 {
            let store = opening == 0 ? home.store : try home.reopen()
            try onThreads(4) { thread in
                for number in 0..<25 {
                    try store.put(
                        try item("k\(thread)-\(number % 5)", "\(opening)-\(number)"),
                        into: number % 2 == 0 ? "Things" : "Others")
                }
            }
            let load = try store.bulkLoad(table("Load\(opening)"), into: .newTable, origin: LoadOrigin(.import))
            try onThreads(3) { thread in
                for part in 0..<4 {
                    try load.add(batch(try (0..<20).map { try item("k\(thread)-\(part)-\($0)", "v") }))
                }
            }
            _ = try load.finishLoading()
            _ = try load.publish()
            // A transaction that is rolled back has used its nonces too.
            _ = try code {
                try store.transactWrite([
                    TransactionWrite(table: "Things", .put(try item("x", "1"))),
                    TransactionWrite(table: "Things", .check(key("y")), if: .exists),
                ])
            }
            store.close()
        }
        let heaps = try home.sql("SELECT heap FROM tables").split(separator: "\n")
        let bodies = (["changes"] + heaps.map { "items_\($0)" }).map {
            "SELECT hex(substr(body, 1, 13)) FROM \($0) WHERE body IS NOT NULL"
        }
        let nonces = try home.sql(bodies.joined(separator: " UNION ALL ")).split(separator: "\n")
        #expect(nonces.count > 900)
        #expect(Set(nonces).count == nonces.count)
        #expect(Set(nonces.map { $0.prefix(10) }).count == 3, "each opening seals under a run of its own")
        #expect(nonces.allSatisfy { $0.hasPrefix("01") })
        #expect(try home.sql("SELECT count(DISTINCT salt) FROM runs WHERE length(salt) = 32") == "3\n")
    }

    /// SQL that moves sealed bytes about, and what must no longer be readable after it.
    static let tampering: [(sql: String, item: StoreError.Code?, changes: StoreError.Code?)] = [
        ("UPDATE items_1 SET body = (SELECT body FROM items_1 WHERE row = 2) WHERE row = 1", .damaged, nil),
        ("UPDATE items_1 SET version = version + 1 WHERE row = 1", .damaged, nil),
        ("UPDATE items_1 SET row = 77 WHERE row = 1", .damaged, nil),
        ("UPDATE items_1 SET body = (SELECT body FROM items_2 WHERE row = 1) WHERE row = 1", .damaged, nil),
        ("UPDATE items_1 SET body = substr(body, 1, length(body) - 1) WHERE row = 1", .damaged, nil),
        ("UPDATE items_1 SET body = x'' WHERE row = 1", .damaged, nil),
        ("UPDATE items_1 SET body = x'02' || substr(body, 2) WHERE row = 1", .damaged, nil),
        ("UPDATE runs SET salt = x'00'", .damaged, .damaged),
        ("DELETE FROM runs", .damaged, .damaged),
        ("UPDATE changes SET body = (SELECT body FROM changes WHERE seq = 4) WHERE seq = 3", nil, .damaged),
        ("UPDATE changes SET micros = micros + 1 WHERE seq = 3", nil, .damaged),
        ("UPDATE changes SET actor = 2 WHERE seq = 3", nil, .damaged),
        ("UPDATE changes SET event = 3 WHERE seq = 3", nil, .damaged),
        ("UPDATE changes SET run = 'x' WHERE seq = 3", nil, .damaged),
        ("UPDATE changes SET event = 99 WHERE seq = 3", nil, .damaged),
    ]

    @Test(arguments: tampering)
    func `what was moved or changed by hand does not open`(
        _ sql: String, item code: StoreError.Code?, changes: StoreError.Code?
    ) throws {
        let home = try StoreHome()
        _ = try home.store.createTable(table("Things"))
        _ = try home.store.createTable(table("Others"))
        try home.store.put(try item("secret-a", "1"), into: "Things")
        try home.store.put(try item("secret-b", "2"), into: "Things")
        try home.store.put(try item("secret-a", "1"), into: "Others")
        home.store.close()
        _ = try home.sql(sql)
        let store = try home.reopen()
        func check(_ expected: StoreError.Code?, _ body: () throws -> Void) throws {
            do {
                try body()
                #expect(expected == nil)
            } catch let error as StoreError {
                #expect(error.code == expected)
                #expect(!"\(error)".contains("secret") && !"\(String(describing: error.cause))".contains("secret"))
            }
        }
        try check(code) { _ = try store.get(key("secret-a"), from: "Things") }
        try check(code) { _ = try store.allItems(of: "Things") }
        try check(code) { _ = try store.scanned("Things") }
        try check(changes) { _ = try store.changes(after: 0, limit: 100) }
    }

    @Test func `an index that was exchanged never gives another's item`() throws {
        let home = try StoreHome()
        _ = try home.store.createTable(table("Things"))
        try home.store.put(try item("a", "1"), into: "Things")
        try home.store.put(try item("b", "2"), into: "Things")
        home.store.close()
        let hash = try home.sql("SELECT hex(hash) FROM items_1 WHERE row = 2").dropLast()
        _ = try home.sql(
            "UPDATE items_1 SET hash = x'00' WHERE row = 2; UPDATE items_1 SET hash = x'\(hash)' WHERE row = 1")
        let store = try home.reopen()
        #expect(try code { _ = try store.get(key("b"), from: "Things") } == .damaged)
        #expect(try code { try store.put(try item("b", "3"), into: "Things") } == .damaged)
    }

    @Test func `a time to live that was changed by hand does not expire anything`() throws {
        let home = try StoreHome()
        _ = try home.store.createTable(table("Things", ttl: "ttl"))
        try home.store.put(try item(#"{"pk":{"S":"a"},"ttl":{"N":"4000000000"}}"#), into: "Things")
        home.store.close()
        let past = Instant.now().seconds - 1000
        _ = try home.sql("UPDATE items_1 SET ttl = \(past)")
        let store = try home.reopen()
        #expect(
            try code { _ = try store.expired(in: "Things", at: .now(), grace: 0, after: nil, limit: 10) } == .damaged)
    }

    @Test func `another key store does not open the store`() throws {
        let home = try StoreHome()
        home.store.close()
        let other = try StoreHome()
        #expect(try code { _ = try EmbeddedStore.open(at: home.storePath, keys: other.keys) } == .keyMismatch)
        _ = try home.keys.rotate("owned")
        _ = try home.reopen().createTable(table("Things"))
    }

    @Test func `a table's key is sealed to the wrapping key that it names`() throws {
        let home = try StoreHome()
        let customer = try home.keys.create(class: .customer, alias: "alias/mine")
        for (name, encryption) in [
            ("Owned", TableEncryption.owned), ("Managed", TableEncryption(class: .managed)),
            ("Customer", TableEncryption(class: .customer, key: "alias/mine")),
        ] {
            var description = table(name)
            description.encryption = encryption
            _ = try home.store.createTable(description)
            try home.store.put(try item("a", name), into: name)
        }
        var wrong = table("Wrong")
        wrong.encryption = TableEncryption(class: .customer, key: "alias/nobody")
        #expect(throws: KeyError.self) { _ = try home.store.createTable(wrong) }
        home.store.close()
        let store = try home.reopen()
        for name in ["Owned", "Managed", "Customer"] {
            #expect(try store.get(key("a"), from: name)?.item == item("a", name))
        }
        let sealed = try home.sql("SELECT hex(table_key) FROM tables WHERE name = 'Customer'")
        #expect(sealed.contains(Array(customer.id.utf8).map { String(format: "%02X", $0) }.joined()))
    }
}

struct StoreFileTests {
    @Test func `a store is made once, and opened where one is`() throws {
        let home = try StoreHome()
        #expect(try code { _ = try EmbeddedStore.create(at: home.storePath, keys: home.keys) } == .exists)
        #expect(
            try code { _ = try EmbeddedStore.open(at: home.folder.appending("nowhere"), keys: home.keys) } == .noStore)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: home.storePath.string).allSatisfy {
                !$0.hasPrefix(".new")
            })
    }

    @Test func `a newer format is refused, and so is what is no store`() throws {
        let home = try StoreHome()
        home.store.close()
        _ = try home.sql("PRAGMA user_version = 2")
        #expect(try code { _ = try home.reopen() } == .newerFormat)
        _ = try home.sql("PRAGMA user_version = 1; PRAGMA application_id = 5")
        #expect(try code { _ = try home.reopen() } == .noStore)
        let other = home.folder.appending("other")
        try FileManager.default.createDirectory(atPath: other.string, withIntermediateDirectories: true)
        try Data(
            "this is no database, but it is long enough to be looked at as one; it is text and nothing else, line upon line"
                .utf8
        )
        .write(to: URL(fileURLWithPath: other.appending("store.sqlite").string))
        #expect(try code { _ = try EmbeddedStore.open(at: other, keys: home.keys) } == .damaged)
    }

    @Test func `a full disk is reported as one, and nothing is lost`() throws {
        let home = try StoreHome()
        _ = try home.store.createTable(table("Things"))
        try home.store.put(try item("a", "1"), into: "Things")
        let pages = try home.store.withWriter { access in
            try access.statement("PRAGMA page_count").number() ?? 0
        }
        _ = try home.store.withWriter { try $0.statement("PRAGMA max_page_count = \(pages)").number() }
        let large = String(repeating: "x", count: 300_000)
        #expect(try code { try home.store.put(try item("b", large), into: "Things") } == .full)
        _ = try home.store.withWriter { try $0.statement("PRAGMA max_page_count = 1000000").number() }
        #expect(try home.store.allItems(of: "Things") == [try item("a", "1").bytes])
        try home.store.put(try item("b", large), into: "Things")
        #expect(try home.store.statistics(of: "Things").items == 2)
    }
}
