// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import SystemPackage
import VarveKeys
import VarveModel
import VarveStore
import VarveTestKit

/// A folder with a key store and an embedded store, for one test.
final class StoreHome: Sendable {
    let folder: TemporaryFolder
    let keys: KeyStore
    let store: EmbeddedStore

    var storePath: FilePath { folder.appending("store") }
    var keysPath: FilePath { folder.appending("keys.varve") }
    var rootKeyPath: FilePath { folder.appending("root.key") }

    init(_ options: StoreOptions = StoreOptions()) throws {
        folder = try TemporaryFolder()
        let protection = try KeyProtection.createRootKeyFile(at: folder.appending("root.key"))
        keys = try KeyStore.create(at: folder.appending("keys.varve"), protection: protection)
        store = try EmbeddedStore.create(at: folder.appending("store"), keys: keys, options: options)
    }

    func reopen(_ options: StoreOptions = StoreOptions()) throws -> EmbeddedStore {
        try EmbeddedStore.open(at: storePath, keys: keys, options: options)
    }

    /// Runs SQL in a process of its own: another connection here would drop the locks of SQLite.
    func sql(_ statements: String) throws -> String {
        let script = """
            import sqlite3, sys
            db = sqlite3.connect(sys.argv[1])
            for statement in sys.argv[2].split(';'):
                for row in db.execute(statement): print('|'.join(str(v) for v in row))
            db.commit()
            """
        let result = try ChildProcess.run(
            "python3", ["-c", script, storePath.appending("store.sqlite").string, statements])
        guard result.exitCode == 0 else { throw TestFailure(result.description) }
        return result.outputText
    }

    func transferLoad(_ table: String, accounts: Int, writers: Int, seconds: Double) throws -> ChildProcess {
        try ChildProcess(
            Checkout.products.appending("TransferLoad"),
            [
                storePath.string, keysPath.string, rootKeyPath.string, table, String(accounts), String(writers),
                String(seconds),
            ])
    }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A clock that stands where it is put.
final class TestClock: Clock {
    private let time: Mutex<Instant>
    init(_ time: Instant = .now()) { self.time = Mutex(time) }
    func now() -> Instant { time.withLock { $0 } }
    func set(_ time: Instant) { self.time.withLock { $0 = time } }
    func advance(seconds: Int64) {
        time.withLock { $0 = Instant(microseconds: $0.microseconds + seconds * 1_000_000) }
    }
}

// MARK: - Tables and items

func table(_ name: String, sort: KeyType? = nil, ttl: String? = nil) -> TableDescription {
    TableDescription(
        name: name,
        keySchema: KeySchema(
            partition: KeyAttribute(name: "pk", type: .s), sort: sort.map { KeyAttribute(name: "sk", type: $0) }),
        timeToLive: ttl.map { TimeToLive(attribute: $0, enabled: true) })
}

func item(_ json: String) throws -> Item { try Item(json: Array(json.utf8)) }

func item(_ pk: String, _ value: String) throws -> Item {
    try item(#"{"pk":{"S":"\#(pk)"},"v":{"S":"\#(value)"}}"#)
}

func key(_ pk: String) -> ItemKey { ItemKey(partition: Array("S\(pk)".utf8), sort: []) }

/// Items of about 850 bytes, nested as typical ones are.
func typicalItem(_ number: Int) throws -> Item {
    let words = (0..<12).map { #"{"S":"word \#(number * 31 + $0) of a list"}"# }.joined(separator: ",")
    let text = String(repeating: "some words of text \(number) ", count: 12)
    return try item(
        #"{"pk":{"S":"item-\#(number)"},"count":{"N":"\#(number)"},"text":{"S":"\#(text)"},"list":{"L":[\#(words)]},"#
            + #""map":{"M":{"a":{"BOOL":true},"b":{"N":"12.5"},"c":{"SS":["x","y"]}}}}"#)
}

func batch(_ items: [Item]) -> ItemBatch {
    var batch = ItemBatch()
    for item in items { batch.append(item.bytes) }
    return batch
}

extension TableSnapshot {
    /// All items, read on this thread.
    func allItems(reader: Int = 0) throws -> [[UInt8]] {
        var items: [[UInt8]] = []
        for segment in 0..<segments {
            try read(segment: segment, reader: reader) { batch in batch.forEach { items.append(Array($0)) } }
        }
        return items
    }
}

extension EmbeddedStore {
    func allItems(of table: String) throws -> [[UInt8]] {
        let snapshot = try snapshot(of: table, readers: 1)
        defer { snapshot.close() }
        return try snapshot.allItems()
    }

    /// All items by scanning, page by page.
    func scanned(_ table: String, segment: Int = 0, of segments: Int = 1, limit: Int = .max) throws -> [[UInt8]] {
        var items: [[UInt8]] = []
        var position: ScanPosition?
        repeat {
            let page = try scan(table, segment: segment, of: segments, after: position, limit: limit)
            page.batch.forEach { items.append(Array($0)) }
            position = page.next
        } while position != nil
        return items
    }
}

/// Runs `body` on several threads and waits for all; rethrows the first failure.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    final class Box: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    let failure = Mutex<(any Error)?>(nil)
    var threads: [pthread_t] = []
    withoutActuallyEscaping(body) { body in
        for number in 0..<count {
            let box = Unmanaged.passRetained(
                Box {
                    do { try body(number) } catch { failure.withLock { $0 = $0 ?? error } }
                })
            var thread = pthread_t()
            pthread_create(
                &thread, nil,
                { argument in
                    if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().run() }
                    return nil
                }, box.toOpaque())
            threads.append(thread)
        }
        for thread in threads { pthread_join(thread, nil) }
    }
    if let error = failure.withLock({ $0 }) { throw error }
}

/// The code that a call failed with.
func code(_ body: () throws -> Void) throws -> StoreError.Code? {
    do {
        try body()
        return nil
    } catch let error as StoreError {
        return error.code
    }
}
