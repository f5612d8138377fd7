// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A JSON text that was read strictly: RFC 8259, UTF-8, no name twice in an object. Its values are made when they are asked for.
package final class JSONText: Sendable {
    /// A description of a table with 25 indexes nests 7 levels; the rest is room for features to come.
    package static let depthMax = 64
    /// A description is some tens of kilobytes; this leaves room for a manifest around it.
    package static let bytesStandard = 16_777_216

    enum Kind: UInt8 { case null, bool, number, string, array, object }

    /// A value, or the name in front of one: where it stands in the text, without quotes. What an array or an object holds comes right behind it.
    struct Node {
        let kind: Kind
        /// Of a string: printable ASCII without escapes.
        var isPlain = false
        let start: Int32
        var end: Int32
        /// The node behind this one and all that it holds.
        var next: Int32
    }

    private let bytes: [UInt8]
    /// The document's value is the first.
    private let nodes: [Node]

    /// - Parameter limit: Longer texts are refused; at most 2^31 - 1 bytes.
    package init(_ bytes: [UInt8], atMost limit: Int = bytesStandard) throws {
        guard bytes.count <= limit else {
            throw ModelError(.tooLarge, "A JSON document is longer than \(limit) bytes.")
        }
        self.bytes = bytes
        nodes = try bytes.withUnsafeBufferPointer { bytes in
            guard let begin = bytes.baseAddress else { throw ModelError(.malformedJSON, "A JSON document is empty.") }
            var parser = Parser(reader: LooseReader(begin: begin, end: begin + bytes.count))
            return try parser.document()
        }
    }

    // MARK: Looking inside

    subscript(node: Int) -> Node { nodes[node] }

    /// The values that an array holds, or those behind the names of an object, each by the number of its node.
    func children(of node: Int) -> [Int] {
        var children: [Int] = []
        forEachChild(of: node) { children.append($0) }
        return children
    }

    private func forEachChild(of node: Int, _ body: (Int) -> Void) {
        let step = nodes[node].kind == .object ? 1 : 0
        var child = node + 1
        while child < nodes[node].next {
            body(child + step)
            child = Int(nodes[child + step].next)
        }
    }

    /// The value of an object's member; nil if there is none of that name, or this is no object.
    func member(_ name: String, of node: Int) -> Int? {
        guard nodes[node].kind == .object else { return nil }
        var name = name
        return name.withUTF8 { wanted in
            var child = node + 1
            while child < nodes[node].next {
                if isSpelt(child, wanted) { return child + 1 }
                child = Int(nodes[child + 1].next)
            }
            return nil
        }
    }

    private func isSpelt(_ node: Int, _ wanted: UnsafeBufferPointer<UInt8>) -> Bool {
        guard nodes[node].isPlain else { return string(node).utf8.elementsEqual(wanted) }
        return withBytes(of: node) { bytes in
            guard bytes.count == wanted.count else { return false }
            guard let left = bytes.baseAddress, let right = wanted.baseAddress else { return true }
            return memcmp(left, right, bytes.count) == 0
        }
    }

    private func withBytes<Result>(of node: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        let range = Int(nodes[node].start)..<Int(nodes[node].end)
        return bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[range])) }
    }

    /// What a string or a name says, or how anything else is spelt.
    func string(_ node: Int) -> String {
        withBytes(of: node) { bytes in
            guard nodes[node].kind == .string, !nodes[node].isPlain, let begin = bytes.baseAddress else {
                return String(decoding: bytes, as: UTF8.self)
            }
            var spelling = ByteSink()
            var raw = ByteSink()
            // With its quotes; it was read before.
            var reader = LooseReader(begin: begin - 1, end: begin + bytes.count + 1)
            _ = try? reader.text(into: &spelling, raw: &raw, keep: true)
            return raw.withBytes { String(decoding: $0, as: UTF8.self) }
        }
    }

    func bool(_ node: Int) -> Bool { withBytes(of: node) { $0.first == UInt8(ascii: "t") } }

    /// The tree of a value, of the whole document where none is named.
    package func tree(_ node: Int = 0) -> JSON {
        switch nodes[node].kind {
        case .null: return .null
        case .bool: return .bool(bool(node))
        case .number: return .number(string(node))
        case .string: return .string(string(node))
        case .array: return .array(children(of: node).map { tree($0) })
        case .object: return .object(children(of: node).map { JSON.Member(string($0 - 1), tree($0)) })
        }
    }

    // MARK: - Reading

    private struct Parser {
        var reader: LooseReader
        var nodes: [Node] = []

        init(reader: LooseReader) {
            self.reader = reader
            // A manifest has one for each 20 bytes.
            nodes.reserveCapacity((reader.end - reader.begin) / 16 + 1)
        }

        mutating func document() throws -> [Node] {
            reader.skipSpace()
            try value(depth: 1)
            reader.skipSpace()
            guard reader.at == reader.end else { throw reader.malformed("something follows the document") }
            return nodes
        }

        private var place: Int32 { Int32(truncatingIfNeeded: reader.at - reader.begin) }

        private mutating func add(_ kind: Kind, isPlain: Bool = false, from start: Int32, to end: Int32) {
            nodes.append(
                Node(
                    kind: kind, isPlain: isPlain, start: start, end: end,
                    next: Int32(truncatingIfNeeded: nodes.count + 1)))
        }

        private mutating func value(depth: Int) throws {
            guard depth <= depthMax else {
                throw ModelError(.tooDeep, "A JSON document nests deeper than \(depthMax) levels.")
            }
            let (index, start) = (nodes.count, place)
            if reader.peek("\"") {
                try string()
            } else if reader.take("{") {
                add(.object, from: start, to: start)
                try members(of: index, depth: depth)
                nodes[index].end = place
                nodes[index].next = Int32(truncatingIfNeeded: nodes.count)
            } else if reader.take("[") {
                add(.array, from: start, to: start)
                try elements(depth: depth)
                nodes[index].end = place
                nodes[index].next = Int32(truncatingIfNeeded: nodes.count)
            } else if reader.takeWord("true") || reader.takeWord("false") {
                add(.bool, from: start, to: place)
            } else if reader.takeWord("null") {
                add(.null, from: start, to: place)
            } else {
                try number()
                add(.number, from: start, to: place)
            }
        }

        private mutating func elements(depth: Int) throws {
            reader.skipSpace()
            if reader.take("]") { return }
            repeat {
                reader.skipSpace()
                try value(depth: depth + 1)
                reader.skipSpace()
            } while reader.take(",")
            try reader.expect("]")
        }

        private mutating func members(of object: Int, depth: Int) throws {
            var names = Names()
            reader.skipSpace()
            if reader.take("}") { return }
            repeat {
                reader.skipSpace()
                let name = nodes.count
                try string()
                guard names.insert(name, of: object, self) else {
                    throw ModelError(
                        .duplicateName,
                        "A JSON object has the same name twice, before byte \(reader.at - reader.begin).")
                }
                reader.skipSpace()
                try reader.expect(":")
                reader.skipSpace()
                try value(depth: depth + 1)
                reader.skipSpace()
            } while reader.take(",")
            try reader.expect("}")
        }

        /// The names of an object, to find one that comes twice.
        private struct Names {
            /// So many are compared one by one.
            private static let fewMax = 32
            private var count = 0
            private var many: Set<[UInt8]> = []
            /// The greatest, as long as each was greater than the one before, as in all documents of ours.
            private var last: Int?

            /// - Returns: Whether none that came before is the same.
            mutating func insert(_ name: Int, of object: Int, _ parser: Parser) -> Bool {
                count += 1
                if count == 1 || last.map({ parser.precedes($0, name) }) ?? false {
                    last = name
                    return true
                }
                last = nil
                if count > Self.fewMax {
                    if many.isEmpty { parser.forEachName(of: object, before: name) { many.insert(parser.text($0)) } }
                    return many.insert(parser.text(name)).inserted
                }
                var isNew = true
                parser.forEachName(of: object, before: name) { other in
                    if parser.isSame(other, name) { isNew = false }
                }
                return isNew
            }
        }

        private func forEachName(of object: Int, before end: Int, _ body: (Int) -> Void) {
            var name = object + 1
            while name < end {
                body(name)
                name = Int(nodes[name + 1].next)
            }
        }

        /// Whether a name's bytes come before another's; false where it takes more to tell.
        private func precedes(_ left: Int, _ right: Int) -> Bool {
            let (left, right) = (nodes[left], nodes[right])
            guard left.isPlain, right.isPlain else { return false }
            let (leftCount, rightCount) = (left.end - left.start, right.end - right.start)
            let order = memcmp(
                reader.begin + Int(left.start), reader.begin + Int(right.start), Int(min(leftCount, rightCount)))
            return order < 0 || order == 0 && leftCount < rightCount
        }

        private func isSame(_ left: Int, _ right: Int) -> Bool {
            guard nodes[left].isPlain, nodes[right].isPlain else { return text(left) == text(right) }
            let count = nodes[left].end - nodes[left].start
            return count == nodes[right].end - nodes[right].start
                && memcmp(
                    reader.begin + Int(nodes[left].start), reader.begin + Int(nodes[right].start), Int(count)) == 0
        }

        /// What a name says.
        private func text(_ name: Int) -> [UInt8] {
            let (begin, end) = (reader.begin + Int(nodes[name].start), reader.begin + Int(nodes[name].end))
            if nodes[name].isPlain { return Array(UnsafeBufferPointer(start: begin, count: end - begin)) }
            var spelling = ByteSink()
            var raw = ByteSink()
            var again = LooseReader(begin: begin - 1, end: end + 1)
            _ = try? again.text(into: &spelling, raw: &raw, keep: true)
            return raw.array()
        }

        private mutating func string() throws {
            if plainString() { return }
            var spelling = ByteSink()
            var raw = ByteSink()
            let start = place + 1
            _ = try reader.text(into: &spelling, raw: &raw, keep: false)
            add(.string, from: start, to: place - 1)
        }

        /// Reads a string of printable ASCII without escapes, which almost all are; of any other it reads nothing.
        private mutating func plainString() -> Bool {
            guard reader.peek("\"") else { return false }
            let start = reader.at + 1
            var past = start
            while reader.end - past >= 8 {
                let marks = ByteWord.marks(ByteWord.load(past))
                if marks == 0 {
                    past += 8
                    continue
                }
                past += marks.trailingZeroBitCount &>> 3
                break
            }
            while past < reader.end, 0x20..<0x80 ~= past.pointee, past.pointee != UInt8(ascii: "\\") {
                if past.pointee == UInt8(ascii: "\"") {
                    add(
                        .string, isPlain: true, from: place + 1, to: Int32(truncatingIfNeeded: past - reader.begin))
                    reader.at = past + 1
                    return true
                }
                past += 1
            }
            return false
        }

        /// A number as RFC 8259 spells it.
        private mutating func number() throws {
            _ = reader.take("-")
            if !reader.take("0") {
                guard digits() > 0 else { throw reader.malformed("no value begins here") }
            }
            if reader.take(".") {
                guard digits() > 0 else { throw reader.malformed("a number has no digits after its point") }
            }
            if reader.take("e") || reader.take("E") {
                _ = reader.take("+") || reader.take("-")
                guard digits() > 0 else { throw reader.malformed("a number has no digits in its exponent") }
            }
        }

        private mutating func digits() -> Int {
            let start = reader.at
            while reader.at < reader.end, reader.at.pointee &- UInt8(ascii: "0") < 10 { reader.at += 1 }
            return reader.at - start
        }
    }
}
