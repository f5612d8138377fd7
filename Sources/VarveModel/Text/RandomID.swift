// SPDX-License-Identifier: Apache-2.0

/// Random names for tables, snapshots, keys and vaults.
package enum RandomID {
    /// Characters of an id: 80 random bits, five to a character. A million ids meet with a chance of 4 in 10^13.
    package static let length = 16

    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    /// 16 characters of lower-case base32 (a-z2-7), from the system's generator.
    package static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether a text could have come from ``make()``.
    package static func isValid(_ text: String) -> Bool {
        text.utf8.count == length && text.utf8.allSatisfy { alphabet.contains($0) }
    }
}
