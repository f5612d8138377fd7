// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Synchronization
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveSeal
import VarveTestKit
import VarveVault

/// Retention on a real vault: its two steps, what takes them back, what stays whatever a policy says, and kills at every call.
@Suite struct PruneVaultTests {
    private static let lastTwo = RetentionPolicy(keepLast: 2)
    private static let window = RetentionPolicy(keepLast: 1, pointInTime: .seconds(2 * 86_400))

    @Test func `what goes is recorded first, and its bytes go a day later`() throws {
        let prune = try PruneHome(days: 5, captured: false)
        let before = try prune.objects()
        let dry = try prune.prune().plan(rule: PruneHome.rule(Self.lastTwo))
        #expect(dry.tables[0].plan.points.count { $0.goes == .noRule } == 3)
        #expect(try prune.objects() == before, "a plan writes nothing")

        let plan = try prune.run(Self.lastTwo)
        #expect(plan.records.count == 1 && plan.remains.allSatisfy { $0.stays != nil })
        #expect(try prune.objects() == before.union(plan.records))
        #expect(try prune.snapshots() == Array(prune.ids.suffix(2)))
        #expect(try prune.problems() == [])
        // What is removed is refused by name, and with the way back.
        let gone = prune.ids[0]
        #expect(refusal { _ = try prune.restore(gone, as: "Back") } == "removed")
        #expect(refusal { _ = try RecoveryPoints(prune.home.vault).find(table: nil, id: gone) } == "removed")
        let entry = try #require(try Catalog.read(prune.home.vault).removed.first)
        #expect(refusal { _ = try SnapshotReader(prune.home.vault, entry, keys: prune.home.keys) } == "removed")

        let soon = try prune.run(Self.lastTwo)
        #expect(soon.records == [] && soon.remains.count == 3, "twice changes nothing more")
        prune.home.clock.advance(seconds: PruneHome.day)
        let late = try prune.run(Self.lastTwo)
        #expect(late.records == [] && late.remains.allSatisfy { $0.stays == nil } && late.remains.count == 3)
        let kept = prune.ids.suffix(2)
        let left = try prune.objects()
        for day in prune.days {
            let isKept = kept.contains(day.snapshot.id)
            #expect(left.contains { $0.hasPrefix(day.snapshot.folder) } == isKept)
            #expect(left.contains(day.snapshot.catalogPath) == isKept)
            #expect(left.contains { $0.hasPrefix("keys/\(day.snapshot.key.id)/") } == isKept)
        }
        #expect(try prune.problems() == [])
        #expect(refusal { _ = try RecoveryPoints(prune.home.vault).find(table: nil, id: gone) } == "removed")
        #expect(try prune.run(Self.lastTwo).remains.isEmpty)
        #expect(try prune.objects() == left)
        for day in prune.days where kept.contains(day.snapshot.id) {
            #expect(try prune.restore(day.snapshot.id, as: "Back") == day.items)
        }
        // The chain goes on behind what is gone.
        try prune.home.backup(PruneHome.table)
        #expect(try prune.problems() == [])
    }

    @Test func `without a grace period both steps are one run`() throws {
        let prune = try PruneHome(days: 3, captured: false)
        let plan = try prune.run(.init(keepLast: 1), grace: .zero)
        #expect(plan.remains.count == 2 && plan.remains.allSatisfy { $0.stays == nil })
        #expect(try prune.problems() == [])
        #expect(try prune.snapshots() == [prune.ids[2]])
    }

    // MARK: The log

    @Test func `a log goes from its beginning, and coverage begins later without a hole`() throws {
        let prune = try PruneHome(days: 6)
        let before = try prune.coverage()
        #expect(before.segments == 12 && before.holes.isEmpty && before.intervals.count == 1)
        let now = prune.home.clock.now()
        let plan = try prune.run(Self.window)
        let begins = now.before(.seconds(2 * 86_400))
        #expect(plan.tables[0].plan.logGoesBefore != nil)
        for step in 0..<2 {
            let coverage = try prune.coverage()
            #expect(coverage.holes == [], "step \(step)")
            #expect(coverage.segments < before.segments && coverage.segments >= 3)
            let interval = try #require(coverage.intervals.last)
            #expect(interval.from <= begins && interval.through == before.through)
            #expect(try prune.problems() == [])
            prune.home.clock.advance(seconds: PruneHome.day / 24 * 25)
            try prune.run(.init(keepLast: 1, pointInTime: .seconds(4 * 86_400)))
        }
        #expect(try !prune.objects().contains { $0.hasPrefix(prune.days[0].snapshot.folder) })
        // Capture goes on where it was.
        try prune.home.put(3, 1, into: PruneHome.table)
        #expect(try prune.home.captureOnce(try prune.home.source(PruneHome.table)).holes.isEmpty)
        #expect(try prune.problems() == [])
        #expect(try prune.coverage().intervals.count == 1)
    }

    @Test func `a log is taken back from a segment on, and everything with its snapshot`() throws {
        let prune = try PruneHome(days: 6)
        let before = try prune.coverage()
        let segments = try prune.home.segments(PruneHome.table).map(\.manifest)
        try prune.run(Self.window)
        let short = try prune.coverage()
        #expect(short.segments < 8)
        // From the third on; the snapshot of that day with it.
        let back = try prune.prune().undo(segments[2].id)
        #expect(back.map(\.id) == segments.dropFirst(2).prefix(back.count).map(\.id))
        #expect(try prune.coverage().segments == 10)
        #expect(try prune.prune().undo(prune.ids[1]).map(\.id) == [prune.ids[1]])
        #expect(try prune.problems() == [])
        // What is not given back went when it went.
        #expect(try Catalog.read(prune.home.vault).remainsOfRemoved().count { $0.kind == .log } == 2)
        try prune.prune().undo(segments[0].id)
        for id in prune.ids where try !prune.snapshots().contains(id) { try prune.prune().undo(id) }
        let after = try prune.coverage()
        #expect(after.intervals == before.intervals && after.segments == before.segments && after.holes == [])
        #expect(refusal { try prune.prune().undo(segments[0].id) } == "noRecoveryPoint")
        try prune.run(Self.window)
        #expect(try prune.coverage().intervals == short.intervals, "a policy that stays removes it again")
    }

    // MARK: Taking back

    @Test func `a removal is taken back as long as every byte is there`() throws {
        let prune = try PruneHome(days: 4, captured: false)
        try prune.run(Self.lastTwo)
        #expect(try prune.prune().undo(String(prune.ids[0].prefix(8))).map(\.id) == [prune.ids[0]])
        #expect(try prune.snapshots() == [prune.ids[0], prune.ids[2], prune.ids[3]])
        #expect(try prune.restore(prune.ids[0], as: "Back") == prune.days[0].items)
        #expect(try prune.problems() == [])
        #expect(refusal { try prune.prune().undo(prune.ids[0]) } == "noRecoveryPoint")
        // One object of it has gone.
        let key = try #require(
            try prune.home.vault.storage.list("keys/\(prune.days[1].snapshot.key.id)/").first)
        try prune.home.vault.storage.delete(key.path)
        #expect(refusal { try prune.prune().undo(prune.ids[1]) } == "removed")
        #expect(try prune.problems() == [])
        try prune.run(Self.lastTwo, grace: .zero)
        #expect(refusal { try prune.prune().undo(prune.ids[0]) } == "removed")
        #expect(refusal { try prune.prune().undo("zzzz") } == "noRecoveryPoint")
    }

    // MARK: What beats a policy

    @Test func `what somebody reads stays, in the plan and in its bytes`() throws {
        let prune = try PruneHome(days: 4, captured: false)
        let vault = prune.home.vault
        let restore = try Lease(
            vault.storage, what: "restore of Things", protects: [prune.days[0].snapshot.folder],
            clock: prune.home.clock)
        try prune.run(Self.lastTwo)
        #expect(try prune.snapshots() == [prune.ids[0], prune.ids[2], prune.ids[3]])
        restore.release()
        try prune.run(Self.lastTwo)
        prune.home.clock.advance(seconds: PruneHome.day)
        // A verification began before.
        let verify = try Lease(vault.storage, what: "verification", reads: [""], clock: prune.home.clock)
        let plan = try prune.run(Self.lastTwo)
        #expect(plan.remains.count == 2 && plan.remains.allSatisfy { $0.stays?.contains("verification") == true })
        #expect(try prune.prune().undo(prune.ids[1]).count == 1)
        verify.release()
        try prune.run(Self.lastTwo)
        #expect(try prune.objects().contains { $0.hasPrefix(prune.days[1].snapshot.folder) })
        #expect(try !prune.objects().contains { $0.hasPrefix(prune.days[0].snapshot.folder) })
        // A lease that cannot be read may protect anything.
        try vault.storage.replace(try ObjectPath("leases/broken.json"), Array("broken".utf8))
        let now = prune.home.clock.now()
        let (_, unread) = try Lease.live(in: vault.storage, at: .now())
        #expect(unread.count == 1)
        let facts = RetentionFacts.all(
            in: try Catalog.read(vault), verified: [], leases: [], unreadLease: unread.first, at: now)
        #expect(facts.flatMap(\.points).allSatisfy { $0.protection.use != nil })
    }

    /// Opens keys, and looks at who has a lease meanwhile.
    private final class ProbingKeys: KeyOpening {
        let home: CaptureHome
        private let seen = Mutex<[[LeaseDescription]]>([])
        init(_ home: CaptureHome) { self.home = home }

        func openKey(_ message: [UInt8], expecting: EncryptionContext) throws -> SymmetricKey {
            let leases = try Lease.live(in: home.vault.storage, at: .now()).leases
            seen.withLock { $0.append(leases) }
            return try home.keys.openKey(message, expecting: expecting)
        }

        /// Whether each key was opened under a lease that keeps a folder.
        func isKept(_ folder: String) -> Bool {
            seen.withLock { !$0.isEmpty && $0.allSatisfy { $0.contains { $0.uses(folder) } } }
        }
    }

    @Test func `a verification and a restore have their lease before they ask whether it was removed`() throws {
        let prune = try PruneHome(days: 1, captured: false)
        let folder = prune.days[0].snapshot.folder
        let verifying = ProbingKeys(prune.home)
        _ = try VerifyVault(vault: prune.home.vault, keys: verifying, commits: nil, workers: 1)
            .run(ids: [], depth: .content, progress: Progress(), stop: StopSignal())
        #expect(verifying.isKept(folder))
        let restoring = ProbingKeys(prune.home)
        let entry = try RecoveryPoints(prune.home.vault).find(table: nil, id: prune.ids[0])
        _ = try RestoreTable(
            vault: prune.home.vault, keys: restoring, workers: 1, scratch: prune.home.folder.path
        ).run(PointInTime(entry), as: "Back", into: prune.home.store, progress: Progress(), stop: StopSignal())
        #expect(restoring.isKept(folder))
        #expect(try prune.home.vault.storage.list("leases/").isEmpty)
    }

    @Test func `a snapshot that misses something fills no place, and waits for what is put back`() throws {
        let prune = try PruneHome(days: 4, captured: false)
        let storage = prune.home.vault.storage
        let bundle = try ObjectPath(prune.days[3].snapshot.folder + "000001.tar.esdk")
        let bytes = try storage.get(bundle, atMost: 1 << 24)
        try storage.delete(bundle)
        try prune.run(.init(keepLast: 1))
        #expect(try prune.snapshots() == Array(prune.ids[2...]))
        try storage.put(bundle, bytes)
        try prune.run(.init(keepLast: 1))
        #expect(try prune.snapshots() == [prune.ids[3]])
        // Without its key a snapshot is as good as none.
        try prune.prune().undo(prune.ids[2])
        for key in try storage.list("keys/\(prune.days[3].snapshot.key.id)/") { try storage.delete(key.path) }
        try prune.run(.init(keepLast: 1))
        #expect(try prune.snapshots() == Array(prune.ids[2...]))
    }

    @Test func `holds and locks keep what a policy lets go, and the bytes of what was removed`() throws {
        let prune = try PruneHome(days: 5, captured: false)
        let vault = prune.home.vault
        let now = prune.home.clock.now()
        let hold = try Self.hold(vault, on: .init(recoveryPoint: prune.ids[0]), at: now)
        let until = Instant(microseconds: now.microseconds + 3 * PruneHome.day * 1_000_000)
        try Self.lock(vault, on: .init(recoveryPoint: prune.ids[1]), until: until, at: now)
        try prune.run(Self.lastTwo)
        #expect(try prune.snapshots() == [prune.ids[0], prune.ids[1], prune.ids[3], prune.ids[4]])
        let entry = try #require(try Catalog.read(vault).entries(idPrefix: prune.ids[0]).first)
        #expect(refusal { _ = try vault.shred(entry, tool: "test", clock: prune.home.clock) } == "held")
        // One that comes when the first step is done.
        let table = try Self.hold(vault, on: .init(table: prune.days[0].snapshot.table.id), at: now)
        prune.home.clock.advance(seconds: 2 * PruneHome.day)
        let held = try prune.run(Self.lastTwo)
        #expect(held.remains.map(\.stays) == ["hold \(table.id)"])
        try Self.release(vault, table, at: now)
        try Self.release(vault, hold, at: now)
        try prune.run(Self.lastTwo, grace: .zero)
        #expect(try prune.snapshots() == [prune.ids[1], prune.ids[3], prune.ids[4]])
        prune.home.clock.advance(seconds: 2 * PruneHome.day)
        try prune.run(Self.lastTwo, grace: .zero)
        #expect(try prune.snapshots() == [prune.ids[3], prune.ids[4]])
        #expect(try prune.problems() == [])
    }

    @Test(arguments: ["holds/", "locks/", "tombstones/"])
    func `a hold, lock or record that cannot be read stops everything, and verify names it`(folder: String) throws {
        let prune = try PruneHome(days: 4, captured: false)
        let vault = prune.home.vault
        let now = prune.home.clock.now()
        try Self.hold(vault, on: .init(), at: now)
        try Self.lock(vault, on: .init(), until: now, at: now)
        try prune.run(.init(keepLast: 4, maximum: .seconds(86_400 * 400)))
        try vault.record(.removed, points: [], logs: [Self.nothing(prune)], after: Catalog.read(vault), tool: "test")
        let object = try #require(try vault.storage.list(folder).first).path
        let file = FilePath(vault.storage.location).appending(object.text)
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file.string)))
        bytes[bytes.count / 2] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: file.string))
        #expect(refusal { try prune.run(.init(keepLast: 1)) } == "damaged")
        #expect(try prune.snapshots().count == 4)
        #expect(try prune.home.verify().map(\.object) == [object.text])
    }

    private static func nothing(_ prune: PruneHome) -> Removal.Log {
        .init(
            table: prune.days[0].snapshot.table, before: Instant(microseconds: 0), segments: 0, sealedBytes: 0,
            reason: "Nothing.")
    }

    // MARK: Clocks, and company

    @Test func `a clock before the newest manifest, or before the newest record, stops everything`() throws {
        let prune = try PruneHome(days: 3, captured: false)
        let early = PruneVault(
            vault: prune.home.vault, verifications: nil, tool: "test",
            clock: PipelineHome.StoppedClock(time: prune.days[2].snapshot.started))
        #expect(
            refusal { _ = try early.run(stop: StopSignal(), rule: PruneHome.rule(.init(keepLast: 1))) }
                == "clockBehind")
        try prune.run(.init(keepLast: 1))
        let before = try prune.objects()
        prune.home.clock.advance(seconds: -3600)
        #expect(refusal { try prune.run(.init(keepLast: 1), grace: .zero) } == "clockBehind")
        #expect(refusal { _ = try prune.prune().plan(rule: PruneHome.rule(.init(keepLast: 1))) } == "clockBehind")
        #expect(try prune.objects() == before)
        // Taking back is always possible, and counts although the clock says that it came first.
        try prune.prune().undo(prune.ids[0])
        #expect(try prune.snapshots() == [prune.ids[0], prune.ids[2]])
    }

    @Test func `one at a time prunes a vault`() throws {
        let prune = try PruneHome(days: 3, captured: false)
        let lease = try Lease.claiming("prune", prune.home.vault.storage, what: "prune", clock: prune.home.clock)
        #expect(refusal { try prune.run(.init(keepLast: 1)) } == "locked")
        #expect(refusal { try prune.prune().undo(prune.ids[0]) } == "locked")
        lease.release()
        try prune.run(.init(keepLast: 1))
        #expect(try prune.home.vault.storage.list("leases/").isEmpty)
    }

    @Test func `only what was verified fills places where the policy says so`() throws {
        let prune = try PruneHome(days: 5, captured: false)
        let record = VerificationRecord(prune.home.folder.appending("verified.log"))
        let report = try VerifyVault(vault: prune.home.vault, keys: prune.home.keys, commits: nil, workers: 1)
            .run(ids: [prune.ids[1], prune.ids[2]], depth: .content, progress: Progress(), stop: StopSignal())
        #expect(report.verified == [prune.ids[1], prune.ids[2]])
        try record.append(
            VerificationEntry(
                vault: prune.home.vault.id, time: prune.days[3].snapshot.started, points: report.verified))
        let policy = RetentionPolicy(keepLast: 1, keepVerifiedOnly: true)
        _ = try prune.prune(verifications: record).run(stop: StopSignal(), rule: PruneHome.rule(policy))
        // The one that counts, and those after it, which nobody has looked at yet.
        #expect(try prune.snapshots() == Array(prune.ids[2...]))
        // A damaged one is not verified, nor is anything below the content.
        for depth in [VerifyDepth.objects, .listing] {
            let shallow = try VerifyVault(vault: prune.home.vault, keys: prune.home.keys, commits: nil, workers: 1)
                .run(ids: [], depth: depth, progress: Progress(), stop: StopSignal())
            #expect(shallow.verified == [])
        }
    }

    // MARK: Documents

    @discardableResult
    static func hold(_ vault: Vault, on what: Protected, at time: Instant) throws -> Hold {
        let id = RandomID.make()
        let path = VaultPaths.hold(at: time, id: id)
        let hold = Hold(
            vault: vault.id, path: path, id: id, on: what, reason: "case 7", placedBy: "ada", placed: time, tool: "test"
        )
        try vault.storage.put(try ObjectPath(path), try ProvenDocument.encode(hold).bytes)
        return hold
    }

    private static func release(_ vault: Vault, _ hold: Hold, at time: Instant) throws {
        let path = VaultPaths.release(at: time, hold: hold.id)
        let release = HoldRelease(
            vault: vault.id, path: path, hold: hold.id, reason: "closed", releasedBy: "ada", released: time,
            tool: "test")
        try vault.storage.put(try ObjectPath(path), try ProvenDocument.encode(release).bytes)
    }

    private static func lock(_ vault: Vault, on what: Protected, until: Instant, at time: Instant) throws {
        let id = RandomID.make()
        let path = VaultPaths.lock(at: time, id: id)
        let lock = RetentionLock(
            vault: vault.id, path: path, id: id, on: what, until: until, placed: time, tool: "test")
        try vault.storage.put(try ObjectPath(path), try ProvenDocument.encode(lock).bytes)
    }
}
