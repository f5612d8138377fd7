// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing
import VarveTestKit

/// Runs that meet: two at once, one after the other, and one that is told to stop.
@Suite struct TogetherTests {
    /// Enough that a backup takes a while: some 60 MB of lines.
    private static let items = 60_000

    private static let template = Result {
        let home = try TestHome()
        let text = String(repeating: "varve ", count: 150)
        let lines = (0..<items).map { #"{"Item":{"id":{"N":"\#($0)"},"v":{"S":"\#($0) \#(text)"}}}"# }
        try home.run("table", "create", "Many", "--partition-key", "id:N")
        try home.load(lines, into: "Many")
        return home
    }

    @Test func `two backups at once on one home both succeed`() throws {
        let home = try Self.template.get().copy()
        let backups = try (0..<2).map { _ in try ChildProcess(Checkout.varve, ["backup", "--json"], in: home.path) }
        for backup in backups {
            let result = try backup.wait()
            #expect(result.exitCode == 0, "\(result)")
        }
        let points = try home.snapshots()
        #expect(points.count == 2)
        let source = try home.export("Many")
        for point in points {
            try home.run("restore", "Many", "--as", "back", "--id", point.id)
            #expect(Lines.difference(source, try home.export("back")) == nil)
            try home.run("table", "drop", "back", "--yes")
        }
        try home.run("verify", "--level", "content")
    }

    @Test func `a backup, a restore, a sweep, a drill and looks at the vault at once disturb each other in nothing`()
        throws
    {
        let home = try TestHome()
        try home.load(.manySmall)
        _ = try home.backup("ManySmall")
        try home.run("table", "create", "Sessions", "--partition-key", "id:S", "--ttl", "t")
        let past = Int(Date.now.timeIntervalSince1970) - 3600
        try home.load((0..<500).map { #"{"Item":{"id":{"S":"\#($0)"},"t":{"N":"\#(past)"}}}"# }, into: "Sessions")
        let commands = [
            ["backup", "ManySmall"], ["restore", "ManySmall", "--as", "back", "--latest"], ["sweep", "Sessions"],
            ["drill", "ManySmall"], ["verify"], ["verify", "--level", "listing"], ["list"],
        ]
        let processes = try commands.map { try ChildProcess(Checkout.varve, $0, in: home.path) }
        for (command, process) in zip(commands, processes) {
            let result = try process.wait()
            #expect(result.exitCode == 0, "\(command): \(result)")
        }
        #expect(Lines.difference(try home.export("ManySmall"), try home.export("back")) == nil)
        #expect(try home.export("Sessions").isEmpty)
        #expect(try home.snapshots().count == 3)
        try home.run("verify", "--level", "content")
    }

    @Test func `a second nightly run adds a snapshot of each table`() throws {
        let home = try TestHome()
        for table in [SampleTable.allTypes, .empty] { try home.load(table) }
        for run in 1...2 {
            let summary = try home.json("run", "nightly")
            #expect(summary["exitCode"] as? Int == 0)
            let points = try home.snapshots()
            #expect(points.count == 2 * run)
            #expect(points.count { $0.table == "Empty" } == run)
        }
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `a backup that is told to stop takes back what it began`(signal: Int32) throws {
        let home = try Self.template.get().copy()
        _ = try home.backup("Many")
        var before = try Fingerprint(of: home.vault, ignoring: Self.comesAndGoes)
        var result: ProcessResult?
        var finished = 1
        // One that has come to its end before it is told to stop is none of those that are looked at.
        while result == nil, finished < 20 {
            let objects = try home.vault.files().count
            let backup = try ChildProcess(Checkout.varve, ["backup"], in: home.path)
            // Not before it has begun to write, so that there is something to take back.
            while backup.isRunning, try home.vault.files().count <= objects + 2 { usleep(1000) }
            backup.signal(signal)
            let ended = try backup.wait()
            if ended.exitCode == 0 {
                finished += 1
                before = try Fingerprint(of: home.vault, ignoring: Self.comesAndGoes)
            } else {
                result = ended
            }
        }
        let stopped = try #require(result)
        #expect(stopped.exitCode == 128 + signal, "\(stopped)")
        #expect(stopped.errorText.contains("[pipeline.stopped]"), "\(stopped)")

        let after = try Fingerprint(of: home.vault, ignoring: Self.comesAndGoes)
        #expect(after.differences(from: before) == [])
        let leftovers = try home.json("prune", "--leftovers", "--grace", "0s", "--dry-run")
        #expect(leftovers["objects"] as? [String] == [])
        // The next run is as if nothing had been.
        try home.run("backup")
        #expect(try home.snapshots().count == finished + 1)
        try home.run("verify", "--level", "content")
    }

    private static func comesAndGoes(_ path: String) -> Bool { path == "leases" || path == ".tmp" }
}
