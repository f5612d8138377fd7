// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Reads any DynamoDB JSON of an item and writes it canonically.
///
/// Members of maps and sets are written as they come, each remembered with the bytes that order it; when a map or set ends and its
/// members were out of order, they are moved into order. So most items are written once, and nothing is built in between.
struct Rewriter {
    /// A member of a map or set that is still open: its ordering bytes within `keys`, its text within `out`.
    struct Entry {
        var keyBegin: Int
        var keyEnd: Int
        var begin: Int
        var end: Int
    }

    var out: [UInt8] = []
    var keys: [UInt8] = []
    private var entries: [Entry] = []
    private var scratch: [UInt8] = []
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
        swap(&out, &target)
        let mark = out.count
        keys.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        size = 0
        var finished = false
        defer {
            if !finished { out.removeSubrange(mark...) }
            swap(&out, &target)
        }
        reader.skipSpace()
        try members(&reader, depth: 1, overhead: 0)
        reader.skipSpace()
        guard reader.at == reader.end else { throw reader.malformed("something follows the item") }
        finished = true
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
                try reader.text(into: &out, raw: &keys)
                entry.keyEnd = keys.count
                guard entry.keyEnd - entry.keyBegin <= ItemLimits.attributeNameBytesMax else {
                    throw ModelError(
                        .tooLarge, "The name of an attribute is longer than \(ItemLimits.attributeNameBytesMax) bytes.")
                }
                try grow(by: entry.keyEnd - entry.keyBegin + overhead)
                reader.skipSpace()
                try reader.expect(":")
                out.append(UInt8(ascii: "\""))
                out.append(UInt8(ascii: ":"))
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
        let tag = try reader.tag(raw: &keys)
        out.append(UInt8(ascii: "{"))
        out.append(UInt8(ascii: "\""))
        out.append(tag.first)
        if tag.second != 0 {
            if tag == .bool {
                out.append(contentsOf: [UInt8(ascii: "O"), UInt8(ascii: "O"), UInt8(ascii: "L")])
            } else if tag == .null {
                out.append(contentsOf: [UInt8(ascii: "U"), UInt8(ascii: "L"), UInt8(ascii: "L")])
            } else {
                out.append(tag.second)
            }
        }
        out.append(UInt8(ascii: "\""))
        out.append(UInt8(ascii: ":"))
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
            let mark = keys.count
            try scalar(tag, &reader)
            keys.removeSubrange(mark...)
        case .bool:
            if reader.takeWord("true") {
                out.append(contentsOf: Array("true".utf8))
            } else if reader.takeWord("false") {
                out.append(contentsOf: Array("false".utf8))
            } else {
                throw reader.invalid("a BOOL is true or false")
            }
            try grow(by: 1)
        case .null:
            guard reader.takeWord("true") else { throw reader.invalid("a NULL is true") }
            out.append(contentsOf: Array("true".utf8))
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
            try scalar(member, &reader)
            entry.keyEnd = keys.count
            entry.end = out.count
            entries.append(entry)
            reader.skipSpace()
        } while reader.take(",")
        try reader.expect("]")
        guard arrange(from: base) else { throw ModelError(.duplicateMember, "A set holds the same member twice.") }
        out.append(UInt8(ascii: "]"))
    }

    /// Reads a string, number or binary, quotes included; leaves at the end of `keys` the bytes that order it in a set.
    private mutating func scalar(_ tag: LooseReader.Tag, _ reader: inout LooseReader) throws {
        guard reader.peek("\"") else { throw reader.invalid("S, N and B hold strings") }
        let mark = keys.count
        out.append(UInt8(ascii: "\""))
        let begin = out.count
        try reader.text(into: &out, raw: &keys)
        switch tag {
        case .number:
            out.removeSubrange(begin...)
            let bytes = try withTail(of: keys, from: mark) { try DecimalText.canonicalize($0, into: &out) }
            try grow(by: bytes)
            keys.removeSubrange(mark...)
            withTail(of: out, from: begin) { DecimalText.appendOrder($0, into: &keys) }
        case .binary:
            let count = withTail(of: keys, from: mark) { Base64.decodedCount($0) }
            guard count >= 0 else { throw reader.invalid("a binary is not base64 with padding") }
            try grow(by: count)
            keys.removeSubrange(mark...)
            withTail(of: out, from: begin) { Base64.decode($0, into: &keys) }
        default:
            try grow(by: keys.count - mark)
        }
        out.append(UInt8(ascii: "\""))
    }

    private func withTail<Result>(
        of bytes: [UInt8], from mark: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) rethrows -> Result {
        try bytes.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[mark...])) }
    }

    /// Puts the members from an entry on in order and forgets them. False if two are the same.
    private mutating func arrange(from base: Int) -> Bool {
        let members = entries[base...]
        guard let first = members.first, let last = members.last else { return true }
        var ascending = true
        var distinct = true
        keys.withUnsafeBytes { keys in
            var previous = first
            for entry in members.dropFirst() {
                ascending = ascending && Rewriter.precedes(previous, entry, keys)
                previous = entry
            }
        }
        if !ascending {
            let sorted = keys.withUnsafeBytes { keys in
                let sorted = members.sorted { Rewriter.precedes($0, $1, keys) }
                for index in 1..<sorted.count where !Rewriter.precedes(sorted[index - 1], sorted[index], keys) {
                    distinct = false
                }
                return sorted
            }
            scratch.removeAll(keepingCapacity: true)
            for entry in sorted {
                if !scratch.isEmpty { scratch.append(UInt8(ascii: ",")) }
                scratch.append(contentsOf: out[entry.begin..<entry.end])
            }
            out.withUnsafeMutableBytes { out in
                scratch.withUnsafeBytes {
                    UnsafeMutableRawBufferPointer(rebasing: out[first.begin..<last.end]).copyMemory(from: $0)
                }
            }
        }
        entries.removeSubrange(base...)
        keys.removeSubrange(first.keyBegin...)
        return distinct
    }

    @inline(__always)
    private static func precedes(_ left: Entry, _ right: Entry, _ keys: UnsafeRawBufferPointer) -> Bool {
        let leftCount = left.keyEnd - left.keyBegin
        let rightCount = right.keyEnd - right.keyBegin
        guard let address = keys.baseAddress else { return leftCount < rightCount }
        let order = memcmp(address + left.keyBegin, address + right.keyBegin, min(leftCount, rightCount))
        return order < 0 || (order == 0 && leftCount < rightCount)
    }
}
