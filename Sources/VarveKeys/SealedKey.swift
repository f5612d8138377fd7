// SPDX-License-Identifier: Apache-2.0

import Crypto
import VarveSeal

/// A key of 32 bytes as one sealed message: a snapshot's key file, a table's key.
enum SealedKey {
    static func seal(_ key: SymmetricKey, for recipients: [RawAESKey], context: EncryptionContext) throws -> [UInt8] {
        precondition(key.bitCount == DataKey.byteCount * 8, "keys that are sealed have 32 bytes")
        return try Message.seal(key.withUnsafeBytes { Array($0) }, context: context, recipients: recipients)
    }

    static func open(
        _ message: [UInt8], with keys: [RawAESKey], expecting: EncryptionContext, holder: String
    ) throws -> SymmetricKey {
        let plaintext: [UInt8]
        do {
            plaintext = try Message.open(message, keys: keys, expecting: expecting).plaintext
        } catch let error as SealError where error.code == .noMatchingKey {
            throw KeyError(
                .cannotOpen,
                "No key in \(holder) opens the sealed key of \(expecting). Use the key store that sealed it, or "
                    + "the recovery kit.",
                cause: error)
        } catch let error as SealError {
            throw KeyError(
                .damaged, "The sealed key of \(expecting) is damaged, or belongs to something else.", cause: error)
        }
        guard plaintext.count == DataKey.byteCount else {
            throw KeyError(
                .damaged,
                "The sealed key of \(expecting) holds \(plaintext.count) bytes instead of \(DataKey.byteCount).")
        }
        return SymmetricKey(data: plaintext)
    }
}
