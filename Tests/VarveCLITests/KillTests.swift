// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import SystemPackage
import Testing
import VarveTestKit

extension Torture {
    /// `kill -9` at instants spread over the whole course of a run: nothing acknowledged is lost, nothing half-done is listed, the next run succeeds.
    ///
    /// `VARVE_KILLS` says how many, over all verbs (100), `VARVE_SEED` which.
    @Suite(.serialized) struct KillTests {
        /// How often the next run is made where it costs as much as two trials. After a half commit it always is.
        static let nextRunEvery = 8
        private static var lanes: [Lane] { [backups, restores, sweeps, rewraps, shreddings, verifications] }
        private typealias Lane = (KillTests) -> (KillHome, inout SeededGenerator) throws -> KillTally

        /// Of each verb.
        let total = (Torture.count("VARVE_KILLS", default: 100) + Self.lanes.count - 1) / Self.lanes.count

        @Test(.timeLimit(.minutes(600)))
        func killedRunsLeaveNothingHalfDone() throws {
            var random = SeededGenerator("killedRunsLeaveNothingHalfDone")
            let began = ContinuousClock.now
            let home = try KillHome(&random)
            print("The home with \(KillHome.items) items took \(ContinuousClock.now - began).")
            var kills = 0
            var inside = 0
            for lane in Self.lanes {
                let began = ContinuousClock.now
                let tally = try lane(self)(home, &random)
                tally.report()
                print("  in \(ContinuousClock.now - began)")
                kills += tally.total
                inside += tally.inside
            }
            print("\(kills) kills in all, \(inside) between first write and commit.")
            // A small sample on a busy machine strays.
            let share = kills >= 500 ? 80 : 65
            #expect(inside * 100 >= kills * share, "only \(inside) of \(kills) fell between first write and commit")
        }

        /// Runs `arguments` to their end, twice: the second time is like those that will be killed.
        func measure(
            _ home: FilePath, _ arguments: [String], reset: () throws -> Void,
            hasBegun: (ChildProcess) throws -> Bool
        ) throws -> KillCourse {
            var course = KillCourse(beforeFirstWrite: .zero, whole: .zero)
            for _ in 0..<2 {
                try reset()
                let began = ContinuousClock.now
                let process = try KillCommands(home).start(arguments)
                while process.isRunning, try !hasBegun(process) { usleep(Self.lookEvery) }
                let first = ContinuousClock.now - began
                let result = try process.wait()
                try #require(result.exitCode == 0, "\(result)")
                course = KillCourse(beforeFirstWrite: first, whole: result.took)
            }
            return course
        }

        private static let lookEvery: UInt32 = 500

        /// Starts `arguments` and kills them: the first trial before the first write; the others at an instant of their own after it, or where
        /// the trial's turn has come to aim, just after `isNearCommit` holds.
        func kill(
            _ home: FilePath, _ arguments: [String], trial number: Int, _ tally: KillTally,
            _ random: inout SeededGenerator, hasBegun: (ChildProcess) throws -> Bool,
            isNearCommit: (() throws -> Bool)? = nil
        ) throws -> ProcessResult {
            let early = tally.early(&random)
            let pause = tally.pause(number, of: total, &random)
            let aim = UInt32.random(in: 0..<10_000, using: &random)
            let process = try KillCommands(home).start(arguments)
            if number == 0 {
                process.kill(after: early)
                return try process.wait()
            }
            if let isNearCommit, number % KillTally.aimedEvery == KillTally.aimedEvery - 1 {
                while process.isRunning, try !isNearCommit() { usleep(Self.lookEvery) }
                usleep(aim)
            } else {
                while process.isRunning, try !hasBegun(process) { usleep(Self.lookEvery) }
                let until = ContinuousClock.now + pause
                while process.isRunning, ContinuousClock.now < until { usleep(100) }
            }
            process.signal(SIGKILL)
            return try process.wait()
        }

        // MARK: Backup

        func backups(_ home: KillHome, _ random: inout SeededGenerator) throws -> KillTally {
            let arguments = ["backup", "Items", "--json"]
            let state = home.full
            let commands = KillCommands(home.home)
            func hasBegun(_: ChildProcess) throws -> Bool {
                try !KillChecks(home.home, before: state).written().isEmpty
            }
            let course = try measure(
                home.home, arguments, reset: { try home.reset(state, store: true) }, hasBegun: hasBegun)
            let bundles = try KillHome.objects(home.home).subtracting(state.objects).count { $0.hasSuffix(".esdk") }
            var tally = KillTally("backup", course)
            for number in 0..<total {
                try home.reset(state, store: false)
                var checks = KillChecks(home.home, before: state)
                let result = try kill(home.home, arguments, trial: number, tally, &random, hasBegun: hasBegun) {
                    try Self.bundleCount(checks) >= bundles - 1
                }
                let stage = Self.archiveStage(result, written: try checks.written(), bundles: bundles)
                let said = KillCommands.acknowledged(result)?.ids ?? []
                let new = try checks.vault(acknowledged: said)
                if (stage == .committed || stage == .finished) != !new.isEmpty { checks.add("listed are \(new)") }
                if !checks.isHalfCommitted { try checks.prune(new: new) }
                if number % Self.nextRunEvery == 0 || checks.isHalfCommitted {
                    tally.addNextRun()
                    let next = try commands.run(arguments)
                    if next.exitCode != 0 { checks.add("the next run: \(next)") }
                    let made = try #require(KillCommands.acknowledged(next)?.ids, "\(next)")
                    let listed = try commands.listed()
                    if !listed.damaged.isEmpty { checks.add("after the next run list says \(listed.damaged)") }
                    if !new.union(made).isSubset(of: listed.ids) { checks.add("the next run is not listed") }
                    try checks.verifies([])
                    try checks.prune(new: new.union(made))
                }
                tally.add(stage, after: result.took, checks.problems)
            }
            return tally
        }

        private static func bundleCount(_ checks: KillChecks) throws -> Int {
            try checks.written().count { $0.hasSuffix(".esdk") }
        }

        /// How far an archive had come: `bundles` is how many a whole one has, the index included.
        private static func archiveStage(_ result: ProcessResult, written: Set<String>, bundles: Int) -> KillStage {
            if result.exitCode == 0 { return .finished }
            if written.contains(where: { $0.hasSuffix("manifest.json") }) { return .committed }
            if written.isEmpty { return .untouched }
            return written.count(where: { $0.hasSuffix(".esdk") }) >= bundles - 1 ? .filled : .begun
        }

        // MARK: Restore

        func restores(_ home: KillHome, _ random: inout SeededGenerator) throws -> KillTally {
            let arguments = ["restore", "Items", "--as", "Copy", "--latest", "--json"]
            let state = home.restorable
            let commands = KillCommands(home.home)
            func hasBegun(_: ChildProcess) -> Bool { !Self.loads(home.home).isEmpty }
            let course = try measure(
                home.home, arguments, reset: { try home.reset(state, store: true) }, hasBegun: hasBegun)
            // The heap of a whole table, with its indexes or without, is longer than this.
            let filled = try Self.databaseBytes(home.home) * 85 / 100
            var tally = KillTally("restore", course)
            for number in 0..<total {
                try home.reset(state, store: true)
                let result = try kill(home.home, arguments, trial: number, tally, &random, hasBegun: hasBegun) {
                    try Self.databaseBytes(home.home) >= filled
                }
                var checks = KillChecks(home.home, before: state)
                let isBegun = !Self.loads(home.home).isEmpty
                let bytes = try Self.databaseBytes(home.home)
                let tables = try commands.tables()
                let isThere = tables["local/Copy"] != nil
                let stage: KillStage =
                    result.exitCode == 0
                    ? .finished : isThere ? .committed : !isBegun ? .untouched : bytes < filled ? .begun : .filled
                if result.exitCode == 0 {
                    if KillCommands.acknowledged(result)?.items != KillHome.items {
                        checks.add("acknowledged \(result)")
                    }
                    if !isThere { checks.add("the table that was acknowledged is not there") }
                }
                if Set(tables.keys) != (isThere ? ["local/Copy", "local/Small"] : ["local/Small"])
                    || tables["local/Small"] != 500
                {
                    checks.add("the tables are \(tables)")
                }
                if isThere { try Self.compare(home, &checks) }
                // The listing opened the store, which drops what dead loads left.
                if !Self.loads(home.home).isEmpty { checks.add("a dead load is still there: \(Self.loads(home.home))") }
                // A restore writes leases and nothing else into a vault: what is there by name is there as it was.
                let (listed, damaged) = try commands.listed()
                if listed != state.listed || !damaged.isEmpty { checks.add("list says \(listed), \(damaged)") }
                try checks.prune(new: [])
                if try !checks.isUntouched() { checks.add("the vault changed") }
                if !isThere && number % Self.nextRunEvery == 0 {
                    tally.addNextRun()
                    let next = try commands.run(arguments)
                    if next.exitCode != 0 { checks.add("the next run: \(next)") }
                    try checks.verifies([])
                    try Self.compare(home, &checks)
                }
                tally.add(stage, after: result.took, checks.problems)
            }
            return tally
        }

        /// Every item of the restored table is its source's.
        private static func compare(_ home: KillHome, _ checks: inout KillChecks) throws {
            let copy = try KillItems(store: try KillHome.open(home.home), table: "Copy")
            if copy.fingerprints != home.source.fingerprints { checks.add("the restored table is not its source") }
        }

        private static func loads(_ home: FilePath) -> [String] {
            (try? FileManager.default.contentsOfDirectory(atPath: home.appending(".varve/store/loads").string)) ?? []
        }

        private static func databaseBytes(_ home: FilePath) throws -> Int {
            var bytes = 0
            for name in ["store.sqlite", "store.sqlite-wal"] {
                var status = stat()
                if lstat(home.appending(".varve/store").appending(name).string, &status) == 0 {
                    bytes += Int(status.st_size)
                }
            }
            return bytes
        }

        // MARK: Sweep

        func sweeps(_ home: KillHome, _ random: inout SeededGenerator) throws -> KillTally {
            let arguments = ["sweep", "Items", "--json"]
            let state = home.full
            let commands = KillCommands(home.home)
            func hasBegun(_: ChildProcess) throws -> Bool {
                try !KillChecks(home.home, before: state).written().isEmpty
            }
            let course = try measure(
                home.home, arguments, reset: { try home.reset(state, store: true) }, hasBegun: hasBegun)
            // A sweep commits twice: its archive, before the first deletion, and its outcome, after the last.
            var tally = KillTally(
                "sweep", course,
                meanings: [
                    .begun: "archive partly", .filled: "archive committed, deletions partly",
                    .committed: "outcome committed, work after it",
                ])
            for number in 0..<total {
                try home.reset(state, store: true)
                var checks = KillChecks(home.home, before: state)
                let writer = try KillWriter(home, seed: random.next())
                let result = try kill(home.home, arguments, trial: number, tally, &random, hasBegun: hasBegun) {
                    try checks.written().contains { $0.hasSuffix("manifest.json") }
                }
                let expected = try writer.finish()
                let written = try checks.written()
                let isArchived = written.contains { $0.hasSuffix("manifest.json") }
                let stage: KillStage =
                    result.exitCode == 0
                    ? .finished
                    : written.contains { $0.hasSuffix("outcome.json") }
                        ? .committed : isArchived ? .filled : written.isEmpty ? .untouched : .begun
                var new = try checks.vault(acknowledged: KillCommands.acknowledged(result)?.ids ?? [])
                if isArchived != !new.isEmpty { checks.add("listed are \(new)") }
                try KillSweepCheck(home: home.home, expected: expected, archives: new).run(&checks)
                if !checks.isHalfCommitted { try checks.prune(new: new) }
                if number % Self.nextRunEvery == 0 || checks.isHalfCommitted {
                    tally.addNextRun()
                    let next = try commands.run(arguments)
                    if next.exitCode != 0 { checks.add("the next run: \(next)") }
                    new = try checks.vault(acknowledged: Array(new) + (KillCommands.acknowledged(next)?.ids ?? []))
                    if checks.isHalfCommitted { checks.add("the next run left the half commit") }
                    let check = try KillSweepCheck(home: home.home, expected: expected, archives: new)
                    check.run(&checks)
                    check.nothingExpiredIsLeft(&checks)
                    try checks.prune(new: new)
                }
                tally.add(stage, after: result.took, checks.problems)
            }
            return tally
        }
    }
}
