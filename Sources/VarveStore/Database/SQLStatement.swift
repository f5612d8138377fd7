// SPDX-License-Identifier: Apache-2.0

import GRDB
import GRDBSQLite

/// A prepared statement, bound and read without copies.
///
/// GRDB prepares and owns it; binding and stepping go to SQLite directly, because the bytes of items should not pass through `Data` and
/// boxed values. Use it only within ``Connection/access(_:)`` of the connection that made it, and ``reset()`` it after use.
package final class SQLStatement {
    private let statement: Statement
    private let pointer: OpaquePointer

    init(_ sql: String, in database: Database) throws {
        do {
            statement = try database.makeStatement(sql: sql)
            pointer = statement.sqliteStatement
        } catch {
            throw StoreError(sqlite: error)
        }
    }

    // MARK: Binding (from 1 on)

    func bind(_ value: Int64, at index: Int32) {
        sqlite3_bind_int64(pointer, index, value)
    }

    func bind(_ value: Int64?, at index: Int32) {
        if let value { bind(value, at: index) } else { sqlite3_bind_null(pointer, index) }
    }

    func bind(_ text: String?, at index: Int32) {
        if let text {
            var text = text
            text.withUTF8 { utf8 in
                utf8.withMemoryRebound(to: CChar.self) {
                    // Empty text has no address, and SQLite would take it for NULL.
                    _ = sqlite3_bind_text(pointer, index, $0.baseAddress ?? Self.nowhere, Int32($0.count), Self.copied)
                }
            }
        } else {
            sqlite3_bind_null(pointer, index)
        }
    }

    /// Copies the bytes.
    func bind(_ bytes: [UInt8]?, at index: Int32) {
        if let bytes {
            bytes.withUnsafeBytes { bind($0, at: index, lifetime: Self.copied) }
        } else {
            sqlite3_bind_null(pointer, index)
        }
    }

    /// Borrows the bytes, which must stay where they are until the statement is reset.
    func bind(borrowing bytes: UnsafeRawBufferPointer, at index: Int32) {
        bind(bytes, at: index, lifetime: nil)
    }

    private func bind(_ bytes: UnsafeRawBufferPointer, at index: Int32, lifetime: sqlite3_destructor_type?) {
        if bytes.isEmpty {
            // A null address would be bound as NULL, which is not an empty blob.
            sqlite3_bind_zeroblob(pointer, index, 0)
        } else {
            sqlite3_bind_blob(pointer, index, bytes.baseAddress, Int32(bytes.count), lifetime)
        }
    }

    /// SQLite's way of saying "make your own copy": the destructor of address -1.
    private static var copied: sqlite3_destructor_type? { unsafeBitCast(-1, to: sqlite3_destructor_type?.self) }
    /// An address for texts of no length.
    private static var nowhere: UnsafePointer<CChar>? { UnsafePointer(bitPattern: 1) }

    // MARK: Running

    /// Goes on to the next row; `false` after the last.
    func step() throws -> Bool {
        let code = sqlite3_step(pointer)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        let error = StoreError(sqliteCode: sqlite3_extended_errcode(sqlite3_db_handle(pointer)))
        sqlite3_reset(pointer)
        throw error
    }

    /// Runs a statement that gives no rows.
    func run() throws {
        defer { reset() }
        _ = try step()
    }

    /// The integer in the only column of the first row.
    package func number() throws -> Int64? {
        defer { reset() }
        return try step() && !isNull(0) ? int64(0) : nil
    }

    func reset() {
        // It repeats the error of the last step, which was thrown then.
        sqlite3_reset(pointer)
    }

    // MARK: Reading (from 0 on; what is lent is valid until the next step)

    func int64(_ column: Int32) -> Int64 { sqlite3_column_int64(pointer, column) }

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(pointer, column) == SQLITE_NULL }

    func optionalInt64(_ column: Int32) -> Int64? { isNull(column) ? nil : int64(column) }

    func blob(_ column: Int32) -> UnsafeRawBufferPointer {
        let address = sqlite3_column_blob(pointer, column)
        return UnsafeRawBufferPointer(
            start: address, count: address == nil ? 0 : Int(sqlite3_column_bytes(pointer, column)))
    }

    func text(_ column: Int32) -> String? {
        guard let address = sqlite3_column_text(pointer, column) else { return nil }
        let bytes = UnsafeBufferPointer(start: address, count: Int(sqlite3_column_bytes(pointer, column)))
        return String(decoding: bytes, as: UTF8.self)
    }
}
