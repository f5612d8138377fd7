// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import SystemPackage
import Testing
import VarveTestKit
import VarveVault

extension Torture {
    /// `kill -9` of a copy and of a healing: both vaults restore what they held, no hole appears that is none, and the next run ends what was begun.
    ///
    /// `VARVE_KILLS` says how many kills there are over all verbs (100); a fifth of that are each of these. `VARVE_SEED` says which.
    @Suite(.serialized) struct KillCopyTests {
        private let total = max(1, Torture.count("VARVE_KILLS", default: 100) / 5)
        private static let segments = 12

        @Test(.timeLimit(.minutes(600)))
        func killedCopiesLeaveBothVaultsWhole() throws {
            var random = SeededGenerator("killedCopiesLeaveBothVaultsWhole")
            let home = try Home(&random)
            let whole = try home.copy()
            var course = whole.took
            try home.isWhole(0)
            var stages: [String: Int] = [:]
            for trial in 0..<total {
                try home.reset()
                let share = (Double(trial) + Double.random(in: 0..<1, using: &random)) / Double(total)
                let process = try ChildProcess(Checkout.varve, home.arguments, in: home.pair.home.path)
                process.kill(after: course * share)
                let killed = try process.wait()
                // The machine is faster than it was when the course was measured.
                if killed.exitCode == 0 { course = (course + killed.took) / 2 }
                let listed = try home.entries(home.pair.offsite)
                stages[
                    killed.exitCode == 0
                        ? "at the end"
                        : listed.isEmpty ? "before a commit" : listed.count < home.count ? "between" : "after all",
                    default: 0] += 1
                try home.isSound(trial)
                let next = try home.copy()
                #expect(next.exitCode == 0, "trial \(trial): \(next)")
                try home.isWhole(trial)
            }
            print(
                "\(total) kills of copy, a run takes \(course): "
                    + stages.map { "\($0.value) \($0.key)" }.sorted().joined(separator: ", "))
        }

        @Test(.timeLimit(.minutes(600)))
        func killedHealingsLoseNothing() throws {
            var random = SeededGenerator("killedHealingsLoseNothing")
            let home = try Home(&random)
            try #require(try home.copy().exitCode == 0)
            let bundles = try CopyTestHome.bundles(home.pair.home.vault)
            let arguments = ["verify", "--vault", "main", "--heal-from", "offsite"]
            func damage() throws {
                for name in bundles.keys { try home.pair.flip(home.pair.home.vault.appending(name)) }
            }
            try damage()
            let whole = try home.pair.home.varve(arguments)
            try #require(whole.exitCode == 0, "\(whole)")
            var course = whole.took
            var healed = 0
            for trial in 0..<total {
                try damage()
                let share = (Double(trial) + Double.random(in: 0..<1, using: &random)) / Double(total)
                let process = try ChildProcess(Checkout.varve, arguments, in: home.pair.home.path)
                process.kill(after: course * share)
                let killed = try process.wait()
                if killed.exitCode == 0 { course = (course + killed.took) / 2 }
                for (name, bytes) in bundles
                where (try? home.pair.home.vault.appending(name).read()) == bytes { healed += 1 }
                let next = try home.pair.home.varve(arguments)
                #expect(next.exitCode == 0, "trial \(trial): \(next)")
                #expect(try CopyTestHome.bundles(home.pair.home.vault) == bundles)
            }
            let verified = try home.pair.home.varve(["verify", "--vault", "main"])
            #expect(verified.exitCode == 0, "\(verified)")
            print(
                "\(total) kills of verify --heal-from, a run takes \(course); \(healed) of \(total * bundles.count) bundles healed by then"
            )
        }

        /// A vault with two snapshots, a sweep and a log, and a second one that is empty again for each trial.
        private struct Home {
            let pair: CopyTestHome
            let arguments = ["copy", "--from", "main", "--to", "offsite", "--json"]
            let count: Int
            private let states: [Instant]
            private let empty: FilePath

            private struct Instant {
                let time: String
                let items: [[UInt8]]
            }

            init(_ random: inout SeededGenerator) throws {
                pair = try CopyTestHome()
                let home = pair.home
                try home.run("table", "create", "Items", "--partition-key", "id:S", "--ttl", "expires")
                let lines = KillHome.lines(6000, &random)
                try home.run("table", "import", "Items", "-", input: lines)
                try home.run("backup", "--to", "main")
                var states: [Instant] = []
                for number in 0..<KillCopyTests.segments {
                    try home.run("table", "put", "Items", #"{"id":{"S":"n\#(number)"}}"#)
                    try home.run("capture", "Items", "--once", "--to", "main")
                    if number % 5 == 0 {
                        let coverage = try home.json("coverage", "Items", "--vault", "main")
                        let table = try #require((coverage["tables"] as? [[String: Any]])?.first)
                        let through = try #require((table["log"] as? [String: Any])?["through"] as? String)
                        states.append(Instant(time: through, items: try home.export("Items")))
                    }
                    if number == 6 { try home.run("backup", "--to", "main") }
                }
                try home.run("sweep", "Items", "--to", "main")
                self.states = states
                empty = home.folder.appending("empty")
                try #require(try ChildProcess.run("cp", ["-a", pair.offsite.string, empty.string]).exitCode == 0)
                count = try Catalog.read(Vault.open(DirectoryStorage(home.vault))).entries.count
            }

            func copy() throws -> ProcessResult { try pair.home.varve(arguments) }

            func reset() throws {
                try pair.offsite.remove()
                try #require(try ChildProcess.run("cp", ["-a", empty.string, pair.offsite.string]).exitCode == 0)
                // The record of what was committed to a vault that was emptied is another vault's.
                let id = try Vault.open(DirectoryStorage(pair.offsite)).id
                let record = pair.home.path.appending(".varve/state/commits-\(id).log")
                if record.exists { try record.remove() }
            }

            func entries(_ vault: FilePath) throws -> [Catalog.Entry] {
                try Catalog.read(Vault.open(DirectoryStorage(vault))).entries
            }

            /// What a kill may leave: recovery points that restore, a log without a hole, and at most one manifest without its second copy.
            func isSound(_ trial: Int) throws {
                let verified = try pair.home.varve(["verify", "--vault", "offsite", "--json"])
                let summary = try #require(try JSONText.last(verified.output) as? [String: Any], "\(verified)")
                let damaged = try #require(summary["damaged"] as? [[String: String]])
                #expect(
                    damaged.count <= 1
                        && damaged.allSatisfy { $0["reason"]?.contains("One of the two copies") == true },
                    "trial \(trial): \(verified)")
                try verifies("main", trial)
                let holes = Coverage(try pair.home.varve(["coverage", "--vault", "offsite", "--json"]))?.holes
                #expect(holes == 0, "trial \(trial)")
                let snapshots = try entries(pair.offsite).filter { $0.manifest.kind == .snapshot }
                if let newest = snapshots.last, trial % 5 == 0 {
                    try restores(["--id", newest.manifest.id], items: nil, trial)
                }
            }

            /// Everything is copied, and both vaults restore the same.
            func isWhole(_ trial: Int) throws {
                for vault in ["main", "offsite"] { try verifies(vault, trial) }
                #expect(try CopyTestHome.bundles(pair.offsite) == CopyTestHome.bundles(pair.home.vault))
                #expect(try entries(pair.offsite).map(\.manifest.id) == entries(pair.home.vault).map(\.manifest.id))
                let coverage = try ["main", "offsite"].map { vault in
                    Coverage(try pair.home.varve(["coverage", "--vault", vault, "--json"]))
                }
                #expect(coverage[0] == coverage[1] && coverage[0]?.intervals == 1)
                let state = states[trial % states.count]
                try restores(["--at", state.time], items: state.items, trial)
                // Pruning takes nothing that a copy needs.
                let pruned = try pair.home.varve(
                    ["prune", "--leftovers", "--grace", "0s", "--vault", "offsite", "--json"])
                #expect(pruned.exitCode == 0, "\(pruned)")
                try verifies("offsite", trial)
            }

            private func verifies(_ vault: String, _ trial: Int) throws {
                let result = try pair.home.varve(["verify", "--vault", vault])
                #expect(result.exitCode == 0, "trial \(trial), \(vault): \(result)")
            }

            private func restores(_ point: [String], items: [[UInt8]]?, _ trial: Int) throws {
                let restored = try pair.home.varve(
                    ["restore", "Items", "--as", "Restored", "--vault", "offsite"] + point)
                #expect(restored.exitCode == 0, "trial \(trial): \(restored)")
                if let items { #expect(Lines.difference(items, try pair.home.export("Restored")) == nil) }
                try pair.home.run("table", "drop", "Restored", "--yes")
            }
        }

        /// What coverage says, as far as two vaults have to agree.
        private struct Coverage: Equatable {
            let tables: NSArray
            let holes: Int
            let intervals: Int

            init?(_ result: ProcessResult) {
                guard let report = try? JSONText.last(result.output) as? [String: Any],
                    let tables = report["tables"] as? [[String: Any]]
                else { return nil }
                holes = tables.reduce(0) { $0 + (($1["holes"] as? [Any])?.count ?? 0) }
                intervals = tables.reduce(0) { $0 + (($1["intervals"] as? [Any])?.count ?? 0) }
                self.tables = tables as NSArray
            }
        }
    }
}
