// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing
import VarveModel

@Suite struct JSONTests {
    @Test(arguments: [
        "null", "true", "false", "0", "-1.50e+3", #""""#, #""a\"\\\n\u0000é😀""#, "[]", "{}",
        #"[1,[2,{"b":null,"a":[]}]]"#, #"{"b":1,"a":{"d":2,"c":3}}"#,
    ])
    func `text comes back as it was`(text: String) throws {
        #expect(String(decoding: try JSON(text: Array(text.utf8)).text(), as: UTF8.self) == text)
    }

    @Test(arguments: [
        "", " ", "nul", "tru", "01", "1.", ".5", "+1", "1e", "-", "NaN", "[1,]", "[1 2]", "{\"a\":1,}", "{a:1}",
        "{\"a\"}", "\"\n\"", "'a'", "1 2",
        "\"\\ud800\"", "[", "{", "\"", "// no\n1", #"{"a":1,"\u0061":2}"#,
    ])
    func `what is no JSON is refused`(text: String) {
        #expect(throws: ModelError.self) { try JSON(text: Array(text.utf8)) }
    }

    @Test func `every cut of a document is refused`() {
        let text = Array(#"{"a":[1,true,null,"x\u00e9"],"b":{"c":-1}}"#.utf8)
        for count in 0..<text.count {
            #expect(throws: ModelError.self) { try JSON(text: Array(text[..<count])) }
        }
    }

    @Test func `depth is bounded`() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(try JSON(text: nested(JSONText.depthMax)).text() == nested(JSONText.depthMax))
        for depth in [JSONText.depthMax + 1, 100_000] {
            let error = #expect(throws: ModelError.self) { try JSON(text: nested(depth)) }
            #expect(error?.code == .tooDeep)
        }
    }

    @Test func `objects are equal in any order, and names by their bytes`() throws {
        func json(_ text: String) throws -> JSON { try JSON(text: Array(text.utf8)) }
        #expect(try json(#"{"a":1,"b":2}"#) == json(#"{"b":2,"a":1}"#))
        #expect(try json(#"{"a":1,"b":2}"#).hashValue == json(#"{"b":2,"a":1}"#).hashValue)
        #expect(try json(#"{"a":1}"#) != json(#"{"a":1.0}"#))
        #expect(try json(#""\u00e9""#) != json(#""e\u0301""#))
        #expect(try json(#"{"\u00e9":1,"e\u0301":2}"#)["e\u{301}"] == .number("2"))
        #expect(try json("[1,2]") != json("[2,1]"))
        #expect(
            try String(decoding: json(#"{"b":2,"a":{"d":1,"c":2}}"#).text(sortedNames: true), as: UTF8.self)
                == #"{"a":{"c":2,"d":1},"b":2}"#)
    }

    private struct Thing: Codable, Equatable {
        enum Kind: String, Codable { case one, two }
        struct Part: Codable, Equatable {
            let name: String
            let size: Int64?
        }

        let kind: Kind
        let parts: [Part]
        let counts: [String: UInt8]
        let limits: [Double?]
        let isWhole: Bool
        let note: String?
        let began: Instant
        let rest: JSON
    }

    private static let thing = #"""
        {"kind":"two","parts":[{"name":"a","size":-9223372036854775808},{"name":"\u00e9\n"}],"counts":{"x":255,"y":0},
        "limits":[1.5,null,-2e3],"isWhole":true,"note":null,"began":"2026-11-23T10:00:00.123456Z","rest":{"b":[1.50,-0,1e3,0.1e-5,{}],"a":null}}
        """#

    @Test func `decoding from a tree gives what JSONDecoder gives`() throws {
        let text = Array(Self.thing.utf8)
        let decoded = try JSONText(text).decode(Thing.self)
        #expect(decoded.kind == .two && decoded.parts[0].size == .min && decoded.parts[1].name == "é\n")
        #expect(decoded.counts == ["x": 255, "y": 0] && decoded.limits == [1.5, nil, -2000])
        let other = try JSONDecoder().decode(Thing.self, from: Data(text))
        #expect(decoded.parts == other.parts && decoded.began == other.began && decoded.note == other.note)
        #expect(decoded.rest == other.rest)
        // What was decoded comes back when it was written.
        #expect(try JSON(text: Array(JSONEncoder().encode(decoded.rest))) == decoded.rest)
    }

    @Test(arguments: [
        (#""two""#, #""three""#), (#""name":"a""#, #""nane":"a""#), ("255", "256"), ("-9223372036854775808", "1.5"),
        (#""isWhole":true"#, #""isWhole":1"#), (#""parts":["#, #""parts":[[],"#), ("2026-11-23", "2026-13-23"),
        (#""kind":"two","#, ""), ("[1.5,null", "[{},null"), (#"{"x":255,"y":0}"#, "[]"),
    ])
    func `what does not fit is refused as JSONDecoder refuses it, and the place is named`(
        from: String, to: String
    ) throws {
        let text = Self.thing.replacing(from, with: to)
        #expect(text != Self.thing)
        let bytes = Array(text.utf8)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Thing.self, from: Data(bytes)) }
        let error = #expect(throws: DecodingError.self) { try JSONText(bytes).decode(Thing.self) }
        guard case .typeMismatch(_, let context) = error else { return }
        #expect(!context.codingPath.isEmpty)
    }

    @Test(arguments: [2, 31, 32, 33, 200])
    func `a name that comes twice is found among few and many`(count: Int) throws {
        let names = (0..<count).map { #""n\#($0)":1"# }
        func json(_ members: [String]) throws -> JSON {
            try JSON(text: Array("{\(members.joined(separator: ","))}".utf8))
        }
        #expect(try json(names).members?.count == count)
        for again in [0, count / 2, count - 1] {
            let error = #expect(throws: ModelError.self) { try json(names + [names[again]]) }
            #expect(error?.code == .duplicateName)
        }
        #expect(throws: ModelError.self) { try json([#""a":1"#, #""\u0062":2"#, #""b":3"#]) }
        // Names in ascending order are not compared with each other, until one is not.
        let ascending = (0..<count).map { #""n\#(1000 + $0)":1"# }
        #expect(try json(ascending).members?.count == count)
        #expect(try json(ascending + [#""m":1"#]).members?.count == count + 1)
        for again in [0, count / 2, count - 1] {
            #expect(throws: ModelError.self) { try json(ascending + [ascending[again]]) }
            #expect(throws: ModelError.self) { try json(ascending + [#""m":1"#, ascending[again]]) }
            // The same in another spelling.
            #expect(throws: ModelError.self) {
                try json(ascending + [ascending[again].replacing("n1", with: #"\u006e1"#)])
            }
        }
    }

    @Test func `a document is taken apart by hand, and what does not fit is named`() throws {
        let text = #"{"a":{"b":["x"],"n":-12,"t":"2026-11-23T10:00:00.123456Z","\u00e9":"\u00e9\n"},"null":null}"#
        let value = try JSONText(Array(text.utf8)).value
        let part = try value["a"]
        #expect(try part["n"].integer() == -12 && part["é"].string() == "é\n")
        #expect(try part["t"].instant() == Instant(rfc3339: "2026-11-23T10:00:00.123456Z"))
        #expect(try part.integerIfPresent("n", Int64.self) == -12)
        #expect(try value.integerIfPresent("n", Int64.self) == nil && value.integerIfPresent("null", Int.self) == nil)
        // What is no object has no members.
        for other in [try part["b"], try part["n"], try value["null"]] {
            #expect(try other.integerIfPresent("n", Int.self) == nil)
        }
        let faults: [() throws -> Void] = [
            { _ = try value["n"] }, { _ = try part["n"].string() }, { _ = try part["n"].integer(UInt8.self) },
            { _ = try part["b"].integer() }, { _ = try part["é"].instant() }, { _ = try part["n"]["x"] },
            { _ = try part["b"]["x"] },
            { _ = try part.integerIfPresent("t", Int.self) },
        ]
        for fault in faults {
            let error = #expect(throws: ModelError.self) { try fault() }
            #expect(error?.code == .invalidValue && error?.message.contains("2026") == false)
        }
    }

    @Test(arguments: [
        "0", "7", "10", "0.5", "1.50", "1.0", "0.0", "-1", "1e3", "123456789012345678", "12345678901234567890",
        "0.000000000000000001", "1795793588.518095", "100.10",
    ])
    func `a number is spelt as an encoder spells it`(number: String) throws {
        let text = Array("[\(number)]".utf8)
        #expect(try JSONText(text).decode([JSON].self) == JSONDecoder().decode([JSON].self, from: Data(text)))
    }

    @Test func `a tree goes through Codable`() throws {
        let tree = try JSON(
            text: Array(
                #"{"a":[1,-9223372036854775808,18446744073709551615,true,false,null,"x"],"b":{},"c":0.25}"#.utf8))
        #expect(try JSONDecoder().decode(JSON.self, from: JSONEncoder().encode(tree)) == tree)
    }
}
