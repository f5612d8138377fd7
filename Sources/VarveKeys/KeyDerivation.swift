// SPDX-License-Identifier: Apache-2.0

import Crypto
import CryptoExtras
import FoundationEssentials

/// How a key store's secret becomes the key that seals it: what the file's first line says.
package enum KeyDerivation: Hashable, Sendable {
    /// scrypt (RFC 7914) of a passphrase.
    case scrypt(ScryptCost)
    /// HKDF-SHA-256 of a root key, info `varve key store 1`.
    case rootKey

    /// - Throws: `.wrongSecret` when the secret is not of the kind that this derivation takes.
    func key(from protection: KeyProtection, salt: [UInt8]) throws -> SymmetricKey {
        switch (self, protection) {
        case (.scrypt(let cost), .passphrase(let secret)):
            return try secret.withUnsafeBytes {
                try KDF.Scrypt.deriveKey(
                    from: $0, salt: salt, outputByteCount: 32, rounds: cost.n, blockSize: cost.r, parallelism: cost.p)
            }
        case (.rootKey, .rootKey(let secret)):
            return HKDF<SHA256>.deriveKey(
                inputKeyMaterial: secret.key, salt: salt, info: Array("varve key store 1".utf8), outputByteCount: 32)
        case (.scrypt, .rootKey):
            throw KeyError(
                .wrongSecret,
                "The key store is sealed under a passphrase, but a root key was given. Give its passphrase.")
        case (.rootKey, .passphrase):
            throw KeyError(
                .wrongSecret,
                "The key store is sealed under a root key, but a passphrase was given. Give its root key file.")
        }
    }
}

/// What one guess at a passphrase costs.
package struct ScryptCost: Hashable, Codable, Sendable {
    /// Rounds, a power of two; block size; parallelism. Memory is 128 × n × r bytes.
    package var n: Int
    package var r: Int
    package var p: Int

    package init(n: Int, r: Int, p: Int) {
        self.n = n
        self.r = r
        self.p = p
    }

    /// 128 MiB and about half a second on one core: OWASP's first choice for scrypt (Password Storage Cheat Sheet).
    package static let standard = ScryptCost(n: 1 << 17, r: 8, p: 1)

    /// A file that asks for more than this would stop the machine rather than a thief: 1 GiB.
    static let memoryBytesMax = 1 << 30

    /// Checked before a file's numbers are believed.
    var isAcceptable: Bool {
        (1 << 10...1 << 20).contains(n) && n & (n - 1) == 0 && (1...16).contains(r) && (1...16).contains(p)
            && 128 * n * r <= Self.memoryBytesMax
    }
}
