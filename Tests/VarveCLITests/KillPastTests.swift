// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Glibc
import SystemPackage
import Testing
import VarveTestKit

extension Torture {
    /// `kill -9` of what works on a captured log: merging, synthetic snapshots, restores to a time. Coverage is then what it was, every state that
    /// could be restored still can, and the next run succeeds.
    ///
    /// `VARVE_KILLS` says how many kills there are over all verbs (100); a fifth are these, of each. `VARVE_SEED` says which.
    @Suite(.serialized) struct KillPastTests {
        private let total = max(1, Torture.count("VARVE_KILLS", default: 100) / 5)

        enum Verb: String, CaseIterable, CustomTestStringConvertible {
            case compact, synthetic, restore
            var testDescription: String { rawValue }

            func arguments(_ trial: Int, at instant: String) -> [String] {
                switch self {
                case .compact: ["compact", "--older-than", "0s"]
                case .synthetic: ["backup", "Items", "--synthetic"]
                case .restore: ["restore", "Items", "--as", "Restored\(trial)", "--at", instant]
                }
            }
        }

        /// A state that was looked at before anything was killed.
        private struct Known {
            let instant: String
            let fingerprint: String
        }

        @Test(.timeLimit(.minutes(600)), arguments: Verb.allCases)
        func aKillLeavesEveryStateRestorable(verb: Verb) throws {
            var random = SeededGenerator("aKillLeavesEveryStateRestorable \(verb.rawValue)")
            let home = try TestHome()
            try home.run("table", "create", "Items", "--partition-key", "id:N")
            try change(home, 4000, &random)
            _ = try home.backup("Items")
            var known: [Known] = []
            for _ in 0..<4 { known.append(try step(home, &random)) }
            var whole: Duration = .milliseconds(400)
            var hits = 0
            for trial in 0..<total {
                if verb != .restore { for _ in 0..<2 { known.append(try step(home, &random)) } }
                let target = known.randomElement(using: &random) ?? known[0]
                let before = try coverage(home)
                let began = ContinuousClock.now
                let process = try ChildProcess(Checkout.varve, verb.arguments(trial, at: target.instant), in: home.path)
                process.kill(after: whole * Double.random(in: 0.1..<1, using: &random))
                let ended = try process.wait()
                if ended.exitCode == 0 {
                    whole = (whole + (ContinuousClock.now - began)) / 2
                } else {
                    #expect(ended.exitCode == 128 + SIGKILL, "trial \(trial): \(ended)")
                    hits += 1
                    whole = whole * 1.1
                }
                let after = try coverage(home)
                #expect(after.holes == 0 && before.holes == 0, "trial \(trial): a hole appeared")
                #expect(after.from == before.from && after.through == before.through, "trial \(trial)")
                try check(home, verb, known.randomElement(using: &random) ?? target, trial)
            }
            print("\(total) kills of \(verb.rawValue), \(hits) of them before its end")
            #expect(hits > 0, "no kill fell into a run")
        }

        private func check(_ home: TestHome, _ verb: Verb, _ known: Known, _ trial: Int) throws {
            let tables = try home.run("table", "list").outputText
            let isThere = tables.contains("Restored\(trial) ")
            if isThere {
                // What is listed was published whole.
                try home.run("table", "drop", "Restored\(trial)", "--yes")
            }
            let next = try home.varve(verb.arguments(trial, at: known.instant))
            // There may be nothing left to do: the killed run had committed.
            #expect(next.exitCode == 0 || (verb == .synthetic && next.exitCode == 10), "trial \(trial): \(next)")
            if verb == .restore {
                #expect(try fingerprint(home, "Restored\(trial)") == known.fingerprint, "trial \(trial)")
                try home.run("table", "drop", "Restored\(trial)", "--yes")
            } else {
                try home.run("restore", "Items", "--as", "Again", "--at", known.instant)
                #expect(try fingerprint(home, "Again") == known.fingerprint, "trial \(trial)")
                try home.run("table", "drop", "Again", "--yes")
            }
            if trial % 5 == 4 || trial == total - 1 {
                try home.run("prune", "--leftovers", "--grace", "0s")
                let verified = try home.varve(["verify", "--json"])
                #expect(verified.exitCode == 0, "trial \(trial): \(verified)")
            }
        }

        private func change(_ home: TestHome, _ count: Int, _ random: inout SeededGenerator) throws {
            let lines = (0..<count).map { number in
                let key = count > 1000 ? number : Int.random(in: 0..<4000, using: &random)
                return
                    #"{"Item":{"id":{"N":"\#(key)"},"v":{"N":"\#(random.next())"},"t":{"S":"\#(String(repeating: "x", count: 200))"}}}"#
            }
            try home.load(lines, into: "Items")
        }

        /// Some changes, captured, and the state after them.
        private func step(_ home: TestHome, _ random: inout SeededGenerator) throws -> Known {
            try change(home, 200, &random)
            let summary = try home.json("capture", "Items", "--once")
            let table = try #require((summary["tables"] as? [[String: Any]])?.first)
            return Known(
                instant: try #require(table["through"] as? String), fingerprint: try fingerprint(home, "Items"))
        }

        private func fingerprint(_ home: TestHome, _ table: String) throws -> String {
            var hash = SHA256()
            for line in try home.export(table) { hash.update(data: line) }
            return hash.finalize().map { String($0, radix: 16) }.joined()
        }

        private func coverage(_ home: TestHome) throws -> (from: String, through: String, holes: Int) {
            let result = try home.varve(["coverage", "Items", "--json"])
            #expect(result.exitCode == 0 || result.exitCode == 4, "\(result)")
            let report = try #require(try JSONText.last(result.output) as? [String: Any])
            let table = try #require((report["tables"] as? [[String: Any]])?.first)
            let intervals = table["intervals"] as? [[String: Any]] ?? []
            #expect(intervals.count == 1)
            return (
                intervals.first?["from"] as? String ?? "", intervals.first?["through"] as? String ?? "",
                (table["holes"] as? [Any])?.count ?? -1
            )
        }
    }
}
