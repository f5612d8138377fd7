// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// A small JSON tree for table descriptions and manifests; never for items.
///
/// Objects keep the order in which they were written, but two are equal whatever their order. Numbers keep their text. Strings are equal
/// when their UTF-8 bytes are.
package enum JSON: Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSON])
    case object([Member])

    package struct Member: Hashable, Sendable {
        package var name: String
        package var value: JSON

        package init(_ name: String, _ value: JSON) {
            self.name = name
            self.value = value
        }

        package static func == (left: Member, right: Member) -> Bool {
            JSON.isSame(left.name, right.name) && left.value == right.value
        }

        package func hash(into hasher: inout Hasher) {
            JSON.hash(name, into: &hasher)
            hasher.combine(value)
        }
    }

    /// Whether two texts have the same bytes.
    static func isSame(_ left: String, _ right: String) -> Bool {
        // The second comparison is the quick one; only the third tells é from e with an accent.
        left.utf8.count == right.utf8.count && left == right && left.utf8.elementsEqual(right.utf8)
    }

    package static func integer(_ value: some BinaryInteger) -> JSON { .number(String(value)) }
}

extension JSON: Hashable {
    package static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left.utf8.elementsEqual(right.utf8)
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): JSON.sorted(left) == JSON.sorted(right)
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .number(let text), .string(let text): JSON.hash(text, into: &hasher)
        case .array(let elements): hasher.combine(elements)
        case .object(let members): hasher.combine(JSON.sorted(members))
        }
    }

    fileprivate static func hash(_ text: String, into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
        hasher.combine(UInt8(255))
    }

    static func sorted(_ members: [Member]) -> [Member] {
        members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
}

// MARK: - Looking inside

extension JSON {
    /// A member of an object by name; `nil` if there is none or this is no object.
    package subscript(_ name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    package var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    package var integer: Int? {
        guard case .number(let text) = self else { return nil }
        return Int(text)
    }

    package var array: [JSON]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    package var members: [Member]? {
        guard case .object(let members) = self else { return nil }
        return members
    }
}

// MARK: - Codable

/// Within a Codable document an object's members come in no order, and a number is the one that a coder makes of its text.
extension JSON: Codable {
    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package init(from decoder: any Decoder) throws {
        if let decoder = decoder as? TextDecoder {
            self = try decoder.tree.withNumbersRewritten(decoder)
        } else if let container = try? decoder.container(keyedBy: Name.self) {
            let members = try container.allKeys.map {
                Member($0.stringValue, try container.decode(JSON.self, forKey: $0))
            }
            self = .object(JSON.sorted(members))
        } else if var container = try? decoder.unkeyedContainer() {
            var elements: [JSON] = []
            while !container.isAtEnd { elements.append(try container.decode(JSON.self)) }
            self = .array(elements)
        } else {
            self = try JSON.scalar(try decoder.singleValueContainer())
        }
    }

    /// Each number spelt as an encoder spells it, so that what is decoded is what comes back when it was written.
    private func withNumbersRewritten(_ decoder: TextDecoder) throws -> JSON {
        switch self {
        case .null, .bool, .string: return self
        case .array(let elements): return .array(try elements.map { try $0.withNumbersRewritten(decoder) })
        case .object(let members):
            return .object(try members.map { Member($0.name, try $0.value.withNumbersRewritten(decoder)) })
        case .number(let text):
            if JSON.isPlain(text) { return self }
            if let value = Int64(text) { return .number(String(value)) }
            if let value = UInt64(text) { return .number(String(value)) }
            guard let value = Decimal(string: text), !value.isNaN else {
                throw decoder.mismatch(Decimal.self, "a number of at most 38 digits")
            }
            return .number(value.description)
        }
    }

    /// Whether a number is spelt as any encoder spells it: at most 18 digits, no sign, no exponent, no zero too many.
    private static func isPlain(_ text: String) -> Bool {
        let digits = text.utf8
        guard digits.count <= 18 else { return false }
        var point: Int?
        for (index, byte) in digits.enumerated() {
            if byte == UInt8(ascii: "."), point == nil {
                point = index
            } else if byte &- UInt8(ascii: "0") >= 10 {
                return false
            }
        }
        if point != nil { return digits.last != UInt8(ascii: "0") }
        // Zero alone, or no zero in front: the reader lets no other in.
        return true
    }

    private static func scalar(_ container: any SingleValueDecodingContainer) throws -> JSON {
        if container.decodeNil() { return .null }
        if let value = try? container.decode(Bool.self) { return .bool(value) }
        if let value = try? container.decode(Int64.self) { return .number(String(value)) }
        if let value = try? container.decode(UInt64.self) { return .number(String(value)) }
        if let value = try? container.decode(Decimal.self) { return .number(value.description) }
        return .string(try container.decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .object(let members):
            var container = encoder.container(keyedBy: Name.self)
            for member in members { try container.encode(member.value, forKey: Name(stringValue: member.name)) }
        case .array(let elements):
            var container = encoder.unkeyedContainer()
            for element in elements { try container.encode(element) }
        case .null:
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        case .bool(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        case .string(let text):
            var container = encoder.singleValueContainer()
            try container.encode(text)
        case .number(let text):
            var container = encoder.singleValueContainer()
            if let value = Int64(text) {
                try container.encode(value)
            } else if let value = UInt64(text) {
                try container.encode(value)
            } else if let value = Decimal(string: text) {
                try container.encode(value)
            } else {
                throw EncodingError.invalidValue(
                    text, .init(codingPath: encoder.codingPath, debugDescription: "A JSON number is not a number."))
            }
        }
    }
}
