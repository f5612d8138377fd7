// SPDX-License-Identifier: Apache-2.0

package import Crypto
import VarveModel
package import VarveSeal

/// The key of one snapshot, or of one sweep: seals its bundles, and proves its manifest.
package struct SnapshotKey: Sendable {
    /// Random; names the key in the vault (`keys/<id>/`) and in the headers of what it sealed.
    package let id: String
    package let key: SymmetricKey

    /// - Parameter key: 32 bytes.
    package init(id: String, key: SymmetricKey) {
        self.id = id
        self.key = key
    }

    /// A fresh random key with a fresh random id.
    package static func make() -> SnapshotKey {
        SnapshotKey(id: RandomID.make(), key: SymmetricKey(size: .bits256))
    }

    /// The recipient to which bundles are sealed.
    package var wrapper: RawAESKey { RawAESKey(namespace: Self.namespace, name: id, key: key) }

    /// HKDF-SHA-256 of the key, no salt, info `varve manifest 1`, 32 bytes.
    package func manifestAuthenticationKey() -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: key, info: Array("varve manifest 1".utf8), outputByteCount: 32)
    }

    /// What a public tool needs to open this snapshot's bundles.
    package func export() -> ExportedKey {
        let hex = key.withUnsafeBytes { Hex.text($0) }
        return ExportedKey(
            namespace: Self.namespace, name: id, hex: hex,
            versions: [ExportedKey.Version(version: 1, name: id, hex: hex)])
    }

    package static let namespace = "varve"
}

extension SnapshotKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "SnapshotKey(\(id))" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["id": id]) }
}
