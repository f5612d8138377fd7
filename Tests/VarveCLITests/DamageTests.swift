// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveTestKit
import VarveVault

extension Torture {
    /// Bits flipped, objects cut, extended, swapped, removed and replayed: verify finds each, names the object and the level.
    ///
    /// `VARVE_DAMAGES` says how many (2,000), `VARVE_SEED` which. One in ten also goes through the command; one in ten is followed by a prune
    /// that must not touch what is sound, and one in twenty or more by a restore of what was damaged.
    struct DamageTests {
        // Damages alternate: even numbers flip bits, odd ones do everything else. Both kinds must meet each way of looking.
        static func isByCommand(_ number: Int) -> Bool { [0, 11].contains(number % 20) }
        static func isPruned(_ number: Int) -> Bool { [5, 15, 26, 36].contains(number % 40) }
        /// Without the home's record of commits, which protects what damaged manifests would.
        static func isPrunedWithoutRecord(_ number: Int) -> Bool { [15, 36].contains(number % 40) }
        static let restoreEvery = 12

        @Test(.timeLimit(.minutes(60)))
        func everyDamageIsFoundAndNamed() throws {
            let total = Torture.count("VARVE_DAMAGES", default: 2_000)
            var random = SeededGenerator("everyDamageIsFoundAndNamed")
            let home = try DamageHome(&random)
            let pristine = try DamageLane.objects(of: home.folder.path)
            let plan = DamagePlan(pristine.filter { !home.leftovers.contains($0.key) })
            let points = try Self.points(home)
            try Self.checkSound(home, pristine: pristine, points: points)
            try #require(
                total / 2 >= plan.fieldCount, "\(total) damages do not reach every one of \(plan.fieldCount) fields.")

            let damages = (0..<total).map { plan.draw($0, &random) }
            let seeds = damages.map { _ in random.next() }
            let tally = Mutex(DamageTally())
            let lanes = 2
            try Workers.run(lanes, stop: StopSignal()) { worker, _ in
                let lane = try DamageLane(home, pristine: pristine)
                for number in stride(from: worker, to: total, by: lanes) {
                    var chance = SeededGenerator(seed: seeds[number])
                    let trial = DamageTrial(
                        number: number, damage: damages[number], points: points, leftovers: home.leftovers)
                    let record = try trial.run(in: lane, &chance)
                    tally.withLock { $0.add(damages[number], record) }
                }
            }
            let result = tally.withLock { $0 }
            print(result.text(fields: plan.fieldCount))
            #expect(result.problems.isEmpty, "\(result.problems.count) problems, first: \(result.problems.prefix(5))")
            #expect(result.byCommand * 10 >= total)
            #expect(result.pruned * 12 >= total)
            #expect(result.refused * 20 >= total)
        }

        /// What a recovery point is made of, as far as it can be damaged.
        struct Point: Sendable {
            let id: String
            /// Where its objects lie, its key and its manifest's second copy aside.
            let folder: String
            let manifests: Set<String>
            /// Without any of these nothing of it can be restored.
            let vital: Set<String>
        }

        private static func points(_ home: DamageHome) throws -> [Point] {
            let catalog = try Catalog.read(try OpenDamageHome(home.folder.path).vault)
            return catalog.entries.map { entry in
                let manifest = entry.manifest
                return Point(
                    id: manifest.id, folder: manifest.folder, manifests: [manifest.path, manifest.catalogPath],
                    vital: Set(manifest.bundles.map { manifest.folder + $0.name })
                        .union([VaultPaths.keyFile(manifest.key.id, number: 1)]))
            }
        }

        /// Before anything is damaged: nothing is found, everything restores, and prune takes the leftovers only.
        private static func checkSound(_ home: DamageHome, pristine: [String: [UInt8]], points: [Point]) throws {
            let classes = Set(pristine.keys.compactMap { DamagePlan.classOf($0, in: pristine) })
            try #require(classes.count == DamagedClass.allCases.count, "\(classes)")
            try #require(points.count == 9)
            let lane = try DamageLane(home, pristine: pristine)
            let sound = DamageLane.Verdict(exitCode: 0, named: [])
            try #require(try lane.verify() == sound)
            try #require(try lane.verifyByCommand() == sound)
            for point in points {
                guard case .equal = try lane.restore(point.id) else {
                    Issue.record("\(point.id) does not restore")
                    return
                }
            }
            let prune = try lane.pruneByCommand()
            try #require(prune.exitCode == 0, "\(prune)")
            let nothing = Damage(changes: [:], classes: [], kind: "", detail: "")
            try #require(try lane.removed(besides: nothing) == home.leftovers)
        }
    }
}

/// One damage, done, looked at and undone.
struct DamageTrial {
    let number: Int
    let damage: Damage
    let points: [Torture.DamageTests.Point]
    let leftovers: Set<String>

    struct Record: Sendable {
        var level = "not found"
        var byCommand = false
        var pruned = false
        var refused = false
        var problems: [String] = []
    }

    private var touched: Set<String> { Set(damage.changes.keys) }

    func run(in lane: DamageLane, _ random: inout SeededGenerator) throws -> Record {
        var record = Record()
        try lane.apply(damage)
        let verdict = try lane.verify()
        judge(verdict, &record)
        if Torture.DamageTests.isByCommand(number) {
            record.byCommand = true
            let byCommand = try lane.verifyByCommand()
            if byCommand != verdict { record.problems.append("the command says \(byCommand), the stage \(verdict)") }
        }
        try restoreDamaged(lane, &random, &record)
        if Torture.DamageTests.isPruned(number) {
            record.pruned = true
            try prune(lane, &random, &record)
        }
        try lane.undo(damage)
        record.problems = record.problems.map { "\(damage): \($0)" }
        return record
    }

    private func judge(_ verdict: DamageLane.Verdict, _ record: inout Record) {
        let named = verdict.named.filter { touched.contains($0.object) }
        let order = ["listing", "manifests", "objects", "content"]
        let levels = Set(named.map(\.level))
        if let level = order.first(where: levels.contains) { record.level = level }
        if named.isEmpty { record.problems.append("not named; found were \(verdict.named)") }
        if verdict.exitCode != 4 { record.problems.append("exit code \(verdict.exitCode.map { "\($0)" } ?? "none")") }
        for path in touched.count == 1 ? touched : [] {
            let expected = expectedLevels(path)
            if !named.isEmpty && levels.isDisjoint(with: expected) {
                record.problems.append("found at \(levels) and not at \(expected)")
            }
        }
        // What belongs to a sound recovery point must not be called damaged.
        let accused = Set(verdict.named.map(\.object)).subtracting(touched)
        for path in accused where !isRelated(path) { record.problems.append("accuses \(path)") }
    }

    private func expectedLevels(_ path: String) -> Set<String> {
        if damage.changes[path] == .some(nil) { return ["listing"] }
        return path.hasSuffix(".tar.esdk") ? ["objects"] : ["manifests"]
    }

    /// Whether `path` is of a recovery point that the damage touches.
    private func isRelated(_ path: String) -> Bool {
        points.contains { point in
            let own = point.manifests.union(point.vital)
            return (own.contains(path) || path.hasPrefix(point.folder)) && !own.isDisjoint(with: touched)
        }
    }

    /// What cannot be whole any more must not be restored, whoever asks.
    private func restoreDamaged(_ lane: DamageLane, _ random: inout SeededGenerator, _ record: inout Record) throws {
        let broken = points.filter { !$0.vital.isDisjoint(with: touched) || $0.manifests.isSubset(of: touched) }
        guard number % Torture.DamageTests.restoreEvery < 2, let point = broken.randomElement(using: &random) else {
            return
        }
        switch try lane.restore(point.id) {
        case .refused: record.refused = true
        case .equal: record.problems.append("\(point.id) was restored all the same")
        case .wrong(let what): record.problems.append("restoring \(point.id): \(what)")
        }
    }

    /// Prunes with the damage in place: whatever is sound must be there afterwards, verify and restore.
    private func prune(_ lane: DamageLane, _ random: inout SeededGenerator, _ record: inout Record) throws {
        let withoutRecord = Torture.DamageTests.isPrunedWithoutRecord(number)
        let prune = try withoutRecord ? lane.pruneWithoutRecord() : lane.pruneByCommand()
        let isIdentityGone = damage.changes["vault.json"] != nil
        if prune.exitCode != (isIdentityGone ? 4 : 0) { record.problems.append("prune: \(prune)") }
        var removed = try lane.removed(besides: damage).subtracting(leftovers)
        if withoutRecord {
            // Where both copies of a manifest are gone, nothing but that record knows what belonged to it.
            let forgotten = points.filter { $0.manifests.allSatisfy { damage.changes[$0] == .some(nil) } }
            removed = removed.filter { path in
                !forgotten.contains { path.hasPrefix($0.folder) || $0.vital.contains(path) }
            }
        }
        if !removed.isEmpty { record.problems.append("prune removed \(removed.sorted())") }
        if isIdentityGone { return }
        let sound = points.filter { $0.vital.union($0.manifests).isDisjoint(with: touched) }
        let verdict = try lane.verify(ids: sound.map(\.id))
        let accused = verdict.named.filter { !touched.contains($0.object) && !isRelated($0.object) }
        if !accused.isEmpty { record.problems.append("after prune: \(accused)") }
        guard let point = sound.randomElement(using: &random) else { return }
        guard case .equal = try lane.restore(point.id) else {
            return record.problems.append("after prune \(point.id) does not restore")
        }
    }
}

/// What became of all damages.
struct DamageTally: Sendable {
    private var counts: [String: [String: Int]] = [:]
    private(set) var problems: [String] = []
    private(set) var byCommand = 0
    private(set) var pruned = 0
    private(set) var refused = 0
    private var total = 0

    mutating func add(_ damage: Damage, _ record: DamageTrial.Record) {
        total += 1
        for kind in damage.classes {
            counts["\(kind.rawValue): \(damage.kind)", default: [:]][record.level, default: 0] += 1
        }
        problems += record.problems
        byCommand += record.byCommand ? 1 : 0
        pruned += record.pruned ? 1 : 0
        refused += record.refused ? 1 : 0
    }

    func text(fields: Int) -> String {
        let levels = ["listing", "manifests", "objects", "content", "not found"]
        let rows = counts.sorted { $0.key < $1.key }.map { name, found in
            [name, "\(found.values.reduce(0, +))"] + levels.map { found[$0].map { "\($0)" } ?? "-" }
        }
        return Torture.table([["damaged: how", "count"] + levels] + rows)
            + "\n\(total) damages over \(fields) fields; \(byCommand) also by the command, \(pruned) followed by a prune, "
            + "\(refused) by a restore that was refused; \(problems.count) problems."
    }
}
