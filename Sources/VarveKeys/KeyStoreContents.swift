// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import VarveSeal

/// What lies sealed in a key store's file, as JSON: the keys with their material.
struct KeyStoreContents: Codable, Sendable {
    struct Version: Codable, Sendable {
        var version: Int
        var created: Date
        var material: KeyMaterial
    }

    struct Key: Codable, Sendable {
        var id: String
        var `class`: KeyClass
        var aliases: [String]
        var created: Date
        /// Ascending; the last is the current one.
        var versions: [Version]
        var state: KeyState
    }

    /// The escrow key to which new keys are sealed; older ones stay in `keys`.
    var escrow: String
    var keys: [Key]

    /// Checks what ``KeyStore`` relies on.
    var isSound: Bool {
        let aliases = keys.flatMap(\.aliases)
        return Set(keys.map(\.id)).count == keys.count && Set(aliases).count == aliases.count
            && aliases.allSatisfy(KeyAlias.isWellFormed)
            && keys.allSatisfy { key in
                RandomID.isValid(key.id) && !key.versions.isEmpty
                    && zip(key.versions, key.versions.dropFirst()).allSatisfy { $0.version < $1.version }
                    && key.versions.allSatisfy { $0.version > 0 && $0.material.key.bitCount == 256 }
            }
            && keys.filter { $0.class == .owned }.count == 1 && keys.filter { $0.class == .managed }.count == 1
            && keys.contains { $0.id == escrow && $0.class == .escrow }
    }

    /// - Parameter reference: `owned`, `managed`, an alias or an id.
    func index(of reference: String) throws -> Int {
        let found = keys.firstIndex { key in
            switch reference {
            case "owned": key.class == .owned
            case "managed": key.class == .managed
            default: key.id == reference || key.aliases.contains(reference)
            }
        }
        guard let found else {
            throw KeyError(
                .noSuchKey,
                "The key store has no key '\(reference)'. Give 'owned', 'managed', a key's id or its alias ('alias/…')."
            )
        }
        return found
    }

    /// Every version of every key, as something that opens messages.
    var wrappers: [RawAESKey] { keys.flatMap { key in key.versions.map { key.wrapper($0) } } }
}

extension KeyStoreContents.Key {
    init(class: KeyClass, aliases: [String], created: Date, material: KeyMaterial = KeyMaterial()) {
        self.init(
            id: RandomID.make(), class: `class`, aliases: aliases, created: created,
            versions: [KeyStoreContents.Version(version: 1, created: created, material: material)], state: .enabled)
    }

    var namespace: String { self.class == .escrow ? RecoveryKit.namespace : KeyStore.namespace }

    /// - Returns: `nil` only of a key that ``KeyStoreContents/isSound`` would refuse.
    var current: RawAESKey? { versions.last.map { wrapper($0) } }

    func wrapper(_ version: KeyStoreContents.Version) -> RawAESKey {
        RawAESKey(namespace: namespace, name: "\(id).\(version.version)", key: version.material.key)
    }

    var description: KeyDescription {
        KeyDescription(
            id: id, class: self.class, aliases: aliases.sorted(), created: created,
            versions: versions.map { KeyDescription.Version(version: $0.version, created: $0.created) },
            currentVersion: versions.last?.version ?? 0, state: state)
    }
}

/// 32 bytes of key material, in JSON as base64. No description holds them.
struct KeyMaterial: Codable, Sendable, CustomStringConvertible, CustomReflectable {
    let key: SymmetricKey

    init(key: SymmetricKey = SymmetricKey(size: .bits256)) {
        self.key = key
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let data = Data(base64Encoded: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "key material is not base64")
        }
        key = SymmetricKey(data: data)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(key.withUnsafeBytes { Data($0).base64EncodedString() })
    }

    var description: String { "KeyMaterial(not shown)" }
    var customMirror: Mirror { Mirror(self, children: [:] as KeyValuePairs<String, Any>) }
}
