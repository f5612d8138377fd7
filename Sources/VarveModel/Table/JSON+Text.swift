// SPDX-License-Identifier: Apache-2.0

extension JSON {
    /// Reads one JSON text, strictly: see ``JSONText``.
    package init(text: [UInt8]) throws { self = try JSONText(text).tree() }

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

extension ByteSink {
    fileprivate mutating func append(utf8 text: String) {
        for byte in text.utf8 { append(byte) }
    }
}
