// SPDX-License-Identifier: Apache-2.0

/// Decimal numbers as text. They never become a binary floating-point number: DynamoDB keeps 38 digits.
enum DecimalText {
    /// Bytes of a number in the size rule: one for each two significant digits, one more, and one for a minus sign; zero takes one.
    @inline(__always)
    static func size(digits: Int, negative: Bool) -> Int {
        digits == 0 ? 1 : (digits &+ 1) / 2 &+ (negative ? 2 : 1)
    }

    /// Appends the canonical spelling of any decimal text and returns its size by DynamoDB's rule.
    ///
    /// Accepted are a sign, digits with one point among, before or after them, and an exponent. Fails with `invalidNumber`.
    static func canonicalize(_ text: UnsafeBufferPointer<UInt8>, into out: inout [UInt8]) throws -> Int {
        guard text.count <= ItemLimits.numberTextBytesMax else {
            throw ModelError(
                .invalidNumber, "A number is spelt with more than \(ItemLimits.numberTextBytesMax) characters.")
        }
        var index = 0
        var negative = false
        if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
            negative = text[index] == UInt8(ascii: "-")
            index += 1
        }
        let digitsBegin = out.count
        var seenDigits = false
        var seenPoint = false
        /// The number is 0.DIGITS times ten to this power.
        var exponent = 0
        while index < text.count {
            let character = text[index]
            if character == UInt8(ascii: "."), !seenPoint {
                seenPoint = true
            } else if case UInt8(ascii: "0")...UInt8(ascii: "9") = character {
                seenDigits = true
                if out.count > digitsBegin || character != UInt8(ascii: "0") {
                    out.append(character)
                    if !seenPoint { exponent += 1 }
                } else if seenPoint {
                    exponent -= 1
                }
            } else {
                break
            }
            index += 1
        }
        let written = readExponent(text, at: &index)
        guard seenDigits, index == text.count, let written else {
            out.removeSubrange(digitsBegin...)
            throw ModelError(.invalidNumber, "A number attribute holds text that is not a decimal number.")
        }
        exponent += written
        while out.count > digitsBegin, out[out.count - 1] == UInt8(ascii: "0") { out.removeLast() }
        let digits = out.count - digitsBegin
        if digits == 0 {
            out.append(UInt8(ascii: "0"))
            return size(digits: 0, negative: false)
        }
        guard digits <= ItemLimits.numberDigitsMax, ItemLimits.numberExponents.contains(exponent - 1) else {
            out.removeSubrange(digitsBegin...)
            throw ModelError(
                .invalidNumber,
                "A number has more than \(ItemLimits.numberDigitsMax) significant digits or lies outside 1E-130 to 1E+126."
            )
        }
        if exponent <= 0 {
            let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: -exponent)
            out.insert(contentsOf: [UInt8(ascii: "0"), UInt8(ascii: ".")] + zeros, at: digitsBegin)
        } else if exponent >= digits {
            out.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: exponent - digits))
        } else {
            out.insert(UInt8(ascii: "."), at: digitsBegin + exponent)
        }
        if negative { out.insert(UInt8(ascii: "-"), at: digitsBegin) }
        return size(digits: digits, negative: negative)
    }

    /// The value of an exponent part, 0 without one, `nil` if it is broken. Clamped: far out of range is all that matters.
    private static func readExponent(_ text: UnsafeBufferPointer<UInt8>, at index: inout Int) -> Int? {
        guard index < text.count else { return 0 }
        guard text[index] == UInt8(ascii: "e") || text[index] == UInt8(ascii: "E") else { return nil }
        index += 1
        var negative = false
        if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
            negative = text[index] == UInt8(ascii: "-")
            index += 1
        }
        let begin = index
        var value = 0
        while index < text.count, case UInt8(ascii: "0")...UInt8(ascii: "9") = text[index] {
            value = min(value * 10 + Int(text[index] - UInt8(ascii: "0")), 1_000_000)
            index += 1
        }
        return index > begin ? (negative ? -value : value) : nil
    }
}

// MARK: - Of canonical text

extension DecimalText {
    /// Appends bytes whose order under `memcmp` is the order of the numbers, from canonical text.
    ///
    /// First 0, 1 or 2 for negative, zero, positive; then the power of ten plus 129; then the digits in pairs from the first on,
    /// each pair plus one. For a negative number every byte after the first is inverted and one of 255 ends it.
    static func appendOrder(_ text: UnsafeBufferPointer<UInt8>, into out: inout [UInt8]) {
        let negative = text.first == UInt8(ascii: "-")
        var exponent = 0
        var seenPoint = false
        var digits: [UInt8] = []
        digits.reserveCapacity(ItemLimits.numberDigitsMax + 2)
        for character in text.dropFirst(negative ? 1 : 0) {
            if character == UInt8(ascii: ".") {
                seenPoint = true
            } else if !digits.isEmpty || character != UInt8(ascii: "0") {
                digits.append(character - UInt8(ascii: "0"))
                if !seenPoint { exponent += 1 }
            } else if seenPoint {
                exponent -= 1
            }
        }
        while digits.last == 0 { digits.removeLast() }
        guard !digits.isEmpty else {
            out.append(1)
            return
        }
        if digits.count & 1 == 1 { digits.append(0) }
        let flip: UInt8 = negative ? 255 : 0
        out.append(negative ? 0 : 2)
        out.append(UInt8(truncatingIfNeeded: exponent + 129) ^ flip)
        for index in stride(from: 0, to: digits.count, by: 2) {
            out.append((digits[index] * 10 + digits[index + 1] + 1) ^ flip)
        }
        if negative { out.append(255) }
    }

    /// The largest integer not above the number, clamped to 64 bits, from canonical text.
    static func floor(_ text: UnsafeBufferPointer<UInt8>) -> Int64 {
        let negative = text.first == UInt8(ascii: "-")
        var value: Int64 = 0
        for character in text.dropFirst(negative ? 1 : 0) {
            // Canonical text has a digit other than 0 after a point.
            if character == UInt8(ascii: ".") {
                guard negative else { return value }
                let (below, overflow) = value.subtractingReportingOverflow(1)
                return overflow ? .min : below
            }
            let digit = Int64(character &- UInt8(ascii: "0"))
            let (scaled, first) = value.multipliedReportingOverflow(by: 10)
            let (next, second) =
                negative ? scaled.subtractingReportingOverflow(digit) : scaled.addingReportingOverflow(digit)
            if first || second { return negative ? .min : .max }
            value = next
        }
        return value
    }
}
