// SPDX-License-Identifier: Apache-2.0

import Crypto
package import SystemPackage
import VarveModel

/// The secret under which a key store lies sealed.
package enum KeyProtection: Sendable {
    /// Something a person knows. Stretched with scrypt, so that guessing is slow.
    case passphrase(SecretBytes)
    /// 32 random bytes that a machine keeps in a file of its own.
    case rootKey(SecretBytes)

    /// A passphrase is a line that somebody types; more is a wrong file.
    package static let passphraseBytesMax = 1024
    package static let rootKeyBytes = 32

    /// A passphrase from a file of mode 0600 that belongs to this user (or root): its first line, without the line's
    /// end.
    package static func passphrase(file: FilePath) throws -> KeyProtection {
        let bytes = try PrivateFile.read(file, what: "passphrase file", atMost: passphraseBytesMax + 2).bytes
        return try passphrase(bytes: line(bytes), from: "The passphrase file '\(file)'")
    }

    /// A passphrase as an environment variable or a person gave it.
    package static func passphrase(text: String) throws -> KeyProtection {
        try passphrase(bytes: Array(text.utf8), from: "The passphrase")
    }

    /// A root key from a file of mode 0600 that belongs to this user (or root): 64 hexadecimal digits, as
    /// ``createRootKeyFile(at:)`` writes.
    package static func rootKey(file: FilePath) throws -> KeyProtection {
        let bytes = try PrivateFile.read(file, what: "root key file", atMost: 2 * rootKeyBytes + 2).bytes
        return try rootKey(hex: line(bytes), from: "The root key file '\(file)'")
    }

    /// A root key as an environment variable gave it: 64 hexadecimal digits.
    package static func rootKey(text: String) throws -> KeyProtection {
        try rootKey(hex: Array(text.utf8), from: "The root key")
    }

    /// Makes a new root key and its file (mode 0600); refuses an existing file.
    @discardableResult
    package static func createRootKeyFile(at path: FilePath) throws -> KeyProtection {
        let key = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
        try PrivateFile.create(path, Array((Hex.text(key) + "\n").utf8), what: "root key file")
        return .rootKey(SecretBytes(key))
    }

    private static func passphrase(bytes: [UInt8], from what: String) throws -> KeyProtection {
        guard !bytes.isEmpty else {
            throw KeyError(.invalidSecret, "\(what) is empty. Choose a passphrase and write it there.")
        }
        guard bytes.count <= passphraseBytesMax else {
            throw KeyError(
                .invalidSecret, "\(what) is longer than \(passphraseBytesMax) bytes: it is not the passphrase.")
        }
        return .passphrase(SecretBytes(bytes))
    }

    private static func rootKey(hex: [UInt8], from what: String) throws -> KeyProtection {
        guard let bytes = Hex.decode(hex, typed: true), bytes.count == rootKeyBytes else {
            throw KeyError(.invalidSecret, "\(what) does not hold \(2 * rootKeyBytes) hexadecimal digits.")
        }
        return .rootKey(SecretBytes(bytes))
    }

    private static func line(_ bytes: [UInt8]) -> [UInt8] {
        Array(bytes.prefix { $0 != 0x0a && $0 != 0x0d })
    }
}
