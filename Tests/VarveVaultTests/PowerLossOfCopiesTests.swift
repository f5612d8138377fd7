// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarveTestKit
import VarveVault

/// Copies, healings and merged segments are recorded down to the single write and sync, and replayed to a power loss at random points.
///
/// Half of `VARVE_POWER_LOSSES` (10) is how many runs there are, each with 20 power losses; `VARVE_SEED` says which.
@Suite struct PowerLossOfCopiesTests {
    private enum Report {
        case copied(Manifest)
        /// The object that had been damaged.
        case healed(String)
    }

    /// A vault that copies are taken from, one that they come into, and one run over the second.
    private final class Recording: PowerLossRecording {
        let folder: TemporaryFolder
        let source: Vault
        let sources: [Manifest]
        /// As the other vault and its home's record were before the run.
        let before: FilePath
        let disk = LostPowerDisk()
        let damaged: String
        var reports: [(after: Int, report: Report)] = []

        init(_ random: inout SeededGenerator) throws {
            folder = try TemporaryFolder()
            source = try Samples.vault(folder)
            before = folder.appending("before")
            let live = folder.appending("live")
            let source = source
            let clock = try TestClock(step: 2_000_000)
            var readers = try (0..<2).map { _ in
                try Samples.snapshot(
                    source, items: Int.random(in: 1...400, using: &random),
                    perFile: Int.random(in: 10...200, using: &random), bundles: Int.random(in: 1...3, using: &random),
                    clock: clock)
            }
            let sweep = try Samples.snapshot(source, items: 10, bundles: 1, kind: .sweep, clock: clock)
            try sweep.writeOutcome(deleted: 9, changed: 1, gone: 0, finished: .now(), interrupted: false, record: nil)
            let first = try LogSamples.segment(source, number: 0, clock: clock)
            let second = try LogSamples.segment(source, number: 1, after: first, clock: clock)
            readers += [sweep, first, second, try LogSamples.merged(source, first, second, clock: clock)]
            sources = readers.map(\.manifest)
            readers.shuffle(using: &random)

            // One is there and damaged, the others come in the run.
            let old = try Vault.create(try DirectoryStorage.create(live.appending("vault")), tool: "varve test")
            let record = CommitRecord(live.appending("commits.log"))
            let there = readers.removeLast()
            try CopySamples.copy(there, to: old, record: record)
            let objects = try old.storage.list("tables/").map(\.path)
            damaged = try #require(objects.randomElement(using: &random)).text
            let bytes = try Tamper.read(old.file(damaged))
            switch Int.random(in: 0..<3, using: &random) {
            case 0: try Tamper.remove(old.file(damaged))
            case 1: try Tamper.write(old.file(damaged), Array(bytes.dropLast(bytes.count / 3 + 1)))
            default: try Tamper.write(old.file(damaged), bytes.map { $0 ^ 1 })
            }
            try FileManager.default.copyItem(atPath: live.string, toPath: before.string)

            let vault = try Vault.open(try DirectoryStorage(live.appending("vault"), journal: disk.journal))
            let journalled = CommitRecord(live.appending("commits.log"), journal: disk.journal)
            let healsAt = Int.random(in: 0...readers.count, using: &random)
            for number in 0...readers.count {
                if number == healsAt {
                    let outcomes = try Self.heal(vault, from: source, journalled)
                    try #require(!outcomes.isEmpty && outcomes.allSatisfy { $0.error == nil }, "\(outcomes)")
                    reports.append((disk.count, .healed(damaged)))
                }
                if number < readers.count {
                    let entry = try CopySamples.copy(readers[number], to: vault, record: journalled)
                    reports.append((disk.count, .copied(entry.manifest)))
                }
            }
        }

        static func heal(
            _ vault: Vault, from source: Vault, _ record: CommitRecord, clock: any Clock = SystemClock()
        ) throws -> [VaultHealing.Outcome] {
            let found = try findings(vault, record)
            let healing = try VaultHealing(
                vault, from: source, keys: TwoKeys(), under: "other", record: record, clock: clock)
            return try healing.run(found) {}
        }

        static func findings(_ vault: Vault, _ record: CommitRecord) throws -> [Finding] {
            let catalog = try Catalog.read(vault, depth: .bothCopies)
            return vault.checkListing(catalog, record: record) + vault.checkDocuments(catalog, keys: TwoKeys())
                + catalog.entries.flatMap { entry in
                    entry.manifest.bundles.flatMap { vault.checkBundle(entry.manifest, $0) }
                }
        }

        func problems(_ vault: Vault, _ record: CommitRecord, _ reports: [Report]) throws -> [String] {
            try lost(vault, record, reports) + next(vault, record)
        }

        /// What was reported is there, and what is listed is whole, but for the damage that was there before.
        private func lost(_ vault: Vault, _ record: CommitRecord, _ reports: [Report]) throws -> [String] {
            let catalog = try Catalog.read(vault, depth: .bothCopies)
            let listed = Set(catalog.entries.map(\.manifest.id))
            let recorded = Set(try record.entries().entries.map(\.id))
            var problems: [String] = []
            var isHealed = false
            for report in reports {
                switch report {
                case .healed: isHealed = true
                case .copied(let manifest):
                    if !listed.contains(manifest.id) { problems.append("copied \(manifest.id) is not listed") }
                    if !recorded.contains(manifest.id) { problems.append("copied \(manifest.id) is not recorded") }
                    problems += catalog.findings.filter { $0.object.contains(manifest.id) }.map { "copied: \($0)" }
                }
            }
            for entry in catalog.entries where isHealed || !damaged.hasPrefix(entry.manifest.folder) {
                let found = entry.manifest.bundles.flatMap { vault.checkBundle(entry.manifest, $0) }
                problems += found.map { "listed \(entry.manifest.id): \($0)" }
                if (try? SnapshotReader(vault, entry, keys: TwoKeys())) == nil {
                    problems.append("listed \(entry.manifest.id) does not open")
                }
            }
            if isHealed {
                let found = catalog.findings.filter { $0.object == damaged }.map { "healed: \($0)" }
                let isThere = try vault.storage.info(try ObjectPath(damaged)) != nil
                problems += found + (isThere ? [] : ["healed \(damaged) is missing"])
            }
            return problems
        }

        /// The next run succeeds, copies and heals what is left, and then the vaults hold the same.
        private func next(_ vault: Vault, _ record: CommitRecord) throws -> [String] {
            // The claim of the healing that the power cut short is this process's, which lives on.
            let far = try TestClock("2030-01-01T00:00:00.000000Z")
            do {
                try vault.finishInterruptedCommits(of: Samples.table, record: record, clock: far)
                _ = try Self.heal(vault, from: source, record, clock: far)
                let there = Set(try Catalog.read(vault).entries.map(\.manifest.id))
                for entry in try Catalog.read(source).entries where !there.contains(entry.manifest.id) {
                    try CopySamples.copy(
                        try SnapshotReader(source, entry, keys: TwoKeys()), to: vault, record: record)
                }
                // What shows only now that something else is whole.
                _ = try Self.heal(vault, from: source, record, clock: far)
            } catch {
                return ["the next run fails: \(error)"]
            }
            let found = try Self.findings(vault, record).filter { $0.object != record.path.string }
            let bundles = try CopySamples.bundles(vault) == CopySamples.bundles(source)
            let ids = Set(try Catalog.read(vault).entries.map(\.manifest.id)) == Set(sources.map(\.id))
            return found.map { "after the next run: \($0)" } + (bundles ? [] : ["other bundles than the source's"])
                + (ids ? [] : ["not all that the source has"])
        }
    }

    private let runs = max(
        1, (ProcessInfo.processInfo.environment["VARVE_POWER_LOSSES"].flatMap { Int($0) } ?? 10) / 2)

    @Test(.timeLimit(.minutes(120))) func `copies and healings survive a power loss at any point`() throws {
        var random = SeededGenerator("PowerLossOfCopiesTests")
        let (losses, problems) = try PowerLossTrial<Recording>.run(runs: runs, &random)
        print("\(runs) recorded runs of copies, \(losses) power losses: \(problems.count) problems.")
        #expect(problems.isEmpty, "\(problems.count) problems, first: \(problems.prefix(3))")
    }

    @Test(arguments: LostPowerDisk.Lie.allCases) func `a disk that does not sync copies as it says is found out`(
        lie: LostPowerDisk.Lie
    ) throws {
        var random = SeededGenerator("PowerLossOfCopiesTests.\(lie)")
        #expect(try PowerLossTrial<Recording>.found(lie, runs: 3, &random) > 0, "\(lie)")
    }
}
