// SPDX-License-Identifier: Apache-2.0

extension JSON {
    /// A description of a table with 25 indexes nests 7 levels; the rest is room for features to come.
    package static let depthMax = 64
    /// A description is some tens of kilobytes; this leaves room for a manifest around it.
    package static let textBytesMax = 16_777_216

    /// Reads one JSON text, strictly: RFC 8259, UTF-8, no name twice in an object.
    package init(text: [UInt8], atMost limit: Int = textBytesMax) throws {
        guard text.count <= limit else {
            throw ModelError(.tooLarge, "A JSON document is longer than \(limit) bytes.")
        }
        self = try text.withUnsafeBufferPointer { bytes in
            guard let begin = bytes.baseAddress else { throw ModelError(.malformedJSON, "A JSON document is empty.") }
            var reader = LooseReader(begin: begin, end: begin + bytes.count)
            reader.skipSpace()
            let value = try reader.json(depth: 1)
            reader.skipSpace()
            guard reader.at == reader.end else { throw reader.malformed("something follows the document") }
            return value
        }
    }

    /// The text without white space, members in their order; with `sortedNames` in the order of their names' bytes.
    package func text(sortedNames: Bool = false) -> [UInt8] {
        var out = ByteSink()
        write(into: &out, sortedNames: sortedNames)
        return out.array()
    }

    private func write(into out: inout ByteSink, sortedNames: Bool) {
        switch self {
        case .null: out.append(utf8: "null")
        case .bool(let value): out.append(utf8: value ? "true" : "false")
        case .number(let text): out.append(utf8: text)
        case .string(let text): JSON.write(text, into: &out)
        case .array(let elements):
            out.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                element.write(into: &out, sortedNames: sortedNames)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let members):
            out.append(UInt8(ascii: "{"))
            for (index, member) in (sortedNames ? JSON.sorted(members) : members).enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                JSON.write(member.name, into: &out)
                out.append(UInt8(ascii: ":"))
                member.value.write(into: &out, sortedNames: sortedNames)
            }
            out.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, into out: inout ByteSink) {
        out.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                EscapedByte.append(byte, to: &out)
            } else {
                out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}

extension LooseReader {
    fileprivate mutating func json(depth: Int) throws -> JSON {
        guard depth <= JSON.depthMax else {
            throw ModelError(.tooDeep, "A JSON document nests deeper than \(JSON.depthMax) levels.")
        }
        if peek("{") { return .object(try jsonMembers(depth: depth)) }
        if take("[") {
            var elements: [JSON] = []
            skipSpace()
            if take("]") { return .array(elements) }
            repeat {
                skipSpace()
                elements.append(try json(depth: depth + 1))
                skipSpace()
            } while take(",")
            try expect("]")
            return .array(elements)
        }
        if peek("\"") { return .string(try jsonString()) }
        if takeWord("true") { return .bool(true) }
        if takeWord("false") { return .bool(false) }
        if takeWord("null") { return .null }
        return .number(try jsonNumber())
    }

    private mutating func jsonMembers(depth: Int) throws -> [JSON.Member] {
        var members: [JSON.Member] = []
        var names = Names()
        try expect("{")
        skipSpace()
        if take("}") { return members }
        repeat {
            skipSpace()
            let name = try jsonString()
            guard names.insert(name, behind: members) else {
                throw ModelError(.duplicateName, "A JSON object has the same name twice, before byte \(at - begin).")
            }
            skipSpace()
            try expect(":")
            skipSpace()
            members.append(JSON.Member(name, try json(depth: depth + 1)))
            skipSpace()
        } while take(",")
        try expect("}")
        return members
    }

    /// The names of an object, to find one that comes twice.
    private struct Names {
        /// So many are compared one by one.
        private static let fewMax = 32
        private var many: Set<[UInt8]> = []

        /// - Returns: Whether none of `members`, which came before, has the name.
        mutating func insert(_ name: String, behind members: [JSON.Member]) -> Bool {
            if members.count < Self.fewMax { return !members.contains { JSON.isSame($0.name, name) } }
            if many.isEmpty { many = Set(members.map { Array($0.name.utf8) }) }
            return many.insert(Array(name.utf8)).inserted
        }
    }

    private mutating func jsonString() throws -> String {
        if let plain = plainString() { return plain }
        var spelling = ByteSink()
        var raw = ByteSink()
        _ = try text(into: &spelling, raw: &raw, keep: true)
        return raw.withBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// A string of printable ASCII without escapes, which almost all are; nil, with nothing read, for any other.
    private mutating func plainString() -> String? {
        guard peek("\"") else { return nil }
        let start = at + 1
        var past = start
        while past < end, 0x20..<0x7F ~= past.pointee, past.pointee != UInt8(ascii: "\\") {
            if past.pointee == UInt8(ascii: "\"") {
                at = past + 1
                return String(decoding: UnsafeBufferPointer(start: start, count: past - start), as: UTF8.self)
            }
            past += 1
        }
        return nil
    }

    /// A number as RFC 8259 spells it, kept as text.
    private mutating func jsonNumber() throws -> String {
        let start = at
        _ = take("-")
        if !take("0") {
            guard digits() > 0 else { throw malformed("no value begins here") }
        }
        if take(".") {
            guard digits() > 0 else { throw malformed("a number has no digits after its point") }
        }
        if take("e") || take("E") {
            _ = take("+") || take("-")
            guard digits() > 0 else { throw malformed("a number has no digits in its exponent") }
        }
        return String(decoding: UnsafeBufferPointer(start: start, count: at - start), as: UTF8.self)
    }

    private mutating func digits() -> Int {
        let start = at
        while at < end, at.pointee &- UInt8(ascii: "0") < 10 { at += 1 }
        return at - start
    }
}

extension ByteSink {
    fileprivate mutating func append(utf8 text: String) {
        for byte in text.utf8 { append(byte) }
    }
}
