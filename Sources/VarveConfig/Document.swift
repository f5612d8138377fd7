// SPDX-License-Identifier: Apache-2.0

/// A small ordered tree that is written as JSON (the schemas) and as YAML (`config show`). Nothing is read into it.
indirect enum Document {
    case text(String)
    case integer(Int)
    case boolean(Bool)
    case list([Document])
    case table([(String, Document)])

    /// Indented JSON with a newline at its end.
    var json: String { json(indent: "") + "\n" }

    private func json(indent: String) -> String {
        let inner = indent + "  "
        switch self {
        case .text(let text): return Self.quoted(text)
        case .integer(let number): return String(number)
        case .boolean(let flag): return String(flag)
        case .list(let members):
            if members.isEmpty { return "[]" }
            return "[\n" + members.map { inner + $0.json(indent: inner) }.joined(separator: ",\n") + "\n\(indent)]"
        case .table(let pairs):
            if pairs.isEmpty { return "{}" }
            let lines = pairs.map { "\(inner)\(Self.quoted($0)): \($1.json(indent: inner))" }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        }
    }

    /// YAML with a newline at its end; lists stand on one line.
    var yaml: String { yaml(indent: "") }

    private func yaml(indent: String) -> String {
        switch self {
        case .table(let pairs):
            return pairs.map { name, value in
                switch value {
                case .table(let inner) where !inner.isEmpty: "\(indent)\(name):\n\(value.yaml(indent: indent + "  "))"
                default: "\(indent)\(name): \(value.yamlInline)\n"
                }
            }.joined()
        default: return indent + yamlInline + "\n"
        }
    }

    private var yamlInline: String {
        switch self {
        case .text(let text): Self.isPlain(text) ? text : Self.quoted(text)
        case .integer(let number): String(number)
        case .boolean(let flag): String(flag)
        case .list(let members): "[" + members.map(\.yamlInline).joined(separator: ", ") + "]"
        case .table(let pairs): "{" + pairs.map { "\($0): \($1.yamlInline)" }.joined(separator: ", ") + "}"
        }
    }

    /// Whether a text needs no quotes in any reader of YAML, the older ones that take `no` for false included.
    private static func isPlain(_ text: String) -> Bool {
        let reserved = ["y", "n", "yes", "no", "on", "off"]
        guard let first = text.utf8.first, isASCIIAlphanumeric(first) || first == UInt8(ascii: "/") else {
            return false
        }
        return text.utf8.allSatisfy { isASCIIAlphanumeric($0) || "/_.:-".utf8.contains($0) }
            && text.utf8.last != UInt8(ascii: ":") && PlainType(text) == .text && !reserved.contains(text.lowercased())
            && !(text.utf8.first.map { $0 >= 0x30 && $0 <= 0x39 } ?? false && text.contains(":"))
    }

    /// A JSON string, which is a YAML string too.
    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case "\u{00}"..."\u{1F}", "\u{7F}"..."\u{9F}":
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

func isASCIIAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: false
    }
}
