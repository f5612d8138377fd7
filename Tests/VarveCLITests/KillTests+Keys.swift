// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveKeys
import VarveTestKit
import VarveVault

/// Kills of what changes keys and of what only reads.
extension Torture.KillTests {
    // MARK: Rewrap

    /// Every recovery point opens wherever a rewrap is killed, and the next one ends what it began.
    func rewraps(_ home: KillHome, _ random: inout SeededGenerator) throws -> KillTally {
        let arguments = ["key", "rewrap", "--all", "--to", KillHome.otherKey, "--json"]
        let state = home.many
        func hasBegun(_: ChildProcess) throws -> Bool { try !KillKeys(home.home).lifted.isEmpty }
        let course = try measure(
            home.home, arguments, reset: { try home.reset(state, store: false) }, hasBegun: hasBegun)
        var tally = KillTally(
            "key rewrap", course,
            meanings: [
                .begun: "some keys rewrapped", .filled: "all rewrapped, an old file left",
                .committed: "all rewrapped, old files gone",
            ])
        for number in 0..<total {
            try home.reset(state, store: false)
            var checks = KillChecks(home.home, before: state)
            let result = try kill(home.home, arguments, trial: number, tally, &random, hasBegun: hasBegun) {
                try KillKeys(home.home).lifted.count >= state.listed.count - 1
            }
            let keys = try KillKeys(home.home)
            let stage: KillStage =
                result.exitCode == 0
                ? .finished
                : keys.lifted.isEmpty
                    ? .untouched
                    : keys.lifted.count < state.listed.count
                        ? .begun : keys.files.values.contains { $0.count > 1 } ? .filled : .committed
            // Opens every recovery point, of the very items that it had.
            _ = try checks.vault(acknowledged: [])
            try checks.otherThanKeysIsAsBefore()
            tally.addNextRun()
            let next = try KillCommands(home.home).run(arguments)
            if next.exitCode != 0 { checks.add("the next run: \(next)") }
            try checks.verifies([])
            try checks.otherThanKeysIsAsBefore()
            if try KillKeys(home.home).files.values.contains(where: { $0.count != 1 }) {
                checks.add("the next run left files that do not count")
            }
            let opened = try OpenDamageHome(home.home)
            let wanted = try opened.keys.recipients(under: KillHome.otherKey)
            for entry in try Catalog.read(opened.vault).entries
            where try opened.vault.keyFiles.recipients(entry.manifest.key.id) != wanted {
                checks.add("the next run left \(entry.manifest.id) under its old key")
            }
            tally.add(stage, after: result.took, checks.problems)
        }
        return tally
    }

    // MARK: Shred

    /// Wherever a shredding is killed, no key is gone without its record, nothing but what was named is touched, and the next one ends it.
    func shreddings(_ home: KillHome, _ random: inout SeededGenerator) throws -> KillTally {
        let targets = home.condemned
        let arguments = ["key", "shred"] + targets.keys.sorted() + ["--yes"]
        let state = home.many
        func hasBegun(_: ChildProcess) -> Bool {
            let tombstones = home.home.appending(DamageHome.vaultFolder).appending("tombstones")
            let names = try? FileManager.default.contentsOfDirectory(atPath: tombstones.string)
            return names?.isEmpty == false
        }
        let course = try measure(
            home.home, arguments, reset: { try home.reset(state, store: false) }, hasBegun: hasBegun)
        var tally = KillTally(
            "key shred", course,
            meanings: [
                .begun: "some tombstones", .filled: "all tombstones, a key left", .committed: "all keys destroyed",
            ])
        for number in 0..<total {
            try home.reset(state, store: false)
            var checks = KillChecks(home.home, before: state)
            let result = try kill(home.home, arguments, trial: number, tally, &random, hasBegun: hasBegun) {
                try KillKeys(home.home).files.count <= state.listed.count - targets.count + 1
            }
            let there = try KillKeys(home.home).files
            let destroyed = Set(targets.filter { there[$0.value] == nil }.keys)
            let recorded = Set(try Catalog.read(try OpenDamageHome(home.home).vault).shredded.keys)
            let stage: KillStage =
                result.exitCode == 0
                ? .finished
                : destroyed.count == targets.count
                    ? .committed
                    : recorded.count == targets.count ? .filled : recorded.isEmpty ? .untouched : .begun
            if !destroyed.isSubset(of: recorded) { checks.add("keys are gone without a record") }
            if !recorded.isSubset(of: targets.keys) { checks.add("shredded \(recorded.subtracting(targets.keys))") }
            let said = Self.shredded(result)
            if !said.isSubset(of: destroyed) { checks.add("said to be shredded: \(said.subtracting(destroyed))") }
            try checks.unfinished(recorded.subtracting(destroyed).compactMap { targets[$0] })
            tally.addNextRun()
            let next = try KillCommands(home.home).run(arguments)
            if next.exitCode != 0 { checks.add("the next run: \(next)") }
            if Self.shredded(next) != Set(targets.keys) { checks.add("the next run: \(next)") }
            try checks.verifies([])
            try checks.otherThanKeysIsAsBefore(new: targets.keys.map { "~\($0).json" })
            let left = try KillKeys(home.home).files
            if Set(left.keys) != Set(try KillKeys(state.vault, in: "").files.keys).subtracting(targets.values) {
                checks.add("the next run left other keys than those of what was not named")
            }
            tally.add(stage, after: result.took, checks.problems)
        }
        return tally
    }

    private static func shredded(_ result: ProcessResult) -> Set<String> {
        Set(
            result.outputText.split(separator: "\n").filter { $0.hasPrefix("shredded ") }.compactMap {
                $0.split { " ;".contains($0) }.dropFirst().first.map(String.init)
            })
    }

    // MARK: Verify

    /// A verification writes nothing: killed anywhere, it leaves the vault as it was.
    func verifications(_ home: KillHome, _ random: inout SeededGenerator) throws -> KillTally {
        let arguments = ["verify", "--level", "content", "--json"]
        let state = home.many
        func hasBegun(_ process: ChildProcess) -> Bool {
            process.openFiles.contains { $0.hasSuffix(".esdk") }
        }
        let course = try measure(
            home.home, arguments, reset: { try home.reset(state, store: true) }, hasBegun: hasBegun)
        var tally = KillTally(
            "verify", course,
            meanings: [.untouched: "before the first bundle was open", .begun: "while it read"])
        for number in 0..<total {
            try home.reset(state, store: false)
            var checks = KillChecks(home.home, before: state)
            let result = try kill(home.home, arguments, trial: number, tally, &random, hasBegun: hasBegun)
            let stage: KillStage = result.exitCode == 0 ? .finished : number == 0 ? .untouched : .begun
            if try !checks.isUntouched() { checks.add("the vault changed") }
            let listed = try KillCommands(home.home).listed()
            if listed.ids != state.listed || !listed.damaged.isEmpty { checks.add("list says \(listed)") }
            tally.addNextRun()
            try checks.verifies([])
            tally.add(stage, after: result.took, checks.problems)
        }
        return tally
    }
}

/// The key files of a vault.
struct KillKeys {
    /// Key ids, with the names of their files.
    private(set) var files: [String: [String]] = [:]

    init(_ home: FilePath, in vault: String = DamageHome.vaultFolder) throws {
        let folder = (vault.isEmpty ? home : home.appending(vault)).appending("keys")
        for id in try FileManager.default.contentsOfDirectory(atPath: folder.string) {
            // A key that is being destroyed may lose its folder after it was listed.
            let names = try? FileManager.default.contentsOfDirectory(atPath: folder.appending(id).string)
            if let names, !names.isEmpty { files[id] = names }
        }
    }

    /// Keys that have a file beyond their first.
    var lifted: Set<String> { Set(files.filter { $0.value.contains { $0 != "0001.key" } }.keys) }
}

extension KillChecks {
    /// Apart from key files, and `new` objects that end so, the vault holds what it held before, once what the kill left has been pruned.
    mutating func otherThanKeysIsAsBefore(new: [String] = []) throws {
        let prune = try KillCommands(home).run(["prune", "--leftovers", "--grace", "0s"])
        if prune.exitCode != 0 { return add("prune: \(prune)") }
        let objects = try KillHome.objects(home)
        let gone = before.objects.subtracting(objects).filter { !$0.hasPrefix("keys/") }
        let came = objects.subtracting(before.objects).filter { object in
            !object.hasPrefix("keys/") && !new.contains { object.hasSuffix($0) }
        }
        if !gone.isEmpty { add("\(gone.sorted()) are gone") }
        if !came.isEmpty { add("\(came.sorted()) are there") }
    }

    /// Verify tells which of `keys` are still there although a tombstone says that they were destroyed, and nothing else.
    mutating func unfinished(_ keys: [String]) throws {
        guard let found = try KillCommands(home).verify() else { return add("verify does not come to an end") }
        let expected = Set(keys.map { "keys/\($0)/" })
        if Set(found.map(\.object)) != expected { add("verify says \(found), expected \(expected)") }
    }
}
