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
        #expect(try JSON(text: nested(JSON.depthMax)).text() == nested(JSON.depthMax))
        for depth in [JSON.depthMax + 1, 100_000] {
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

    @Test func `a tree goes through Codable`() throws {
        let tree = try JSON(
            text: Array(
                #"{"a":[1,-9223372036854775808,18446744073709551615,true,false,null,"x"],"b":{},"c":0.25}"#.utf8))
        #expect(try JSONDecoder().decode(JSON.self, from: JSONEncoder().encode(tree)) == tree)
    }
}
