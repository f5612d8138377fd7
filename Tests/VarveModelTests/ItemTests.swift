// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarveTestKit

private func canonical(_ json: String) throws -> String {
    String(decoding: try Item(json: Array(json.utf8)).bytes, as: UTF8.self)
}

@Suite struct ItemTests {
    static let everyType: [String] = [
        #"{"a":{"S":"x \"y\" \\ \n\u0001é😀"}}"#, #"{"a":{"N":"-12.5"}}"#, #"{"a":{"B":"AAEC/w=="}}"#,
        #"{"a":{"BOOL":true}}"#,
        #"{"a":{"BOOL":false}}"#, #"{"a":{"NULL":true}}"#, #"{"a":{"L":[{"S":""},{"L":[]}]}}"#,
        #"{"a":{"M":{"b":{"M":{}},"c":{"N":"0"}}}}"#, #"{"a":{"SS":["","a","b"]}}"#,
        #"{"a":{"NS":["-1","0","0.5","10"]}}"#,
        #"{"a":{"BS":["","AA==","AAA="]}}"#,
    ]

    @Test(arguments: everyType)
    func `each type comes back from its tree byte for byte`(json: String) throws {
        let item = try Item(json: Array(json.utf8))
        #expect(item.bytes == Array(json.utf8))
        let tree = try item.decode()
        #expect(try Item(attributes: tree.attributes).bytes == item.bytes)
        #expect(try item.attribute("a") == tree["a"])
        #expect(try item.attribute("b") == nil)
    }

    @Test func `random items in random spellings have one canonical form`() throws {
        var items = RandomItems(random: SeededGenerator())
        var canonicalizer = Canonicalizer()
        for _ in 0..<2000 {
            let attributes = items.item()
            let ordered = RandomItems.ordered(attributes)
            let expected = try Item(attributes: ordered)
            var out: [UInt8] = [1, 2, 3]
            try items.spelling(of: attributes).withUnsafeBytes { try canonicalizer.canonicalize($0, into: &out) }
            #expect(Array(out.dropFirst(3)) == expected.bytes)
            #expect(try expected.decode().attributes == ordered)
            #expect(try Item(attributes: attributes) == expected)
            #expect(try Item(json: expected.bytes) == expected)
            #expect(Item.isCanonical(expected.bytes))
        }
    }

    @Test func `binaries are the base64 of their bytes`() throws {
        var items = RandomItems(random: SeededGenerator())
        for _ in 0..<500 {
            let bytes = items.random.bytes(Int.random(in: 0...40, using: &items.random))
            let item = try Item(attributes: [Attribute("b", .binary(bytes))])
            let expected = Array(#"{"b":{"B":""#.utf8) + Base64Reference.text(bytes) + Array(#""}}"#.utf8)
            #expect(item.bytes == expected)
            #expect(try item.attribute("b") == .binary(bytes))
        }
    }

    @Test(arguments: [
        ("", ModelError.Code.malformedJSON), ("{", .malformedJSON), ("[]", .malformedJSON), ("{}x", .malformedJSON),
        ("\u{FEFF}{}", .malformedJSON), (#"{"a":{"S":"x"},}"#, .malformedJSON), (#"{"a":{"S":"\x"}}"#, .malformedJSON),
        (#"{"a":{"S":"\ud800\ud800"}}"#, .malformedJSON), (#"{"a":{"S":"\udc00"}}"#, .malformedJSON),
        (#"{"a":{"S":"\ud83dx"}}"#, .malformedJSON), ("{\"a\":{\"S\":\"\u{1}\"}}", .malformedJSON),
        (#"{"a":{"S":null}}"#, .invalidValue), (#"{"a":{"s":"x"}}"#, .invalidValue),
        (#"{"a":{"SSS":["x"]}}"#, .invalidValue),
        (#"{"a":{"L":{}}}"#, .invalidValue), (#"{"a":{"M":[]}}"#, .invalidValue), (#"{"a":{"SS":"x"}}"#, .invalidValue),
        (#"{"a":{"SS":[1]}}"#, .invalidValue), (#"{"a":{"B":"A==="}}"#, .invalidValue),
        (#"{"a":{"B":"===="}}"#, .invalidValue),
        (#"{"a":{"B":"AA=A"}}"#, .invalidValue), (#"{"a":{"B":"AAE=AAE="}}"#, .invalidValue),
        (#"{"a":{"B":"AAE=\n"}}"#, .invalidValue),
        (#"{"a":{"S":"x","S":"x"}}"#, .invalidValue), (#"{"a":{"NULL":1}}"#, .invalidValue),
        (#"{"a":[]}"#, .invalidValue),
        (#"{"a":{"N":"1e"}}"#, .invalidNumber), (#"{"a":{"N":"."}}"#, .invalidNumber),
        (#"{"a":{"N":"1.2.3"}}"#, .invalidNumber),
        (#"{"a":{"N":"--1"}}"#, .invalidNumber), (#"{"a":{"N":"0x10"}}"#, .invalidNumber),
        (#"{"a":{"N":"Infinity"}}"#, .invalidNumber),
        (#"{"a":{"N":"1E99999999999999999999"}}"#, .invalidNumber), (#"{"a":{"NS":["1","x"]}}"#, .invalidNumber),
        (#"{"a":{"S":"1"},"\u0061":{"S":"2"}}"#, .duplicateName),
        (#"{"m":{"M":{"a":{"S":"1"},"b":{"S":"1"},"a":{"S":"1"}}}}"#, .duplicateName),
        (#"{"a":{"NS":[]}}"#, .emptySet), (#"{"a":{"BS":[ ]}}"#, .emptySet),
        (#"{"a":{"NS":["100","1E2"]}}"#, .duplicateMember),
        (#"{"a":{"BS":["AA==","AQ==","AA=="]}}"#, .duplicateMember),
        (#"{"a":{"SS":["a","b","\u0061"]}}"#, .duplicateMember),
    ])
    func `what is no item is refused with its reason`(json: String, code: ModelError.Code) {
        let error = #expect(throws: ModelError.self) { try Item(json: Array(json.utf8)) }
        #expect(error?.code == code)
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0xC3], [0xE2, 0x82], [0xFF],
        ] as [[UInt8]])
    func `text that is not UTF-8 is refused, in JSON and in a tree`(bytes: [UInt8]) {
        let json = Array(#"{"a":{"S":""#.utf8) + bytes + Array(#""}}"#.utf8)
        #expect(throws: ModelError.self) { try Item(json: json) }
        #expect(throws: ModelError.self) { try Item(attributes: [Attribute("a", .string(bytes))]) }
        #expect(throws: ModelError.self) { try Item(attributes: [Attribute(name: bytes, value: .null)]) }
        #expect(throws: ModelError.self) { try Item(trusted: json).decode() }
    }

    @Test func `a number in a tree cannot forge structure`() {
        let forged = AttributeValue.number(#"1"},"z":{"N":"1"#)
        #expect(throws: ModelError.self) { try Item(attributes: [Attribute("a", forged)]) }
        #expect(throws: ModelError.self) { try Item(attributes: [Attribute("a", .numberSet([Array(#"1","2"#.utf8)]))]) }
    }

    @Test func `trees with doubled names, empty sets and odd numbers are treated as JSON is`() throws {
        #expect(throws: ModelError.self) { try Item(attributes: [Attribute("a", .null), Attribute("a", .null)]) }
        #expect(throws: ModelError.self) { try Item(attributes: [Attribute("a", .stringSet([]))]) }
        let item = try Item(attributes: [
            ("b", .number("1E2")), ("a", .numberSet([Array("2".utf8), Array("01".utf8)])),
        ])
        #expect(item.bytes == Array(#"{"a":{"NS":["1","2"]},"b":{"N":"100"}}"#.utf8))
    }

    @Test(arguments: [
        ("1E-130", true), ("9.9E-131", false), ("1.2345E-130", true), ("-1E-130", true), ("1E125", true),
        ("1E126", false),
        ("9.9999999999999999999999999999999999999E+125", true), ("-9.9999999999999999999999999999999999999E+125", true),
        ("9.99999999999999999999999999999999999999E+125", false),
        ("0.00000000000000000000000000000000000000000000001", true),
        ("12345678901234567890123456789012345678000", true), ("123456789012345678901234567890123456780001", false),
        ("-0", true),
    ])
    func `numbers are read up to their limits`(text: String, valid: Bool) throws {
        let json = #"{"n":{"N":"\#(text)"}}"#
        guard valid else {
            let error = #expect(throws: ModelError.self) { try Item(json: Array(json.utf8)) }
            #expect(error?.code == .invalidNumber)
            return
        }
        let item = try Item(json: Array(json.utf8))
        #expect(Item.isCanonical(item.bytes))
        #expect(try Item(json: item.bytes) == item)
    }

    @Test(arguments: [
        "-0", "01", "1.0", "1.", ".5", "+1", "1e1", "", "-", "0.0", "00", "123456789012345678901234567890123456789",
        "0." + String(repeating: "0", count: 130) + "1", "1" + String(repeating: "0", count: 126),
    ])
    func `numbers that are not canonical are found out`(text: String) {
        let json = Array(#"{"n":{"N":"\#(text)"}}"#.utf8)
        #expect(!Item.isCanonical(json))
        #expect(throws: ModelError.self) { try Item(trusted: json).decode() }
    }

    @Test(arguments: [
        #"{"b":{"S":""},"a":{"S":""}}"#, #"{"a":{"S":""},"a":{"S":""}}"#, #"{"a": {"S":""}}"#, #"{"a":{"S":"\/"}}"#,
        #"{"a":{"S":"\u0041"}}"#,
        #"{"a":{"S":"\u001F"}}"#, #"{"a":{"S":"\u0009"}}"#, #"{"a":{"SS":["b","a"]}}"#, #"{"a":{"SS":["a","a"]}}"#,
        #"{"a":{"NS":["10","9"]}}"#,
        #"{"a":{"BS":["/w==","AA=="]}}"#, #"{"a":{"SS":[]}}"#, #"{"a":{"NULL":false}}"#,
        #"{"\u001f":{"S":""},"\u0001":{"S":""}}"#, "{} ",
        " {}", #"{"a":{"S":"}}"#,
    ])
    func `other spellings are found out`(json: String) {
        #expect(!Item.isCanonical(Array(json.utf8)))
    }

    @Test(arguments: [31, 32, 33, 34, 40, 5000])
    func `values nest to thirty-two levels`(levels: Int) throws {
        let lists =
            #"{"a":"# + String(repeating: #"{"L":["#, count: levels - 1) + #"{"NULL":true}"#
            + String(repeating: "]}", count: levels - 1) + "}"
        let maps =
            #"{"a":"# + String(repeating: #"{"M":{"k":"#, count: levels - 1) + #"{"NULL":true}"#
            + String(repeating: "}}", count: levels - 1) + "}"
        for json in [lists, maps] {
            for bytes in [Array(json.utf8), Array((" " + json).utf8)] {
                if levels <= 32 {
                    #expect(try canonical(json) == json)
                    #expect(try Item(attributes: Item(json: bytes).decode().attributes).bytes == Array(json.utf8))
                } else {
                    let error = #expect(throws: ModelError.self) { try Item(json: bytes) }
                    #expect(error?.code == .tooDeep)
                    #expect(throws: ModelError.self) { try Item(trusted: bytes).decode() }
                }
            }
        }
    }

    @Test func `an item of 400 KB is taken and one byte more is not`() throws {
        let full = String(repeating: "x", count: ItemLimits.itemBytesMax - 1)
        #expect(try Item(json: Array(#"{"a":{"S":"\#(full)"}}"#.utf8)).size() == 409_600)
        #expect(try Item(json: Array(#" {"a":{"S":"\#(full)"}}"#.utf8)).size() == 409_600)
        for json in [#"{"a":{"S":"\#(full)x"}}"#, #" {"a":{"S":"\#(full)x"}}"#] {
            let error = #expect(throws: ModelError.self) { try Item(json: Array(json.utf8)) }
            #expect(error?.code == .tooLarge)
        }
        let error = #expect(throws: ModelError.self) { try Item(attributes: [("ab", .string(full))]) }
        #expect(error?.code == .tooLarge)
    }

    @Test func `a refused item leaves the output as it was`() throws {
        var canonicalizer = Canonicalizer()
        var out: [UInt8] = [7]
        let broken = Array(#"{"b":{"S":"1"},"a":{"S":1}}"#.utf8)
        #expect(throws: ModelError.self) {
            try broken.withUnsafeBytes { try canonicalizer.canonicalize($0, into: &out) }
        }
        #expect(out == [7])
        try Array(" {}".utf8).withUnsafeBytes { try canonicalizer.canonicalize($0, into: &out) }
        #expect(out == [7] + Array("{}".utf8))
    }
}

// MARK: - Damage

@Suite struct ItemDamageTests {
    static let whole: [UInt8] = Array(
        (#"{"bin":{"B":"AAEC/w=="},"bs":{"BS":["AA==","AAA="]},"e\"é":{"S":"tab\t \u0001 é😀 and more plain text"},"l":{"L":[{"NULL":true},"#
            + #"{"BOOL":false},{"N":"-12.5"}]},"m":{"M":{"a":{"N":"1000"},"b":{"S":""}}},"ns":{"NS":["-1","0.5","10"]},"ss":{"SS":["a","b"]}}"#)
            .utf8)

    /// What is accepted comes out canonical, stays so, and is seen as canonical by every reader.
    private func check(_ bytes: [UInt8], _ canonicalizer: inout Canonicalizer) {
        var out: [UInt8] = []
        let canonicalizes = (try? bytes.withUnsafeBytes { try canonicalizer.canonicalize($0, into: &out) }) != nil
        let isCanonical = Item.isCanonical(bytes)
        let tree = try? Item(trusted: bytes).decode()
        #expect(isCanonical == (tree != nil))
        guard canonicalizes else {
            #expect(!isCanonical)
            return
        }
        #expect(isCanonical == (out == bytes))
        #expect(Item.isCanonical(out))
        #expect((try? Item(json: out).bytes) == out)
        #expect((try? Item(attributes: Item(trusted: out).decode().attributes).bytes) == out)
    }

    @Test func `the whole is canonical`() {
        #expect(Item.isCanonical(Self.whole))
    }

    @Test func `cut at any byte it is refused`() {
        for count in 0..<Self.whole.count {
            // A buffer of exactly that length, so that reading past its end would be seen by a sanitizer.
            let cut = Array(Self.whole[..<count])
            #expect(throws: ModelError.self) { try Item(json: cut) }
            #expect(throws: ModelError.self) { try Item(trusted: cut).decode() }
            #expect(throws: ModelError.self) { try Item(json: [0x20] + cut) }
        }
    }

    @Test func `with any bit or byte changed it is refused or canonical`() {
        var canonicalizer = Canonicalizer()
        for index in Self.whole.indices {
            var changed = Self.whole
            for bit in 0..<8 {
                changed[index] = Self.whole[index] ^ 1 << bit
                check(changed, &canonicalizer)
            }
            for byte in Array("\"\\{}[],:0 -.+eAu=".utf8) + [0, 0x1F, 0x80, 0xC3, 0xED, 0xF4, 0xFF] {
                changed[index] = byte
                check(changed, &canonicalizer)
            }
            changed.remove(at: index)
            check(changed, &canonicalizer)
        }
    }

    @Test func `random items with random damage are refused or canonical`() throws {
        var items = RandomItems(random: SeededGenerator())
        var canonicalizer = Canonicalizer()
        for _ in 0..<3000 {
            let attributes = items.item()
            var bytes = items.chance(2) ? try Item(attributes: attributes).bytes : items.spelling(of: attributes)
            for _ in 0..<Int.random(in: 1...3, using: &items.random) where !bytes.isEmpty {
                let index = Int.random(in: bytes.indices, using: &items.random)
                switch Int.random(in: 0..<3, using: &items.random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &items.random)
                case 1: bytes.remove(at: index)
                default: bytes.insert(bytes[Int.random(in: bytes.indices, using: &items.random)], at: index)
                }
            }
            check(bytes, &canonicalizer)
        }
    }
}
