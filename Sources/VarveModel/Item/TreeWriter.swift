// SPDX-License-Identifier: Apache-2.0

/// Writes attributes as DynamoDB JSON, in the order in which they stand and in canonical spelling.
///
/// What it writes is canonical if names and sets are in order; it checks numbers, since text that is no number could forge structure,
/// and leaves the rest to the check that follows.
struct TreeWriter: ~Copyable {
    private(set) var out = ByteSink()

    mutating func write(_ attributes: [Attribute]) throws {
        try write(attributes, depth: 1)
    }

    /// Writes a value by itself.
    mutating func write(_ value: AttributeValue) throws {
        try write(value, depth: 1)
    }

    private mutating func write(_ attributes: [Attribute], depth: Int) throws {
        out.append(UInt8(ascii: "{"))
        var first = true
        for attribute in attributes {
            out.append(word: first ? 0x22 : 0x222C, length: first ? 1 : 2)  // " or ,"
            first = false
            text(attribute.name)
            out.append(word: 0x3A22, length: 2)  // ":
            try write(attribute.value, depth: depth)
        }
        out.append(UInt8(ascii: "}"))
    }

    private mutating func write(_ value: AttributeValue, depth: Int) throws {
        guard depth <= ItemLimits.nestingDepthMax else {
            throw ModelError(.tooDeep, "An item nests deeper than \(ItemLimits.nestingDepthMax) levels.")
        }
        switch value {
        case .string(let bytes):
            out.append(word: ValueTag.string, length: 6)
            text(bytes)
            out.append(word: 0x7D22, length: 2)  // "}
        case .number(let bytes):
            out.append(word: ValueTag.number, length: 6)
            try number(bytes)
            out.append(word: 0x7D22, length: 2)  // "}
        case .binary(let bytes):
            out.append(word: ValueTag.binary, length: 6)
            bytes.withUnsafeBufferPointer { Base64.encode($0, into: &out) }
            out.append(word: 0x7D22, length: 2)  // "}
        case .bool(let bool):
            literal(bool ? "{\"BOOL\":true}" : "{\"BOOL\":false}")
        case .null:
            literal("{\"NULL\":true}")
        case .list(let elements):
            out.append(word: ValueTag.list, length: 6)
            var first = true
            for element in elements {
                if !first { out.append(UInt8(ascii: ",")) }
                first = false
                try write(element, depth: depth + 1)
            }
            out.append(word: 0x7D5D, length: 2)  // ]}
        case .map(let attributes):
            out.append(word: ValueTag.map, length: 5)
            try write(attributes, depth: depth + 1)
            out.append(UInt8(ascii: "}"))
        case .stringSet(let members):
            literal("{\"SS\":[")
            try set(members) { writer, member in writer.text(member) }
        case .numberSet(let members):
            literal("{\"NS\":[")
            try set(members) { writer, member in try writer.number(member) }
        case .binarySet(let members):
            literal("{\"BS\":[")
            try set(members) { writer, member in member.withUnsafeBufferPointer { Base64.encode($0, into: &writer.out) }
            }
        }
    }

    private mutating func set(_ members: [[UInt8]], _ write: (inout TreeWriter, [UInt8]) throws -> Void) throws {
        var first = true
        for member in members {
            out.append(word: first ? 0x22 : 0x222C, length: first ? 1 : 2)  // " or ,"
            first = false
            try write(&self, member)
            out.append(UInt8(ascii: "\""))
        }
        out.append(word: 0x7D5D, length: 2)  // ]}
    }

    @inline(__always)
    private mutating func literal(_ text: StaticString) {
        out.append(text.utf8Start, text.utf8CodeUnitCount)
    }

    private mutating func number(_ bytes: [UInt8]) throws {
        let mark = out.count
        bytes.withUnsafeBufferPointer { out.append($0) }
        if out.numberSize(from: mark) == nil {
            out.truncate(to: mark)
            var spelling: [UInt8] = []
            _ = try bytes.withUnsafeBufferPointer { try DecimalText.canonicalize($0, into: &spelling) }
            spelling.withUnsafeBufferPointer { out.append($0) }
        }
    }

    /// Escapes what must be escaped. Whether the rest is UTF-8 is for the check that follows.
    private mutating func text(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress else { return }
            let end = start + bytes.count
            var chunk = start
            var here = start
            while here < end {
                if end - here >= 8, ByteWord.marks(ByteWord.load(here)) == 0 {
                    here += 8
                    continue
                }
                let byte = here.pointee
                if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                    out.append(chunk, here - chunk)
                    EscapedByte.append(byte, to: &out)
                    chunk = here + 1
                }
                here += 1
            }
            out.append(chunk, end - chunk)
        }
    }
}
