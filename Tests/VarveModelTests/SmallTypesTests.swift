// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing
import VarveModel
import VarveTestKit

@Suite struct InstantTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z", "19700101T000000Z"),
            (1_795_428_000_123_456, "2026-11-23T10:00:00.123456Z", "20261123T100000Z"),
            (-1, "1969-12-31T23:59:59.999999Z", "19691231T235959Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z", "20000229T000000Z"),
            (4_107_542_399_000_000, "2100-02-28T23:59:59.000000Z", "21000228T235959Z"),
            (-62_135_596_800_000_000, "0001-01-01T00:00:00.000000Z", "00010101T000000Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z", "99991231T235959Z"),
        ] as [(Int64, String, String)])
    func `instants have one text`(microseconds: Int64, text: String, compact: String) throws {
        let instant = Instant(microseconds: microseconds)
        #expect(instant.rfc3339 == text)
        #expect(instant.compact == compact)
        #expect(Instant(rfc3339: text) == instant)
        #expect(try JSONDecoder().decode([Instant].self, from: JSONEncoder().encode([instant])) == [instant])
        #expect(Instant(epochSeconds: instant.epochSeconds) == instant)
    }

    @Test(arguments: [
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00.000000Z"),
        ("2026-11-23T12:30:00.5+02:30", "2026-11-23T10:00:00.500000Z"),
        ("2026-11-23t04:00:00.1234567-06:00", "2026-11-23T10:00:00.123456Z"),
        ("2026-11-23 10:00:00z", "2026-11-23T10:00:00.000000Z"),
        ("0000-01-01T00:01:00+00:01", "0000-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:58:59.999999-00:01", "9999-12-31T23:59:59.999999Z"),
    ])
    func `other spellings of RFC 3339 are read`(text: String, expected: String) {
        #expect(Instant(rfc3339: text)?.rfc3339 == expected)
    }

    @Test(arguments: [
        "", "2026-11-23", "2026-11-23T10:00:00", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-11-23T24:00:00Z", "2026-11-23T10:60:00Z", "2026-11-23T10:00:60Z", "2026-11-23T10:00:00.Z",
        "2026-11-23T10:00:00+0200",
        "2026-11-23T10:00:00Zx", "2026-00-10T00:00:00Z", "2026-01-00T00:00:00Z", "+026-01-01T00:00:00Z",
        "2026-11-23T10:00:00+24:00",
        // In UTC these lie in years that four digits cannot say.
        "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999999-00:01",
    ])
    func `what is no time is not read`(text: String) {
        #expect(Instant(rfc3339: text) == nil)
    }

    @Test func `every day of eight centuries comes back`() {
        for day in stride(from: Int64(-135_000), to: 160_000, by: 1) {
            let instant = Instant(microseconds: day * 86_400_000_000 + 43_200_000_001)
            #expect(Instant(rfc3339: instant.rfc3339) == instant)
        }
    }

    @Test(
        arguments: [(-1, -1), (-1_000_000, -1), (-1_000_001, -2), (0, 0), (999_999, 0), (1_000_000, 1)]
            as [(Int64, Int64)])
    func `seconds are rounded down`(microseconds: Int64, seconds: Int64) {
        #expect(Instant(microseconds: microseconds).seconds == seconds)
    }

    @Test(
        arguments: [
            ("1.5E3", 1_500_000_000), ("-1.5", -1_500_000), ("-0.25", -250_000), ("0.0000009", 0), ("12", 12_000_000),
        ] as [(String, Int64)])
    func `seconds of the API are read exactly`(text: String, microseconds: Int64) {
        #expect(Instant(epochSeconds: text)?.microseconds == microseconds)
    }

    @Test func `seconds out of range are not read`() {
        #expect(Instant(epochSeconds: "1E30") == nil)
        #expect(Instant(epochSeconds: "x") == nil)
    }

    @Test func `the clock tells a time of this century`() {
        #expect(SystemClock().now().rfc3339.hasPrefix("20"))
    }
}

@Suite struct RandomIDTests {
    @Test func `ids are sixteen characters and differ`() {
        let ids = Set((0..<1000).map { _ in RandomID.make() })
        #expect(ids.count == 1000)
        for id in ids { #expect(RandomID.isValid(id)) }
        #expect(Set(ids.flatMap(\.self)).count == 32)
    }

    @Test(arguments: [
        "", "abcdefghijklmno", "abcdefghijklmnopq", "ABCDEFGHIJKLMNOP", "abcdefghijklmno1", "../../../../etc/p",
    ])
    func `other texts are no ids`(text: String) {
        #expect(!RandomID.isValid(text))
    }
}

@Suite struct TableDigestTests {
    @Test func `sums carry from limb to limb and wrap at the end`() {
        var digest = TableDigest()
        digest.add([UInt8](repeating: 255, count: 32))
        digest.add([1] + [UInt8](repeating: 0, count: 31))
        #expect(digest == TableDigest())
        digest.add([UInt8](repeating: 255, count: 24) + [UInt8](repeating: 0, count: 8))
        digest.add([2] + [UInt8](repeating: 0, count: 31))
        #expect(digest.hex == "01" + String(repeating: "00", count: 23) + "01" + String(repeating: "00", count: 7))
    }

    @Test func `the order and the parts do not matter`() {
        var random = SeededGenerator()
        let hashes = (0..<50).map { _ in random.bytes(32) }
        func digest(_ hashes: some Sequence<[UInt8]>) -> TableDigest {
            var digest = TableDigest()
            for hash in hashes { digest.add(hash) }
            return digest
        }
        let whole = digest(hashes)
        #expect(digest(hashes.shuffled(using: &random)) == whole)
        var parts = digest(hashes[..<20])
        parts.add(digest(hashes[20...]))
        #expect(parts == whole)
        #expect(digest(hashes.dropLast()) != whole)
        #expect(TableDigest(hex: whole.hex) == whole)
        #expect(digest([hashes[0]]).bytes == hashes[0])
    }

    @Test(arguments: [
        "", "00", String(repeating: "0", count: 63), String(repeating: "0", count: 65),
        String(repeating: "G", count: 64), String(repeating: "A", count: 64),
    ])
    func `other texts are no digests`(text: String) {
        #expect(TableDigest(hex: text) == nil)
    }
}

@Suite struct ExportLineTests {
    private func body(_ line: String) throws -> String {
        try Array(line.utf8).withUnsafeBytes { String(decoding: try ExportLine.body(of: $0), as: UTF8.self) }
    }

    @Test func `an item goes into a line and comes out`() throws {
        var lines: [UInt8] = []
        Array(#"{"a":{"NULL":true}}"#.utf8).withUnsafeBytes { ExportLine.append($0, to: &lines) }
        #expect(lines == Array("{\"Item\":{\"a\":{\"NULL\":true}}}\n".utf8))
        #expect(try body(String(decoding: lines, as: UTF8.self)) == #"{"a":{"NULL":true}}"#)
        #expect(try body(#"{"Item":{}}"#) == "{}")
    }

    @Test(arguments: [
        "", "\n", "{",
        #"{"Item":"#, #"{"Item":{}"# + "x", #"{"item":{}}"#, #" {"Item":{}}"#, #"{"Item":}"#, "{\"Item\":{}}\n\n",
        "{\"Item\":",
    ])
    func `other lines are refused`(line: String) {
        #expect(throws: ModelError.self) { try body(line) }
    }
}
