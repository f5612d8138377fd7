// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarveSeal
import VarveTestKit
import VarveVault

/// Runs are recorded down to the single write and sync, and replayed to a power loss at random points: whatever a run had reported as done is
/// there, whole, and nothing half done is listed.
///
/// `VARVE_POWER_LOSSES` says how many runs (10, each with 20 power losses), `VARVE_SEED` which.
@Suite struct PowerLossTests {
    /// What a run had reported.
    private enum Report {
        case committed(id: String, items: Int)
        case rewrapped(key: String)
        case shredded(id: String, key: String)
        case removed(id: String)
    }

    /// One run over a vault and a home's record of commits below one folder.
    private final class Recording: PowerLossRecording {
        let folder: TemporaryFolder
        /// As everything was before the run.
        let before: FilePath
        let disk = LostPowerDisk()
        var reports: [(after: Int, report: Report)] = []

        init(_ random: inout SeededGenerator) throws {
            folder = try TemporaryFolder()
            before = folder.appending("before")
            let live = folder.appending("live")
            let old = try DirectoryStorage.create(live.appending("vault"))
            try Samples.snapshot(
                try Vault.create(old, tool: "varve test"), record: CommitRecord(live.appending("commits.log")))
            try FileManager.default.copyItem(atPath: live.string, toPath: before.string)

            let vault = try Vault.open(try DirectoryStorage(live.appending("vault"), journal: disk.journal))
            let record = CommitRecord(live.appending("commits.log"), journal: disk.journal)
            var points = try Catalog.read(vault).entries.map { (id: $0.manifest.id, key: $0.manifest.key.id) }
            for _ in 0..<Int.random(in: 2...5, using: &random) {
                switch Int.random(in: 0..<7, using: &random) {
                case 0:
                    guard let point = points.randomElement(using: &random) else { continue }
                    _ = try vault.keyFiles.rewrap(point.key, origin: vault.id, under: "other", keys: TwoKeys())
                    reports.append((disk.count, .rewrapped(key: point.key)))
                case 1:
                    guard points.count > 1, let point = points.popLast(),
                        let entry = try Catalog.read(vault).entries(idPrefix: point.id).first
                    else { continue }
                    _ = try vault.shred(entry, tool: "varve test")
                    reports.append((disk.count, .shredded(id: point.id, key: point.key)))
                case 2:
                    guard points.count > 1, let point = points.popLast() else { continue }
                    let catalog = try Catalog.read(vault)
                    let entry = try #require(catalog.entries(idPrefix: point.id).first)
                    try vault.record(
                        .removed, points: [.init(entry, reason: "Old.")], logs: [], after: catalog, tool: "varve test")
                    reports.append((disk.count, .removed(id: point.id)))
                    if Bool.random(using: &random) { continue }
                    for remains in try Catalog.read(vault).remainsOfRemoved() { try vault.removeBytes(remains) }
                default:
                    let items = Int.random(in: 1...400, using: &random)
                    let reader = try Samples.snapshot(
                        vault, items: items, perFile: Int.random(in: 10...200, using: &random),
                        bundles: Int.random(in: 1...3, using: &random),
                        kind: Bool.random(using: &random) ? .snapshot : .sweep, record: record)
                    reports.append((disk.count, .committed(id: reader.manifest.id, items: items)))
                    points.append((reader.manifest.id, reader.manifest.key.id))
                }
            }
        }

        func problems(_ vault: Vault, _ record: CommitRecord, _ reports: [Report]) throws -> [String] {
            try PowerLossCheck(vault, record, reports).problems()
        }
    }

    /// Looks at what a power loss left.
    private struct PowerLossCheck {
        let vault: Vault
        let record: CommitRecord
        let reports: [Report]
        private let keys = TwoKeys()

        init(_ vault: Vault, _ record: CommitRecord, _ reports: [Report]) {
            self.vault = vault
            self.record = record
            self.reports = reports
        }

        func problems() throws -> [String] {
            var problems: [String] = []
            let catalog = try Catalog.read(vault, depth: .bothCopies)
            let listed = Set(catalog.entries.map(\.manifest.id))
            let recorded = Set(try record.entries().entries.map(\.id))
            for report in reports {
                switch report {
                case .removed(let id):
                    if catalog.removals.points[id] == nil { problems.append("removed \(id) is not on record") }
                    if listed.contains(id) { problems.append("removed \(id) is listed") }
                // What is on record as removed may be gone, also where that was not reported yet.
                case .committed(let id, _) where catalog.removals.points[id] != nil: continue
                case .committed(let id, _):
                    if !listed.contains(id) { problems.append("committed \(id) is not listed") }
                    if !recorded.contains(id) { problems.append("committed \(id) is not in the record of commits") }
                    problems += catalog.findings.filter { $0.object.contains(id) }.map { "committed \(id): \($0)" }
                case .rewrapped(let key):
                    // A shredding that had begun may have come to the end of its keys before it was reported.
                    guard !isShredded(key), !catalog.shredded.values.contains(where: { $0.key == key }),
                        !catalog.removals.points.values.contains(where: { $0.point.key == key })
                    else { continue }
                    let names = (try? vault.keyFiles.recipients(key).map(\.name)) ?? []
                    if names != ["other.1"] { problems.append("rewrapped key \(key) is sealed to \(names)") }
                case .shredded(let id, let key):
                    if catalog.shredded[id] == nil { problems.append("shredded \(id) has no tombstone") }
                    if try !vault.storage.list("keys/\(key)/").isEmpty {
                        problems.append("shredded key \(key) is there")
                    }
                }
            }
            for entry in catalog.entries { problems += content(entry, in: vault, catalog) }
            problems += try next(vault, record)
            return problems
        }

        private func isShredded(_ key: String) -> Bool {
            reports.contains { if case .shredded(_, key) = $0 { true } else { false } }
        }

        /// Whatever is listed is whole, reported or not.
        private func content(_ entry: Catalog.Entry, in vault: Vault, _ catalog: Catalog) -> [String] {
            if catalog.shredded[entry.manifest.id] != nil { return [] }
            do {
                let reader = try SnapshotReader(vault, entry, keys: keys)
                let digests = try reader.digests()
                let index = try reader.index()
                return entry.manifest.bundles.flatMap { bundle in
                    vault.checkContent(
                        reader, bundle, index: index, digest: digests.bundles[bundle.name], Samples.content
                    ).findings.map { "listed \(entry.manifest.id): \($0)" }
                }
            } catch {
                return ["listed \(entry.manifest.id) does not open: \(error)"]
            }
        }

        /// The next run succeeds, finishes what was begun, and then nothing is wrong any more.
        private func next(_ vault: Vault, _ record: CommitRecord) throws -> [String] {
            let far = try TestClock("2030-01-01T00:00:00.000000Z")
            do {
                try vault.finishInterruptedCommits(of: Samples.table, record: record, clock: far)
                try Samples.snapshot(vault, record: record)
                for entry in try Catalog.read(vault).entries where try vault.tombstone(of: entry.manifest.id) != nil {
                    _ = try vault.shred(entry, tool: "varve test", clock: far)
                }
                for remains in try Catalog.read(vault).remainsOfRemoved() { try vault.removeBytes(remains) }
            } catch {
                return ["the next run fails: \(error)"]
            }
            let catalog = try Catalog.read(vault, depth: .bothCopies)
            let torn = try record.entries().damagedLines
            let found = vault.checkListing(catalog, record: record) + vault.checkDocuments(catalog, keys: keys)
            let left = catalog.remainsOfRemoved().map { "removed \($0.id) is still there" }
            return left + found.filter { $0.object != record.path.string }.map { "after the next run: \($0)" }
                + (torn > 1 ? ["\(torn) torn lines in the record of commits"] : [])
        }
    }

    private let runs = ProcessInfo.processInfo.environment["VARVE_POWER_LOSSES"].flatMap { Int($0) } ?? 10

    @Test(.timeLimit(.minutes(120))) func `what was reported as done survives a power loss at any point`() throws {
        var random = SeededGenerator("PowerLossTests")
        let (losses, problems) = try PowerLossTrial<Recording>.run(runs: runs, &random)
        print("\(runs) recorded runs, \(losses) power losses: \(problems.count) problems.")
        #expect(problems.isEmpty, "\(problems.count) problems, first: \(problems.prefix(3))")
    }

    @Test(arguments: LostPowerDisk.Lie.allCases) func `a disk that does not sync what it says is found out`(
        lie: LostPowerDisk.Lie
    ) throws {
        var random = SeededGenerator("PowerLossTests.\(lie)")
        #expect(try PowerLossTrial<Recording>.found(lie, runs: 5, &random) > 0, "\(lie)")
    }
}
