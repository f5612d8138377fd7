// SPDX-License-Identifier: Apache-2.0

extension CanonicalCursor {
    /// Reads a whole item into a tree. Every check of canonical form is made on the way, except the item's size.
    mutating func decodeItem() throws -> [Attribute] {
        try expect("{")
        let attributes = try decodeMembers(depth: 1)
        guard at == end else { throw failure("something follows the item") }
        return attributes
    }

    /// Reads the members of a map from behind its opening brace to behind its closing one.
    private mutating func decodeMembers(depth: Int) throws -> [Attribute] {
        var members: [Attribute] = []
        if take("}") { return members }
        members.reserveCapacity(8)
        var previous: Text?
        repeat {
            let name = try memberName(after: &previous)
            members.append(Attribute(name: CanonicalCursor.unescaped(name), value: try decodeValue(depth: depth)))
        } while take(",")
        try expect("}")
        return members
    }

    mutating func decodeValue(depth: Int) throws -> AttributeValue {
        guard depth <= ItemLimits.nestingDepthMax else { throw tooDeep() }
        let word = try valueWord()
        let value: AttributeValue
        switch word & ValueTag.sixBytes {
        case ValueTag.string:
            at += 6
            value = .string(CanonicalCursor.unescaped(try text()))
        case ValueTag.number:
            at += 6
            value = .number(Array(try number().bytes))
        case ValueTag.map:
            at += 6
            value = .map(try decodeMembers(depth: depth + 1))
        case ValueTag.list:
            at += 6
            var elements: [AttributeValue] = []
            if !take("]") {
                repeat { elements.append(try decodeValue(depth: depth + 1)) } while take(",")
                try expect("]")
            }
            value = .list(elements)
        case ValueTag.binary:
            at += 6
            value = .binary(Base64.decoded(try binary().text))
        default:
            value = try decodeOther(word)
        }
        try expect("}")
        return value
    }

    @inline(never)
    private mutating func decodeOther(_ word: UInt64) throws -> AttributeValue {
        switch word {
        case ValueTag.bool:
            return .bool(try bool())
        case ValueTag.null:
            try null()
            return .null
        case ValueTag.stringSet:
            at += 8
            var members: [[UInt8]] = []
            try setMembers { cursor in
                let member = CanonicalCursor.unescaped(try cursor.text())
                if let last = members.last, !last.lexicographicallyPrecedes(member) {
                    throw cursor.failure("a set is not in order")
                }
                members.append(member)
            }
            return .stringSet(members)
        case ValueTag.numberSet:
            at += 8
            var members: [[UInt8]] = []
            _ = try numberSet { members.append(Array($0)) }
            return .numberSet(members)
        case ValueTag.binarySet:
            at += 8
            var members: [[UInt8]] = []
            _ = try binarySet { members.append($0) }
            return .binarySet(members)
        default:
            throw failure("no type of value begins here")
        }
    }
}
