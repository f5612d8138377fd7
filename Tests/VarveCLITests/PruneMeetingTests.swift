// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import VarveTestKit

extension Torture {
    /// Prune, backup, capture, compaction, restore, verify and a rewrap at the same time on one vault: whatever lies in the window that retention keeps can
    /// be restored all the time, nothing is lost, and losers wait or end with exit code 11.
    ///
    /// `VARVE_MEETINGS` says how often they meet (3).
    struct PruneMeetingTests {
        private static let policy = ["--keep-last", "2", "--point-in-time", "1h", "--grace", "0s"]

        private struct Known {
            let instant: String
            let lines: [[UInt8]]
        }

        @Test(.timeLimit(.minutes(120)))
        func whatRetentionKeepsIsThereWhateverElseRuns() throws {
            var random = SeededGenerator("whatRetentionKeepsIsThereWhateverElseRuns")
            let home = try TestHome()
            try home.run("table", "create", "Items", "--partition-key", "id:N")
            try home.run("key", "create", "--alias", "alias/other")
            try change(home, &random)
            _ = try home.backup("Items")
            var known = [try step(home, &random)]
            var losers = 0
            var removed = 0
            let rounds = Torture.count("VARVE_MEETINGS", default: 3)
            for round in 0..<rounds {
                let target = known.randomElement(using: &random) ?? known[0]
                try change(home, &random)
                let commands = [
                    ["prune"] + Self.policy, ["backup", "Items"], ["capture", "Items", "--once"],
                    ["compact", "--older-than", "0s"], ["restore", "Items", "--as", "Back", "--at", target.instant],
                    ["verify", "--level", "content"],
                    ["key", "rewrap", "--all", "--to", round.isMultiple(of: 2) ? "alias/other" : "alias/main"],
                ]
                let processes = try commands.map { try ChildProcess(Checkout.varve, $0 + ["--json"], in: home.path) }
                var isBack = false
                for (command, process) in zip(commands, processes) {
                    let result = try process.wait()
                    #expect([0, 11].contains(result.exitCode), "round \(round), \(command): \(result)")
                    if result.exitCode == 11 { losers += 1 }
                    if command[0] == "restore" { isBack = result.exitCode == 0 }
                }
                if isBack {
                    #expect(Lines.difference(target.lines, try home.export("Back")) == nil, "round \(round)")
                    try home.run("table", "drop", "Back", "--yes")
                }
                known.append(try step(home, &random))
                let pruned = try home.json("prune", "--keep-last", "2", "--point-in-time", "1h", "--grace", "0s")
                removed += (pruned["removed"] as? [Any])?.count ?? 0
                try home.run("verify", "--level", "content")
                let report = try home.json("coverage", "Items")
                let table = try #require((report["tables"] as? [[String: Any]])?.first)
                #expect((table["holes"] as? [Any])?.isEmpty == true, "round \(round)")
                let again = known.randomElement(using: &random) ?? target
                try home.run("restore", "Items", "--as", "Again", "--at", again.instant)
                #expect(Lines.difference(again.lines, try home.export("Again")) == nil, "round \(round)")
                try home.run("table", "drop", "Again", "--yes")
            }
            print("\(rounds) meetings of 7 commands, \(losers) ended with exit code 11, \(removed) pruned afterwards.")
        }

        private func change(_ home: TestHome, _ random: inout SeededGenerator) throws {
            let lines = (0..<300).shuffled(using: &random).prefix(100).map { key in
                #"{"Item":{"id":{"N":"\#(key)"},"v":{"N":"\#(random.next())"}}}"#
            }
            try home.load(lines, into: "Items")
        }

        /// The state of the table, and an instant of it that is covered.
        private func step(_ home: TestHome, _ random: inout SeededGenerator) throws -> Known {
            try change(home, &random)
            let summary = try home.json("capture", "Items", "--once")
            let table = try #require((summary["tables"] as? [[String: Any]])?.first)
            return Known(instant: try #require(table["through"] as? String), lines: try home.export("Items"))
        }
    }
}
