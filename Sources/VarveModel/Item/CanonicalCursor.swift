// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Walks over the canonical bytes of an item and stops at the first that is not canonical.
///
/// The one place that knows what canonical bytes look like; the scanner, the canonicalizer's fast way and the decoder are built from
/// its steps. It works on raw pointers, since it is on the path of every item, and looks before every byte it reads.
struct CanonicalCursor {
    let begin: UnsafePointer<UInt8>
    let end: UnsafePointer<UInt8>
    var at: UnsafePointer<UInt8>
    /// Whether only the yes or no is wanted: a message costs more than reading an item.
    let quiet: Bool

    /// A name or a string, between its quotes.
    struct Text {
        let start: UnsafePointer<UInt8>
        let count: Int
        /// Bytes by which escapes make the spelling longer than the text itself.
        let escapeBytes: Int

        var decodedCount: Int { count &- escapeBytes }
        var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }
    }

    /// A number, between its quotes.
    struct Number {
        let start: UnsafePointer<UInt8>
        let count: Int
        /// Bytes by the size rule of DynamoDB.
        let size: Int

        var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }
    }

    init(_ bytes: UnsafeRawBufferPointer, quiet: Bool = false) throws {
        guard let address = bytes.baseAddress, bytes.count >= 2 else {
            throw ModelError(.notCanonical, "An item has no bytes.")
        }
        begin = address.assumingMemoryBound(to: UInt8.self)
        end = begin + bytes.count
        at = begin
        self.quiet = quiet
    }

    private static let silence = ModelError(.notCanonical, "An item is not in canonical form.")

    @inline(never)
    func failure(_ what: StaticString) -> ModelError {
        if quiet { return CanonicalCursor.silence }
        return ModelError(.notCanonical, "An item is not in canonical form at byte \(at - begin): \(what).")
    }

    @inline(never)
    func tooDeep() -> ModelError {
        ModelError(.tooDeep, "An item nests deeper than \(ItemLimits.nestingDepthMax) levels at byte \(at - begin).")
    }

    @inline(__always)
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard at < end, at.pointee == UInt8(truncatingIfNeeded: character.value) else { return false }
        at += 1
        return true
    }

    @inline(__always)
    mutating func expect(_ character: Unicode.Scalar) throws {
        guard take(character) else { throw failure("another character was expected") }
    }
}

// MARK: - Text

extension CanonicalCursor {
    /// Reads text from behind its opening quote to behind its closing quote.
    @inline(__always)
    mutating func text() throws -> Text {
        let start = at
        var here = at
        while end - here >= 8 {
            let marks = ByteWord.marks(ByteWord.load(here))
            if marks == 0 {
                here += 8
                continue
            }
            here += marks.trailingZeroBitCount &>> 3
            if here.pointee == UInt8(ascii: "\"") {
                at = here + 1
                return Text(start: start, count: here - start, escapeBytes: 0)
            }
            break
        }
        at = here
        return try restOfText(start)
    }

    /// The same from any byte on, with escapes and characters beyond ASCII.
    @inline(never)
    private mutating func restOfText(_ start: UnsafePointer<UInt8>) throws -> Text {
        var escapeBytes = 0
        while at < end {
            let byte = at.pointee
            if byte == UInt8(ascii: "\"") {
                let count = at - start
                at += 1
                return Text(start: start, count: count, escapeBytes: escapeBytes)
            } else if byte == UInt8(ascii: "\\") {
                let length = EscapedByte.canonicalLength(at, end)
                guard length > 0 else { throw failure("an escape is not the shortest or not needed") }
                escapeBytes += length - 1
                at += length
            } else if byte >= 0x80 {
                let length = UTF8Sequence.length(at, end)
                guard length > 0 else { throw failure("text is not UTF-8") }
                at += length
            } else if byte < 0x20 {
                throw failure("a control character stands unescaped")
            } else {
                at += 1
            }
        }
        throw failure("it ends within text")
    }

    /// Compares two texts by the bytes that they stand for.
    @inline(__always)
    static func isAscending(_ left: Text, _ right: Text) -> Bool {
        if left.escapeBytes | right.escapeBytes == 0 {
            let order = memcmp(left.start, right.start, min(left.count, right.count))
            return order < 0 || (order == 0 && left.count < right.count)
        }
        return isAscendingUnescaped(left, right)
    }

    @inline(never)
    private static func isAscendingUnescaped(_ left: Text, _ right: Text) -> Bool {
        unescaped(left).lexicographicallyPrecedes(unescaped(right))
    }

    /// The bytes that a text stands for.
    static func unescaped(_ text: Text) -> [UInt8] {
        if text.escapeBytes == 0 { return Array(text.bytes) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.decodedCount)
        var here = text.start
        let end = text.start + text.count
        while here < end {
            if here.pointee == UInt8(ascii: "\\") {
                bytes.append(EscapedByte.value(here))
                here += EscapedByte.canonicalLength(here, end)
            } else {
                bytes.append(here.pointee)
                here += 1
            }
        }
        return bytes
    }
}

// MARK: - Numbers and binaries

extension CanonicalCursor {
    /// Reads a number from behind its opening quote to behind its closing quote.
    @inline(__always)
    mutating func number() throws -> Number {
        let start = at
        var here = at
        let negative = here < end && here.pointee == UInt8(ascii: "-")
        if negative { here += 1 }
        let whole = here
        while here < end, here.pointee &- UInt8(ascii: "0") < 10 { here += 1 }
        guard here < end else { throw failure("it ends within a number") }
        let wholeDigits = here - whole
        var digits = wholeDigits
        if here.pointee == UInt8(ascii: "\"") {
            guard wholeDigits > 0, wholeDigits <= ItemLimits.numberExponents.upperBound + 1 else {
                throw failure("a number is not plain decimal or is out of range")
            }
            if whole.pointee == UInt8(ascii: "0") {
                guard wholeDigits == 1, !negative else { throw failure("a number begins with a zero or is minus zero") }
                digits = 0
            } else {
                while whole[digits &- 1] == UInt8(ascii: "0") { digits &-= 1 }
            }
        } else {
            digits = try fraction(whole, wholeDigits, &here)
        }
        guard digits <= ItemLimits.numberDigitsMax else { throw failure("a number has too many digits") }
        at = here + 1
        return Number(start: start, count: here - start, size: DecimalText.size(digits: digits, negative: negative))
    }

    /// Reads on from the point and returns the count of significant digits.
    @inline(never)
    private func fraction(
        _ whole: UnsafePointer<UInt8>, _ wholeDigits: Int, _ here: inout UnsafePointer<UInt8>
    ) throws -> Int {
        guard here.pointee == UInt8(ascii: "."), wholeDigits > 0,
            wholeDigits <= ItemLimits.numberExponents.upperBound + 1
        else { throw failure("a number is not plain decimal or is out of range") }
        here += 1
        let fraction = here
        while here < end, here.pointee &- UInt8(ascii: "0") < 10 { here += 1 }
        let fractionDigits = here - fraction
        guard here < end, here.pointee == UInt8(ascii: "\""), fractionDigits > 0,
            fraction[fractionDigits - 1] != UInt8(ascii: "0")
        else { throw failure("a fraction is empty or ends with a zero") }
        guard whole.pointee == UInt8(ascii: "0") else { return wholeDigits + fractionDigits }
        guard wholeDigits == 1 else { throw failure("a number begins with a zero") }
        var zeros = 0
        while fraction[zeros] == UInt8(ascii: "0") { zeros += 1 }
        guard -(zeros + 1) >= ItemLimits.numberExponents.lowerBound else { throw failure("a number is too small") }
        return fractionDigits - zeros
    }

    /// Reads base64 from behind its opening quote to behind its closing quote; returns the text and how many bytes it stands for.
    mutating func binary() throws -> (text: UnsafeBufferPointer<UInt8>, count: Int) {
        let start = at
        guard let quote = memchr(start, Int32(UInt8(ascii: "\"")), end - start) else {
            throw failure("it ends within a binary")
        }
        let text = UnsafeBufferPointer(start: start, count: UnsafeRawPointer(quote) - UnsafeRawPointer(start))
        let count = Base64.decodedCount(text)
        guard count >= 0 else { throw failure("a binary is not base64") }
        at = start + text.count + 1
        return (text, count)
    }
}
