// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import VarveModel
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
        /// Ascending; the last is the current one. None of a deleted key.
        var versions: [Version]
        var state: KeyState
        var tags: [String: String]?
        /// When it will be destroyed, or was.
        var deletes: Date?
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
                RandomID.isValid(key.id) && key.versions.isEmpty == (key.state == .deleted)
                    && (key.deletes != nil) == (key.state == .pendingDeletion || key.state == .deleted)
                    && (key.class == .customer || key.state == .enabled)
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

    /// The file's format that these contents need: the oldest that can say all of it, so that an older Varve goes on reading it.
    var format: Int {
        keys.contains { $0.state != .enabled || $0.tags?.isEmpty == false } ? 2 : 1
    }

    /// Destroys the keys whose waiting period is over at `now`.
    ///
    /// - Returns: Whether there were any.
    mutating func destroyDue(at now: Date) -> Bool {
        var found = false
        for index in keys.indices where keys[index].state == .pendingDeletion && (keys[index].deletes ?? now) <= now {
            keys[index].state = .deleted
            keys[index].versions = []
            keys[index].aliases = []
            found = true
        }
        return found
    }
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
            currentVersion: versions.last?.version ?? 0, state: state, tags: tags ?? [:], deletes: deletes,
            rotates: nextRotation)
    }

    /// The managed key makes a version a year, as those of AWS do.
    static let rotationSeconds: TimeInterval = 365 * 86_400

    var nextRotation: Date? {
        self.class == .managed ? versions.last?.created.addingTimeInterval(Self.rotationSeconds) : nil
    }

    /// Throws unless the key may be used.
    func requireEnabled() throws {
        switch state {
        case .enabled: return
        case .disabled:
            throw KeyError(
                .keyDisabled, "The key '\(id)' is disabled. 'varve key enable \(id)' lets it open and seal again.")
        case .pendingDeletion:
            throw KeyError(
                .keyPendingDeletion,
                "The key '\(id)' will be destroyed on \(deletes?.formatted(.iso8601) ?? "a day not known") and cannot be used. "
                    + "'varve key cancel-deletion \(id)' and then 'varve key enable \(id)' bring it back.")
        case .deleted:
            throw KeyError(
                .keyDeleted,
                "The key '\(id)' was destroyed on \(deletes?.formatted(.iso8601) ?? "a day not known"). What was sealed under it opens only "
                    + "with a recovery kit that it was sealed to.")
        }
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
