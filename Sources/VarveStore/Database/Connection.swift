// SPDX-License-Identifier: Apache-2.0

import GRDB
import GRDBSQLite
import SystemPackage

/// One connection to a store's database, with the statements that were prepared on it.
///
/// GRDB opens, sets up and serializes it: ``access(_:)`` runs on the caller's thread while no other thread is inside.
///
/// `@unchecked Sendable`: ``statements`` and ``database`` are touched only within `access`, which lets one thread in at a time.
package final class Connection: @unchecked Sendable {
    enum Role {
        case writer
        case loader
        case reader
        case snapshotReader
    }

    private let queue: DatabaseQueue
    private var statements: [String: SQLStatement] = [:]

    /// More statements than one connection needs for a few tables; beyond it they are prepared anew.
    private static let statementsMax = 128

    init(_ file: FilePath, role: Role, options: StoreOptions) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(Double(options.busyTimeoutMilliseconds) / 1000)
        configuration.readonly = role == .reader || role == .snapshotReader
        // Snapshots keep a read transaction open from one access to the next.
        configuration.allowsUnsafeTransactions = true
        configuration.foreignKeysEnabled = false
        configuration.prepareDatabase { database in
            try database.execute(sql: Self.pragmas(for: role))
        }
        do {
            queue = try DatabaseQueue(path: file.string, configuration: configuration)
        } catch {
            let reason = StoreError(sqlite: error)
            throw StoreError(reason.code, "The store's database '\(file)' could not be opened.", cause: reason)
        }
    }

    deinit {
        queue.inDatabase { _ in statements.removeAll() }
    }

    private static func pragmas(for role: Role) -> String {
        let cache =
            switch role {
            case .writer: StoreLimits.writerCacheKiB
            case .loader: StoreLimits.loaderCacheKiB
            case .reader: StoreLimits.readerCacheKiB
            case .snapshotReader: StoreLimits.snapshotReaderCacheKiB
            }
        var sql = "PRAGMA cache_size = -\(cache); PRAGMA temp_store = FILE; PRAGMA mmap_size = 0;"
        guard role == .writer || role == .loader else { return sql }
        // A load is durable once it is published: that commit is written through, and everything before it in the log with it.
        sql += "PRAGMA synchronous = \(role == .loader ? "NORMAL" : "FULL");"
        // Freed pages hold ciphertext, so wiping them is not worth extra writes.
        sql += "PRAGMA secure_delete = FAST;"
        sql += "PRAGMA wal_autocheckpoint = \(StoreLimits.walCheckpointBytes / StoreLimits.pageBytes);"
        sql += "PRAGMA journal_size_limit = \(StoreLimits.walKeptBytes);"
        return sql
    }

    /// Lets one thread use the connection.
    func access<Result>(_ body: (Access) throws -> Result) throws -> Result {
        try queue.inDatabase { try body(Access(connection: self, database: $0)) }
    }

    /// What can be done with a connection by the thread that is inside. Not to be kept beyond that.
    package struct Access {
        fileprivate let connection: Connection
        fileprivate let database: Database

        /// Prepares `sql`, or takes what was prepared before.
        package func statement(_ sql: String) throws -> SQLStatement {
            if let statement = connection.statements[sql] { return statement }
            if connection.statements.count >= Connection.statementsMax { connection.statements.removeAll() }
            let statement = try SQLStatement(sql, in: database)
            connection.statements[sql] = statement
            return statement
        }

        /// Runs statements that are needed once.
        func execute(_ sql: String) throws {
            do { try database.execute(sql: sql) } catch { throw StoreError(sqlite: error) }
        }

        /// Forgets prepared statements, so that tables which they name can go.
        func forgetStatements() {
            connection.statements.removeAll()
        }

        var isInTransaction: Bool { database.isInsideTransaction }

        func beginRead() throws { try statement("BEGIN DEFERRED").run() }
        func beginWrite() throws { try statement("BEGIN IMMEDIATE").run() }
        func commit() throws { try statement("COMMIT").run() }

        /// Ends the transaction without writing, if there is one still: some failures end it by themselves.
        func rollback() {
            guard isInTransaction else { return }
            try? statement("ROLLBACK").run()
        }

        /// Runs `body` on one state of the database.
        func reading<Result>(_ body: () throws -> Result) throws -> Result {
            try beginRead()
            defer { rollback() }
            return try body()
        }

        /// Moves the log back into the database, as far as readers allow, and cuts it to nothing if they allow all. Waits for nobody.
        func emptyLog() {
            let handle = database.sqliteConnection
            sqlite3_busy_timeout(handle, 0)
            sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
            sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
            connection.restoreBusyTimeout(of: database)
        }
    }

    private func restoreBusyTimeout(of database: Database) {
        if case .timeout(let seconds) = queue.configuration.busyMode {
            sqlite3_busy_timeout(database.sqliteConnection, Int32(seconds * 1000))
        }
    }
}
