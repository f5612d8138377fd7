// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Reads the tokens of JSON as RFC 8259 has them, with any white space and escapes.
struct LooseReader {
    let begin: UnsafePointer<UInt8>
    let end: UnsafePointer<UInt8>
    var at: UnsafePointer<UInt8>

    init(begin: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>) {
        self.begin = begin
        self.end = end
        at = begin
    }

    @inline(never)
    func malformed(_ what: StaticString) -> ModelError {
        ModelError(.malformedJSON, "This is not JSON at byte \(at - begin): \(what).")
    }

    @inline(never)
    func invalid(_ what: StaticString) -> ModelError {
        ModelError(.invalidValue, "An item is not DynamoDB JSON at byte \(at - begin): \(what).")
    }

    @inline(__always)
    mutating func skipSpace() {
        while at < end, at.pointee <= 0x20 {
            switch at.pointee {
            case 0x20, 0x0A, 0x0D, 0x09: at += 1
            default: return
            }
        }
    }

    @inline(__always)
    func peek(_ character: Unicode.Scalar) -> Bool {
        at < end && at.pointee == UInt8(truncatingIfNeeded: character.value)
    }

    @inline(__always)
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek(character) else { return false }
        at += 1
        return true
    }

    @inline(__always)
    mutating func expect(_ character: Unicode.Scalar) throws {
        guard take(character) else { throw malformed("another character was expected") }
    }

    mutating func takeWord(_ word: StaticString) -> Bool {
        guard end - at >= word.utf8CodeUnitCount, memcmp(at, word.utf8Start, word.utf8CodeUnitCount) == 0 else {
            return false
        }
        at += word.utf8CodeUnitCount
        return true
    }
}

// MARK: - Type tags

extension LooseReader {
    /// A type tag by its first two letters, the second 0 where there is only one.
    struct Tag: Equatable {
        var first: UInt8
        var second: UInt8

        static let string = Tag(first: UInt8(ascii: "S"), second: 0)
        static let number = Tag(first: UInt8(ascii: "N"), second: 0)
        static let binary = Tag(first: UInt8(ascii: "B"), second: 0)
        static let map = Tag(first: UInt8(ascii: "M"), second: 0)
        static let list = Tag(first: UInt8(ascii: "L"), second: 0)
        static let bool = Tag(first: UInt8(ascii: "B"), second: UInt8(ascii: "O"))
        static let null = Tag(first: UInt8(ascii: "N"), second: UInt8(ascii: "U"))
        static let stringSet = Tag(first: UInt8(ascii: "S"), second: UInt8(ascii: "S"))
        static let numberSet = Tag(first: UInt8(ascii: "N"), second: UInt8(ascii: "S"))
        static let binarySet = Tag(first: UInt8(ascii: "B"), second: UInt8(ascii: "S"))
    }

    /// Reads a type tag, quotes included.
    @inline(__always)
    mutating func tag() throws -> Tag {
        if end - at >= 3, at[0] == UInt8(ascii: "\""), at[2] == UInt8(ascii: "\""), at[1] != UInt8(ascii: "\\") {
            let tag = Tag(first: at[1], second: 0)
            guard tag == .string || tag == .number || tag == .binary || tag == .map || tag == .list else {
                throw invalid("a value has an unknown type")
            }
            at += 3
            return tag
        }
        return try longTag()
    }

    @inline(never)
    private mutating func longTag() throws -> Tag {
        var spelling = ByteSink()
        var raw = ByteSink()
        _ = try text(into: &spelling, raw: &raw, keep: true)
        switch raw.withBytes({ String(decoding: $0, as: UTF8.self) }) {
        case "S": return .string
        case "N": return .number
        case "B": return .binary
        case "M": return .map
        case "L": return .list
        case "BOOL": return .bool
        case "NULL": return .null
        case "SS": return .stringSet
        case "NS": return .numberSet
        case "BS": return .binarySet
        default: throw invalid("a value has an unknown type")
        }
    }
}

// MARK: - Text

extension LooseReader {
    /// Reads text, quotes included; appends its canonical spelling without quotes to `out` and, to keep them, its bytes to `raw`.
    ///
    /// Returns the count of its bytes.
    @inline(__always)
    mutating func text(into out: inout ByteSink, raw: inout ByteSink, keep: Bool) throws -> Int {
        try expect("\"")
        let start = at
        var here = at
        while end - here >= 8 {
            let marks = ByteWord.marks(ByteWord.load(here))
            if marks == 0 {
                here += 8
                continue
            }
            here += marks.trailingZeroBitCount &>> 3
            guard here.pointee == UInt8(ascii: "\"") else { break }
            let count = here - start
            out.append(start, count)
            if keep { raw.append(start, count) }
            at = here + 1
            return count
        }
        return try anyText(into: &out, raw: &raw, keep: keep)
    }

    /// The same from the opening quote on, with escapes and characters beyond ASCII.
    @inline(never)
    private mutating func anyText(into out: inout ByteSink, raw: inout ByteSink, keep: Bool) throws -> Int {
        var count = 0
        var chunk = at
        while true {
            if end - at >= 8 {
                let marks = ByteWord.marks(ByteWord.load(at))
                if marks == 0 {
                    at += 8
                    continue
                }
                at += marks.trailingZeroBitCount &>> 3
            }
            guard at < end else { throw malformed("it ends within text") }
            let byte = at.pointee
            if byte == UInt8(ascii: "\"") {
                count += append(chunk, to: &out, &raw, keep)
                at += 1
                return count
            } else if byte == UInt8(ascii: "\\") {
                count += append(chunk, to: &out, &raw, keep)
                count += try escape(into: &out, raw: &raw, keep: keep)
                chunk = at
            } else if byte >= 0x80 {
                let length = UTF8Sequence.length(at, end)
                guard length > 0 else { throw malformed("text is not UTF-8") }
                at += length
            } else if byte < 0x20 {
                throw malformed("a control character stands unescaped")
            } else {
                at += 1
            }
        }
    }

    @inline(__always)
    private func append(
        _ chunk: UnsafePointer<UInt8>, to out: inout ByteSink, _ raw: inout ByteSink, _ keep: Bool
    ) -> Int {
        out.append(chunk, at - chunk)
        if keep { raw.append(chunk, at - chunk) }
        return at - chunk
    }

    private mutating func escape(into out: inout ByteSink, raw: inout ByteSink, keep: Bool) throws -> Int {
        guard end - at >= 2 else { throw malformed("it ends within an escape") }
        let scalar: Unicode.Scalar
        let letter = at[1]
        at += 2
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scalar = Unicode.Scalar(letter)
        case UInt8(ascii: "b"): scalar = "\u{08}"
        case UInt8(ascii: "t"): scalar = "\t"
        case UInt8(ascii: "n"): scalar = "\n"
        case UInt8(ascii: "f"): scalar = "\u{0C}"
        case UInt8(ascii: "r"): scalar = "\r"
        case UInt8(ascii: "u"): scalar = try unicodeEscape()
        default: throw malformed("an escape is unknown")
        }
        if scalar.value < 0x20 || scalar == "\"" || scalar == "\\" {
            let byte = UInt8(truncatingIfNeeded: scalar.value)
            EscapedByte.append(byte, to: &out)
            if keep { raw.append(byte) }
            return 1
        }
        let bytes = UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
        for byte in bytes {
            out.append(byte)
            if keep { raw.append(byte) }
        }
        return bytes.count
    }

    /// Reads the digits of a `\u` escape, and the second one of a surrogate pair.
    private mutating func unicodeEscape() throws -> Unicode.Scalar {
        let first = try hexDigits()
        var value = first
        if (0xD800...0xDBFF).contains(first) {
            guard take("\\"), take("u") else { throw malformed("a surrogate stands alone") }
            let second = try hexDigits()
            guard (0xDC00...0xDFFF).contains(second) else { throw malformed("a surrogate stands alone") }
            value = 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else { throw malformed("a surrogate stands alone") }
        return scalar
    }

    private mutating func hexDigits() throws -> UInt32 {
        guard end - at >= 4 else { throw malformed("it ends within an escape") }
        var value: UInt32 = 0
        for index in 0..<4 {
            let digit = at[index]
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(digit - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(digit - UInt8(ascii: "A") + 10)
            default: throw malformed("an escape is not hexadecimal")
            }
        }
        at += 4
        return value
    }
}
