// SPDX-License-Identifier: Apache-2.0

import GRDB
import GRDBSQLite

extension StoreError {
    /// Translates SQLite's code, basic or extended. Its own messages may name columns and are left out; its text for the code is kept.
    init(sqliteCode code: Int32) {
        let text = String(cString: sqlite3_errstr(code)) + ", SQLite code \(code)"
        switch code & 0xff {
        case SQLITE_BUSY, SQLITE_LOCKED:
            self.init(.busy, "The store is held by another process (\(text)). Try again when that has finished.")
        case SQLITE_FULL:
            self.init(
                .full,
                "The disk that holds the store is full (\(text)). Free some space and try again; nothing was written.")
        case SQLITE_CORRUPT, SQLITE_NOTADB:
            self.init(
                .damaged,
                "The store's database is damaged (\(text)). Restore its tables from the vault into a new store.")
        case SQLITE_CONSTRAINT:
            self.init(.duplicateKey, "The store holds a row of that key already (\(text)).")
        default:
            self.init(
                .io,
                "The store's database could not be read or written (\(text)). See whether its folder and disk are sound."
            )
        }
    }

    /// What GRDB threw, in our words.
    init(sqlite error: any Error) {
        if let error = error as? StoreError {
            self = error
        } else if let error = error as? DatabaseError {
            self.init(sqliteCode: error.extendedResultCode.rawValue)
        } else {
            self.init(.io, "The store's database could not be read or written.", cause: error)
        }
    }
}
