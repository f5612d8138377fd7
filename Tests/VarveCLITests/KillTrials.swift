// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import SystemPackage
import Testing
import VarveTestKit

/// How far a run had come when it was killed, as the disk tells it.
enum KillStage: CaseIterable {
    case untouched, begun, filled, committed, finished
}

/// Kills spread over the whole course of a run, and what they hit.
struct KillTally {
    /// What stages mean where a verb does not say otherwise.
    static let meanings: [KillStage: String] = [
        .untouched: "before the first write", .begun: "begun, data partly", .filled: "data whole, before the commit",
        .committed: "committed, work after it", .finished: "finished",
    ]

    let verb: String
    private let meanings: [KillStage: String]
    private(set) var stages: [KillStage: Int] = [:]
    private(set) var problems: [String] = []
    private(set) var nextRuns = 0
    /// How long the run takes when nobody kills it, and how much of that has gone by at its first write; corrected by what trials find that end by
    /// themselves.
    private var course: KillCourse

    init(_ verb: String, _ course: KillCourse, meanings: [KillStage: String] = [:]) {
        self.verb = verb
        self.course = course
        self.meanings = Self.meanings.merging(meanings) { $1 }
    }

    /// Commits take a hundredth of a run, so that instants drawn evenly seldom meet them: every so many kills are aimed at one.
    static let aimedEvery = 8

    /// How long to wait after the first write in trial `number` of `total`: an instant in each of `total` equal parts of what follows it.
    func pause(_ number: Int, of total: Int, _ random: inout SeededGenerator) -> Duration {
        (course.whole - course.beforeFirstWrite)
            * ((Double(number) + Double.random(in: 0..<1, using: &random)) / Double(total))
    }

    /// An instant before the first write.
    func early(_ random: inout SeededGenerator) -> Duration {
        course.beforeFirstWrite * Double.random(in: 0..<1, using: &random)
    }

    mutating func add(_ stage: KillStage, after took: Duration, _ found: [String]) {
        stages[stage, default: 0] += 1
        if stage == .finished { course.whole = (course.whole + took) / 2 }
        problems += found.map { "\(verb) killed after \(took) (\(meanings[stage] ?? "")): \($0)" }
    }

    mutating func addNextRun() { nextRuns += 1 }

    var total: Int { stages.values.reduce(0, +) }
    /// Killed between the first write and the commit.
    var inside: Int { (stages[.begun] ?? 0) + (stages[.filled] ?? 0) }

    func report() {
        let rows = KillStage.allCases.map { stage in
            let count = stages[stage] ?? 0
            return [
                "\(verb): \(meanings[stage] ?? "")", "\(count)",
                String(repeating: "#", count: count * 50 / max(1, total)),
            ]
        }
        print(Torture.table(rows))
        print(
            "\(total) kills of \(verb), a run takes \(course.whole); \(inside) between first write and commit; "
                + "\(nextRuns) next runs; \(problems.count) problems.")
        #expect(problems.count == 0, "\(problems.count) problems, first: \(problems.prefix(5))")
    }
}

/// How long a run takes when nobody kills it.
struct KillCourse {
    let beforeFirstWrite: Duration
    var whole: Duration
}

/// What every trial looks at, whatever was killed.
struct KillChecks {
    let home: FilePath
    let before: KillHome.State
    private(set) var problems: [String] = []
    /// The kill fell between the two copies of a manifest: the second one is the next run's to write.
    private(set) var isHalfCommitted = false

    private var commands: KillCommands { KillCommands(home) }

    init(_ home: FilePath, before: KillHome.State) {
        self.home = home
        self.before = before
    }

    mutating func add(_ problem: String) { problems.append(problem) }

    /// The vault lists what was acknowledged, nothing half-done, and all of it verifies.
    ///
    /// - Returns: The ids that are new.
    mutating func vault(acknowledged: [String]) throws -> Set<String> {
        let (ids, damaged) = try commands.listed()
        let committed = before.listed.union(acknowledged)
        if !committed.isSubset(of: ids) { add("\(committed.subtracting(ids)) is not listed any more") }
        let new = ids.subtracting(before.listed)
        isHalfCommitted = !damaged.isEmpty
        if !damaged.isEmpty && !isSecondCopy(damaged, of: new) { add("list says \(damaged)") }
        try verifies(new)
        return new
    }

    mutating func verifies(_ new: Set<String>) throws {
        guard let found = try commands.verify() else { return add("verify does not come to an end") }
        if !found.isEmpty && !isSecondCopy(found, of: new) { add("verify says \(found)") }
    }

    private func isSecondCopy(_ damaged: [KillCommands.Damaged], of new: Set<String>) -> Bool {
        damaged.count == 1
            && new.contains { id in damaged.allSatisfy { $0.object.hasPrefix("catalog/") && $0.object.contains(id) } }
            && damaged.allSatisfy { $0.reason.contains("One of the two copies") }
    }

    /// Prune takes what the killed run left and nothing else.
    mutating func prune(new: Set<String>) throws {
        let prune = try commands.run(["prune", "--leftovers", "--grace", "0s"])
        if prune.exitCode != 0 { return add("prune: \(prune)") }
        let objects = try KillHome.objects(home)
        let lost = before.objects.subtracting(objects)
        if !lost.isEmpty { add("prune removed \(lost.sorted())") }
        let keys = new.isEmpty ? 0 : new.count
        let left = objects.subtracting(before.objects).filter { path in
            !path.hasPrefix("keys/") && !new.contains { path.contains($0) }
        }
        if !left.isEmpty { add("prune left \(left.sorted())") }
        let keysLeft = objects.subtracting(before.objects).filter { $0.hasPrefix("keys/") }
        if keysLeft.count != keys { add("prune left \(keysLeft.count) new keys for \(keys) new recovery points") }
    }

    /// Whether the vault holds what it held before and nothing else.
    func isUntouched() throws -> Bool {
        try KillHome.objects(home).filter { !$0.hasPrefix("leases/") } == before.objects
    }

    /// The names of what a run has written below the vault so far, temporary files with more than nothing in them included.
    func written() throws -> Set<String> {
        try KillHome.objects(home).subtracting(before.objects)
    }
}
