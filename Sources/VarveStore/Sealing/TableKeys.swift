// SPDX-License-Identifier: Apache-2.0

import Crypto
import Synchronization

/// What is derived from one table's key: the key that hashes partition keys, and for each run the key that seals.
///
/// All by HKDF-SHA-256 from the table key: the hash key with an empty salt and the info "varve store hash 1", the sealing key of a run with
/// the run's 32-byte salt and the info "varve store seal 1".
final class TableKeys: Sendable {
    /// Bytes of a partition key's hash. By chance two of a billion keys meet once in 10^21 tables; a hit is checked all the same.
    static let hashBytes = 16

    private let tableKey: SymmetricKey
    private let hashKey: SymmetricKey
    private let runKeys = Mutex<[UInt32: SymmetricKey]>([:])

    init(_ tableKey: SymmetricKey) {
        self.tableKey = tableKey
        hashKey = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: tableKey, info: Array("varve store hash 1".utf8), outputByteCount: 32)
    }

    /// The hash that stands for a partition key: the first bytes of HMAC-SHA-256.
    func hash(_ partition: [UInt8]) -> [UInt8] {
        HMAC<SHA256>.authenticationCode(for: partition, using: hashKey).withUnsafeBytes {
            Array($0.prefix(Self.hashBytes))
        }
    }

    /// The key with which `run` seals in this table, if it was derived before.
    func knownSealingKey(run: UInt32) -> SymmetricKey? {
        runKeys.withLock { $0[run] }
    }

    /// Derives the key with which the run of that salt seals in this table, and keeps it.
    func sealingKey(run: UInt32, salt: [UInt8]) -> SymmetricKey {
        if let known = knownSealingKey(run: run) { return known }
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: tableKey, salt: salt, info: Array("varve store seal 1".utf8), outputByteCount: 32)
        runKeys.withLock { keys in
            if keys.count >= StoreLimits.runKeysMax { keys.removeAll() }
            keys[run] = key
        }
        return key
    }
}

extension TableKeys: CustomStringConvertible, CustomReflectable {
    /// Says nothing, so that keys never stand in a log.
    var description: String { "TableKeys" }
    var customMirror: Mirror { Mirror(self, children: []) }
}
