// SPDX-License-Identifier: Apache-2.0

// Moves amounts between accounts in transactions, from several threads, so that tests can look at a store that others write to.
//
//   TransferLoad STORE KEYSTORE ROOTKEY TABLE ACCOUNTS WRITERS UNTIL
//
// UNTIL is a number of seconds, or "stdin": until standard input closes. SIGTERM ends it as well. It prints how many transactions
// it committed, and fails when a write fails for another reason than that somebody else was faster.

import Glibc
import Synchronization
import SystemPackage
import VarveKeys
import VarveModel
import VarveStore

let isStopped = Atomic<Bool>(false)
let commits = Atomic<Int>(0)
let failures = Mutex<[String]>([])

/// Runs in a thread of its own until told to stop.
final class Worker {
    let store: EmbeddedStore
    let table: String
    let accounts: Int

    init(store: EmbeddedStore, table: String, accounts: Int) {
        self.store = store
        self.table = table
        self.accounts = accounts
    }

    func run() {
        var generator = SystemRandomNumberGenerator()
        do {
            while !isStopped.load(ordering: .relaxed) {
                let source = Int.random(in: 0..<accounts, using: &generator)
                let target = (source + Int.random(in: 1..<accounts, using: &generator)) % accounts
                if try move(Int.random(in: 1...9, using: &generator), from: source, to: target) {
                    commits.wrappingAdd(1, ordering: .relaxed)
                }
            }
        } catch {
            failures.withLock { $0.append("\(error)") }
            isStopped.store(true, ordering: .relaxed)
        }
    }

    /// `false` when another writer was faster.
    private func move(_ amount: Int, from source: Int, to target: Int) throws -> Bool {
        guard let from = try read(source), let to = try read(target) else {
            throw StoreError(.io, "An account is missing.")
        }
        do {
            try store.transactWrite([
                TransactionWrite(
                    table: table, .put(try account(source, from.balance - amount)), if: .version(from.version)),
                TransactionWrite(
                    table: table, .put(try account(target, to.balance + amount)), if: .version(to.version)),
            ])
            return true
        } catch let error as StoreError where error.code == .transactionCancelled {
            return false
        }
    }

    private func read(_ number: Int) throws -> (balance: Int, version: Int64)? {
        let key = try store.key(Array(#"{"id":{"S":"account-\#(number)"}}"#.utf8), of: table)
        guard let stored = try store.get(key, from: table),
            case .number(let digits)? = try stored.item.attribute("balance"),
            let balance = Int(String(decoding: digits, as: UTF8.self))
        else { return nil }
        return (balance, stored.version)
    }

    private func account(_ number: Int, _ balance: Int) throws -> Item {
        try Item(attributes: [Attribute("balance", .number(balance)), Attribute("id", .string("account-\(number)"))])
    }
}

func start(_ body: @escaping @Sendable () -> Void) -> pthread_t {
    final class Box {
        let body: @Sendable () -> Void; init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    pthread_create(
        &thread, nil,
        { argument in
            if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
            return nil
        }, box.toOpaque())
    return thread
}

let arguments = CommandLine.arguments
guard arguments.count == 8, let accounts = Int(arguments[5]), let writers = Int(arguments[6]), accounts >= 2,
    writers >= 1
else {
    print("usage: TransferLoad STORE KEYSTORE ROOTKEY TABLE ACCOUNTS WRITERS SECONDS|stdin")
    exit(2)
}
signal(SIGTERM) { _ in isStopped.store(true, ordering: .relaxed) }

do {
    let keys = try KeyStore.open(at: FilePath(arguments[2]), protection: .rootKey(file: FilePath(arguments[3])))
    let store = try EmbeddedStore.open(at: FilePath(arguments[1]), keys: keys)
    let threads = (0..<writers).map { _ in
        start { Worker(store: store, table: arguments[4], accounts: accounts).run() }
    }
    if let seconds = Double(arguments[7]) {
        var rest = Int(seconds * 1000)
        while rest > 0, !isStopped.load(ordering: .relaxed) {
            usleep(10_000)
            rest -= 10
        }
    } else {
        var byte: UInt8 = 0
        while !isStopped.load(ordering: .relaxed), Glibc.read(0, &byte, 1) > 0 {}
    }
    isStopped.store(true, ordering: .relaxed)
    for thread in threads { pthread_join(thread, nil) }
    store.close()
} catch {
    failures.withLock { $0.append("\(error)") }
}
let failed = failures.withLock { $0 }
for failure in failed { print("failed: \(failure)") }
print("commits: \(commits.load(ordering: .relaxed))")
exit(failed.isEmpty ? 0 : 1)
