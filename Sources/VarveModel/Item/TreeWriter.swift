// SPDX-License-Identifier: Apache-2.0

/// Writes attributes as DynamoDB JSON, in the order in which they stand and in canonical spelling.
///
/// What it writes is canonical if names and sets are in order; it checks numbers, since text that is no number could forge structure,
/// and leaves the rest to the check that follows.
struct TreeWriter {
    var out: [UInt8] = []

    mutating func reserve(_ count: Int) {
        out.reserveCapacity(count)
    }

    mutating func write(_ attributes: [Attribute]) throws {
        try write(attributes, depth: 1)
    }

    private mutating func write(_ attributes: [Attribute], depth: Int) throws {
        out.append(UInt8(ascii: "{"))
        var first = true
        for attribute in attributes {
            literal(first ? "\"" : ",\"")
            first = false
            text(attribute.name)
            literal("\":")
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
            literal("{\"S\":\"")
            text(bytes)
            literal("\"}")
        case .number(let bytes):
            literal("{\"N\":\"")
            try number(bytes)
            literal("\"}")
        case .binary(let bytes):
            literal("{\"B\":\"")
            bytes.withUnsafeBufferPointer { Base64.encode($0, into: &out) }
            literal("\"}")
        case .bool(let bool):
            literal(bool ? "{\"BOOL\":true}" : "{\"BOOL\":false}")
        case .null:
            literal("{\"NULL\":true}")
        case .list(let elements):
            literal("{\"L\":[")
            var first = true
            for element in elements {
                if !first { out.append(UInt8(ascii: ",")) }
                first = false
                try write(element, depth: depth + 1)
            }
            literal("]}")
        case .map(let attributes):
            literal("{\"M\":")
            try write(attributes, depth: depth + 1)
            literal("}")
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
            literal(first ? "\"" : ",\"")
            first = false
            try write(&self, member)
            literal("\"")
        }
        literal("]}")
    }

    @inline(__always)
    private mutating func literal(_ text: StaticString) {
        out.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func number(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBufferPointer { _ = try DecimalText.canonicalize($0, into: &out) }
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
                    out.append(contentsOf: UnsafeBufferPointer(start: chunk, count: here - chunk))
                    EscapedByte.append(byte, to: &out)
                    chunk = here + 1
                }
                here += 1
            }
            out.append(contentsOf: UnsafeBufferPointer(start: chunk, count: end - chunk))
        }
    }
}
