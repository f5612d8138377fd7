// SPDX-License-Identifier: Apache-2.0

import Crypto

/// Bytes that must not be shown: a passphrase, a root key. They are overwritten when the last copy goes, and no
/// description holds them.
package struct SecretBytes: Sendable {
    private let storage: SymmetricKey

    package init(_ bytes: [UInt8]) {
        storage = SymmetricKey(data: bytes)
    }

    /// The UTF-8 bytes of a text, as they stand: nothing is trimmed or normalised.
    package init(text: String) {
        self.init(Array(text.utf8))
    }

    package var count: Int { storage.bitCount / 8 }

    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try storage.withUnsafeBytes(body)
    }

    /// For key derivation.
    var key: SymmetricKey { storage }
}

extension SecretBytes: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "SecretBytes(\(count) bytes, not shown)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["count": count]) }
}
