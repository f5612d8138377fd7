// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import SystemPackage
import Testing
import VarveTestKit

/// Capture and coverage, as they are used at the keyboard.
@Suite struct CaptureTests {
    private func home() throws -> TestHome {
        let home = try TestHome()
        try home.run("table", "create", "Orders", "--partition-key", "id:S")
        return home
    }

    private func put(_ home: TestHome, _ id: String, _ value: Int, into table: String = "Orders") throws {
        try home.run("table", "put", table, #"{"id":{"S":"\#(id)"},"v":{"N":"\#(value)"}}"#)
    }

    private func coverage(_ home: TestHome, exitCode: Int32 = 0) throws -> [[String: Any]] {
        let result = try home.varve(["coverage", "--json"])
        #expect(result.exitCode == exitCode, "\(result)")
        let report = try #require(try JSONText.last(result.output) as? [String: Any])
        return try #require(report["tables"] as? [[String: Any]])
    }

    @Test func `what was captured makes every instant from the snapshot on restorable`() throws {
        let home = try home()
        try put(home, "a", 1)
        let snapshot = try home.backup("Orders")
        try put(home, "a", 2)
        let summary = try home.json("capture", "Orders", "--once")
        let table = try #require((summary["tables"] as? [[String: Any]])?.first)
        #expect(table["changes"] as? Int == 2 && table["segments"] as? Int == 1 && table["ended"] as? Bool == false)
        #expect(summary["holes"] as? Int == 0)
        let covered = try #require(try coverage(home).first)
        let interval = try #require((covered["intervals"] as? [[String: Any]])?.first)
        #expect(interval["base"] as? String == snapshot.id)
        #expect(interval["through"] as? String == table["through"] as? String)
        #expect((covered["holes"] as? [Any])?.isEmpty == true && covered["open"] as? Bool == false)

        #expect(try home.snapshots().map(\.id) == [snapshot.id], "segments do not drown a list")
        let segments = try #require(try home.json("list", "--segments")["segments"] as? [[String: Any]])
        let id = try #require(segments.first?["id"] as? String)
        #expect(segments.count == 1 && segments[0]["kind"] as? String == "log" && segments[0]["items"] as? Int == 2)
        let shown = try home.json("show", id)
        #expect((shown["log"] as? [String: Any])?["shards"] is [Any])
        #expect(try home.run("show", id).outputText.contains("shard         log  after 0 through "))
        let verified = try home.json("verify")
        #expect(verified["segments"] as? Int == 1 && verified["recoveryPoints"] as? Int == 1)
        #expect(verified["items"] as? Int == 3)
        let restored = try home.varve(["restore", "Orders", "--as", "Other", "--id", id])
        #expect(restored.exitCode == 10, "a segment is no recovery point")

        // Its key moves with all others, and can be destroyed.
        try home.run("key", "create", "--alias", "alias/other")
        let moved = try home.json("key", "rewrap", "--all", "--to", "alias/other")
        #expect((moved["rewrapped"] as? [String])?.contains(id) == true)
        try home.run("verify")
        try home.run("key", "shred", id, "--yes")
        let hole = try #require((try coverage(home, exitCode: 5).first?["holes"] as? [[String: Any]])?.first)
        #expect(hole["cause"] as? String == "shredded")
        try home.run("verify")
        try home.run("prune", "--leftovers", "--grace", "0s")
        #expect((try home.json("list", "--segments")["segments"] as? [Any])?.count == 1)
    }

    @Test func `a capture goes on until it is stopped, keeps what it has read, and is alone`() throws {
        let home = try home()
        try put(home, "a", 1)
        let capture = try ChildProcess(Checkout.varve, ["capture", "Orders", "--every", "1h", "--json"], in: home.path)
        // It is at work once its claim is in the vault.
        let leases = home.vault.appending("leases")
        #expect(try eventually { try leases.exists && !leases.files().isEmpty })
        let second = try home.varve(["capture", "Orders", "--once"])
        #expect(second.exitCode == 11, "\(second)")
        // Snapshots are taken meanwhile.
        try put(home, "b", 2)
        let snapshot = try home.backup("Orders")
        try put(home, "c", 3)
        capture.signal(SIGTERM)
        let ended = try capture.wait()
        #expect(ended.exitCode == 0, "\(ended)")
        let summary = try #require(try JSONText.last(ended.output) as? [String: Any])
        let table = try #require((summary["tables"] as? [[String: Any]])?.first)
        #expect(table["changes"] as? Int == 3, "\(ended)")
        let interval = try #require((try coverage(home).first?["intervals"] as? [[String: Any]])?.first)
        #expect(
            interval["base"] as? String == snapshot.id && interval["from"] as? String != interval["through"] as? String)
        // Nothing was left over, and nothing is captured twice.
        let again = try home.json("capture", "Orders", "--once")
        #expect((again["tables"] as? [[String: Any]])?.first?["changes"] as? Int == 0)
        #expect((try home.json("verify")["leftovers"] as? [Any])?.isEmpty == true)
    }

    /// Lines of `count` items, enough of them that the store trims its log.
    private static func lines(_ name: String, _ count: Int = 1100) -> [String] {
        (0..<count).map { #"{"Item":{"id":{"S":"\#(name)\#($0)"}}}"# }
    }

    @Test func `a log that was trimmed before it was captured is a hole, told once, until the next snapshot`() throws {
        let home = try home()
        try put(home, "a", 1)
        try home.run("backup", "Orders")
        try home.run("capture", "Orders", "--once")
        try home.load(Self.lines("b"), into: "Orders")
        // Not before: a machine that is busy may take longer for the commands above.
        let file = home.path.appending("varve.yaml")
        let text = try file.readText()
        let changed = text.replacing("changeRetention: 24h", with: "changeRetention: 2s")
        try #require(changed != text)
        try file.write(changed)
        // Time is what the store's retention goes by; the capture falls behind it.
        let until = ContinuousClock.now + .seconds(3)
        while ContinuousClock.now < until { usleep(50_000) }
        let doctor = try home.varve(["doctor"])
        #expect(doctor.outputText.contains("warn  capture of local/Orders into main"), "\(doctor)")
        try home.load(Self.lines("c"), into: "Orders")
        #expect(try home.varve(["doctor"]).outputText.contains("FAIL  capture of local/Orders into main"))

        let captured = try home.varve(["capture", "Orders", "--once", "--json"])
        #expect(captured.exitCode == 5, "\(captured)")
        let events = try JSONText.documents(captured.output).compactMap { $0 as? [String: Any] }
        let told = try #require(events.first { $0["event"] as? String == "hole" }?["hole"] as? [String: Any])
        #expect(told["cause"] as? String == "trimmed" && told["from"] is String && told["to"] is String)
        let hole = try #require((try coverage(home, exitCode: 5).first?["holes"] as? [[String: Any]])?.first)
        #expect(hole["from"] as? String == told["from"] as? String && hole["to"] as? String == told["to"] as? String)
        #expect(hole["segment"] as? String == told["segment"] as? String)
        #expect(try home.varve(["coverage"]).outputText.contains("HOLE  Orders  after "))
        #expect(try home.varve(["capture", "Orders", "--once"]).exitCode == 0, "it is told once")

        try home.run("backup", "Orders")
        try home.run("capture", "Orders", "--once")
        let healed = try #require(try coverage(home).first)
        #expect((healed["holes"] as? [[String: Any]])?.count == 1 && (healed["intervals"] as? [Any])?.count == 2)
        #expect(try home.varve(["doctor"]).outputText.contains("ok    capture of local/Orders into main"))
    }

    @Test func `a compaction that finds nothing to merge finishes what a killed one committed`() throws {
        let home = try home()
        for value in 0..<3 {
            try put(home, "a", value)
            try home.run("capture", "Orders", "--once")
        }
        let summary = try home.json("compact", "--older-than", "0s")
        let id = try #require((summary["merged"] as? [[String: Any]])?.first?["id"] as? String)
        // As if it had been killed between the two copies of its manifest.
        let vault = home.path.appending(".varve/vault")
        let copy = try #require(try vault.files().first { $0.hasPrefix("catalog/") && $0.contains(id) })
        try vault.appending(copy).remove()
        let state = home.path.appending(".varve/state")
        try state.appending(try #require(try state.files().first { $0.hasPrefix("commits-") })).remove()
        #expect(try home.varve(["verify"]).exitCode == 4)
        #expect(try home.run("compact", "--older-than", "0s").outputText.contains("nothing to merge"))
        try home.run("verify")
    }

    @Test func `a dropped table's log is captured to its end, and its coverage stays`() throws {
        let home = try home()
        try put(home, "a", 1)
        try home.run("backup", "Orders")
        try home.run("capture", "Orders", "--once")
        try put(home, "a", 2)
        try home.run("table", "drop", "Orders", "--yes")
        let summary = try home.json("capture", "Orders", "--once")
        let table = try #require((summary["tables"] as? [[String: Any]])?.first)
        #expect(table["ended"] as? Bool == true && table["changes"] as? Int == 1)
        #expect(try home.varve(["capture", "Orders", "--once"]).exitCode == 10, "it has ended")
        try home.run("table", "create", "Orders", "--partition-key", "id:S")
        try home.run("backup", "Orders")
        try home.run("capture", "Orders", "--once")
        let both = try coverage(home)
        #expect(both.count == 2 && both.allSatisfy { ($0["intervals"] as? [Any])?.count == 1 })
        let cause = (both[1]["holes"] as? [[String: Any]])?.first?["cause"] as? String
        #expect(cause == "recreated" && (both[0]["holes"] as? [Any])?.isEmpty == true)
        #expect((both[0]["log"] as? [String: Any])?["ended"] as? Bool == true)
    }

    @Test func `a job captures, and a bulk load is a hole until it is backed up`() throws {
        let home = try home()
        try home.path.appending("Jobs/log.yaml").write(
            """
            version: 1
            steps:
              - capture: { tables: [ "local/*" ], to: main }
              - backup: { tables: [ "local/*" ] }
            """)
        try home.run("run", "log")
        try home.run("run", "log", "--dry-run")
        try home.load(Self.lines("a", 3), into: "Orders")
        let result = try home.varve(["run", "log"])
        #expect(result.exitCode == 5, "\(result)")
        #expect(try home.varve(["run", "log"]).exitCode == 0)
        let holes = try #require(try coverage(home).first?["holes"] as? [[String: Any]])
        #expect(holes.map { $0["cause"] as? String } == ["loaded"] && holes[0]["restorableFrom"] is String)
    }

    @Test func `what cannot be honoured is refused`() throws {
        let home = try home()
        #expect(try home.varve(["capture", "Orders", "--every", "0s", "--once"]).exitCode == 2)
        #expect(try home.varve(["capture", "Orders", "--size", "1KiB", "--once"]).exitCode == 2)
        #expect(try home.varve(["capture", "Nowhere", "--once"]).exitCode == 10)
        #expect(try home.varve(["coverage", "Nowhere"]).exitCode == 10)
        let plan = try home.varve(["capture", "Orders", "--dry-run"])
        #expect(plan.exitCode == 0 && plan.outputText == "would capture local/Orders\n")
        #expect(!home.vault.appending("tables").exists)
    }
}
