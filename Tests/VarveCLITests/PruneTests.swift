// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import SystemPackage
import Testing
import VarveModel
import VarveTestKit
import VarveVault

/// Retention as it is used at the keyboard.
@Suite struct PruneTests {
    /// A home with snapshots of one table, each of a state of its own, and a policy in `varve.yaml` where one is given.
    private func home(snapshots: Int, policy: String? = nil) throws -> (home: TestHome, ids: [String]) {
        let home = try TestHome()
        if let policy {
            let file = home.path.appending("varve.yaml")
            try file.write(try file.readText() + "\nretention:\n\(policy)\n")
        }
        try home.run("table", "create", "Orders", "--partition-key", "id:S")
        let ids = try (0..<snapshots).map { number in
            try home.run("table", "put", "Orders", #"{"id":{"S":"a"},"v":{"N":"\#(number)"}}"#)
            return try home.backup("Orders").id
        }
        return (home, ids)
    }

    private func points(_ summary: [String: Any]) throws -> [String: [String: Any]] {
        let points = try #require(summary["points"] as? [[String: Any]])
        return Dictionary(
            uniqueKeysWithValues: points.compactMap { point in (point["id"] as? String).map { ($0, point) } })
    }

    private func rules(_ point: [String: Any]?) -> [String] {
        (point?["reasons"] as? [[String: Any]] ?? []).compactMap { $0["rule"] as? String }
    }

    @Test func `a dry run says of every recovery point why it is kept or goes, and changes nothing`() throws {
        let (home, ids) = try home(snapshots: 3, policy: "  - { keepLast: 1, keepDaily: 2 }")
        let before = try home.vault.files()
        let dry = try home.json("prune", "--dry-run")
        let points = try points(dry)
        #expect(points.count == 3 && dry["dryRun"] as? Bool == true)
        #expect(rules(points[ids[2]]) == ["newest", "keepLast", "keepDaily"])
        // Two days are kept, and there is one: the oldest fills the other place. Unless midnight was between.
        #expect(points[ids[0]]?["verdict"] as? String == "kept" && rules(points[ids[0]]) == ["keepDaily"])
        #expect(points[ids[1]]?["verdict"] as? String == "goes" || rules(points[ids[1]]) == ["keepDaily"])
        #expect(try home.vault.files() == before)
        let text = try home.run("prune", "--dry-run", "--keep-last", "1").outputText
        for id in ids { #expect(text.contains(id)) }
        #expect(text.contains("GOES  no rule keeps it") && text.contains("newest, last 1"))
        #expect(text.contains("2 and 0 segments would be removed"))
        #expect(try home.vault.files() == before)
    }

    @Test func `what is removed is gone for every command, can be taken back, and its bytes go at last`() throws {
        let (home, ids) = try home(snapshots: 3)
        let summary = try home.json("prune", "--keep-last", "1")
        #expect((summary["records"] as? [Any])?.count == 1)
        #expect(try home.snapshots().map(\.id) == [ids[2]])
        let removed = try #require(try home.json("list", "--removed")["recoveryPoints"] as? [[String: Any]])
        #expect(removed.compactMap { $0["id"] as? String } == Array(ids.prefix(2)) && removed[0]["removed"] is String)
        for command in [
            ["restore", "Orders", "--as", "Back", "--id", ids[0]], ["show", ids[0]], ["verify", ids[0]],
            ["key", "export", ids[0]],
        ] {
            let result = try home.varve(command)
            #expect(result.exitCode == 5 && result.errorText.contains("[vault.removed]"), "\(result)")
            #expect(result.errorText.contains("prune --undo \(ids[0])"), "\(result)")
        }
        try home.run("verify")
        let explained = try home.json("explain", ids[0])
        #expect(explained["verdict"] as? String == "removed" && explained["undo"] as? Bool == true)

        try home.run("prune", "--undo", ids[0])
        #expect(try home.snapshots().map(\.id) == [ids[0], ids[2]])
        try home.run("restore", "Orders", "--as", "Back", "--id", ids[0])
        #expect(try home.run("table", "export", "Back").outputText.contains(#""v":{"N":"0"}"#))
        try home.run("verify")

        let last = try home.json("prune", "--keep-last", "1", "--grace", "0s")
        #expect((last["removed"] as? [[String: Any]])?.count == 2)
        #expect(try home.vault.files().allSatisfy { !$0.contains("~\(ids[0])/") && !$0.contains("~\(ids[1])") })
        let undo = try home.varve(["prune", "--undo", ids[0]])
        #expect(undo.exitCode == 5 && undo.errorText.contains("bytes are gone"), "\(undo)")
        #expect(try home.json("explain", ids[1])["undo"] as? Bool == false)
        #expect((try home.json("verify")["leftovers"] as? [Any])?.isEmpty == true)
        #expect((try home.json("prune", "--leftovers", "--grace", "0s")["objects"] as? [Any])?.isEmpty == true)
        // A chain, a record of commits and a capture go on.
        try home.run("backup", "Orders")
        try home.run("verify")
        try home.run("doctor")
    }

    @Test func `a captured log goes with its window, and coverage begins later`() throws {
        let (home, _) = try home(snapshots: 1)
        for number in 0..<3 {
            try home.run("table", "put", "Orders", #"{"id":{"S":"b"},"v":{"N":"\#(number)"}}"#)
            try home.run("capture", "Orders", "--once")
            // Segments are told apart by their seconds.
            usleep(1_100_000)
        }
        let last = try home.backup("Orders")
        usleep(1_100_000)
        try home.run("capture", "Orders", "--once")
        let summary = try home.json("prune", "--keep-last", "1", "--point-in-time", "1s")
        let log = try #require((summary["logs"] as? [[String: Any]])?.first)
        #expect(log["segments"] as? Int == 4 && log["going"] as? Int == 3 && log["goesBefore"] is String)
        let coverage = try home.json("coverage")
        let table = try #require((coverage["tables"] as? [[String: Any]])?.first)
        #expect((table["holes"] as? [Any])?.isEmpty == true)
        let intervals = try #require(table["intervals"] as? [[String: Any]])
        #expect(intervals.count == 1 && intervals[0]["base"] as? String == last.id)
        #expect((try home.json("list", "--segments")["segments"] as? [Any])?.count == 1)
        try home.run("verify")
        let gone = try #require(
            (try home.json("list", "--segments", "--removed")["segments"] as? [[String: Any]])?.first?["id"] as? String)
        #expect(try home.json("explain", gone)["verdict"] as? String == "removed")
        try home.run("prune", "--undo", gone)
        #expect((try home.json("list", "--segments")["segments"] as? [Any])?.count == 4)
    }

    @Test func `entries of varve yaml are for tables and vaults; the last that means one holds`() throws {
        let (home, ids) = try home(
            snapshots: 2,
            policy: "  - keepLast: 5\n  - { tables: [ \"Ord*\" ], keepLast: 1 }\n  - { tables: [ Other ], keepLast: 9 }"
        )
        try home.run("table", "create", "Plain", "--partition-key", "id:S")
        let plain = try home.backup("Plain").id
        let points = try points(try home.json("prune", "--dry-run"))
        #expect(points[ids[0]]?["verdict"] as? String == "goes" && rules(points[plain]) == ["newest", "keepLast"])
        let explained = try home.json("explain", String(ids[0].prefix(10)))
        #expect(explained["policy"] as? String == "keepLast 1" && explained["verdict"] as? String == "goes")
        #expect(try home.run("explain", ids[1]).outputText.contains("because   newest\n          last 1"))
        #expect(try self.points(try home.json("prune", "Plain", "--dry-run")).count == 1)
        // What verify has read is on record.
        try home.run("verify", ids[0])
        #expect(try home.run("show", ids[0]).outputText.contains("verified      2"))
        let verified = try home.json("prune", "--dry-run", "--keep-last", "1", "--keep-verified-only")
        #expect(rules(try self.points(verified)[ids[0]]) == ["newestVerified", "keepLast"])
        #expect(rules(try self.points(verified)[ids[1]]) == ["newest", "notVerifiedYet"])
    }

    @Test func `a job prunes`() throws {
        let (home, ids) = try home(snapshots: 2)
        let file = home.path.appending("Jobs/tidy.yaml")
        try file.write("version: 1\nsteps:\n  - prune: { grace: 0s, retention: { keepLast: 1 } }\n")
        try home.run("run", "tidy", "--dry-run")
        #expect(try home.snapshots().count == 2)
        try home.run("run", "tidy")
        #expect(try home.snapshots().map(\.id) == [ids[1]])
        #expect(try home.vault.files().allSatisfy { !$0.contains("~\(ids[0])/") })
        try file.write("version: 1\nsteps:\n  - prune: {}\n")
        let refused = try home.varve(["run", "tidy"])
        #expect(refused.exitCode == 13 && refused.errorText.contains("retention"), "\(refused)")
    }

    @Test func `a prune that is killed holds up nobody, and what is kept restores`() throws {
        let (template, ids) = try home(snapshots: 6)
        try template.run("capture", "Orders", "--once")
        var random = SeededGenerator("a prune that is killed")
        let arguments = ["prune", "--keep-last", "2", "--grace", "0s"]
        // How long it takes undisturbed.
        let whole = try ContinuousClock().measure {
            _ = try template.copy().varve(arguments)
        }
        var inside = 0
        let kills = Torture.count("VARVE_KILLS", default: 100) / 5
        for _ in 0..<kills {
            let home = try template.copy()
            let prune = try ChildProcess(Checkout.varve, arguments, in: home.path)
            usleep(
                UInt32.random(in: 0...UInt32(max(1, whole.components.attoseconds / 1_000_000_000_000)), using: &random))
            prune.signal(SIGKILL)
            _ = try prune.wait()
            let left = try home.snapshots().map(\.id)
            inside += try left.count < ids.count || !home.vault.appending("leases").files().isEmpty ? 1 : 0
            #expect(left.suffix(2) == ids.suffix(2) && (left.count == 2 || left == ids), "\(left)")
            try home.run("verify")
            let coverage = try home.json("coverage")
            let table = try #require((coverage["tables"] as? [[String: Any]])?.first)
            #expect((table["holes"] as? [Any])?.isEmpty == true)
            for id in left { try home.run("restore", "Orders", "--as", "Back\(id)", "--id", id) }
            // Its lease ends with its process.
            try home.run("prune", "--keep-last", "2", "--grace", "0s")
            #expect(try home.snapshots().map(\.id) == Array(ids.suffix(2)))
            try home.run("prune", "--leftovers", "--grace", "0s")
            #expect((try home.json("verify")["leftovers"] as? [Any])?.isEmpty == true)
        }
        print("\(kills) kills of a prune, \(inside) while it was at work.")
        #expect(inside > 0)
    }

    @Test func `what lies in the future stops prune with the code for a refusal`() throws {
        let (home, ids) = try home(snapshots: 2)
        let state = home.path.appending(".varve/state")
        let commits = try #require(try state.files().first { $0.hasPrefix("commits-") })
        let vault = String(commits.dropFirst("commits-".count).dropLast(".log".count))
        // As if the clock had been set back since.
        let tomorrow = Instant(microseconds: Instant.now().microseconds + 86_400_000_000)
        try VerificationRecord(state.appending("verified-\(vault).log")).append(
            VerificationEntry(vault: vault, time: tomorrow, points: [ids[0]]))
        let result = try home.varve(["prune", "--keep-last", "1"])
        #expect(result.exitCode == 15 && result.errorText.contains("[pipeline.clockBehind]"), "\(result)")
        #expect(try home.snapshots().count == 2)
    }
}
