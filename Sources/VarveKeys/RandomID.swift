// SPDX-License-Identifier: Apache-2.0

/// Ids of keys: 80 random bits as 16 characters of lower-case base32.
enum RandomID {
    static let characters = 16
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        return String(decoding: (0..<characters).map { _ in alphabet[Int(generator.next() & 31)] }, as: UTF8.self)
    }

    static func isValid(_ id: some StringProtocol) -> Bool {
        id.utf8.count == characters && id.utf8.allSatisfy(alphabet.contains)
    }
}
