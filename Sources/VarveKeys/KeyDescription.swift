// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// The three classes of wrapping keys that DynamoDB offers, and the recovery kit's.
package enum KeyClass: String, Codable, Sendable {
    /// Made with the key store and used where nobody chose a key.
    case owned
    /// Made with the key store under `alias/varve/managed`: seen and rotated by its users, never exported.
    case managed
    /// Made by the user.
    case customer
    /// The recovery kit's: every key is sealed to it too.
    case escrow
}

/// Whether a key may be used. Only an enabled key seals and opens.
package enum KeyState: String, Codable, Sendable {
    case enabled
    case disabled
    /// Disabled, and destroyed when its waiting period is over.
    case pendingDeletion
    /// Its material is destroyed. What remains says so to whoever asks for the key.
    case deleted
}

/// All there is to know about a key, but its material.
package struct KeyDescription: Codable, Hashable, Sendable {
    package struct Version: Codable, Hashable, Sendable {
        /// From 1. New keys are sealed under the newest version; all open what they sealed.
        package var version: Int
        package var created: Date
    }

    package var id: String
    package var `class`: KeyClass
    /// Ascending, each with its `alias/`.
    package var aliases: [String]
    /// To the second.
    package var created: Date
    package var versions: [Version]
    /// 0 of a deleted key.
    package var currentVersion: Int
    package var state: KeyState
    package var tags: [String: String]
    /// When a key whose deletion is scheduled will be destroyed, or a deleted one was.
    package var deletes: Date?
    /// When the managed key makes its next version by itself.
    package var rotates: Date?
}

/// A key as a public tool needs it to open messages by itself. It holds the key: keep it as you keep the key store.
package struct ExportedKey: Codable, Sendable {
    package struct Version: Codable, Sendable {
        package var version: Int
        package var name: String
        /// 64 hexadecimal digits.
        package var hex: String
    }

    /// The namespace (provider id) and name of the raw AES key, and its 32 bytes: those of the newest version.
    package var namespace: String
    package var name: String
    package var hex: String
    package var versions: [Version]
}

extension ExportedKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "ExportedKey(\(namespace)/\(name))" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["namespace": namespace, "name": name]) }
}

extension ExportedKey.Version: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "ExportedKey.Version(\(name))" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["version": version, "name": name]) }
}
