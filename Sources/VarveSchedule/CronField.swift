// SPDX-License-Identifier: Apache-2.0

/// One of the five fields of a cron expression: the values that it allows.
package struct CronField: Hashable, Sendable {
    /// The values, a bit each.
    package let bits: UInt64
    /// Whether it is written with a `*` in front, which for days means that the other day field alone decides.
    package let beginsWithStar: Bool

    package func contains(_ value: Int64) -> Bool { bits >> UInt64(value) & 1 == 1 }

    /// The least value that is `value` or more; nil where there is none.
    package func first(from value: Int64) -> Int64? {
        guard value < 64 else { return nil }
        let rest = bits >> UInt64(value)
        return rest == 0 ? nil : value + Int64(rest.trailingZeroBitCount)
    }
}

/// What may stand in a field.
struct CronFieldRule {
    let name: String
    let range: ClosedRange<Int64>
    /// Names of the values, from the least on; they are read in capitals and small letters.
    let names: [String]

    static let minute = CronFieldRule(name: "minute", range: 0...59, names: [])
    static let hour = CronFieldRule(name: "hour", range: 0...23, names: [])
    static let dayOfMonth = CronFieldRule(name: "day of month", range: 1...31, names: [])
    static let month = CronFieldRule(
        name: "month", range: 1...12,
        names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
    /// 7 is Sunday too.
    static let dayOfWeek = CronFieldRule(
        name: "day of week", range: 0...7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"])

    func read(_ text: Substring) throws(ScheduleError) -> CronField {
        var bits: UInt64 = 0
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            bits |= try readPart(part, of: text)
        }
        if names.count == 7, bits & 0x80 != 0 { bits = bits & 0x7F | 1 }
        return CronField(bits: bits, beginsWithStar: text.hasPrefix("*"))
    }

    /// `*`, `5`, `1-5`, `*/15` or `1-59/2`.
    private func readPart(_ part: Substring, of text: Substring) throws(ScheduleError) -> UInt64 {
        let halves = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let ends = halves[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        var (low, high) = (range.lowerBound, range.upperBound)
        if halves[0] != "*" {
            low = try value(ends[0], in: text)
            high = try ends.count == 2 ? value(ends[1], in: text) : low
            // The Sunday that ends a week is its seventh day.
            if names.count == 7, ends.count == 2, high == 0, low > 0 { high = 7 }
            guard low <= high else {
                throw refusal(text, "the range \(halves[0]) runs backwards: write it as two, with a comma")
            }
        } else if names.count == 7 {
            high = 6
        }
        guard halves.count == 2 else { return Self.bits(low, high, step: 1) }
        guard halves[0] == "*" || ends.count == 2 else {
            throw refusal(text, "a step needs a range: write \(ends[0])-\(range.upperBound)/\(halves[1])")
        }
        guard let step = Self.number(halves[1]), step >= 1 else {
            throw refusal(text, "the step '\(halves[1])' is no whole number from 1 on")
        }
        guard step <= high - low + 1 else {
            throw refusal(text, "the step \(step) is longer than its range, so that only its first value is left")
        }
        return Self.bits(low, high, step: step)
    }

    private static func bits(_ low: Int64, _ high: Int64, step: Int64) -> UInt64 {
        stride(from: low, through: high, by: Int(step)).reduce(into: 0) { $0 |= 1 << UInt64($1) }
    }

    private func value(_ text: Substring, in field: Substring) throws(ScheduleError) -> Int64 {
        if let number = Self.number(text), range.contains(number) { return number }
        if let index = names.firstIndex(of: text.lowercased()) { return range.lowerBound + Int64(index) }
        let named = names.isEmpty ? "" : ", or a name such as \(names[1].uppercased())"
        throw refusal(field, "'\(text)' is no value from \(range.lowerBound) to \(range.upperBound)\(named)")
    }

    private static func number(_ text: Substring) -> Int64? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        return Int64(text)
    }

    private func refusal(_ field: Substring, _ reason: String) -> ScheduleError {
        ScheduleError(.invalidExpression, "The \(name) '\(field)' of the cron expression is not understood: \(reason).")
    }
}
