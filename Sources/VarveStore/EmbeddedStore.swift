// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import Glibc
import Synchronization
package import SystemPackage
package import VarveKeys
import VarveModel
import VarveSeal

/// A store of tables in a folder, which needs no server: one SQLite database, everything of value in it sealed.
///
/// Any number of threads and processes may use one folder at the same time. What a call has written is on the disk when it returns. Reads see
/// one state: the latest that was committed when they began. Layout: Documentation/Formats.md#store.
///
/// Its calls are spread over files by topic: tables, items, transactions, scans, changes, sweeps, snapshots, loads.
package final class EmbeddedStore: TableStore {
    package let folder: FilePath
    /// Made with the store, and part of every table key's encryption context.
    package let id: String

    let options: StoreOptions
    let keyStore: KeyStore
    let directory: TableDirectory
    private let connections: Mutex<Connections?>
    private let turn: WriteTurn
    private let run = Mutex<Run?>(nil)
    private let changesSinceTrim = Mutex(0)

    var file: FilePath { folder.appending(Self.fileName) }
    static let fileName = "store.sqlite"

    /// Makes a store in a folder, which is created if need be, and opens it.
    package static func create(
        at folder: FilePath, keys: KeyStore, options: StoreOptions = StoreOptions()
    ) throws -> EmbeddedStore {
        try StoreFile.create(in: folder, keys: keys, now: options.clock.now())
        return try open(at: folder, keys: keys, options: options)
    }

    package static func open(
        at folder: FilePath, keys: KeyStore, options: StoreOptions = StoreOptions()
    ) throws -> EmbeddedStore {
        try StoreFile.check(in: folder)
        let writer = try Connection(folder.appending(fileName), role: .writer, options: options)
        let id = try writer.access { try StoreFile.identify(on: $0, folder: folder, keys: keys) }
        let store = try EmbeddedStore(folder: folder, id: id, writer: writer, keys: keys, options: options)
        try store.removeAbandonedHeaps()
        return store
    }

    private init(folder: FilePath, id: String, writer: Connection, keys: KeyStore, options: StoreOptions) throws {
        self.folder = folder
        self.id = id
        self.options = options
        keyStore = keys
        directory = TableDirectory(storeID: id, keyStore: keys)
        turn = try WriteTurn(in: folder, timeoutMilliseconds: options.busyTimeoutMilliseconds)
        connections = Mutex(
            Connections(writer: writer, readers: ReaderPool(folder.appending(Self.fileName), options: options)))
    }

    /// Lets go of the files once calls that are under way have ended. Later calls fail with `.closed`. Snapshots and loads live on.
    package func close() {
        connections.withLock { $0 = nil }
    }

    private struct Connections {
        let writer: Connection
        let readers: ReaderPool
    }

    private func opened() throws -> Connections {
        guard let connections = connections.withLock({ $0 }) else {
            throw StoreError(.closed, "The store at '\(folder)' was closed before.")
        }
        return connections
    }

    // MARK: For the files beside this one

    /// Runs `body` on one state of the database.
    func read<Result>(_ body: (Connection.Access) throws -> Result) throws -> Result {
        try opened().readers.read(body)
    }

    /// Runs `body` in a transaction of its own and commits it, durably. When `body` throws, nothing is written.
    func write<Result>(_ body: (WriteTransaction) throws -> Result) throws -> Result {
        let result = try withWriter { access in
            let run = try currentRun(access)
            return try Self.transaction(on: access) {
                let transaction = try WriteTransaction(on: access, directory: directory, run: run, clock: options.clock)
                let result = try body(transaction)
                let hasWritten = try transaction.finish()
                return (result: result, changes: transaction.changeCount, commit: hasWritten)
            }
        }
        try trimIfDue(after: result.changes)
        return result.result
    }

    /// Runs `body` on the connection that writes, while no other handle writes.
    package func withWriter<Result>(_ body: (Connection.Access) throws -> Result) throws -> Result {
        try opened().writer.access { access in try turn.take { try body(access) } }
    }

    /// The run under which this handle seals; begun when it is first needed. Called with the turn to write, outside of a transaction.
    func currentRun(_ access: Connection.Access) throws -> Run {
        if let run = run.withLock({ $0 }) { return run }
        let begun = try Run.begin(on: access, now: options.clock.now().microseconds)
        run.withLock { $0 = begun }
        return begun
    }

    /// `BEGIN IMMEDIATE`, `body`, and `COMMIT` if `body` says so.
    private static func transaction<Result>(
        on access: Connection.Access, _ body: () throws -> (result: Result, changes: Int, commit: Bool)
    ) throws -> (result: Result, changes: Int, commit: Bool) {
        try access.beginWrite()
        do {
            let done = try body()
            if done.commit { try access.commit() } else { access.rollback() }
            return done
        } catch {
            access.rollback()
            throw error
        }
    }

    private func trimIfDue(after changes: Int) throws {
        guard changes > 0 else { return }
        let isDue = changesSinceTrim.withLock { count in
            count += changes
            guard count >= StoreLimits.trimEvery else { return false }
            count = 0
            return true
        }
        if isDue { try trimChanges() }
    }
}

/// Connections for reading, opened as they are needed and kept for the next.
final class ReaderPool: Sendable {
    private let file: FilePath
    private let options: StoreOptions
    private let idle = Mutex<[Connection]>([])

    init(_ file: FilePath, options: StoreOptions) {
        self.file = file
        self.options = options
    }

    func read<Result>(_ body: (Connection.Access) throws -> Result) throws -> Result {
        let connection = try idle.withLock { $0.popLast() } ?? Connection(file, role: .reader, options: options)
        defer {
            idle.withLock { idle in
                if idle.count < StoreLimits.idleReadersMax { idle.append(connection) }
            }
        }
        return try connection.access { access in try access.reading { try body(access) } }
    }
}
