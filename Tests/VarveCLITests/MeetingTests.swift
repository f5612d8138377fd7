// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import VarveKeys
import VarveTestKit
import VarveVault

extension Torture {
    /// Two of everything at once on one home and one vault: nothing is lost, and who loses waits or ends with exit code 11.
    ///
    /// `VARVE_MEETINGS` says how often they meet (3).
    struct MeetingTests {
        private static let expired = 400
        private static let keys = ["alias/one", "alias/other"]

        @Test(.timeLimit(.minutes(120)))
        func twoOfEverythingAtOnceLoseNothing() throws {
            let home = try TestHome()
            try home.load(.manySmall)
            for key in Self.keys { try home.run("key", "create", "--alias", key) }
            let source = try home.export("ManySmall")
            var acknowledged = [try home.backup("ManySmall").id]
            var losers = 0
            let rounds = Torture.count("VARVE_MEETINGS", default: 3)
            for round in 0..<rounds {
                let sessions = "Sessions\(round)"
                try Self.makeSessions(sessions, in: home)
                let commands =
                    [["backup", "ManySmall"], ["verify", "--level", "content"], ["sweep", sessions]].flatMap {
                        [$0, $0]
                    } + Self.keys.map { ["key", "rewrap", "--all", "--to", $0] }
                let processes = try commands.map { try ChildProcess(Checkout.varve, $0 + ["--json"], in: home.path) }
                var deleted = 0
                for (command, process) in zip(commands, processes) {
                    let result = try process.wait()
                    #expect([0, 11].contains(result.exitCode), "round \(round), \(command): \(result)")
                    if result.exitCode == 11 { losers += 1 }
                    guard result.exitCode == 0 else { continue }
                    let summary = try #require(try JSONText.last(result.output) as? [String: Any], "\(result)")
                    let made = (summary["snapshots"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
                    let swept = summary["sweeps"] as? [[String: Any]] ?? []
                    acknowledged += made + swept.flatMap { $0["archives"] as? [String] ?? [] }
                    deleted += swept.reduce(0) { $0 + ($1["deleted"] as? Int ?? 0) }
                }
                // Whoever lost left it to the one that won, or to the next run.
                try home.run("sweep", sessions)
                #expect(deleted <= Self.expired, "round \(round): \(deleted) were deleted")
                #expect(try home.export(sessions).isEmpty)
                try home.run("verify", "--level", "content")
                let listed = Set(try home.snapshots().map(\.id))
                #expect(listed.isSuperset(of: acknowledged), "\(Set(acknowledged).subtracting(listed)) not listed")
                try Self.everyKeyIsWhole(home)
            }
            let points = try home.snapshots()
            #expect(points.filter { $0.kind == "sweep" }.reduce(0) { $0 + $1.items } >= rounds * Self.expired)
            let newest = try #require(points.last { $0.table == "ManySmall" })
            try home.run("restore", "ManySmall", "--as", "back", "--id", newest.id)
            #expect(Lines.difference(source, try home.export("back")) == nil)
            print("\(rounds) meetings of 8 commands, \(losers) ended with exit code 11.")
        }

        private static func makeSessions(_ table: String, in home: TestHome) throws {
            try home.run("table", "create", table, "--partition-key", "id:S", "--ttl", "t")
            let past = Int(Date.now.timeIntervalSince1970) - 3600
            try home.load((0..<expired).map { #"{"Item":{"id":{"S":"\#($0)"},"t":{"N":"\#(past)"}}}"# }, into: table)
        }

        /// After one more rewrap each key has one file, under the key that was named.
        private static func everyKeyIsWhole(_ home: TestHome) throws {
            try home.run("key", "rewrap", "--all", "--to", keys[0])
            let opened = try OpenDamageHome(home.path)
            let wanted = try opened.keys.recipients(under: keys[0])
            for entry in try Catalog.read(opened.vault).entries {
                let key = entry.manifest.key.id
                #expect(try opened.vault.keyFiles.recipients(key) == wanted)
                #expect(try opened.vault.storage.list("keys/\(key)/").count == 1)
            }
        }
    }
}
