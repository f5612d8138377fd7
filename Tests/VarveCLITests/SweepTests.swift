// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing
import VarveTestKit

/// A sweep takes what has expired and nothing else: what stays and what was archived are, together, what there was.
@Suite struct SweepTests {
    private static let now = Int(Date.now.timeIntervalSince1970)
    private static let year = 366 * 86_400

    /// What an expiry says, and whether it has come by DynamoDB's rules. Seconds are far enough from now that the test's own time does not
    /// matter.
    private static let expiries: [(value: String, expired: Bool)] = [
        (#"{"N":"\#(now - 3600)"}"#, true), (#"{"N":"\#(now - year)"}"#, true), (#"{"N":"\#(now - 4 * year)"}"#, true),
        (#"{"N":"\#(now - 3600).75"}"#, true), (#"{"N":"\#((now - year) / 10 * 10)e0"}"#, true),
        (#"{"N":"\#(now + year)"}"#, false), (#"{"N":"\#(now - 6 * year)"}"#, false), (#"{"N":"0"}"#, false),
        (#"{"N":"-1"}"#, false), (#"{"S":"\#(now - year)"}"#, false), (#"{"NULL":true}"#, false),
        (#"{"NS":["\#(now - year)"]}"#, false), (#"{"N":"\#(now * 1000)"}"#, false), (#"{"N":"1e120"}"#, false),
    ]

    private func sessions(_ count: Int) -> [(line: String, expired: Bool)] {
        (0..<count).map { number in
            let expiry = Self.expiries[number % Self.expiries.count]
            return (
                #"{"Item":{"id":{"S":"s\#(number)"},"user":{"N":"\#(number)"},"expires":\#(expiry.value)}}"#,
                expiry.expired
            )
        }
    }

    @Test func `what stays and what was archived are together what there was`() throws {
        let home = try TestHome()
        let sessions = sessions(1400)
        let table = SampleTable("Sessions", keys: [("id", "S")], sessions.map(\.line))
        let expired = SampleTable("Expired", keys: [("id", "S")], sessions.filter(\.expired).map(\.line))
        try home.run("table", "create", "Sessions", "--partition-key", "id:S", "--ttl", "expires")
        try home.load(table.lines, into: "Sessions")
        let source = try home.export("Sessions")
        #expect(try source == table.canonicalLines())

        let dry = try sweep(home, "--dry-run")
        #expect(dry["expired"] as? Int == 500)
        #expect(try home.export("Sessions") == source)
        #expect(try home.snapshots().isEmpty)

        let swept = try sweep(home)
        #expect(swept["archived"] as? Int == 500)
        #expect(swept["deleted"] as? Int == 500)
        // Those in milliseconds, and those that are further away than any clock.
        #expect(swept["milliseconds"] as? Int == 200)
        let kept = try home.export("Sessions")
        let archive = try #require(try home.snapshots().first { $0.kind == "sweep" })
        #expect(swept["archives"] as? [String] == [archive.id])
        try home.run("restore", "Sessions", "--as", "Archived", "--id", archive.id)
        let archived = try home.export("Archived")
        #expect(Lines.difference(try expired.canonicalLines(), archived) == nil)
        let together = (kept + archived).sorted { $0.lexicographicallyPrecedes($1) }
        #expect(Lines.difference(source, together) == nil)

        // A second sweep finds nothing, and the archive proves itself.
        #expect(try sweep(home)["expired"] as? Int == 0)
        try home.run("verify", "--level", "content")
    }

    @Test func `an item within the grace period stays`() throws {
        let home = try TestHome()
        try home.run("table", "create", "Sessions", "--partition-key", "id:S", "--ttl", "expires")
        try home.load(
            [
                #"{"Item":{"id":{"S":"young"},"expires":{"N":"\#(Self.now - 3600)"}}}"#,
                #"{"Item":{"id":{"S":"old"},"expires":{"N":"\#(Self.now - 3 * 86_400)"}}}"#,
            ], into: "Sessions")
        #expect(try sweep(home, "--grace", "1d")["deleted"] as? Int == 1)
        let kept = try home.export("Sessions").map { String(decoding: $0, as: UTF8.self) }
        #expect(kept.count == 1 && kept[0].contains("young"))
    }

    @Test func `a watch goes on until it is stopped, and says what is left`() throws {
        let home = try TestHome()
        try home.run("table", "create", "Sessions", "--partition-key", "id:S", "--ttl", "expires")
        try home.load(
            (0..<50).map { #"{"Item":{"id":{"S":"s\#($0)"},"expires":{"N":"\#(Self.now - 3600 + $0)"}}}"# },
            into: "Sessions")
        let watch = try ChildProcess(
            Checkout.varve,
            ["sweep", "Sessions", "--watch", "--every", "1s", "--max-deletions", "20", "--json"], in: home.path)
        // The export waits for nothing: it is asked again until nothing is left.
        #expect(try eventually { try home.export("Sessions").isEmpty })
        watch.signal(SIGTERM)
        let ended = try watch.wait()
        #expect(ended.exitCode == 0, "\(ended)")
        let events = try JSONText.documents(ended.output).compactMap { $0 as? [String: Any] }
        let passes = events.filter { $0["event"] as? String == "pass" }.compactMap { $0["sweep"] as? [String: Any] }
        #expect(passes.prefix(3).map { $0["deleted"] as? Int } == [20, 20, 10])
        #expect(passes.prefix(3).map { $0["backlog"] as? Int } == [30, 10, 0])
        #expect((passes.first?["lagSeconds"] as? Int).map { (3500...3700).contains($0) } == true)
        #expect(events.last?["type"] as? String == "summary")
        #expect(try home.snapshots().count == 3)
        try home.run("verify", "--level", "content")
    }

    @Test func `a restored table expires only once its time to live is on again`() throws {
        let home = try TestHome()
        try home.run("table", "create", "Sessions", "--partition-key", "id:S", "--ttl", "expires")
        try home.load([#"{"Item":{"id":{"S":"a"},"expires":{"N":"\#(Self.now - 3600)"}}}"#], into: "Sessions")
        _ = try home.backup("Sessions")
        try home.run("restore", "Sessions", "--as", "Again", "--latest")
        let refused = try home.varve(["sweep", "Again"])
        #expect(refused.exitCode == 1 && refused.errorText.contains("[pipeline.timeToLiveOff]"), "\(refused)")
        #expect(try home.export("Again").count == 1)
        try home.run("table", "ttl", "Again", "--on")
        try home.run("sweep", "Again")
        #expect(try home.export("Again").isEmpty)
    }

    /// The record of the one table that was swept.
    private func sweep(_ home: TestHome, _ options: String...) throws -> [String: Any] {
        let result = try home.varve(["sweep", "Sessions", "--json"] + options)
        try #require(result.exitCode == 0, "\(result)")
        let summary = try #require(try JSONText.last(result.output) as? [String: Any])
        return try #require((summary["sweeps"] as? [[String: Any]])?.first)
    }
}
