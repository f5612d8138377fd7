// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarveTestKit

/// The grammar of conditions and every rule of what they mean, as DynamoDB has them.
@Suite struct ConditionTests {
    private static let item = #"""
        {"s":{"S":"hello"},"twin":{"S":"hello"},"empty":{"S":""},"n":{"N":"42"},"same":{"N":"42.0"},"neg":{"N":"-1.5"},
        "big":{"N":"12345678901234567890123456789012345678"},"tiny":{"N":"1E-130"},"type":{"S":"N"},"five":{"N":"5"},
        "bin":{"B":"AP8="},"yes":{"BOOL":true},"no":{"BOOL":false},"nil":{"NULL":true},
        "tags":{"SS":["red","blue"]},"tags2":{"SS":["blue","red"]},"nums":{"NS":["2.50","1"]},"bins":{"BS":["/w==","AA=="]},
        "list":{"L":[{"S":"a"},{"N":"7"},{"L":[{"N":"1"},{"S":"in"}]},{"SS":["y","x"]}]},
        "map":{"M":{"in":{"N":"1"},"b":{"M":{"c":{"S":"deep"}}},"a.b":{"S":"dotted"}}},"none":{"L":[]},"void":{"M":{}},
        "Order Date":{"S":"2026-11-24"},"quo\"te":{"S":"it's"},"uni":{"S":"é𝄞"},"é":{"S":"composed"},
        "composed":{"S":"é"},"decomposed":{"S":"e\u0301"},"line":{"S":"a\nb\u0001c"},"and":{"N":"1"},"size":{"N":"3"}}
        """#

    private func meets(_ condition: String, _ json: String = item) throws -> Bool {
        let item = try Item(json: Array(json.utf8))
        return try item.bytes.withUnsafeBytes { try ItemCondition(condition).isMet(by: $0) }
    }

    private func check(_ conditions: [(String, Bool)]) throws {
        for (condition, expected) in conditions {
            #expect(try meets(condition) == expected, "\(condition)")
        }
    }

    // MARK: Equality

    @Test func `values of one type are equal when they are the same, and of two types never`() throws {
        try check([
            ("s = 'hello'", true), ("s = 'hell'", false), ("s = twin", true), ("'hello' = s", true),
            ("empty = ''", true),
            ("n = 42", true), ("n = '42'", false), ("yes = true", true), ("yes = false", false), ("nil = null", true),
            ("nil = false", false), ("bin = b'AP8='", true), ("bin = B'AA=='", false), ("bin = 'AP8='", false),
            ("list[0] = 'a'", true), ("list[1] = 7", true), ("tags = tags2", true), ("tags = nums", false),
            ("map = list", false), ("s <> 'hell'", true), ("s <> 'hello'", false), ("n <> '42'", true),
            ("tags <> tags2", false), ("list <> map", true), ("1 = 1.0", true), ("1 = 2", false),
        ])
    }

    @Test func `numbers are equal by value, to 38 digits, however they are spelt`() throws {
        try check([
            ("n = same", true), ("n = 42.000", true), ("n = 4.2e1", true), ("n = 420E-1", true), ("n = +42", true),
            ("n = 0042", true), ("neg = -1.50", true), ("big = 12345678901234567890123456789012345678", true),
            ("big = 12345678901234567890123456789012345679", false), ("tiny = 0.1e-129", true), ("tiny = 0", false),
            ("0 = -0.0", true), ("nums[0] = 1", false),
        ])
    }

    @Test func `what is missing is equal to nothing, before and after nothing, and not equal to everything`() throws {
        try check([
            ("gone = 1", false), ("gone <> 1", true), ("gone < 1", false), ("gone >= 1", false), ("1 < gone", false),
            ("gone = lost", false), ("gone <> lost", true), ("gone <= lost", false), ("gone BETWEEN 1 AND 2", false),
            ("n BETWEEN gone AND lost", false), ("gone IN (1, 2)", false), ("n IN (gone, 42)", true),
            ("gone = null", false), ("NOT gone = 1", true), ("NOT gone < 1", true), ("begins_with(gone, 'a')", false),
            ("contains(gone, 'a')", false), ("contains(s, gone)", false), ("size(gone) = 0", false),
            ("size(gone) <> 0", true), ("attribute_type(gone, 'S')", false), ("map.gone = 1", false),
            ("list[9] = 1", false), ("s.x = 1", false), ("s[0] = 'h'", false), ("map[0] = 1", false),
            ("list.a = 1", false),
            ("tags[0] = 'blue'", false), ("none[0] = 1", false), ("void.a = 1", false), ("gone.x[3].y <> 1", true),
        ])
    }

    @Test func `texts that look alike are not equal, and no name is another that looks like it`() throws {
        try check([
            ("composed = 'é'", true), ("composed = 'e\u{301}'", false), ("decomposed = 'e\u{301}'", true),
            ("composed <> decomposed", true), ("composed = decomposed", false), ("contains(composed, 'e')", false),
            ("contains(decomposed, 'e')", true), ("begins_with(decomposed, 'e')", true),
            ("decomposed < composed", true),
            ("\"é\" = 'composed'", true), ("attribute_exists(\"e\u{301}\")", false),
            ("\"é\" = 'composed' AND attribute_not_exists(\"e\u{301}\")", true),
            ("composed IN ('e\u{301}')", false),
        ])
    }

    // MARK: Order

    @Test func `strings have the order of their UTF-8 bytes`() throws {
        try check([
            ("s < 'hellp'", true), ("s < 'hello'", false), ("s <= 'hello'", true), ("s > 'hell'", true),
            ("s >= 'hello'", true), ("s > 'hello'", false), ("s < 'Z'", false), ("s < 'é'", true),
            ("empty < 'a'", true),
            // U+FFFF is before U+1D11E in UTF-8, and behind it in UTF-16.
            ("'\u{FFFF}' < '\u{1D11E}'", true), ("s BETWEEN 'a' AND 'hello'", true),
            ("s BETWEEN 'hello' AND 'z'", true),
            ("s BETWEEN 'a' AND 'b'", false),
        ])
    }

    @Test func `numbers have the order of their values`() throws {
        try check([
            ("n < 100", true), ("n < 9", false), ("n > 9", true), ("neg < 0", true), ("neg < -1.49", true),
            ("neg > -1.51", true), ("neg < -10", false), ("tiny > 0", true), ("n <= 42.0", true), ("n >= 42.0", true),
            ("n < 42", false), ("n BETWEEN 42 AND 42", true), ("n BETWEEN neg AND big", true),
            ("n BETWEEN big AND neg", false), ("big > 12345678901234567890123456789012345677", true),
        ])
    }

    @Test func `binaries have the order of their unsigned bytes`() throws {
        // 00 ff
        try check([
            ("bin > b'AH8='", true), ("bin < b'AQ=='", true), ("bin > b'AA=='", true), ("bin <= b'AP8='", true),
            ("bin BETWEEN b'AH8=' AND b'AQ=='", true), ("bin < b''", false),
        ])
    }

    @Test func `values of two types, or of a type without order, are neither before nor after`() throws {
        try check([
            ("s < 1", false), ("s >= 1", false), ("n < 'a'", false), ("bin < 'zz'", false), ("yes < 1", false),
            ("yes <= no", false), ("nil >= yes", false), ("tags <= tags2", false), ("list >= map", false),
            ("n BETWEEN 'a' AND 'z'", false), ("n BETWEEN 1 AND s", false), ("NOT n < 'a'", true),
            ("list[2] < list[3]", false),
        ])
    }

    // MARK: IN and functions

    @Test func `IN asks for equality with one of a list`() throws {
        try check([
            ("n IN (42)", true), ("n IN ('42', 1, true)", false), ("s IN ('a', 'hello', 3)", true),
            ("n IN (same)", true),
            ("tags IN (nums, tags2)", true), ("nil IN (null)", true), ("'a' in (s, list[0])", true),
            ("size(s) IN (4, 5)", true), ("s IN (n, bin)", false),
        ])
    }

    @Test func `an attribute exists or not, whatever its value`() throws {
        try check([
            ("attribute_exists(nil)", true), ("attribute_not_exists(nil)", false), ("attribute_exists(gone)", false),
            ("attribute_not_exists(gone)", true), ("attribute_exists(map.b.c)", true),
            ("attribute_exists(map.c)", false),
            ("attribute_exists(list[3])", true), ("attribute_exists(list[4])", false), ("attribute_exists(void)", true),
            ("attribute_exists (list[2][1])", true), ("attribute_not_exists(list[2][2])", true),
        ])
    }

    @Test(arguments: [
        ("s", "S"), ("n", "N"), ("bin", "B"), ("yes", "BOOL"), ("nil", "NULL"), ("map", "M"), ("list", "L"),
        ("tags", "SS"), ("nums", "NS"), ("bins", "BS"), ("list[3]", "SS"), ("map.b", "M"), ("none", "L"), ("void", "M"),
    ])
    func `a value has one type`(path: String, type: String) throws {
        for each in ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"] {
            #expect(try meets("attribute_type(\(path), '\(each)')") == (each == type), "\(each)")
        }
    }

    @Test func `strings and binaries begin with others of their type`() throws {
        try check([
            ("begins_with(s, 'he')", true), ("begins_with(s, 'hello')", true), ("begins_with(s, 'hello!')", false),
            ("begins_with(s, 'el')", false), ("begins_with(s, '')", true), ("begins_with(bin, b'AA==')", true),
            ("begins_with(bin, b'/w==')", false), ("begins_with(bin, 'A')", false), ("begins_with(s, b'aGU=')", false),
            ("begins_with(n, '4')", false), ("begins_with(tags, 'b')", false), ("begins_with('hello world', s)", true),
            ("begins_with(s, twin)", true), ("begins_with(line, 'a\nb\u{1}')", true),
        ])
    }

    @Test func `a string or binary contains a part, a set or list a member`() throws {
        try check([
            ("contains(s, 'ell')", true), ("contains(s, 'hello')", true), ("contains(s, 'elo')", false),
            ("contains(s, '')", true), ("contains(s, 1)", false), ("contains(bin, b'/w==')", true),
            ("contains(bin, b'AQ==')", false), ("contains(bin, 'A')", false), ("contains(s, b'aGU=')", false),
            ("contains(tags, 'red')", true), ("contains(tags, 're')", false), ("contains(tags, b'cmVk')", false),
            ("contains(nums, 2.5)", true), ("contains(nums, 25e-1)", true), ("contains(nums, 2)", false),
            ("contains(nums, '1')", false), ("contains(bins, b'AA==')", true), ("contains(bins, b'AP8=')", false),
            ("contains(list, 'a')", true), ("contains(list, 7.0)", true), ("contains(list, '7')", false),
            ("contains(list, 'in')", false), ("contains(list, tags)", false), ("contains(list, list[3])", true),
            ("contains(list, size(nums))", false), ("contains(map, 'b')", false), ("contains(n, 4)", false),
            ("contains(nil, null)", false), ("contains('say hello', s)", true), ("contains(tags, tags2)", false),
            ("contains(none, 'a')", false), ("contains(line, 'b\u{1}')", true),
        ])
    }

    @Test func `a size is of UTF-16 code units, bytes or members, and of nothing else`() throws {
        try check([
            ("size(s) = 5", true), ("size(empty) = 0", true), ("size(uni) = 3", true), ("size(line) = 5", true),
            ("size(decomposed) = 2", true), ("size(composed) = 1", true), ("size(bin) = 2", true),
            ("size(tags) = 2", true),
            ("size(nums) = 2", true), ("size(bins) = 2", true), ("size(list) = 4", true), ("size(map) = 3", true),
            ("size(none) = 0", true), ("size(void) = 0", true), ("size(n) = 2", false), ("size(n) <> 2", true),
            ("size(yes) >= 0", false), ("size(nil) >= 0", false), ("size(s) = five", true),
            ("size(s) > size(tags)", true),
            ("size(s) BETWEEN 5 AND 6", true), ("size(s) < 'dog'", false), ("5 = size(s)", true),
            ("size(list[2]) = 2", true), ("size(map.b) = 1", true),
        ])
    }

    // MARK: Logic

    @Test func `NOT binds tighter than AND, AND tighter than OR, and comparisons tighter than all`() throws {
        try check([
            ("n = 42 OR n = 1 AND n = 2", true), ("(n = 42 OR n = 1) AND n = 2", false), ("NOT n = 1 AND n = 2", false),
            ("NOT (n = 1 AND n = 2)", true), ("NOT n = 42 OR n = 42", true), ("NOT (n = 42 OR n = 42)", false),
            ("n BETWEEN 1 AND 50 AND n = 42", true), ("n = 1 AND n = 2 OR n = 42", true), ("NOT NOT NOT n = 1", true),
            ("not n = 1 And n > 1 oR n < 1", true), ("n between 1 aNd 50", true), ("((n = 42))", true),
            ("NOT n BETWEEN 1 AND 50", false), ("NOT attribute_exists(gone)", true),
        ])
    }

    // MARK: Spelling

    @Test func `names and texts are quoted, keywords too, and quotes within are doubled`() throws {
        try check(
            [
                ("\"Order Date\" = '2026-11-24'", true), ("\"quo\"\"te\" = 'it''s'", true),
                ("map.\"a.b\" = 'dotted'", true),
                ("map.a.b = 'dotted'", false), ("\"and\" = 1", true), ("map.in = 1", true), ("map.\"in\" = 1", true),
                ("size = 3", true), ("\"size\" = 3", true), ("size(list) > size", true), ("map . b . c = 'deep'", true),
                ("list [ 2 ] [ 0 ] = 1", true), ("\n s\t=\r'hello' ", true), ("n>41 AND(n<43)", true),
            ])
        // A number runs into what follows it: no guess is made.
        #expect(throws: ModelError.self) { try ItemCondition("n>41AND n<43") }
    }

    @Test(arguments: [
        ("", "at its end, behind character 0", "a value or a name was expected"),
        ("  ", "behind character 2", "a value or a name"),
        ("a", "behind character 1", "BETWEEN or IN was expected"),
        ("a =", "behind character 3", "a value or a name"),
        ("a == 1", "at character 4", "a value or a name"),
        ("a != 1", "at character 3", "no meaning"),
        ("a = 1 b", "at character 7", "AND, OR or its end"),
        ("é = 1", "at character 1", "in \"double quotes\""),
        ("\"éé\" = 1 ; DROP", "at character 10", "no meaning"),
        ("a = :v", "at character 5", "no placeholders"), ("#a = 1", "at character 1", "no placeholders"),
        ("a = 'secret", "at its end, behind character 11", "closing quote"),
        ("\"secret = 1", "behind character 11", "closing"),
        ("\"\" = 1", "at character 1", "a name is empty"), ("a.\"\" = 1", "at character 3", "a name is empty"),
        ("a = b'secret'", "at character 5", "base64"), ("a = b'QQ=='x", "at character 12", "AND, OR or its end"),
        ("a = 1.2.3", "at character 5", "decimal digits"), ("a = 12secret", "at character 5", "decimal digits"),
        ("a = 123456789012345678901234567890123456789", "at character 5", "38 significant digits"),
        ("a = 1e126", "at character 5", "1E+126"), ("a = -b", "at character 5", "sign"),
        ("a + 1 = 2", "at character 3", "sign"),
        ("(a = 1", "behind character 6", "closing parenthesis"), ("a = 1)", "at character 6", "AND, OR or its end"),
        ("()", "at character 2", "a value or a name"), ("a IN ()", "at character 7", "a value or a name"),
        ("a IN (1, 2", "behind character 10", "a comma or a closing parenthesis"),
        ("a IN 1", "at character 6", "behind IN"),
        ("a BETWEEN 1 OR 2", "at character 13", "AND and the upper bound"),
        ("a BETWEEN 2 AND 1", "at character 17", "below the lower one"),
        ("a BETWEEN 1 AND 'x'", "at character 17", "of another type"),
        ("a BETWEEN null AND 1", "at character 11", "no order"), ("a < true", "at character 5", "no order"),
        ("null >= a", "at character 1", "no order"), ("NOT", "behind character 3", "a value or a name"),
        ("a = NOT", "at character 5", "keyword"), ("and = 1", "at character 1", "keyword"),
        ("a AND b", "at character 3", "BETWEEN or IN"),
        ("a. = 1", "at character 4", "a name was expected"), ("a[ = 1", "at character 4", "counted from 0"),
        ("a[-1] = 1", "at character 3", "counted from 0"), ("a[1.5] = 1", "at character 3", "counted from 0"),
        ("a[1e2] = 1", "at character 3", "counted from 0"), ("a[1234567890] = 1", "at character 3", "counted from 0"),
        ("a[x] = 1", "at character 3", "counted from 0"), ("a[0 = 1", "at character 5", "closing bracket"),
        ("size(a)", "behind character 7", "BETWEEN or IN"), ("size(a, b) = 1", "at character 7", "closing parenthesis"),
        ("size('secret') = 1", "at character 6", "the name of an attribute"),
        ("a = length(b)", "at character 5", "size is the only"),
        ("SIZE(a) = 1", "at character 1", "in small letters"),
        ("begins(a, 'x')", "at character 1", "there are the functions"),
        ("attribute_exists('secret')", "at character 18", "the name of an attribute"),
        ("attribute_exists(a) = true", "at character 21", "AND, OR or its end"),
        ("attribute_type(a, 'DOG')", "at character 19", "one of S, N, B, BOOL"),
        ("attribute_type(a, b)", "at character 19", "one of S"),
        ("attribute_type(a, 's')", "at character 19", "one of S"), ("attribute_type(a)", "at character 17", "a comma"),
        ("begins_with(a, 1)", "at character 16", "strings and binaries"),
        ("begins_with(true, 'a')", "at character 13", "strings and binaries"),
        ("begins_with(size(a), 'a')", "at character 13", "strings and binaries"),
        ("contains(1, a)", "at character 10", "looks into"), ("contains(a)", "at character 11", "a comma"),
        ("contains(a, a)", "at character 13", "same as the first"), ("a = a", "at character 5", "same as the first"),
        ("a.b[1] <> a . b [1]", "at character 11", "same as the first"),
        ("size(a) < size(a)", "at character 11", "same as the first"),
        ("a IN (b, a)", "at character 10", "same as the first"),
        ("a BETWEEN 1 AND a", "at character 17", "same as the first"),
    ])
    func `a mistake is refused with its place and what was expected, without a word of the condition`(
        condition: String, place: String, expected: String
    ) {
        let error = #expect(throws: ModelError.self) { try ItemCondition(condition) }
        #expect(error?.code == .invalidCondition)
        let message = error?.message ?? ""
        #expect(message.contains(place) && message.contains(expected), "\(condition): \(message)")
        #expect(!message.contains("secret") && !message.contains("DROP") && !message.contains("DOG"), "\(message)")
    }

    // MARK: Limits

    @Test func `a condition is as long as its limits allow, and not longer`() throws {
        func text(_ count: Int) -> String { "s = '\(String(repeating: "x", count: count - 6))'" }
        #expect(try !meets(text(4096)))
        #expect(refusal(text(4097))?.contains("4097 bytes; at most 4096") == true)

        func listed(_ count: Int) -> String { "n IN (\((1...count).map(String.init).joined(separator: ",")))" }
        #expect(try meets(listed(100)))
        #expect(refusal(listed(101))?.contains("more than 100 values") == true)

        // Comparisons and the ORs between them.
        func operators(_ comparisons: Int) -> String {
            [String](repeating: "n=1", count: comparisons).joined(separator: " OR ")
        }
        #expect(try !meets(operators(150)))
        #expect(try !meets("NOT (" + operators(150) + ")") == false)
        #expect(refusal(operators(151))?.contains("more than 300") == true)
        #expect(refusal("NOT NOT (" + operators(150) + ")")?.contains("more than 300") == true)
        // 149 comparisons and the ORs in front of them are 298; each of these adds two.
        for test in ["NOT n IN (1)", "NOT n BETWEEN 1 AND 2", "NOT attribute_exists(n)", "size(n)=1"] {
            _ = try meets("\(test) OR " + operators(149))
            #expect(refusal("NOT \(test) OR " + operators(149))?.contains("more than 300") == true, "\(test)")
        }

        for opening in ["(", "NOT ", "NOT ("] {
            let levels = opening == "NOT (" ? 2 : 1
            func nested(_ count: Int) -> String {
                String(repeating: opening, count: count) + "n=42"
                    + String(repeating: ")", count: opening.hasSuffix("(") ? count : 0)
            }
            #expect(try meets(nested(64 / levels)))
            #expect(refusal(nested(64 / levels + 1))?.contains("deeper than 64 levels") == true)
            #expect(refusal(nested(600))?.contains("deeper than 64 levels") == true)
        }
        // Depth counts what is open, not what was.
        #expect(try meets([String](repeating: "(n=42)", count: 100).joined(separator: " AND ")))

        func path(_ steps: Int) -> String { "n" + String(repeating: ".a", count: steps - 1) + " = 1" }
        #expect(try !meets(path(32)))
        #expect(refusal(path(33))?.contains("more than 32 parts") == true)
    }

    private func refusal(_ condition: String) -> String? {
        let error = #expect(throws: ModelError.self) { try ItemCondition(condition) }
        return error?.code == .invalidCondition ? error?.message : nil
    }

    // MARK: Items

    @Test(arguments: [
        "", "{", "{}x", #"{"n":{"N":"042"}}"#, #"{"n":{"N":"1"},"m":{"N":"1"}}"#, #"{"n":{"L":[{"S":"a"]}}"#,
    ])
    func `what is no canonical item is refused, not judged`(json: String) throws {
        let condition = try ItemCondition("attribute_not_exists(n.a[0])")
        let error = #expect(throws: ModelError.self) {
            try Array(json.utf8).withUnsafeBytes { _ = try condition.isMet(by: $0) }
        }
        #expect(error?.code == .notCanonical)
    }

    @Test func `an item without attributes meets what asks for nothing`() throws {
        #expect(try meets("attribute_not_exists(a)", "{}"))
        #expect(try !meets("attribute_exists(a)", "{}"))
    }

    @Test func `a search that could be slow is not`() throws {
        let whole = String(repeating: "a", count: 200_000)
        let part = String(repeating: "a", count: 100_000) + "b"
        var isFound = true
        let took = try processorTime {
            isFound = try meets("contains(w, p)", #"{"w":{"S":"\#(whole)"},"p":{"S":"\#(part)"}}"#)
        }
        #expect(!isFound)
        // 10^10 comparisons of bytes would take seconds.
        #expect(took < .seconds(1))
        #expect(try meets("contains('abababac', w)", #"{"w":{"S":"ababac"}}"#))
    }
}
