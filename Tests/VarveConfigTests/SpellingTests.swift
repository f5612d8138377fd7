// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveConfig

/// The small types that configuration and options share.
@Suite struct SpellingTests {
    @Test(arguments: [
        ("0s", 0), ("60s", 60), ("10m", 600), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600), ("007d", 604_800),
    ]) func `a length of time is a number and a unit`(text: String, seconds: Int) throws {
        let duration = try Duration(text: text)
        #expect(duration == .seconds(seconds))
        #expect(try Duration(text: duration.text) == duration)
    }

    @Test(arguments: [
        "", "d", "7", "-7d", "+7d", "7 d", " 7d", "7d ", "1.5h", "7D", "1y", "1h30m", "٣d", "99999999999999999999d",
        "9223372036854775807s", "1e3s",
    ]) func `what is no length of time is refused`(text: String) throws {
        let error = try #require(throws: ConfigError.self) { try Duration(text: text) }
        #expect(error.code == .invalidValue && error.line == nil)
        #expect("\(error)" == error.message)
    }

    @Test(arguments: [
        ("0B", 0, "0B"), ("512B", 512, "512B"), ("64KiB", 65_536, "64KiB"), ("16MiB", 16_777_216, "16MiB"),
        ("4096MiB", 4_294_967_296, "4GiB"), ("1TiB", 1_099_511_627_776, "1TiB"),
    ]) func `a size is a number and a binary unit`(text: String, bytes: Int64, shortest: String) throws {
        let size = try ByteCount(text: text)
        #expect(size.bytes == bytes)
        #expect(size.description == shortest)
    }

    @Test(arguments: ["", "B", "16", "16MB", "16M", "16mib", "-1KiB", "1.5GiB", "9999999999TiB", "0x10B"])
    func `what is no size is refused`(text: String) throws {
        #expect(try #require(throws: ConfigError.self) { try ByteCount(text: text) }.code == .invalidValue)
    }

    @Test(arguments: [
        ("local/*", "local", "Orders", true), ("local/*", "other", "Orders", false), ("*", "any", "Orders", true),
        ("*/Orders", "any", "Orders", true), ("Orders", "any", "Orders", true), ("Orders", "any", "orders", false),
        ("tmp_?", "s", "tmp_1", true), ("tmp_?", "s", "tmp_", false), ("tmp_?", "s", "tmp_12", false),
        ("*a*b*c", "s", "xaybzc", true), ("*a*b*c", "s", "xaybzcd", false), ("a*a", "s", "a", false),
        ("a*a", "s", "aa", true), ("**", "s", "anything", true), ("local*", "local", "x", false),
        ("l*/x", "local", "x", true), ("a.b", "s", "a.b", true), ("a.b", "s", "axb", false),
    ]) func `a pattern matches whole names`(pattern: String, store: String, table: String, matches: Bool) throws {
        let selection = try TableSelection(patterns: [pattern])
        #expect(selection.includes(store: store, table: table) == matches)
    }

    @Test func `a hostile pattern costs no more than pattern times text`() throws {
        let pattern = String(repeating: "a*", count: 500) + "b"
        let selection = try TableSelection(patterns: [pattern])
        #expect(!selection.includes(store: "s", table: String(repeating: "a", count: 5000)))
    }

    @Test func `the last pattern that matches decides`() throws {
        let selection = try TableSelection(patterns: ["local/*", "!tmp_*", "local/tmp_orders", "none_*", "local/gone"])
        let tables = ["a", "tmp_a", "tmp_orders"].map { (store: "local", table: $0) } + [(store: "other", table: "a")]
        let (selected, unmatched) = selection.select(from: tables, store: \.store, table: \.table)
        #expect(selected.map(\.table) == ["a", "tmp_orders"])
        #expect(selected.allSatisfy { $0.store == "local" })
        #expect(unmatched.map(\.description) == ["none_*", "local/gone"])
        #expect(unmatched.map(\.isExact) == [false, true])
        #expect(selection.description == "local/*, !tmp_*, local/tmp_orders, none_*, local/gone")
    }

    @Test(arguments: [
        [], ["!a"], ["!*", "!b"], [""], ["!"], ["a/"], ["/a"], ["a/b/c"], ["a b"], ["{a,b}"], ["é"], ["!!a"],
    ])
    func `a selection that means nothing is refused`(patterns: [String]) throws {
        #expect(try #require(throws: ConfigError.self) { try TableSelection(patterns: patterns) }.code == .invalidValue)
    }

    @Test(arguments: [
        ("sotres", "stores"), ("Stores", "stores"), ("vualts", "vaults"), ("root_key", "rootKey"), ("key", "keys"),
    ])
    func `the nearest name is the one that was meant`(name: String, meant: String) {
        #expect(
            nearest(to: name, among: ["version", "keys", "stores", "vaults", "state", "defaults", "rootKey"]) == meant)
    }

    @Test func `a name far from all has no nearest`() {
        #expect(nearest(to: "zzzz", among: ["stores", "vaults"]) == nil)
        #expect(nearest(to: "stores", among: []) == nil)
        #expect(nearest(to: String(repeating: "s", count: 1_000_000), among: ["stores"]) == nil)
    }

    @Test func `levels of verify are ordered, and have a name and a number`() throws {
        #expect(try VerifyLevel(text: "objects") == VerifyLevel(text: "2"))
        #expect(VerifyLevel.listing < .content)
        #expect(VerifyLevel.allCases.map(\.description) == ["listing", "manifests", "objects", "content"])
    }
}
