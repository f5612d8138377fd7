// SPDX-License-Identifier: Apache-2.0

/// Bytes as lower-case hexadecimal text, in which documents hold digests and files hold keys.
package enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: utf8(Array(bytes)), as: UTF8.self)
    }

    package static func utf8(_ bytes: some Sequence<UInt8>) -> [UInt8] { utf8(Array(bytes)) }

    package static func utf8(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.count)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return text
    }

    /// Whether `text` is what ``text(_:)`` makes of so many bytes.
    package static func isText(_ text: String, of bytes: Int) -> Bool {
        text.utf8.count == 2 * bytes && decode(Array(text.utf8)) != nil
    }

    /// The bytes that `text` stands for; nil if it is anything but pairs of digits.
    ///
    /// - Parameter typed: Somebody may have typed it: upper-case digits count too.
    package static func decode(_ text: some Collection<UInt8>, typed: Bool = false) -> [UInt8]? {
        decode(Array(text), typed: typed)
    }

    package static func decode(_ text: [UInt8], typed: Bool = false) -> [UInt8]? {
        guard text.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        var high: UInt8?
        for character in text {
            let digit: UInt8
            switch character {
            case 0x30...0x39: digit = character - 0x30
            case 0x61...0x66: digit = character - 0x61 + 10
            case 0x41...0x46 where typed: digit = character - 0x41 + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return bytes
    }
}
