// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
///
/// As text it is RFC 3339 in UTC with six decimals (`2026-11-23T10:00:00.123456Z`), so that the order of texts is the order of times.
package struct Instant: Comparable, Hashable, Sendable {
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package static func now() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    package static func < (left: Instant, right: Instant) -> Bool {
        left.microseconds < right.microseconds
    }

    /// Whole seconds since 1970, rounded down.
    package var seconds: Int64 {
        floorDivide(microseconds, 1_000_000).quotient
    }

    /// The same instant without what is less than a second.
    package var wholeSecond: Instant { Instant(microseconds: seconds * 1_000_000) }
}

// MARK: - Text

extension Instant {
    /// `2026-11-23T10:00:00.123456Z`.
    package var rfc3339: String {
        let parts = civil
        var text = DigitWriter(capacity: 27)
        text.append(parts.year, 4)
        text.append("-", parts.month, 2)
        text.append("-", parts.day, 2)
        text.append("T", parts.hour, 2)
        text.append(":", parts.minute, 2)
        text.append(":", parts.second, 2)
        text.append(".", parts.micros, 6)
        text.append("Z")
        return text.string
    }

    /// `20261123T100000Z`: whole seconds, fit for a file name.
    package var compact: String {
        let parts = civil
        var text = DigitWriter(capacity: 16)
        text.append(parts.year, 4)
        text.append(parts.month, 2)
        text.append(parts.day, 2)
        text.append("T", parts.hour, 2)
        text.append(parts.minute, 2)
        text.append(parts.second, 2)
        text.append("Z")
        return text.string
    }

    /// From the beginning of the year 0 to the end of the year 9999: what four digits of a year can say.
    private static let rfc3339Seconds: ClosedRange<Int64> = -62_167_219_200...253_402_300_799

    /// Reads an RFC 3339 time with `Z` or an offset. Decimals past the sixth are cut off. A time that an offset moves out of the years that can be
    /// written is none.
    package init?(rfc3339 text: String) {
        var reader = DigitReader(bytes: Array(text.utf8))
        guard let year = reader.number(digits: 4), reader.take("-"), let month = reader.number(digits: 2),
            reader.take("-"), let day = reader.number(digits: 2),
            reader.take("T") || reader.take("t") || reader.take(" "),
            let hour = reader.number(digits: 2), reader.take(":"), let minute = reader.number(digits: 2),
            reader.take(":"), let second = reader.number(digits: 2)
        else { return nil }
        guard (1...12).contains(month), day >= 1, day <= CivilDate.daysInMonth(month, of: year), hour < 24, minute < 60,
            second < 60
        else { return nil }
        var micros: Int64 = 0
        if reader.take(".") {
            guard let fraction = reader.fraction() else { return nil }
            micros = fraction
        }
        var offsetMinutes: Int64 = 0
        if !(reader.take("Z") || reader.take("z")) {
            let sign: Int64 = reader.take("+") ? 1 : -1
            guard sign == 1 || reader.take("-"), let hours = reader.number(digits: 2), reader.take(":"),
                let minutes = reader.number(digits: 2), hours < 24, minutes < 60
            else { return nil }
            offsetMinutes = sign * (hours * 60 + minutes)
        }
        guard reader.isAtEnd else { return nil }
        let days = CivilDate(year: year, month: month, day: day).daysSince1970
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offsetMinutes * 60
        guard Self.rfc3339Seconds.contains(seconds) else { return nil }
        self.init(microseconds: seconds * 1_000_000 + micros)
    }

    private var civil: (year: Int64, month: Int64, day: Int64, hour: Int64, minute: Int64, second: Int64, micros: Int64)
    {
        let (seconds, micros) = floorDivide(microseconds, 1_000_000)
        let (days, rest) = floorDivide(seconds, 86_400)
        let date = CivilDate(daysSince1970: days)
        return (date.year, date.month, date.day, rest / 3600, rest / 60 % 60, rest % 60, micros)
    }
}

extension Instant: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let instant = Instant(rfc3339: text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "A time must be RFC 3339 text such as 2026-11-23T10:00:00.123456Z.")
        }
        self = instant
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rfc3339)
    }
}

extension Instant: CustomStringConvertible {
    package var description: String { rfc3339 }
}

/// Writes numbers with a fixed number of digits, or more where they need them.
private struct DigitWriter {
    private var bytes: [UInt8] = []

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    var string: String { String(decoding: bytes, as: UTF8.self) }

    mutating func append(_ character: Unicode.Scalar) { bytes.append(UInt8(ascii: character)) }

    mutating func append(_ character: Unicode.Scalar, _ value: Int64, _ width: Int) {
        append(character)
        append(value, width)
    }

    mutating func append(_ value: Int64, _ width: Int) {
        if value < 0 { append("-") }
        var rest = value.magnitude
        let begin = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0 || bytes.count - begin < width
        bytes[begin...].reverse()
    }
}

private struct DigitReader {
    let bytes: [UInt8]
    var at = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    mutating func digit() -> Int64? {
        guard at < bytes.count, case 0x30...0x39 = bytes[at] else { return nil }
        at += 1
        return Int64(bytes[at - 1] - 0x30)
    }

    mutating func number(digits: Int) -> Int64? {
        var value: Int64 = 0
        for _ in 0..<digits {
            guard let next = digit() else { return nil }
            value = value * 10 + next
        }
        return value
    }

    /// Microseconds from one or more decimals.
    mutating func fraction() -> Int64? {
        guard var value = digit() else { return nil }
        var scale = 5
        while let next = digit() {
            if scale > 0 {
                value = value * 10 + next
                scale -= 1
            }
        }
        for _ in 0..<scale { value *= 10 }
        return value
    }
}

// MARK: - Decimal seconds, as the DynamoDB API has times

extension Instant {
    /// Seconds since 1970 with six decimals, without trailing zeros.
    package var epochSeconds: String {
        let (seconds, micros) = floorDivide(microseconds, 1_000_000)
        guard micros > 0 else { return String(seconds) }
        guard seconds < 0 else { return "\(seconds).\(trimmed(micros))" }
        // -1.5 is one and a half second before 1970: the decimals count away from zero.
        let whole = seconds + 1
        return "\(whole == 0 ? "-0" : String(whole)).\(trimmed(1_000_000 - micros))"
    }

    private func trimmed(_ micros: Int64) -> String {
        var writer = DigitWriter(capacity: 6)
        writer.append(micros, 6)
        var digits = writer.string
        while digits.hasSuffix("0") { digits.removeLast() }
        return digits
    }

    /// Reads a JSON number of seconds since 1970. Decimals past the sixth are cut off.
    package init?(epochSeconds text: String) {
        var canonical: [UInt8] = []
        let valid = Array(text.utf8).withUnsafeBufferPointer {
            (try? DecimalText.canonicalize($0, into: &canonical)) != nil
        }
        guard valid else { return nil }
        let negative = canonical.first == UInt8(ascii: "-")
        let digits = canonical.dropFirst(negative ? 1 : 0)
        let point = digits.firstIndex(of: UInt8(ascii: ".")) ?? digits.endIndex
        let decimals = digits[point...].dropFirst().prefix(6)
        let scaled = digits[..<point] + decimals + repeatElement(UInt8(ascii: "0"), count: 6 - decimals.count)
        guard let magnitude = Int64(String(decoding: scaled, as: UTF8.self)) else { return nil }
        self.init(microseconds: negative ? -magnitude : magnitude)
    }
}
