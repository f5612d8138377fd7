// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Reads any DynamoDB JSON of an item and writes it canonically.
///
/// Members of maps and sets are written as they come, each remembered with the bytes that order it; when a map or set ends and its
/// members were out of order, they are moved into order. So most items are written once, and nothing is built in between.
struct Rewriter: ~Copyable {
    /// A member of a map or set that is still open: its ordering bytes within `keys`, its text within `out`.
    struct Entry {
        var keyBegin: Int
        var keyEnd: Int
        var begin: Int
        var end: Int
    }

    private var out = ByteSink()
    private var keys = ByteSink()
    private var entries: [Entry] = []
    private var scratch = ByteSink()
    /// Bytes so far by DynamoDB's size rule.
    private var size = 0

    /// Appends the canonical bytes of one item; when it throws, `out` is as it was.
    mutating func rewrite(_ json: UnsafeRawBufferPointer, into target: inout [UInt8]) throws {
        guard json.count <= ItemLimits.itemTextBytesMax else {
            throw ModelError(.tooLarge, "An item's JSON is longer than \(ItemLimits.itemTextBytesMax) bytes.")
        }
        guard let address = json.baseAddress else { throw ModelError(.malformedJSON, "An item has no bytes.") }
        let begin = address.assumingMemoryBound(to: UInt8.self)
        var reader = LooseReader(begin: begin, end: begin + json.count)
        out.truncate(to: 0)
        keys.truncate(to: 0)
        entries.removeAll(keepingCapacity: true)
        size = 0
        reader.skipSpace()
        try members(&reader, depth: 1, overhead: 0)
        reader.skipSpace()
        guard reader.at == reader.end else { throw reader.malformed("something follows the item") }
        out.withBytes { target.append(contentsOf: $0) }
    }

    private mutating func grow(by bytes: Int) throws {
        size &+= bytes
        guard size <= ItemLimits.itemBytesMax else { throw CanonicalCursor.tooLarge() }
    }

    /// Reads a map of names to values, braces included.
    private mutating func members(_ reader: inout LooseReader, depth: Int, overhead: Int) throws {
        try reader.expect("{")
        out.append(UInt8(ascii: "{"))
        let base = entries.count
        reader.skipSpace()
        if !reader.take("}") {
            repeat {
                if entries.count > base { out.append(UInt8(ascii: ",")) }
                reader.skipSpace()
                var entry = Entry(keyBegin: keys.count, keyEnd: 0, begin: out.count, end: 0)
                out.append(UInt8(ascii: "\""))
                _ = try reader.text(into: &out, raw: &keys, keep: true)
                entry.keyEnd = keys.count
                guard entry.keyEnd - entry.keyBegin <= ItemLimits.attributeNameBytesMax else {
                    throw ModelError(
                        .tooLarge, "The name of an attribute is longer than \(ItemLimits.attributeNameBytesMax) bytes.")
                }
                try grow(by: entry.keyEnd - entry.keyBegin + overhead)
                reader.skipSpace()
                try reader.expect(":")
                out.append(word: 0x3A22, length: 2)  // ":
                reader.skipSpace()
                try value(&reader, depth: depth)
                entry.end = out.count
                entries.append(entry)
                reader.skipSpace()
            } while reader.take(",")
            try reader.expect("}")
        }
        guard arrange(from: base) else { throw ModelError(.duplicateName, "An item names the same attribute twice.") }
        out.append(UInt8(ascii: "}"))
    }

    private mutating func value(_ reader: inout LooseReader, depth: Int) throws {
        guard depth <= ItemLimits.nestingDepthMax else {
            throw ModelError(.tooDeep, "An item nests deeper than \(ItemLimits.nestingDepthMax) levels.")
        }
        guard reader.take("{") else { throw reader.invalid("a value is an object with exactly one type") }
        reader.skipSpace()
        guard !reader.peek("}") else { throw reader.invalid("a value has exactly one type, not none") }
        let tag = try reader.tag()
        switch tag {
        case .bool:
            out.append(word: ValueTag.bool, length: 8)
        case .null:
            out.append(word: ValueTag.null, length: 8)
        default:
            out.append(word: 0x227B, length: 2)  // {"
            out.append(tag.first)
            if tag.second != 0 { out.append(tag.second) }
            out.append(word: 0x3A22, length: 2)  // ":
        }
        reader.skipSpace()
        try reader.expect(":")
        reader.skipSpace()
        try content(tag, &reader, depth: depth)
        reader.skipSpace()
        guard !reader.peek(",") else { throw reader.invalid("a value has exactly one type, not several") }
        try reader.expect("}")
        out.append(UInt8(ascii: "}"))
    }

    private mutating func content(_ tag: LooseReader.Tag, _ reader: inout LooseReader, depth: Int) throws {
        switch tag {
        case .string, .number, .binary:
            try scalar(tag, &reader, inSet: false)
        case .bool:
            if reader.takeWord("true") {
                out.append(word: 0x6575_7274, length: 4)  // true
            } else if reader.takeWord("false") {
                out.append(word: 0x65_736C_6166, length: 5)  // false
            } else {
                throw reader.invalid("a BOOL is true or false")
            }
            try grow(by: 1)
        case .null:
            guard reader.takeWord("true") else { throw reader.invalid("a NULL is true") }
            out.append(word: 0x6575_7274, length: 4)  // true
            try grow(by: 1)
        case .map:
            guard reader.peek("{") else { throw reader.invalid("an M is an object") }
            try grow(by: 3)
            try members(&reader, depth: depth + 1, overhead: 1)
        case .list:
            try list(&reader, depth: depth)
        case .stringSet:
            try set(.string, &reader)
        case .numberSet:
            try set(.number, &reader)
        case .binarySet:
            try set(.binary, &reader)
        default:
            throw reader.invalid("a value has an unknown type")
        }
    }

    private mutating func list(_ reader: inout LooseReader, depth: Int) throws {
        guard reader.take("[") else { throw reader.invalid("an L is an array") }
        out.append(UInt8(ascii: "["))
        try grow(by: 3)
        reader.skipSpace()
        if !reader.take("]") {
            var first = true
            repeat {
                if !first { out.append(UInt8(ascii: ",")) }
                first = false
                try grow(by: 1)
                reader.skipSpace()
                try value(&reader, depth: depth + 1)
                reader.skipSpace()
            } while reader.take(",")
            try reader.expect("]")
        }
        out.append(UInt8(ascii: "]"))
    }

    private mutating func set(_ member: LooseReader.Tag, _ reader: inout LooseReader) throws {
        guard reader.take("[") else { throw reader.invalid("a set is an array") }
        reader.skipSpace()
        guard !reader.peek("]") else { throw ModelError(.emptySet, "A set is empty; DynamoDB has no empty sets.") }
        out.append(UInt8(ascii: "["))
        let base = entries.count
        repeat {
            if entries.count > base { out.append(UInt8(ascii: ",")) }
            reader.skipSpace()
            var entry = Entry(keyBegin: keys.count, keyEnd: 0, begin: out.count, end: 0)
            try scalar(member, &reader, inSet: true)
            entry.keyEnd = keys.count
            entry.end = out.count
            entries.append(entry)
            reader.skipSpace()
        } while reader.take(",")
        try reader.expect("]")
        guard arrange(from: base) else { throw ModelError(.duplicateMember, "A set holds the same member twice.") }
        out.append(UInt8(ascii: "]"))
    }

    /// Reads a string, number or binary, quotes included; within a set it leaves at the end of `keys` the bytes that order it there.
    private mutating func scalar(_ tag: LooseReader.Tag, _ reader: inout LooseReader, inSet: Bool) throws {
        guard reader.peek("\"") else { throw reader.invalid("S, N and B hold strings") }
        out.append(UInt8(ascii: "\""))
        let begin = out.count
        let count = try reader.text(into: &out, raw: &keys, keep: inSet && tag == .string)
        switch tag {
        case .number:
            // Text that needs an escape is no number: the spelling will do for the text.
            try number(from: begin, inSet: inSet)
        case .binary:
            let bytes = out.withBytes(from: begin) { Base64.decodedCount($0) }
            guard bytes >= 0 else { throw reader.invalid("a binary is not base64 with padding") }
            try grow(by: bytes)
            if inSet {
                Base64.decoded(out.array(from: begin)).withUnsafeBufferPointer { keys.append($0) }
            }
        default:
            try grow(by: count)
        }
        out.append(UInt8(ascii: "\""))
    }

    /// Makes the text at the end of `out` a canonical number.
    private mutating func number(from begin: Int, inSet: Bool) throws {
        if let bytes = out.numberSize(from: begin) {
            try grow(by: bytes)
        } else {
            var spelling: [UInt8] = []
            let bytes = try out.withBytes(from: begin) { try DecimalText.canonicalize($0, into: &spelling) }
            try grow(by: bytes)
            out.truncate(to: begin)
            spelling.withUnsafeBufferPointer { out.append($0) }
        }
        if inSet {
            var order: [UInt8] = []
            out.withBytes(from: begin) { DecimalText.appendOrder($0, into: &order) }
            order.withUnsafeBufferPointer { keys.append($0) }
        }
    }

    /// Puts the members from an entry on in order and forgets them. False if two are the same.
    private mutating func arrange(from base: Int) -> Bool {
        guard base < entries.count else { return true }
        let begin = entries[base].begin
        let firstKey = entries[base].keyBegin
        defer {
            entries.removeSubrange(base...)
            keys.truncate(to: firstKey)
        }
        if isAscending(from: base) { return true }
        Rewriter.sort(&entries, from: base, keys)
        guard isAscending(from: base) else { return false }
        scratch.truncate(to: 0)
        for index in base..<entries.count {
            if index > base { scratch.append(UInt8(ascii: ",")) }
            scratch.append(copying: out, entries[index].begin..<entries[index].end)
        }
        out.replace(at: begin, with: scratch)
        return true
    }

    private static func sort(_ entries: inout [Entry], from base: Int, _ keys: borrowing ByteSink) {
        keys.withBytes { bytes in entries[base...].sort { precedes($0, $1, bytes) } }
    }

    private func isAscending(from base: Int) -> Bool {
        keys.withBytes { bytes in
            for index in base + 1..<max(entries.count, base + 1)
            where !Rewriter.precedes(entries[index - 1], entries[index], bytes) {
                return false
            }
            return true
        }
    }

    @inline(__always)
    private static func precedes(_ left: Entry, _ right: Entry, _ keys: UnsafeBufferPointer<UInt8>) -> Bool {
        let leftCount = left.keyEnd - left.keyBegin
        let rightCount = right.keyEnd - right.keyBegin
        guard let address = keys.baseAddress else { return leftCount < rightCount }
        let order = memcmp(address + left.keyBegin, address + right.keyBegin, min(leftCount, rightCount))
        return order < 0 || (order == 0 && leftCount < rightCount)
    }
}
