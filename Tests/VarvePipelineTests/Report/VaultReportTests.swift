// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveStore
import VarveTestKit
import VarveVault

@Suite struct VaultReportTests {
    private static let policy = RetentionPolicy(keepLast: 2, pointInTime: .seconds(2 * PruneHome.day))

    /// The report of a home's vault, by a policy for its table.
    private func report(
        _ prune: PruneHome, clock: (any Clock)? = nil, verified: VerificationRecord? = nil, drills: DrillRecord? = nil,
        live: [VaultReport.Live] = []
    ) throws -> VaultReport {
        let clock = clock ?? prune.home.clock
        let settled = try Catalog.settled(prune.home.vault)
        let stage = PruneVault(vault: prune.home.vault, verifications: verified, tool: "test", clock: clock)
        return VaultReport(
            prune.home.vault, settled, at: clock.now(),
            retention: Result { try stage.plan(of: settled.catalog, rule: PruneHome.rule(Self.policy)) },
            verified: Result { try verified?.newest() ?? [:] }, drills: Result { try drills?.entries() ?? [] },
            live: live)
    }

    @Test func `a report has of each table what each part of the house says of it`() throws {
        let prune = try PruneHome(days: 4)
        let home = prune.home
        let verified = VerificationRecord(home.folder.appending("verified.log"))
        let drills = DrillRecord(home.folder.appending("drills.log"))
        let time = home.clock.now()
        func later(_ seconds: Int64) -> Instant { Instant(microseconds: time.microseconds + seconds * 1_000_000) }
        home.clock.advance(seconds: 100)
        // The one that was verified last counts, whatever its age, and the last drill of this vault.
        for (id, at) in [(prune.ids[3], later(1)), (prune.ids[1], later(3)), (prune.ids[2], later(2))] {
            try verified.append(VerificationEntry(vault: home.vault.id, time: at, points: [id]))
        }
        let table = prune.days[0].snapshot.table
        for (vault, seconds, failure) in [(home.vault.id, 1, nil), (home.vault.id, 2, "x"), ("another", 3, nil)] {
            try drills.append(
                DrillEntry(
                    vault: vault, time: later(Int64(seconds)), table: table, at: time, base: prune.ids[0], segments: 1,
                    items: 2, seconds: 0.5, failure: failure))
        }
        let first = try #require(try home.catalog.entries(idPrefix: prune.ids[0]).first)
        _ = try home.vault.shred(first, tool: "test", clock: home.clock)
        let live = VaultReport.Live(
            store: "local", description: try home.store.describe(PruneHome.table), expired: nil)
        let report = try report(prune, verified: verified, drills: drills, live: [live])
        #expect(report.unknown.isEmpty && report.findings.isEmpty && report.tables.count == 1)
        let facts = try #require(report.tables.first)
        #expect(facts.coverage == (try prune.coverage()))
        #expect(facts.points.map(\.id) == Array(prune.ids.dropFirst()) && facts.shredded == 1)
        #expect(facts.snapshots.count == 3 && facts.sweeps.isEmpty && facts.live?.store == "local")
        #expect(facts.lastVerified?.id == prune.ids[1] && facts.lastVerified?.time == later(3))
        #expect(facts.lastDrill?.failure == "x")
        let plan = try #require(facts.retention?.plan)
        let fresh = try prune.prune(verifications: verified).plan(rule: PruneHome.rule(Self.policy)).tables[0].plan
        #expect(plan.points == fresh.points && plan.segments == fresh.segments)
    }

    @Test(arguments: ["holds/", "locks/", "tombstones/"])
    func `where a hold, lock or record cannot be read all but retention is stated`(folder: String) throws {
        let prune = try PruneHome(days: 3)
        let whole = try report(prune)
        let object = FilePath(prune.home.vault.storage.location).appending(folder).appending("20261124T000000Z~x.json")
        try FileManager.default.createDirectory(
            atPath: object.removingLastComponent().string, withIntermediateDirectories: true)
        try Data("no such thing".utf8).write(to: URL(fileURLWithPath: object.string))
        let report = try report(prune)
        #expect(report.unknown.map(\.subject) == [.retention])
        #expect((report.unknown.first?.error as? VaultError)?.code == .damaged)
        #expect(report.findings.map(\.object) == [folder + "20261124T000000Z~x.json"])
        #expect(same(report, whole) && report.tables.allSatisfy { $0.retention == nil })
        #expect(whole.tables.allSatisfy { $0.retention != nil })
    }

    @Test func `where the clock lies before the newest manifest all but retention is stated`() throws {
        let prune = try PruneHome(days: 3)
        let whole = try report(prune)
        let early = PipelineHome.StoppedClock(time: prune.days[1].snapshot.started)
        let report = try report(prune, clock: early)
        #expect(report.unknown.map(\.subject) == [.retention])
        #expect((report.unknown.first?.error as? PipelineError)?.code == .clockBehind)
        #expect(report.time == early.now() && report.findings.isEmpty)
        #expect(same(report, whole) && report.tables.allSatisfy { $0.retention == nil })
    }

    @Test func `where the home's records cannot be read the vault is stated all the same`() throws {
        let prune = try PruneHome(days: 2)
        let whole = try report(prune)
        let folder = prune.home.folder.appending("no file").string
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let report = try report(
            prune, verified: VerificationRecord(FilePath(folder)), drills: DrillRecord(FilePath(folder)))
        // What was verified may be what retention counts.
        #expect(report.unknown.map(\.subject) == [.retention, .verifications, .drills])
        #expect(same(report, whole) && report.tables.allSatisfy { $0.lastVerified == nil && $0.lastDrill == nil })
    }

    /// Whether two reports say the same of what lies in the vault.
    private func same(_ one: VaultReport, _ other: VaultReport) -> Bool {
        one.tables.map(\.coverage) == other.tables.map(\.coverage)
            && one.tables.map { $0.points.map(\.id) } == other.tables.map { $0.points.map(\.id) }
            && one.tables.map(\.shredded) == other.tables.map(\.shredded)
    }
}
