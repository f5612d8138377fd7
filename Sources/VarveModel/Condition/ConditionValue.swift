// SPDX-License-Identifier: Apache-2.0

/// The canonical bytes of one value of an item that was checked, or of a literal, and how it compares with another.
///
/// Equal values have equal canonical bytes, whatever their types: numbers have one spelling, sets and maps one order.
struct ConditionValue: Equatable, Sendable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    typealias ValueType = ItemCondition.ValueType

    var type: ValueType? {
        bytes.withUnsafeBytes { bytes in
            guard let cursor = try? CanonicalCursor(bytes), let word = try? cursor.valueWord() else { return nil }
            return ValueType(word)
        }
    }

    // MARK: Order

    /// Whether both are strings, both numbers or both binaries, and this one is the smaller: by UTF-8 bytes, by value, by unsigned bytes.
    func precedes(_ other: ConditionValue, orEquals: Bool) -> Bool {
        guard let type, type.isOrdered, type == other.type else { return false }
        let (left, right) = (ordering(type), other.ordering(type))
        return orEquals ? !right.lexicographicallyPrecedes(left) : left.lexicographicallyPrecedes(right)
    }

    /// Bytes whose order is that of the values.
    private func ordering(_ type: ValueType) -> [UInt8] {
        guard type == .number else { return content(type) }
        var order: [UInt8] = []
        scalar.withUnsafeBufferPointer { DecimalText.appendOrder($0, into: &order) }
        return order
    }

    // MARK: Content

    /// The spelling of a string, number or binary between its quotes.
    private var scalar: [UInt8] { Array(bytes[6..<bytes.count - 2]) }

    /// The bytes that a string or a binary stands for.
    private func content(_ type: ValueType) -> [UInt8] {
        if type == .binary { return Base64.decoded(scalar) }
        return bytes.withUnsafeBytes { bytes in
            guard var cursor = try? CanonicalCursor(bytes) else { return [] }
            cursor.at += 6
            return (try? cursor.text()).map { CanonicalCursor.unescaped($0) } ?? []
        }
    }

    func begins(with other: ConditionValue) -> Bool {
        guard let type, type == other.type, type == .string || type == .binary else { return false }
        return content(type).starts(with: other.content(type))
    }

    /// Whether a string or binary has the other within it, or a set or list the other as a member.
    func contains(_ other: ConditionValue) throws -> Bool {
        switch type {
        case .string, .binary:
            guard let type, type == other.type else { return false }
            return ByteSearch(for: other.content(type)).isFound(in: content(type))
        case .stringSet, .numberSet, .binarySet:
            let members: [ValueType: ValueType] = [
                .stringSet: .string, .numberSet: .number, .binarySet: .binary,
            ]
            guard let type, members[type] == other.type else { return false }
            let wanted = other.scalar
            var isFound = false
            try forEachMember { if $0.elementsEqual(wanted) { isFound = true } }
            return isFound
        case .list:
            var isFound = false
            try forEachMember { if $0.elementsEqual(other.bytes) { isFound = true } }
            return isFound
        case .number, .bool, .null, .map, nil: return false
        }
    }

    /// What DynamoDB's `size` says: UTF-16 code units of a string, bytes of a binary, members of a set, list or map; nil of anything else.
    func size() throws -> Int? {
        switch type {
        case .string:
            // One for each character, two for those beyond the first 65,536, which take four bytes of UTF-8.
            return content(.string).reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : $1 >= 0xF0 ? 2 : 1) }
        case .binary: return content(.binary).count
        case .stringSet, .numberSet, .binarySet, .list, .map:
            var count = 0
            try forEachMember { _ in count += 1 }
            return count
        case .number, .bool, .null, nil: return nil
        }
    }

    /// Lends the members of a set as spelt between quotes, the elements of a list, the values of a map.
    private func forEachMember(_ body: (UnsafeBufferPointer<UInt8>) -> Void) throws {
        try bytes.withUnsafeBytes { bytes in
            var cursor = try CanonicalCursor(bytes)
            switch type {
            case .list:
                cursor.at += 6
                if cursor.take("]") { return }
                repeat { body(try cursor.spelling()) } while cursor.take(",")
            case .map:
                cursor.at += 6
                if cursor.take("}") { return }
                var previous: CanonicalCursor.Text?
                repeat {
                    _ = try cursor.memberName(after: &previous)
                    body(try cursor.spelling())
                } while cursor.take(",")
            default:
                cursor.at += 8
                // Numbers and base64 stand between quotes as texts do.
                try cursor.setMembers { body(try $0.text().bytes) }
            }
        }
    }
}

extension ItemCondition.ValueType {
    /// The type of the value that begins with these eight bytes.
    init?(_ word: UInt64) {
        switch word & ValueTag.sixBytes {
        case ValueTag.string: self = .string
        case ValueTag.number: self = .number
        case ValueTag.binary: self = .binary
        case ValueTag.map: self = .map
        case ValueTag.list: self = .list
        default:
            switch word {
            case ValueTag.bool: self = .bool
            case ValueTag.null: self = .null
            case ValueTag.stringSet: self = .stringSet
            case ValueTag.numberSet: self = .numberSet
            case ValueTag.binarySet: self = .binarySet
            default: return nil
            }
        }
    }
}

extension CanonicalCursor {
    /// Reads a value and gives back its bytes as they stand.
    mutating func spelling() throws -> UnsafeBufferPointer<UInt8> {
        let begin = at
        _ = try value(depth: 1)
        return UnsafeBufferPointer(start: begin, count: at - begin)
    }
}
