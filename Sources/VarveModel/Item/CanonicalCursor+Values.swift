// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How a value begins, as the little-endian number of its first six or eight bytes.
enum ValueTag {
    static let string: UInt64 = 0x223A_2253_227B  // {"S":"
    static let number: UInt64 = 0x223A_224E_227B  // {"N":"
    static let binary: UInt64 = 0x223A_2242_227B  // {"B":"
    static let map: UInt64 = 0x7B3A_224D_227B  // {"M":{
    static let list: UInt64 = 0x5B3A_224C_227B  // {"L":[
    static let bool: UInt64 = 0x3A22_4C4F_4F42_227B  // {"BOOL":
    static let null: UInt64 = 0x3A22_4C4C_554E_227B  // {"NULL":
    static let stringSet: UInt64 = 0x225B_3A22_5353_227B  // {"SS":["
    static let numberSet: UInt64 = 0x225B_3A22_534E_227B  // {"NS":["
    static let binarySet: UInt64 = 0x225B_3A22_5342_227B  // {"BS":["
    static let sixBytes: UInt64 = 0xFFFF_FFFF_FFFF
}

extension CanonicalCursor {
    /// Reads a whole item, to its last byte; returns its size and shows each top-level name with where its value begins.
    @inline(__always)
    mutating func item(_ show: (Text, UnsafePointer<UInt8>) -> Void) throws -> Int {
        try expect("{")
        var size = 0
        if !take("}") {
            var previous: Text?
            repeat {
                let name = try memberName(after: &previous)
                let value = at
                size &+= name.decodedCount &+ (try self.value(depth: 1))
                show(name, value)
            } while take(",")
            try expect("}")
        }
        guard at == end else { throw failure("something follows the item") }
        guard size <= ItemLimits.itemBytesMax else { throw CanonicalCursor.tooLarge() }
        return size
    }

    @inline(never)
    static func tooLarge() -> ModelError {
        ModelError(.tooLarge, "An item is larger than \(ItemLimits.itemBytesMax) bytes, DynamoDB's limit.")
    }

    /// Reads a name and its colon.
    @inline(__always)
    mutating func memberName(after previous: inout Text?) throws -> Text {
        try expect("\"")
        let name = try text()
        guard name.decodedCount <= ItemLimits.attributeNameBytesMax else { throw failure("a name is too long") }
        if let previous, !CanonicalCursor.isAscending(previous, name) {
            throw failure("names are not in order, or one occurs twice")
        }
        previous = name
        try expect(":")
        return name
    }

    /// The first eight bytes of a value. None is shorter.
    @inline(__always)
    func valueWord() throws -> UInt64 {
        guard end - at >= 8 else { throw failure("it ends within a value") }
        return ByteWord.load(at)
    }

    /// Reads a value and returns its size by DynamoDB's rule.
    mutating func value(depth: Int) throws -> Int {
        guard depth <= ItemLimits.nestingDepthMax else { throw tooDeep() }
        let word = try valueWord()
        let size: Int
        switch word & ValueTag.sixBytes {
        case ValueTag.string:
            at += 6
            size = try text().decodedCount
        case ValueTag.number:
            at += 6
            size = try number().size
        case ValueTag.map:
            at += 6
            size = try map(depth: depth)
        case ValueTag.list:
            at += 6
            size = try list(depth: depth)
        case ValueTag.binary:
            at += 6
            size = try binary().count
        default:
            size = try otherValue(word)
        }
        try expect("}")
        return size
    }

    private mutating func map(depth: Int) throws -> Int {
        // 3 for the map and 1 for each member, as the developer guide's rule has it.
        var size = 3
        if take("}") { return size }
        var previous: Text?
        repeat {
            let name = try memberName(after: &previous)
            size &+= name.decodedCount &+ (try value(depth: depth &+ 1)) &+ 1
        } while take(",")
        try expect("}")
        return size
    }

    private mutating func list(depth: Int) throws -> Int {
        var size = 3
        if take("]") { return size }
        repeat {
            size &+= try value(depth: depth &+ 1) &+ 1
        } while take(",")
        try expect("]")
        return size
    }

    @inline(never)
    private mutating func otherValue(_ word: UInt64) throws -> Int {
        switch word {
        case ValueTag.bool:
            _ = try bool()
            return 1
        case ValueTag.null:
            try null()
            return 1
        case ValueTag.stringSet:
            at += 8
            var size = 0
            var previous: Text?
            try setMembers { cursor in
                let member = try cursor.text()
                if let previous, !CanonicalCursor.isAscending(previous, member) {
                    throw cursor.failure("a set is not in order")
                }
                previous = member
                size &+= member.decodedCount
            }
            return size
        case ValueTag.numberSet:
            at += 8
            return try numberSet { _ in }
        case ValueTag.binarySet:
            at += 8
            return try binarySet { _ in }
        default:
            throw failure("no type of value begins here")
        }
    }

    mutating func bool() throws -> Bool {
        at += 8
        if matches("true") { return true }
        if matches("false") { return false }
        throw failure("a BOOL is true or false")
    }

    mutating func null() throws {
        at += 8
        guard matches("true") else { throw failure("a NULL is true") }
    }

    private mutating func matches(_ word: StaticString) -> Bool {
        guard end - at >= word.utf8CodeUnitCount, memcmp(at, word.utf8Start, word.utf8CodeUnitCount) == 0 else {
            return false
        }
        at += word.utf8CodeUnitCount
        return true
    }

    /// Reads the members of a set from behind the first quote to behind the bracket.
    mutating func setMembers(_ member: (inout CanonicalCursor) throws -> Void) throws {
        try member(&self)
        while take(",") {
            try expect("\"")
            try member(&self)
        }
        try expect("]")
    }

    mutating func numberSet(_ show: (UnsafeBufferPointer<UInt8>) -> Void) throws -> Int {
        var size = 0
        var previous: [UInt8]?
        try setMembers { cursor in
            let member = try cursor.number()
            var order: [UInt8] = []
            DecimalText.appendOrder(member.bytes, into: &order)
            if let previous, !previous.lexicographicallyPrecedes(order) {
                throw cursor.failure("a set is not in order")
            }
            previous = order
            size &+= member.size
            show(member.bytes)
        }
        return size
    }

    mutating func binarySet(_ show: ([UInt8]) -> Void) throws -> Int {
        var size = 0
        var previous: [UInt8]?
        try setMembers { cursor in
            let (text, count) = try cursor.binary()
            let bytes = Base64.decoded(text)
            if let previous, !previous.lexicographicallyPrecedes(bytes) {
                throw cursor.failure("a set is not in order")
            }
            size &+= count
            show(bytes)
            previous = bytes
        }
        return size
    }
}
