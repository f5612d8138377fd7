// SPDX-License-Identifier: Apache-2.0

/// RFC 4648 base64 with padding, and nothing looser: one spelling for each sequence of bytes.
enum Base64 {
    /// The six bits of a character, or 255.
    @inline(__always)
    static func bits(_ character: UInt8) -> UInt8 {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character &- 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character &- 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character &+ 4
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: 255
        }
    }

    /// How many bytes a text stands for, or -1 if it is not base64 in its one spelling.
    static func decodedCount(_ text: UnsafeBufferPointer<UInt8>) -> Int {
        let count = text.count
        if count == 0 { return 0 }
        guard count & 3 == 0 else { return -1 }
        let padding = text[count - 1] != UInt8(ascii: "=") ? 0 : text[count - 2] != UInt8(ascii: "=") ? 1 : 2
        var seen: UInt8 = 0
        for index in 0..<count - padding { seen |= bits(text[index]) }
        // Valid characters have six bits: anything else has set the top ones.
        guard seen < 64 else { return -1 }
        let unused: UInt8 = padding == 0 ? 0 : padding == 1 ? 0b11 : 0b1111
        guard bits(text[count - 1 - padding]) & unused == 0 else { return -1 }
        return count / 4 * 3 - padding
    }

    /// The bytes of a text that ``decodedCount(_:)`` has accepted.
    static func decoded(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: text.count / 4 * 3) { bytes, count in
            var word: UInt32 = 0
            var held: UInt32 = 0
            for character in text where character != UInt8(ascii: "=") {
                word = word << 6 | UInt32(bits(character) & 63)
                held += 6
                if held >= 8 {
                    held -= 8
                    bytes[count] = UInt8(truncatingIfNeeded: word >> held)
                    count += 1
                }
            }
        }
    }

    static func decoded(_ text: [UInt8]) -> [UInt8] {
        text.withUnsafeBufferPointer { decoded($0) }
    }

    private static func character(_ bits: UInt32) -> UInt8 {
        let bits = UInt8(truncatingIfNeeded: bits & 63)
        switch bits {
        case 0...25: return bits &+ 65
        case 26...51: return bits &+ 71
        case 52...61: return bits &- 4
        case 62: return UInt8(ascii: "+")
        default: return UInt8(ascii: "/")
        }
    }

    static func encode(_ bytes: UnsafeBufferPointer<UInt8>, into text: inout ByteSink) {
        var index = 0
        while index + 3 <= bytes.count {
            let word = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
            text.append(character(word >> 18))
            text.append(character(word >> 12))
            text.append(character(word >> 6))
            text.append(character(word))
            index += 3
        }
        let rest = bytes.count - index
        guard rest > 0 else { return }
        let word = UInt32(bytes[index]) << 16 | (rest == 2 ? UInt32(bytes[index + 1]) << 8 : 0)
        text.append(character(word >> 18))
        text.append(character(word >> 12))
        text.append(rest == 2 ? character(word >> 6) : UInt8(ascii: "="))
        text.append(UInt8(ascii: "="))
    }
}
