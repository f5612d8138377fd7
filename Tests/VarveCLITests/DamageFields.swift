// SPDX-License-Identifier: Apache-2.0

/// A named stretch of an object's bytes. Damages are spread over these, so that no field goes untried because it is short.
struct DamageField: Hashable, Sendable {
    let name: String
    let range: Range<Int>
}

/// Takes objects apart into their fields, without the product's own readers: what those mistake must not hide here.
enum DamageFields {
    /// The fields of an object of the vault. None is empty.
    static func of(_ path: String, _ bytes: [UInt8]) -> [DamageField] {
        let fields =
            path.hasSuffix(".esdk") || path.hasSuffix(".key")
            ? message(bytes) : path.hasSuffix(".json") ? document(bytes) : text(bytes)
        return fields.filter { !$0.range.isEmpty }
    }

    // MARK: Messages of the AWS Encryption SDK format, version 2

    static func message(_ bytes: [UInt8]) -> [DamageField] {
        var walk = Walk(bytes: bytes)
        walk.take("version", 1)
        walk.take("suite", 2)
        walk.take("message id", 32)
        walk.take("context length", 2)
        let pairs = walk.number("context count", 2)
        for _ in 0..<pairs {
            walk.take("context key", walk.number("context key length", 2))
            walk.take("context value", walk.number("context value length", 2))
        }
        let keys = walk.number("data key count", 2)
        for number in 1...max(1, keys) {
            walk.take("data key \(number) provider", walk.number("data key \(number) provider length", 2))
            walk.take("data key \(number) info", walk.number("data key \(number) info length", 2))
            walk.take("data key \(number) ciphertext", walk.number("data key \(number) ciphertext length", 2))
        }
        walk.take("content type", 1)
        let frame = walk.number("frame length", 4)
        walk.take("commitment", 32)
        walk.take("header tag", 16)
        while walk.rest >= 4 {
            if bytes[walk.position..<walk.position + 4].allSatisfy({ $0 == 0xFF }) {
                walk.take("final frame marker", 4)
                walk.take("final frame number", 4)
                walk.take("final frame nonce", 12)
                walk.take("final frame ciphertext", walk.number("final frame length", 4))
                walk.take("final frame tag", 16)
            } else {
                walk.take("frame number", 4)
                walk.take("frame nonce", 12)
                walk.take("frame ciphertext", frame)
                walk.take("frame tag", 16)
            }
        }
        return walk.fields
    }

    /// The whole frames of a message that are not its last one.
    static func frames(_ bytes: [UInt8]) -> [Range<Int>] {
        let fields = message(bytes)
        let begins = fields.filter { $0.name == "frame number" }.map(\.range.lowerBound)
        let ends = fields.filter { $0.name == "frame tag" }.map(\.range.upperBound)
        return zip(begins, ends).map { $0..<$1 }
    }

    private struct Walk {
        let bytes: [UInt8]
        var position = 0
        var fields: [DamageField] = []

        var rest: Int { bytes.count - position }

        mutating func take(_ name: String, _ count: Int) {
            let end = min(bytes.count, position + count)
            fields.append(DamageField(name: name, range: position..<end))
            position = end
        }

        mutating func number(_ name: String, _ count: Int) -> Int {
            let begin = position
            take(name, count)
            return bytes[begin..<position].reduce(0) { $0 << 8 | Int($1) }
        }
    }

    // MARK: Documents that prove themselves

    /// `{"<kind>":` body `,"sha256":"` digits `","hmac":"` digits `"}` newline; the body in its members.
    static func document(_ bytes: [UInt8]) -> [DamageField] {
        let sha = lastRange(of: #","sha256":""#, in: bytes) ?? bytes.count..<bytes.count
        let hmac = lastRange(of: #","hmac":""#, in: bytes)
        let head = (bytes.firstIndex(of: UInt8(ascii: ":")) ?? 0) + 1
        var fields = [DamageField(name: "kind", range: 0..<head)]
        fields += members(bytes, in: head..<sha.lowerBound)
        fields.append(DamageField(name: "sha256 name", range: sha))
        fields.append(DamageField(name: "sha256", range: sha.upperBound..<min(bytes.count, sha.upperBound + 64)))
        if let hmac {
            fields.append(DamageField(name: "hmac name", range: hmac))
            fields.append(DamageField(name: "hmac", range: hmac.upperBound..<min(bytes.count, hmac.upperBound + 64)))
        }
        fields.append(DamageField(name: "end", range: bytes.count - 3..<bytes.count))
        return fields
    }

    /// Name and value of each member at the top of the object in `body`.
    private static func members(_ bytes: [UInt8], in body: Range<Int>) -> [DamageField] {
        var fields: [DamageField] = []
        var depth = 0
        var inText = false
        var isEscaped = false
        var begin = body.lowerBound
        for position in body {
            let byte = bytes[position]
            if inText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    inText = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): inText = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            let isEnd = depth == 0 || (depth == 1 && byte == UInt8(ascii: ","))
            guard isEnd else { continue }
            let name = bytes[begin..<position].split(separator: UInt8(ascii: "\"")).dropFirst(
                begin == body.lowerBound ? 1 : 0
            )
            .first { $0.first != UInt8(ascii: ",") }
            fields.append(
                DamageField(
                    name: "member " + String(decoding: name ?? [], as: UTF8.self), range: begin..<position + 1))
            begin = position + 1
        }
        return fields
    }

    private static func lastRange(of text: String, in bytes: [UInt8]) -> Range<Int>? {
        let wanted = Array(text.utf8)
        var begin = bytes.count - wanted.count
        while begin >= 0 {
            if bytes[begin] == wanted[0], bytes[begin..<begin + wanted.count].elementsEqual(wanted) {
                return begin..<begin + wanted.count
            }
            begin -= 1
        }
        return nil
    }

    // MARK: Text

    private static func text(_ bytes: [UInt8]) -> [DamageField] {
        let line = (bytes.firstIndex(of: UInt8(ascii: "\n")) ?? 0) + 1
        return [
            DamageField(name: "first line", range: 0..<line),
            DamageField(name: "text", range: line..<max(line, bytes.count - 1)),
            DamageField(name: "end", range: max(line, bytes.count - 1)..<bytes.count),
        ]
    }
}
