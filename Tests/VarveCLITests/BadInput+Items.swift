// SPDX-License-Identifier: Apache-2.0

import Foundation
import VarveModel

extension BadInput {
    /// An import of one line into an empty table with the keys `pk` (S) and `sk` (N).
    private static func line(_ name: String, _ line: String, _ codes: String...) -> BadInput {
        Self.line(name, Array(line.utf8), codes)
    }

    private static func line(_ name: String, _ line: [UInt8], _ codes: [String]) -> BadInput {
        let good = #"{"Item":{"pk":{"S":"hunter2"},"sk":{"N":"7"}}}"#
        return BadInput(
            name: "import: \(name)", command: ["table", "import", "Strict", "-"],
            input: Array((good + "\n").utf8) + line + Array("\n".utf8), exitCode: 1,
            says: ["[pipeline.badInput]"] + codes)
    }

    private static func item(_ attribute: String) -> String {
        #"{"Item":{"pk":{"S":"hunter2"},"sk":{"N":"1"},"x":\#(attribute)}}"#
    }

    /// Items that are none, one by one; each behind a line that is right.
    static let items = [
        line(
            "a cut line", #"{"Item":{"pk":{"S":"hunter2"},"sk":{"N":"1"}}"#, "Line 2 of standard input",
            "[model.malformedJSON]"),
        line("no JSON", "hunter2", "Line 2 of standard input", "[model.malformedJSON]"),
        line("no object", #"["hunter2"]"#, "[model.malformedJSON]"),
        line("NUL bytes", [0, 0, 0, 0], ["[model.malformedJSON]"]),
        line(
            "bytes that are no UTF-8",
            Array(#"{"Item":{"pk":{"S":""#.utf8) + [0xFF, 0xFE] + Array(#""},"sk":{"N":"1"}}}"#.utf8),
            ["[model.malformedJSON]"]),
        line("half a surrogate pair", item(#"{"S":"\ud83d"}"#), "[model.malformedJSON]"),
        line("text behind the item", item(#"{"S":""}"#) + " hunter2", "Line 2", "[model.invalidValue]"),
        line("an unknown type", item(#"{"Q":"hunter2"}"#), "[model.invalidValue]"),
        line("a number where a string should be", item(#"{"S":5}"#), "[model.invalidValue]"),
        line("two types in one value", item(#"{"S":"hunter2","N":"1"}"#), "[model.invalidValue]"),
        line("binary that is no base64", item(#"{"B":"hunter2!"}"#), "[model.invalidValue]"),
        line("a number that is none", item(#"{"N":"hunter2"}"#), "[model.invalidNumber]"),
        line("39 digits", item(#"{"N":"123456789012345678901234567890123456789"}"#), "[model.invalidNumber]"),
        line("a number that is too large", item(#"{"N":"1e126"}"#), "[model.invalidNumber]"),
        line("an empty set", item(#"{"SS":[]}"#), "[model.emptySet]"),
        line("a set with a member twice", item(#"{"NS":["1","1.0"]}"#), "[model.duplicateMember]"),
        line("an attribute twice", item(#"{"S":"hunter2"},"x":{"S":"b"}"#), "[model.duplicateName]"),
        line("too deep", item(deep(levels: 33)), "[model.tooDeep]"),
        line("a bomb of depth", item(deep(levels: 100_000)), "[model.tooDeep]"),
        line(
            "an item that is too large", item(#"{"S":"\#(String(repeating: "x", count: 409_600))"}"#),
            "[model.tooLarge]"),
        line(
            "a line that no item has", item(#"{"S":"\#(String(repeating: "x", count: 9_000_000))"}"#), "Line 2",
            "[vault.limitExceeded]"),
        line(
            "a key of another type", #"{"Item":{"pk":{"N":"7"},"sk":{"N":"1"}}}"#, "Line 2 of", "'pk'",
            "[model.wrongKeyType]"),
        line(
            "a key that is missing", #"{"Item":{"pk":{"S":"hunter2"}}}"#, "Line 2 of", "'sk'",
            "[model.missingKey]"),
        line(
            "an empty key", #"{"Item":{"pk":{"S":""},"sk":{"N":"1"}}}"#, "Line 2 of", "'pk'",
            "[model.emptyKey]"),
        line(
            "a key that is too long",
            #"{"Item":{"pk":{"S":"\#(String(repeating: "hunter2", count: 400))"},"sk":{"N":"1"}}}"#,
            "Line 2 of", "[model.keyTooLong]"),
        BadInput(
            name: "import: one key twice", command: ["table", "import", "Strict", "-"],
            input: Array((item(#"{"S":"a"}"#) + "\n" + item(#"{"S":"b"}"#).replacing(#""1""#, with: #""1.0""#)).utf8),
            exitCode: 1, says: ["'Strict'", "[store.duplicateKey]"]),
        BadInput(
            name: "put: no JSON", command: ["table", "put", "Music", "hunter2"], exitCode: 1,
            says: ["[model.malformedJSON]"]),
        BadInput(
            name: "put: a key that is missing", command: ["table", "put", "Music", #"{"Artist":{"S":"hunter2"}}"#],
            exitCode: 1, says: ["'Song'", "[model.missingKey]"]),
        BadInput(
            name: "put: a condition that does not hold",
            command: ["table", "put", "Music", #"{"Artist":{"S":"hunter2"},"Song":{"S":"1"}}"#, "--if-not-exists"],
            exitCode: 1, says: ["[store.conditionFailed]"]),
        BadInput(
            name: "get: a key of another type",
            command: ["table", "get", "Music", #"{"Artist":{"N":"1"},"Song":{"S":"1"}}"#],
            exitCode: 1, says: ["'Artist'", "[model.wrongKeyType]"]),
        BadInput(
            name: "get: a key that nothing has",
            command: ["table", "get", "Music", #"{"Artist":{"S":"hunter2"},"Song":{"S":"9"}}"#], exitCode: 10,
            says: ["no item with that key", "[usage]"]),
    ]

    private static func deep(levels: Int) -> String {
        String(repeating: #"{"L":["#, count: levels) + #"{"S":"hunter2"}"# + String(repeating: "]}", count: levels)
    }
}
