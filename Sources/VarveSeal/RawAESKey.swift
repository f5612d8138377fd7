// SPDX-License-Identifier: Apache-2.0

package import Crypto
import FoundationEssentials

/// A recipient that holds an AES-256 key: the "raw AES" keyring of the official SDKs.
///
/// It wraps with AES-256-GCM under a fresh random IV. The provider id is the namespace; the provider info is name ‖ tag
/// length in bits (4) ‖
/// IV length (4) ‖ IV (12); the associated data is the serialized encryption context. A description never shows the
/// key.
package struct RawAESKey: DataKeyWrapper {
    package let namespace: String
    package let name: String
    package let key: SymmetricKey

    /// - Parameter key: 32 bytes. Another length, or a namespace that begins with `aws-kms`, is a mistake in the
    ///   program.
    package init(namespace: String, name: String, key: SymmetricKey) {
        precondition(key.bitCount == 256, "a raw AES wrapping key has 32 bytes")
        precondition(!namespace.hasPrefix("aws-kms"), "the namespace 'aws-kms' belongs to AWS KMS")
        precondition(namespace.utf8.count <= 1024 && name.utf8.count <= 1024, "names of keys are short")
        self.namespace = namespace
        self.name = name
        self.key = key
    }

    package func wrap(_ dataKey: SymmetricKey, context: EncryptionContext) throws -> EncryptedDataKey {
        let nonce = AES.GCM.Nonce()
        let box = try dataKey.withUnsafeBytes {
            try AES.GCM.seal($0, using: key, nonce: nonce, authenticating: context.serialized)
        }
        return EncryptedDataKey(
            providerID: Array(namespace.utf8), providerInfo: infoPrefix + Array(nonce),
            ciphertext: Array(box.ciphertext) + Array(box.tag))
    }

    package func unwrap(_ key: EncryptedDataKey, context: EncryptionContext) throws -> SymmetricKey? {
        let prefix = infoPrefix
        guard key.providerID.elementsEqual(namespace.utf8), key.providerInfo.starts(with: prefix),
            key.providerInfo.count == prefix.count + Self.ivBytes
        else { return nil }
        do {
            let combined = key.providerInfo.suffix(Self.ivBytes) + key.ciphertext
            let box = try AES.GCM.SealedBox(combined: combined)
            return SymmetricKey(data: try AES.GCM.open(box, using: self.key, authenticating: context.serialized))
        } catch {
            throw SealError(
                .dataKeyAuthentication,
                "The message names the key '\(name)' of '\(namespace)', but this key does not open it: it is "
                    + "another key of that name, or the "
                    + "message's header is damaged.", cause: error)
        }
    }

    private var infoPrefix: [UInt8] {
        var bytes = Array(name.utf8)
        bytes.append(bigEndian: UInt32(128))
        bytes.append(bigEndian: UInt32(Self.ivBytes))
        return bytes
    }

    private static let ivBytes = 12

    /// The name within a provider info that a key of this kind made.
    static func name(in providerInfo: [UInt8]) -> ArraySlice<UInt8> { providerInfo.dropLast(4 + 4 + ivBytes) }
}

extension RawAESKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "RawAESKey(\(namespace)/\(name))" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["namespace": namespace, "name": name]) }
}
