// SPDX-License-Identifier: Apache-2.0

import Crypto
import Synchronization

/// One opened store's right to seal: a salt of its own, and a counter that gives every message another nonce.
///
/// A key belongs to a run, and a run to one handle in one process, so a nonce that counts up can never repeat under a key. The run is in the
/// database, durably, before the first message that needs it.
final class Run: Sendable {
    let id: UInt32
    let salt: [UInt8]
    private let counter = Atomic<UInt64>(0)

    private init(id: UInt32, salt: [UInt8]) {
        self.id = id
        self.salt = salt
    }

    /// Begins a run. The connection must not be in a transaction, and have its turn to write.
    static func begin(on access: Connection.Access, now micros: Int64) throws -> Run {
        let salt = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
        try access.beginWrite()
        do {
            let insert = try access.statement("INSERT INTO runs (salt, created) VALUES (?, ?)")
            insert.bind(salt, at: 1)
            insert.bind(micros, at: 2)
            try insert.run()
            let number = try access.statement("SELECT last_insert_rowid()").number() ?? 0
            guard let id = UInt32(exactly: number), id > 0 else {
                throw StoreError(
                    .io,
                    "The store was opened for writing more than four billion times. Copy its tables into a new store.")
            }
            try access.commit()
            return Run(id: id, salt: salt)
        } catch {
            access.rollback()
            throw error
        }
    }

    /// The counters `first ..< first + count`, which nobody else gets.
    func take(_ count: Int) -> UInt64 {
        counter.wrappingAdd(UInt64(count), ordering: .relaxed).newValue - UInt64(count)
    }
}
