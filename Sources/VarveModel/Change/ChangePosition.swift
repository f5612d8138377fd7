// SPDX-License-Identifier: Apache-2.0

/// A place in one shard of a change stream: a decimal number that may have more digits than any integer type.
///
/// Positions compare as numbers, and only within one lineage of shards: of two from different streams nothing can be said. They are not dense: a
/// gap between two of them means nothing.
package struct ChangePosition: Comparable, Hashable, Sendable {
    /// DynamoDB's have 21 to 40 digits.
    package static let digitsMax = 64

    /// Digits without leading zeros.
    package let text: String

    /// `nil` unless `text` is the one spelling of a number of at most ``digitsMax`` digits.
    package init?(_ text: some StringProtocol) {
        let digits = text.utf8
        guard 1...Self.digitsMax ~= digits.count, digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            digits.first != UInt8(ascii: "0") || digits.count == 1
        else { return nil }
        self.text = String(text)
    }

    package init(_ number: Int64) {
        precondition(number >= 0, "positions are not negative")
        text = String(number)
    }

    /// The position as an integer, where it fits.
    package var number: Int64? { Int64(text) }

    /// The position one lower, where it fits an integer.
    package var predecessor: ChangePosition? { number.flatMap { $0 > 0 ? ChangePosition($0 - 1) : nil } }

    package static func < (left: ChangePosition, right: ChangePosition) -> Bool {
        let (l, r) = (left.text.utf8, right.text.utf8)
        return l.count == r.count ? l.lexicographicallyPrecedes(r) : l.count < r.count
    }
}

extension ChangePosition: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let position = ChangePosition(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "A position must be decimal digits without leading zeros.")
        }
        self = position
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension ChangePosition: CustomStringConvertible {
    package var description: String { text }
}
