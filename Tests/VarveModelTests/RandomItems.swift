// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarveTestKit

/// Random items of every type, and random ways to spell them as JSON.
struct RandomItems {
    var random: SeededGenerator

    private static let characters: [Unicode.Scalar] = [
        "a", "Z", "0", " ", "\"", "\\", "/", "\n", "\t", "\r", "\u{8}", "\u{C}", "\u{0}", "\u{1F}", "\u{7F}", "é",
        "\u{301}", "\u{2028}",
        "\u{D7FF}", "\u{E000}", "\u{FFFF}", "😀", "\u{10FFFF}",
    ]

    mutating func chance(_ part: Int) -> Bool { Int.random(in: 0..<part, using: &random) == 0 }

    mutating func text(_ counts: ClosedRange<Int>) -> [UInt8] {
        let count = Int.random(in: counts, using: &random)
        let plain = chance(2)
        var bytes: [UInt8] = []
        for _ in 0..<count {
            let scalar: Unicode.Scalar =
                plain
                ? Unicode.Scalar(UInt8.random(in: 0x61...0x7A, using: &random))
                : RandomItems.characters[Int.random(in: 0..<RandomItems.characters.count, using: &random)]
            bytes.append(contentsOf: String(Character(scalar)).utf8)
        }
        return bytes
    }

    /// Canonical text of a number within DynamoDB's range, built digit by digit.
    mutating func number() -> [UInt8] {
        if chance(12) { return Array("0".utf8) }
        let count = chance(3) ? Int.random(in: 1...38, using: &random) : Int.random(in: 1...4, using: &random)
        var digits = (0..<count).map { _ in UInt8.random(in: 0x30...0x39, using: &random) }
        if digits[0] == 0x30 { digits[0] = 0x31 }
        if digits[count - 1] == 0x30 { digits[count - 1] = 0x39 }
        // The number is 0.DIGITS times ten to this power.
        let power = chance(3) ? Int.random(in: -129...126, using: &random) : Int.random(in: -3...6, using: &random)
        var text: [UInt8]
        if power <= 0 {
            text = Array("0.".utf8) + [UInt8](repeating: 0x30, count: -power) + digits
        } else if power >= count {
            text = digits + [UInt8](repeating: 0x30, count: power - count)
        } else {
            text = digits[..<power] + [0x2E] + digits[power...]
        }
        if chance(2) { text.insert(0x2D, at: 0) }
        return text
    }

    mutating func binary() -> [UInt8] { random.bytes(Int.random(in: 0...9, using: &random)) }

    mutating func value(depth: Int) -> AttributeValue {
        switch Int.random(in: 0..<(depth > 0 ? 13 : 8), using: &random) {
        case 0, 1: return .string(text(0...20))
        case 2: return .number(number())
        case 3: return .binary(binary())
        case 4: return chance(2) ? .null : .bool(chance(2))
        case 5: return .stringSet(set { $0.text(0...4) })
        case 6: return .numberSet(set { $0.number() })
        case 7: return .binarySet(set { $0.binary() })
        case 8, 9, 10:
            return .list((0..<Int.random(in: 0...4, using: &random)).map { _ in value(depth: depth - 1) })
        default:
            return .map(attributes(Int.random(in: 0...5, using: &random), depth: depth - 1))
        }
    }

    /// One to five different members in any order.
    private mutating func set(_ member: (inout RandomItems) -> [UInt8]) -> [[UInt8]] {
        var members: [[UInt8]] = []
        for _ in 0..<Int.random(in: 1...5, using: &random) {
            let next = member(&self)
            if !members.contains(next) { members.append(next) }
        }
        return members
    }

    mutating func attributes(_ count: Int, depth: Int) -> [Attribute] {
        var attributes: [Attribute] = []
        for _ in 0..<count {
            let name = text(1...6)
            if !attributes.contains(where: { $0.name == name }) {
                attributes.append(Attribute(name: name, value: value(depth: depth)))
            }
        }
        return attributes
    }

    mutating func item() -> [Attribute] { attributes(Int.random(in: 0...8, using: &random), depth: 4) }
}

// MARK: - The tree in canonical order, by plain Swift sorting

extension RandomItems {
    static func ordered(_ attributes: [Attribute]) -> [Attribute] {
        attributes.map { Attribute(name: $0.name, value: ordered($0.value)) }
            .sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }

    private static func ordered(_ value: AttributeValue) -> AttributeValue {
        switch value {
        case .list(let elements): .list(elements.map(ordered))
        case .map(let attributes): .map(ordered(attributes))
        case .stringSet(let members): .stringSet(members.sorted { $0.lexicographicallyPrecedes($1) })
        case .binarySet(let members): .binarySet(members.sorted { $0.lexicographicallyPrecedes($1) })
        case .numberSet(let members): .numberSet(members.sorted(by: DecimalReference.isLess))
        default: value
        }
    }
}

/// Compares canonical numbers as a child would: by sign, by the length of the whole part, then digit by digit.
enum DecimalReference {
    static func isLess(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        let (leftNegative, rightNegative) = (left.first == 0x2D, right.first == 0x2D)
        if leftNegative != rightNegative { return leftNegative }
        let (leftDigits, rightDigits) = (
            leftNegative ? Array(left.dropFirst()) : left, rightNegative ? Array(right.dropFirst()) : right
        )
        return leftNegative ? isSmaller(rightDigits, leftDigits) : isSmaller(leftDigits, rightDigits)
    }

    private static func isSmaller(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        let leftWhole = left.prefix { $0 != 0x2E }
        let rightWhole = right.prefix { $0 != 0x2E }
        if leftWhole.count != rightWhole.count { return leftWhole.count < rightWhole.count }
        return left.lexicographicallyPrecedes(right)
    }
}

// MARK: - Spelling at random

extension RandomItems {
    /// JSON of the item with members in random order, white space, needless escapes and odd numbers.
    mutating func spelling(of attributes: [Attribute]) -> [UInt8] {
        var out: [UInt8] = []
        space(&out)
        spell(attributes, &out)
        space(&out)
        return out
    }

    private mutating func space(_ out: inout [UInt8]) {
        if chance(4) { out.append(contentsOf: chance(2) ? Array("  ".utf8) : Array("\t\r\n ".utf8)) }
    }

    private mutating func token(_ text: String, _ out: inout [UInt8]) {
        space(&out)
        out.append(contentsOf: text.utf8)
        space(&out)
    }

    private mutating func spell(_ attributes: [Attribute], _ out: inout [UInt8]) {
        token("{", &out)
        for (index, attribute) in attributes.shuffled(using: &random).enumerated() {
            if index > 0 { token(",", &out) }
            quoted(attribute.name, &out)
            token(":", &out)
            spell(attribute.value, &out)
        }
        token("}", &out)
    }

    private mutating func spell(_ value: AttributeValue, _ out: inout [UInt8]) {
        token("{", &out)
        switch value {
        case .string(let bytes): tag("S", &out) { $0.quoted(bytes, &$1) }
        case .number(let bytes): tag("N", &out) { $0.number(bytes, &$1) }
        case .binary(let bytes): tag("B", &out) { $0.binary(bytes, &$1) }
        case .bool(let bool): tag("BOOL", &out) { $0.token(bool ? "true" : "false", &$1) }
        case .null: tag("NULL", &out) { $0.token("true", &$1) }
        case .map(let attributes): tag("M", &out) { $0.spell(attributes, &$1) }
        case .list(let elements): tag("L", &out) { $0.array(elements, &$1) { $0.spell($1, &$2) } }
        case .stringSet(let members): tag("SS", &out) { $0.array($0.shuffled(members), &$1) { $0.quoted($1, &$2) } }
        case .numberSet(let members): tag("NS", &out) { $0.array($0.shuffled(members), &$1) { $0.number($1, &$2) } }
        case .binarySet(let members): tag("BS", &out) { $0.array($0.shuffled(members), &$1) { $0.binary($1, &$2) } }
        }
        token("}", &out)
    }

    private mutating func shuffled(_ members: [[UInt8]]) -> [[UInt8]] { members.shuffled(using: &random) }

    private mutating func tag(
        _ name: String, _ out: inout [UInt8], _ content: (inout RandomItems, inout [UInt8]) -> Void
    ) {
        quoted(Array(name.utf8), &out)
        token(":", &out)
        content(&self, &out)
    }

    private mutating func array<Element>(
        _ elements: [Element], _ out: inout [UInt8], _ spell: (inout RandomItems, Element, inout [UInt8]) -> Void
    ) {
        token("[", &out)
        for (index, element) in elements.enumerated() {
            if index > 0 { token(",", &out) }
            spell(&self, element, &out)
        }
        token("]", &out)
    }

    private mutating func quoted(_ bytes: [UInt8], _ out: inout [UInt8]) {
        out.append(0x22)
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if scalar.value < 0x20 || scalar == "\"" || scalar == "\\" || chance(8) {
                for unit in String(Character(scalar)).utf16 {
                    let digits = String(unit, radix: 16, uppercase: chance(2))
                    out.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
                }
            } else {
                out.append(contentsOf: String(Character(scalar)).utf8)
            }
        }
        out.append(0x22)
    }

    private mutating func number(_ bytes: [UInt8], _ out: inout [UInt8]) {
        var text = String(decoding: bytes, as: UTF8.self)
        let negative = text.hasPrefix("-")
        if negative { text.removeFirst() }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: text = "000" + text
        case 1: text += text.contains(".") ? "00" : ".0"
        case 2: text += "E0"
        case 3: text += "e+000"
        case 4 where !text.contains("."): text += "0E-1"
        default: break
        }
        let sign = negative ? "-" : chance(8) ? "+" : ""
        out.append(contentsOf: ("\"" + sign + text + "\"").utf8)
    }

    private mutating func binary(_ bytes: [UInt8], _ out: inout [UInt8]) {
        quoted(Base64Reference.text(bytes), &out)
    }
}

/// Base64 bit by bit.
enum Base64Reference {
    static func text(_ bytes: [UInt8]) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var bits = bytes.flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 } }
        while bits.count % 6 != 0 { bits.append(0) }
        var text = stride(from: 0, to: bits.count, by: 6).map { start in
            alphabet[bits[start..<start + 6].reduce(0) { Int($0) << 1 | Int($1) }]
        }
        while text.count % 4 != 0 { text.append(0x3D) }
        return text
    }
}
