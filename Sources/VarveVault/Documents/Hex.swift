// SPDX-License-Identifier: Apache-2.0

/// Lower-case hexadecimal, in which documents of a vault hold digests.
enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    static func bytes(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return text
    }

    static func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Self.bytes(bytes), as: UTF8.self) }

    /// The bytes that `text` stands for; nil if it is anything but pairs of lower-case digits.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text {
            guard let value = digits.firstIndex(of: character).map(UInt8.init) else { return nil }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }
}
