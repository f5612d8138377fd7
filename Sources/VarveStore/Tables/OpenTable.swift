// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import VarveModel

/// A table ready for use: its description as of one moment, and its opened keys.
///
/// `heap` and `description` may be out of date a transaction later; ``TableDirectory`` looks that up.
final class OpenTable: Sendable {
    /// Its row in `tables`.
    let number: Int64
    let id: String
    let name: String
    let heap: Int64
    let description: TableDescription
    let keys: TableKeys
    /// Fills the TTL column too, whether or not sweeping is switched on.
    let scanner: ItemScanner

    init(number: Int64, name: String, heap: Int64, description: TableDescription, keys: TableKeys) {
        self.number = number
        id = description.id
        self.name = name
        self.heap = heap
        self.description = description
        self.keys = keys
        scanner = ItemScanner(schema: description.keySchema, timeToLive: description.timeToLive?.attribute)
    }

    /// The plaintext of a row's body.
    func open(_ body: UnsafeRawBufferPointer, row: Int64, version: Int64, on access: Connection.Access) throws -> Data {
        do {
            guard let run = SealedBody.run(of: body) else { throw CryptoKitError.incorrectParameterSize }
            let key = try sealingKey(run: run, on: access)
            return try SealedBody.open(body, key: key, binding: .item(row: row, version: version))
        } catch let error as StoreError {
            throw error
        } catch {
            throw damaged(row: row, cause: error)
        }
    }

    func sealingKey(run: UInt32, on access: Connection.Access) throws -> SymmetricKey {
        if let known = keys.knownSealingKey(run: run) { return known }
        let statement = try access.statement("SELECT salt FROM runs WHERE id = ?")
        defer { statement.reset() }
        statement.bind(Int64(run), at: 1)
        guard try statement.step() else {
            throw StoreError(
                .damaged,
                "Table '\(name)' holds a body that was sealed by a run which the store does not know. The database is damaged."
            )
        }
        return keys.sealingKey(run: run, salt: Array(statement.blob(0)))
    }

    func damaged(row: Int64, cause: (any Error)? = nil) -> StoreError {
        StoreError(
            .damaged,
            "Row \(row) of table '\(name)' does not open: it was changed, moved or damaged since it was written. Restore the table from "
                + "the vault into a new one.", cause: cause)
    }
}
