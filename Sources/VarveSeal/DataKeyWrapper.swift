// SPDX-License-Identifier: Apache-2.0

package import Crypto

/// One recipient's copy of a message's data key, as it stands in the header.
package struct EncryptedDataKey: Hashable, Sendable {
    /// Who wrapped it: a raw AES key's namespace, or `aws-kms`.
    package var providerID: [UInt8]
    /// With which key: a raw AES key's name and IV, or an ARN.
    package var providerInfo: [UInt8]
    package var ciphertext: [UInt8]

    package init(providerID: [UInt8], providerInfo: [UInt8], ciphertext: [UInt8]) {
        self.providerID = providerID
        self.providerInfo = providerInfo
        self.ciphertext = ciphertext
    }
}

/// Wraps and unwraps the data keys of messages: one recipient.
///
/// To add a kind of recipient, conform to this: ``RawAESKey`` is the model. Data keys have ``DataKey/byteCount`` bytes.
package protocol DataKeyWrapper: Sendable {
    /// Wraps a data key so that only this recipient can unwrap it, bound to `context`.
    func wrap(_ dataKey: SymmetricKey, context: EncryptionContext) throws -> EncryptedDataKey

    /// Unwraps a data key.
    ///
    /// - Returns: `nil` when the key was wrapped by somebody else.
    /// - Throws: When it says that it was wrapped by this recipient and does not hold. The message may still open with
    ///   another recipient.
    func unwrap(_ key: EncryptedDataKey, context: EncryptionContext) throws -> SymmetricKey?
}
