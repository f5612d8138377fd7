// SPDX-License-Identifier: Apache-2.0

extension PosixRule {
    /// Reads a `TZ` text; nil where it is none.
    init?(_ bytes: some Collection<UInt8>) {
        var reader = PosixRuleReader(bytes: Array(bytes))
        guard reader.name(), let west = reader.time(hoursMax: 24) else { return nil }
        standard = -west
        if reader.isAtEnd {
            saving = nil
            return
        }
        guard reader.name() else { return nil }
        var offset = standard + 3600
        if !reader.isAt(",") {
            guard let west = reader.time(hoursMax: 24) else { return nil }
            offset = -west
        }
        // Without a rule the system's own would hold, and zone files always have one.
        guard reader.take(","), let begin = reader.moment(), reader.take(","), let end = reader.moment(),
            reader.isAtEnd
        else { return nil }
        saving = Saving(offset: offset, begin: begin, end: end)
    }
}

private struct PosixRuleReader {
    let bytes: [UInt8]
    private var at = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    func isAt(_ character: Unicode.Scalar) -> Bool { at < bytes.count && bytes[at] == UInt8(ascii: character) }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard isAt(character) else { return false }
        at += 1
        return true
    }

    /// Three letters or more, or letters, digits and signs between `<` and `>`.
    mutating func name() -> Bool {
        let quoted = take("<")
        let start = at
        while at < bytes.count, Self.isLetter(bytes[at]) || quoted && Self.isDigitOrSign(bytes[at]) { at += 1 }
        guard at - start >= 3 else { return false }
        return !quoted || take(">")
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time(hoursMax: Int64) -> Int64? {
        let sign: Int64 = take("-") ? -1 : 1
        if sign == 1 { _ = take("+") }
        guard let hours = number(through: hoursMax) else { return nil }
        var seconds = hours * 3600
        if take(":") {
            guard let minutes = number(through: 59) else { return nil }
            seconds += minutes * 60
            if take(":") {
                guard let rest = number(through: 59) else { return nil }
                seconds += rest
            }
        }
        return sign * seconds
    }

    /// `Jn`, `n` or `Mm.w.d`, with `/time` or two in the morning.
    mutating func moment() -> PosixRule.Moment? {
        let day: PosixRule.Moment.Day
        if take("M") {
            guard let month = number(through: 12), month >= 1, take("."), let week = number(through: 5), week >= 1,
                take("."), let weekday = number(through: 6)
            else { return nil }
            day = .weekday(month: month, week: week, day: weekday)
        } else if take("J") {
            guard let number = number(through: 365), number >= 1 else { return nil }
            day = .julian(number)
        } else {
            guard let number = number(through: 365) else { return nil }
            day = .ordinal(number)
        }
        guard take("/") else { return PosixRule.Moment(day: day, seconds: 7200) }
        return time(hoursMax: 167).map { PosixRule.Moment(day: day, seconds: $0) }
    }

    private mutating func number(through most: Int64) -> Int64? {
        var value: Int64?
        while at < bytes.count, case 0x30...0x39 = bytes[at] {
            let next = (value ?? 0) * 10 + Int64(bytes[at] - 0x30)
            guard next <= most else { return nil }
            value = next
            at += 1
        }
        return value
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte & 0xDF) }

    private static func isDigitOrSign(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
    }
}
