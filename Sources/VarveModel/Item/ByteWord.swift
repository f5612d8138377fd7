// SPDX-License-Identifier: Apache-2.0

/// Eight bytes of text at a time.
enum ByteWord {
    @inline(__always)
    static func load(_ pointer: UnsafePointer<UInt8>) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(pointer).loadUnaligned(as: UInt64.self))
    }

    /// Sets the top bit of each byte that ends a run of plain text: `"`, `\`, a control character, anything beyond ASCII.
    ///
    /// Borrows run upwards, so only the lowest mark is certain; it is the only one that is used.
    @inline(__always)
    static func marks(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quotes = (word ^ 0x2222_2222_2222_2222) &- ones
        let backslashes = (word ^ 0x5C5C_5C5C_5C5C_5C5C) &- ones
        let controls = word &- 0x2020_2020_2020_2020
        return (quotes | backslashes | controls | word) & 0x8080_8080_8080_8080
    }
}

/// UTF-8 sequences of two to four bytes.
enum UTF8Sequence {
    /// The length of the well-formed sequence that begins here, or 0. (Table 3-7 of the Unicode standard.)
    @inline(__always)
    static func length(_ at: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Int {
        let available = end - at
        let lead = at[0]
        func follows(_ index: Int, _ low: UInt8 = 0x80, _ high: UInt8 = 0xBF) -> Bool {
            low <= at[index] && at[index] <= high
        }
        switch lead {
        case 0xC2...0xDF:
            return available >= 2 && follows(1) ? 2 : 0
        case 0xE0...0xEF:
            let low: UInt8 = lead == 0xE0 ? 0xA0 : 0x80
            let high: UInt8 = lead == 0xED ? 0x9F : 0xBF
            return available >= 3 && follows(1, low, high) && follows(2) ? 3 : 0
        case 0xF0...0xF4:
            let low: UInt8 = lead == 0xF0 ? 0x90 : 0x80
            let high: UInt8 = lead == 0xF4 ? 0x8F : 0xBF
            return available >= 4 && follows(1, low, high) && follows(2) && follows(3) ? 4 : 0
        default:
            return 0
        }
    }
}

/// Characters that canonical text escapes: the quote, the backslash and U+0000 to U+001F.
enum EscapedByte {
    private static let hexDigits: StaticString = "0123456789abcdef"

    /// The letter of a control character's short escape, or 0.
    @inline(__always)
    private static func shortLetter(_ byte: UInt8) -> UInt8 {
        switch byte {
        case 0x08: UInt8(ascii: "b")
        case 0x09: UInt8(ascii: "t")
        case 0x0A: UInt8(ascii: "n")
        case 0x0C: UInt8(ascii: "f")
        case 0x0D: UInt8(ascii: "r")
        default: 0
        }
    }

    /// Appends the canonical escape of such a byte.
    @inline(never)
    static func append(_ byte: UInt8, to out: inout ByteSink) {
        out.append(UInt8(ascii: "\\"))
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            out.append(byte)
        } else if shortLetter(byte) != 0 {
            out.append(shortLetter(byte))
        } else {
            out.append(UInt8(ascii: "u"))
            out.append(UInt8(ascii: "0"))
            out.append(UInt8(ascii: "0"))
            out.append(hexDigits.utf8Start[Int(byte >> 4)])
            out.append(hexDigits.utf8Start[Int(byte & 15)])
        }
    }

    /// The length of the canonical escape that begins at this backslash, or 0 if it is none.
    static func canonicalLength(_ at: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Int {
        guard end - at >= 2 else { return 0 }
        switch at[1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "b"), UInt8(ascii: "t"), UInt8(ascii: "n"),
            UInt8(ascii: "f"), UInt8(ascii: "r"):
            return 2
        case UInt8(ascii: "u"):
            guard end - at >= 6, at[2] == UInt8(ascii: "0"), at[3] == UInt8(ascii: "0"),
                at[4] == UInt8(ascii: "0") || at[4] == UInt8(ascii: "1")
            else { return 0 }
            switch at[5] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): break
            default: return 0
            }
            return shortLetter(value(at)) == 0 ? 6 : 0
        default:
            return 0
        }
    }

    /// The byte that a canonical escape stands for.
    static func value(_ at: UnsafePointer<UInt8>) -> UInt8 {
        switch at[1] {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "u"):
            let low = at[5] >= UInt8(ascii: "a") ? at[5] - UInt8(ascii: "a") + 10 : at[5] - UInt8(ascii: "0")
            return (at[4] - UInt8(ascii: "0")) << 4 | low
        default: return at[1]
        }
    }
}
