// SPDX-License-Identifier: Apache-2.0

/// The smallest part of a condition that means something.
enum ConditionToken: Equatable, Sendable {
    /// A name of letters, digits and `_`, or a keyword, as it was written.
    case word(String)
    /// A name in double quotes, without them.
    case quoted(String)
    case string([UInt8])
    case binary([UInt8])
    /// Decimal text, not yet canonical.
    case number([UInt8])
    case symbol(Symbol)
    case end

    enum Symbol: String, CaseIterable, Sendable {
        case notEqual = "<>"
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case equal = "="
        case less = "<"
        case greater = ">"
        case open = "("
        case close = ")"
        case openBracket = "["
        case closeBracket = "]"
        case comma = ","
        case dot = "."
    }

    enum Keyword: String, Sendable {
        case and, or, not, between, `in`, `true`, `false`, null
    }

    /// The keyword that a word is, in whatever case. Words are ASCII, of which a string has one spelling.
    var keyword: Keyword? {
        guard case .word(let word) = self else { return nil }
        return Keyword(rawValue: word.lowercased())
    }
}

/// Cuts the text of a condition into tokens.
struct ConditionLexer: Sendable {
    let text: [UInt8]
    /// Where the next token is looked for.
    private var at = 0

    init(_ text: [UInt8]) {
        self.text = text
    }

    /// Says what is wrong at a byte of the condition. What stands there is not quoted.
    func failure(at offset: Int, _ what: String) -> ModelError {
        // Characters are Unicode scalars: every byte but those that continue one.
        let character = text[..<offset].count { $0 & 0xC0 != 0x80 } + 1
        let place = offset < text.count ? "at character \(character)" : "at its end, behind character \(character - 1)"
        return ModelError(.invalidCondition, "The condition is wrong \(place): \(what).")
    }

    /// The next token and the byte at which it begins.
    mutating func next() throws -> (token: ConditionToken, offset: Int) {
        while at < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[at]) { at += 1 }
        let begin = at
        guard at < text.count else { return (.end, begin) }
        let byte = text[at]
        switch byte {
        case UInt8(ascii: "'"):
            return (.string(try quoted(by: byte, "a text lacks its closing quote '")), begin)
        case UInt8(ascii: "\""):
            let name = try quoted(by: byte, "a name lacks its closing double quote")
            guard !name.isEmpty else { throw failure(at: begin, "a name is empty") }
            return (.quoted(String(decoding: name, as: UTF8.self)), begin)
        case UInt8(ascii: "b"), UInt8(ascii: "B"):
            guard at + 1 < text.count, text[at + 1] == UInt8(ascii: "'") else { return (.word(word()), begin) }
            return (.binary(try binary()), begin)
        case _ where Self.isDigit(byte):
            return (.number(try number()), begin)
        case UInt8(ascii: "-"), UInt8(ascii: "+"):
            guard at + 1 < text.count, Self.isDigit(text[at + 1]) else {
                throw failure(at: begin, "a sign stands in front of a number; there is no arithmetic")
            }
            return (.number(try number()), begin)
        case _ where Self.beginsWord(byte):
            return (.word(word()), begin)
        case UInt8(ascii: ":"), UInt8(ascii: "#"):
            throw failure(
                at: begin,
                "there are no placeholders here: write the value itself, a text in 'single quotes', or the name itself, in \"double quotes\""
            )
        default:
            guard
                let symbol = ConditionToken.Symbol.allCases.first(where: { text[at...].starts(with: $0.rawValue.utf8) })
            else {
                throw failure(
                    at: begin,
                    "this character has no meaning; a name with other characters than a to z, 0 to 9 and _ stands in \"double quotes\""
                )
            }
            at += symbol.rawValue.utf8.count
            return (.symbol(symbol), begin)
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func beginsWord(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
    }

    private mutating func word() -> String {
        let begin = at
        while at < text.count, Self.beginsWord(text[at]) || Self.isDigit(text[at]) { at += 1 }
        return String(decoding: text[begin..<at], as: UTF8.self)
    }

    /// Reads what stands between quotes; a doubled quote stands for one.
    private mutating func quoted(by quote: UInt8, _ lack: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        at += 1
        while at < text.count {
            if text[at] == quote {
                at += 1
                guard at < text.count, text[at] == quote else { return bytes }
            }
            bytes.append(text[at])
            at += 1
        }
        throw failure(at: text.count, lack)
    }

    private mutating func binary() throws -> [UInt8] {
        let begin = at
        at += 1
        let base64 = try quoted(by: UInt8(ascii: "'"), "a binary lacks its closing quote '")
        guard base64.withUnsafeBufferPointer({ Base64.decodedCount($0) }) >= 0 else {
            throw failure(at: begin, "a binary is base64 with padding between b' and '")
        }
        return Base64.decoded(base64)
    }

    /// Reads a sign, digits, a fraction and an exponent. Whether they are a number is asked later.
    private mutating func number() throws -> [UInt8] {
        let begin = at
        at += 1
        while at < text.count {
            let byte = text[at]
            let isSign = byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
            let followsE = text[at - 1] | 0x20 == UInt8(ascii: "e")
            guard Self.isDigit(byte) || Self.beginsWord(byte) || byte == UInt8(ascii: ".") || isSign && followsE else {
                break
            }
            at += 1
        }
        return Array(text[begin..<at])
    }
}
