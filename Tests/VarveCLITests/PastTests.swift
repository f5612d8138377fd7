// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarveTestKit

/// Tables as they were: restored, looked at, compared and exported at instants of a captured log, as it is done at the keyboard.
@Suite struct PastTests {
    private let home: TestHome
    /// After a, b and c were put and a was changed.
    private let then: String
    /// After b was deleted and d was put.
    private let later: String

    init() throws {
        home = try TestHome()
        try home.run("table", "create", "Orders", "--partition-key", "id:S")
        for id in ["a", "b", "c"] { try Self.put(home, id, 1) }
        _ = try home.backup("Orders")
        try Self.put(home, "a", 2)
        then = try Self.now(home)
        try home.run("table", "delete", "Orders", #"{"id":{"S":"b"}}"#)
        try Self.put(home, "d", 4)
        later = try Self.now(home)
    }

    private static func item(_ id: String, _ value: Int) -> String { #"{"id":{"S":"\#(id)"},"v":{"N":"\#(value)"}}"# }

    private static func put(_ home: TestHome, _ id: String, _ value: Int) throws {
        try home.run("table", "put", "Orders", item(id, value))
    }

    /// The instant through which the log has been captured: between two changes.
    private static func now(_ home: TestHome) throws -> String {
        let summary = try home.json("capture", "Orders", "--once")
        return try #require((summary["tables"] as? [[String: Any]])?.first?["through"] as? String)
    }

    private func scan(_ table: String) throws -> Set<String> {
        let lines = try home.run("table", "scan", table).outputText.split(separator: "\n")
        return Set(lines.map { String($0.dropFirst(8).dropLast()) })
    }

    private static func items(_ values: [(String, Int)]) -> Set<String> { Set(values.map { item($0.0, $0.1) }) }
    private static let asThen = items([("a", 2), ("b", 1), ("c", 1)])
    private static let asLater = items([("a", 2), ("c", 1), ("d", 4)])

    @Test func `a table is restored as it was at an instant, at the end of the log, before a time, and by number`()
        throws
    {
        let plan = try home.json("restore", "Orders", "--as", "Then", "--at", then, "--plan")
        #expect(plan["at"] as? String == then && plan["segments"] as? Int == 1 && plan["changes"] as? Int == 4)
        #expect(plan["possible"] as? Bool == true && plan["items"] as? Int == 3)
        let restored = try home.json("restore", "Orders", "--as", "Then", "--at", then)
        #expect(restored["items"] as? Int == 3 && restored["changedKeys"] as? Int == 1)
        #expect(try scan("Then") == Self.asThen)
        try home.run("restore", "Orders", "--as", "Later", "--at", "latest")
        #expect(try scan("Later") == Self.asLater)
        let instant = try #require(Instant(rfc3339: then))
        let after = Instant(microseconds: instant.microseconds + 1).rfc3339
        try home.run("restore", "Orders", "--as", "Before", "--before", after)
        #expect(try scan("Before") == Self.asThen)
        // Made, three puts, one change.
        try home.run("restore", "Orders", "--as", "ByNumber", "--sequence", "5")
        #expect(try scan("ByNumber") == Self.asThen)
        #expect(try home.varve(["restore", "Orders", "--as", "None", "--sequence", "99"]).exitCode == 5)
    }

    @Test func `an older snapshot will do as well, with more of the log`() throws {
        let first = try #require(try home.snapshots().first?.id)
        let second = try home.backup("Orders").id
        let end = try Self.now(home)
        let newest = try home.json("restore", "Orders", "--as", "No", "--at", end, "--plan")
        #expect(newest["id"] as? String == second && newest["segments"] as? Int == 0)
        let older = try home.json("restore", "Orders", "--as", "Old", "--at", end, "--base", String(first.prefix(9)))
        #expect(older["id"] as? String == first && older["segments"] as? Int == 2)
        #expect(try scan("Old") == Self.asLater)
        #expect(try home.varve(["restore", "Orders", "--as", "No", "--at", then, "--base", second]).exitCode == 5)
        #expect(try home.varve(["restore", "Orders", "--as", "No", "--latest", "--base", second]).exitCode == 2)
    }

    @Test func `what is not covered is refused with the nearest instants that are`() throws {
        for (time, nearest) in [("2020-01-01T00:00:00Z", "after it"), ("2100-01-01T00:00:00Z", "\(later) before it")] {
            let refused = try home.varve(["restore", "Orders", "--as", "No", "--at", time])
            #expect(refused.exitCode == 5)
            #expect(refused.errorText.contains(nearest), "\(refused)")
            #expect(refused.errorText.contains("[pipeline.notCovered]"))
        }
        #expect(try home.varve(["restore", "Nothing", "--as", "No", "--at", then]).exitCode == 10)
        #expect(try home.varve(["restore", "Orders", "--as", "No", "--at", "someday"]).exitCode == 2)
        #expect(try home.varve(["restore", "Orders", "--as", "No", "--at", then, "--latest"]).exitCode == 2)
        #expect(try !home.run("table", "list").outputText.contains("No"))
    }

    @Test func `some items are restored, and brought back in the live table as shown before`() throws {
        let keys = try home.folder.write(
            "keys", "{\"id\":{\"S\":\"b\"}}\n{\"id\":{\"S\":\"d\"}}\n{\"id\":{\"S\":\"c\"}}\n")
        let part = try home.json("restore", "Orders", "--as", "Part", "--at", then, "--keys", keys.string)
        #expect(part["items"] as? Int == 2 && part["keys"] as? Int == 3)
        #expect(try scan("Part") == Self.items([("b", 1), ("c", 1)]))

        let into = ["restore", "Orders", "--into", "Orders", "--at", then, "--keys", keys.string]
        let shown = try home.varve(into + ["--dry-run"])
        #expect(shown.exitCode == 0)
        #expect(
            Set(shown.outputText.split(separator: "\n").prefix(2).map(String.init)) == [
                #"{"Keys":{"id":{"S":"b"}},"NewImage":{"id":{"S":"b"},"v":{"N":"1"}}}"#,
                #"{"Keys":{"id":{"S":"d"}},"OldImage":{"id":{"S":"d"},"v":{"N":"4"}}}"#,
            ])
        #expect(try home.varve(into).exitCode == 15, "nobody agreed")
        #expect(try scan("Orders") == Self.asLater)
        let summary = try home.json(
            "restore", "Orders", "--into", "Orders", "--at", then, "--keys", keys.string, "--yes")
        #expect(summary["reverted"] as? Int == 2 && summary["toDelete"] as? Int == 1 && summary["toPut"] as? Int == 1)
        #expect(try scan("Orders") == Self.asThen)
        let again = try home.varve(into + ["--yes"])
        #expect(again.exitCode == 0 && again.outputText.contains("nothing was written"))
        #expect(try home.varve(["restore", "Orders", "--into", "Orders", "--at", then]).exitCode == 2)
    }

    @Test func `the items that met a condition then are restored, and nothing repeats the condition`() throws {
        let part = try home.json("restore", "Orders", "--as", "Part", "--at", then, "--where", "v = 1 AND id <> 'c'")
        #expect(try scan("Part") == Self.items([("b", 1)]))
        #expect(part["where"] as? Bool == true && part["considered"] as? Int == 3 && part["items"] as? Int == 1)
        // a was 1 in the snapshot, and 2 by then: it is judged, and restored, as it was then.
        try home.run("restore", "Orders", "--as", "Twos", "--at", then, "--where", "v = 2")
        #expect(try scan("Twos") == Self.items([("a", 2)]))
        let said = try home.run("restore", "Orders", "--as", "Ones", "--at", "latest", "--where", "v < 2")
        #expect(said.outputText.contains("1 item, ") && said.outputText.contains("; 1 of 3 items met the condition\n"))
        #expect(try scan("Ones") == Self.items([("c", 1)]))
        try home.run(
            "restore", "Orders", "--as", "Snapped", "--latest", "--where", "v BETWEEN 0 AND 1 AND NOT id IN ('a')")
        #expect(try scan("Snapped") == Self.items([("b", 1), ("c", 1)]))

        let keys = try home.folder.write(
            "keys", "{\"id\":{\"S\":\"a\"}}\n{\"id\":{\"S\":\"b\"}}\n{\"id\":{\"S\":\"x\"}}\n")
        let both = try home.json(
            "restore", "Orders", "--as", "Both", "--at", then, "--keys", keys.string, "--where", "v = 1 OR v = 4")
        #expect(both["keys"] as? Int == 3 && both["considered"] as? Int == 2 && both["items"] as? Int == 1)
        #expect(try scan("Both") == Self.items([("b", 1)]))

        let plan = try home.varve(["restore", "Orders", "--as", "No", "--at", then, "--where", "v = 12345", "--plan"])
        #expect(plan.exitCode == 0 && plan.outputText.contains("write  at most 7 items, those that meet the condition"))
        let planned = try home.json("restore", "Orders", "--as", "No", "--at", then, "--where", "v = 12345", "--plan")
        #expect(planned["where"] as? Bool == true)
        #expect(try home.json("restore", "Orders", "--as", "No", "--at", then, "--plan")["where"] == nil)
        for output in [plan.outputText, plan.errorText, "\(planned)"] { #expect(!output.contains("12345")) }
    }

    @Test func `a condition that makes no sense is refused before anything is read`() throws {
        let restore = ["restore", "Orders", "--as", "No", "--at", then]
        for (condition, message) in [
            ("v = 'secret", "at its end, behind character 11: a text lacks its closing quote"),
            ("v == 1", "at character 4: a value or a name was expected"), ("", "a value or a name was expected"),
            ("v = :secret", "at character 5: there are no placeholders"),
            (String(repeating: "(", count: 100), "at character 65: parentheses and NOT nest deeper"),
        ] {
            let refused = try home.varve(restore + ["--where", condition])
            #expect(refused.exitCode == 2 && refused.errorText.contains(message), "\(refused)")
            #expect(!refused.errorText.contains("secret"))
            #expect(try home.varve(restore + ["--plan", "--where", condition]).exitCode == 2)
            let exported = try home.varve(["export", "Orders", "exports", "--at", then, "--where", condition])
            #expect(exported.exitCode == 2 && exported.errorText.contains(message))
        }
        let json = try home.varve(restore + ["--where", "v <", "--json"])
        let error = try #require(try JSONText.last(json.output) as? [String: Any], "\(json)")
        #expect(json.exitCode == 2 && error["code"] as? String == "usage")
        #expect((error["message"] as? String)?.contains("behind character 3") == true)

        let keys = try home.folder.write("keys", "{\"id\":{\"S\":\"b\"}}\n")
        let into = try home.varve(
            ["restore", "Orders", "--into", "Orders", "--at", then, "--keys", keys.string, "--where", "v = 1", "--yes"])
        #expect(into.exitCode == 2 && into.errorText.contains("--into takes them by their keys only"))
        let incremental = try home.varve(
            ["export", "Orders", "exports", "--from", then, "--to", later, "--where", "v = 1"])
        #expect(incremental.exitCode == 2 && incremental.errorText.contains("two of each item"))
        #expect(!home.path.appending("exports").exists)
        #expect(try !home.run("table", "list").outputText.contains("No"))
        #expect(try scan("Orders") == Self.asLater)
    }

    @Test func `an item is shown as it was`() throws {
        let key = #"{"id":{"S":"b"}}"#
        #expect(try home.run("get", "Orders", key, "--at", then).outputText == Self.item("b", 1) + "\n")
        #expect(try home.varve(["get", "Orders", key, "--at", "latest"]).exitCode == 10)
        #expect(try home.run("get", "Orders", #"{"id":{"S":"a"}}"#, "--latest").outputText == Self.item("a", 1) + "\n")
    }

    @Test func `two states are compared, whatever they are states of`() throws {
        let lines = try home.run("diff", "Orders@\(then)", "Orders").outputText.split(separator: "\n").map(String.init)
        #expect(
            Set(lines) == [
                #"{"Keys":{"id":{"S":"b"}},"OldImage":{"id":{"S":"b"},"v":{"N":"1"}}}"#,
                #"{"Keys":{"id":{"S":"d"}},"NewImage":{"id":{"S":"d"},"v":{"N":"4"}}}"#,
            ])
        let id = try #require(try home.snapshots().first?.id)
        let counts = try home.json("diff", String(id.prefix(8)), "Orders@latest")
        #expect(
            counts["added"] as? Int == 1 && counts["removed"] as? Int == 1 && counts["changed"] as? Int == 1
                && counts["same"] as? Int == 1)
        try home.run("table", "create", "Other", "--partition-key", "other:S")
        #expect(try home.varve(["diff", "Other", "Orders"]).exitCode != 0, "other keys")
        #expect(try home.varve(["diff", "Orders", "Nothing"]).exitCode == 10)
    }

    @Test func `a full export of an instant is imported as that table`() throws {
        let exported = try home.json("export", "Orders", "exports", "--at", then)
        #expect(exported["items"] as? Int == 3 && exported["kind"] as? String == "full")
        let folder = try #require(exported["folder"] as? String)
        try home.run("table", "create", "Copy", "--partition-key", "id:S")
        try home.run("table", "import", "Copy", folder)
        #expect(try scan("Copy") == Self.asThen)
        #expect(try home.json("export", "Orders", "none", "--at", then, "--dry-run")["dryRun"] as? Bool == true)
        #expect(!home.path.appending("none").exists)

        let part = try home.json("export", "Orders", "parts", "--at", then, "--where", "v = 1")
        #expect(part["items"] as? Int == 2 && part["considered"] as? Int == 3 && part["where"] as? Bool == true)
        try home.run("table", "create", "Half", "--partition-key", "id:S")
        try home.run("table", "import", "Half", try #require(part["folder"] as? String))
        #expect(try scan("Half") == Self.items([("b", 1), ("c", 1)]))
        let said = try home.run("export", "Orders", "more", "--latest", "--where", "id = 'c'").outputText
        #expect(said.contains(": 1 item, ") && said.contains("; 1 of 3 items met the condition\n"))
    }

    @Test
    func `an incremental export has one line for each item that a stretch changed, from its first state to its last`()
        throws
    {
        // e comes and goes; a is changed twice more.
        try Self.put(home, "e", 5)
        try Self.put(home, "a", 3)
        try home.run("table", "delete", "Orders", #"{"id":{"S":"e"}}"#)
        try Self.put(home, "a", 7)
        _ = try Self.now(home)
        let next = Instant(microseconds: try #require(Instant(rfc3339: then)).microseconds + 1).rfc3339
        let exported = try home.json("export", "Orders", "exports", "--from", next, "--to", try Self.now(home))
        #expect(exported["items"] as? Int == 3 && exported["kind"] as? String == "incremental")
        let data = home.path.appending("exports/AWSDynamoDB/data")
        var lines: [[String: Any]] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: data.string) {
            let text = try ChildProcess.run("zstd", ["-dc", data.appending(name).string]).outputText
            lines += try text.split(separator: "\n").compactMap { try JSONText.last(Array($0.utf8)) as? [String: Any] }
        }
        func value(_ line: [String: Any], _ image: String) -> String? {
            ((line[image] as? [String: Any])?["v"] as? [String: Any])?["N"] as? String
        }
        let byKey = Dictionary(
            uniqueKeysWithValues: lines.map { line in
                (((line["Keys"] as? [String: Any])?["id"] as? [String: Any])?["S"] as? String ?? "", line)
            })
        #expect(Set(byKey.keys) == ["a", "b", "d"])
        #expect(
            byKey["a"].flatMap { value($0, "OldImage") } == "2" && byKey["a"].flatMap { value($0, "NewImage") } == "7")
        #expect(byKey["b"].flatMap { value($0, "OldImage") } == "1" && byKey["b"]?["NewImage"] == nil)
        #expect(byKey["d"].flatMap { value($0, "NewImage") } == "4" && byKey["d"]?["OldImage"] == nil)
        let metadata = byKey["a"]?["Metadata"] as? [String: Any]
        #expect((metadata?["WriteTimestampMicros"] as? [String: Any])?["N"] is String)
        let outside = try home.varve(["export", "Orders", "exports", "--from", "2020-01-01T00:00:00Z", "--to", then])
        #expect(outside.exitCode == 5)
    }

    @Test func `a drill of any instant is compared, and put on record`() throws {
        let summary = try home.json("drill", "Orders", "--at", "random")
        let drill = try #require((summary["drills"] as? [[String: Any]])?.first)
        #expect(drill["table"] as? String == "Orders" && drill["at"] is String && drill["seconds"] is Double)
        let latest = try #require(
            (try home.json("drill", "Orders", "--at", "latest")["drills"] as? [[String: Any]])?.first)
        #expect(latest["at"] as? String == later && latest["segments"] as? Int == 2 && latest["items"] as? Int == 3)
        let record = try String(contentsOfFile: home.path.appending(".varve/state/drills.log").string, encoding: .utf8)
        #expect(record.split(separator: "\n").count == 2 && record.hasPrefix("{\"drill\":{"))
        #expect(try home.varve(["drill", "Orders", "--at", "monday"]).exitCode == 2)
    }

    @Test func `of two tables that had one name, the one that was alive then is restored`() throws {
        try home.run("table", "drop", "Orders", "--yes")
        try home.run("table", "create", "Orders", "--partition-key", "id:S")
        try Self.put(home, "z", 9)
        _ = try home.backup("Orders")
        try home.run("restore", "Orders", "--as", "Old", "--at", then)
        #expect(try scan("Old") == Self.asThen)
        try home.run("restore", "Orders", "--as", "New", "--latest")
        #expect(try scan("New") == Self.items([("z", 9)]))
    }
}
