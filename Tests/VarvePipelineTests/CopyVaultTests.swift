// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

/// A home whose vault is copied into a second one.
private final class CopyHome: Sendable {
    let home: CaptureHome
    let target: Vault
    let commits: CommitRecord

    init(_ home: CaptureHome, _ name: String = "second", failpoint: Failpoint? = nil) throws {
        self.home = home
        let folder = home.folder.appending(name)
        _ = try Vault.create(DirectoryStorage.create(folder), tool: "test")
        target = try Vault.open(DirectoryStorage(folder, failpoint: failpoint))
        commits = CommitRecord(home.folder.appending("\(name).log"))
    }

    var stage: CopyVault {
        CopyVault(from: home.vault, to: target, under: "managed", keys: home.keys, commits: commits, workers: 2)
    }

    struct Report {
        var copied: [Manifest] = []
        var present = 0
        var failed: [(Manifest, any Error)] = []
        var waiting = 0
    }

    @discardableResult
    func copy(
        stop: StopSignal = StopSignal(), _ includes: (Manifest) -> Bool = { _ in true },
        heard: (Manifest) -> Void = { _ in }
    ) throws -> Report {
        let plan = try stage.plan(includes)
        var report = Report()
        report.present = plan.present
        report.waiting = try stage.run(plan, progress: Progress(), stop: stop) { outcome in
            switch outcome.change {
            case .copied:
                report.copied.append(outcome.manifest)
                heard(outcome.manifest)
            case .present, .outcome: report.present += 1
            case .failed(let error): report.failed.append((outcome.manifest, error))
            }
        }
        return report
    }

    func verify() throws -> [Finding] {
        try VerifyVault(vault: target, keys: home.keys, commits: commits, workers: 2)
            .run(ids: [], depth: .content, progress: Progress(), stop: StopSignal()).findings
    }

    func coverage(_ table: String) throws -> Coverage {
        try #require(Coverage.all(in: try Catalog.read(target), of: table).last)
    }

    func restored(at instant: Instant, of table: String) throws -> [Int: Int] {
        let point = try PointInTime.find(.time(instant), of: table, in: try Catalog.read(target))
        _ = try RestoreTable(vault: target, keys: home.keys, workers: 2, scratch: home.folder.path).run(
            point, as: "Restored", into: home.restores, progress: Progress(), stop: StopSignal())
        defer { try? home.restores.dropTable("Restored") }
        return try CaptureHome.items("Restored", in: home.restores)
    }
}

@Suite struct CopyVaultTests {
    /// A table with two snapshots and many segments, a few of them quiet, and what it held at instants between.
    private static func history(
        _ home: CaptureHome, _ table: String = "Orders", rounds: Int = 6
    ) throws -> [(at: Instant, items: [Int: Int])] {
        try home.makeTable(table)
        let source = try home.source(table)
        try home.put(0, 0, into: table)
        try home.backup(table)
        var states: [(Instant, [Int: Int])] = []
        for round in 0..<rounds {
            for key in 0..<5 where round % 3 != 2 { try home.put(key, round * 10 + key, into: table) }
            if round % 3 == 1 { try home.delete(round % 5, from: table) }
            if round == rounds / 2 { try home.backup(table) }
            home.clock.advance(seconds: 5)
            try home.captureOnce(source)
            states.append((try #require(try home.coverage(table).through), try home.items(table)))
        }
        return states
    }

    @Test func `a copied vault has the same coverage and restores the same states`() throws {
        let home = try CaptureHome()
        let states = try Self.history(home)
        let copy = try CopyHome(home)
        let report = try copy.copy()
        #expect(report.failed.isEmpty && report.waiting == 0 && report.present == 0)
        #expect(try report.copied.map(\.id) == home.catalog.entries.map(\.manifest.id), "in the order of their start")
        #expect(try copy.coverage("Orders") == home.coverage("Orders"))
        #expect(try copy.coverage("Orders").holes.isEmpty && copy.coverage("Orders").intervals.count == 1)
        for state in states { #expect(try copy.restored(at: state.at, of: "Orders") == state.items, "\(state.at)") }
        #expect(try copy.verify() == [] && home.verify() == [])
        let again = try copy.copy()
        #expect(again.copied.isEmpty && again.present == report.copied.count)
        // What comes later is all that the next copy has to do.
        try home.put(9, 9, into: "Orders")
        home.clock.advance(seconds: 5)
        try home.captureOnce(try home.source("Orders"))
        #expect(try copy.copy().copied.count == 1)
        #expect(try copy.coverage("Orders") == home.coverage("Orders"))
        #expect(try copy.verify() == [])
    }

    @Test func `holes of the source are holes of the copy, and no others`() throws {
        let home = try CaptureHome()
        _ = try Self.history(home, rounds: 2)
        try home.put(1, 76, into: "Orders")
        home.clock.advance(seconds: CaptureHome.retention + 60)
        try home.put(1, 77, into: "Orders")
        _ = try home.store.trimChanges()
        try home.captureOnce(try home.source("Orders"))
        try home.backup("Orders")
        let copy = try CopyHome(home)
        try copy.copy()
        #expect(try copy.coverage("Orders") == home.coverage("Orders"))
        #expect(try home.coverage("Orders").holes.map(\.cause) == [.trimmed])
    }

    @Test func `only what is chosen is copied`() throws {
        let home = try CaptureHome()
        _ = try Self.history(home)
        _ = try Self.history(home, "Others", rounds: 1)
        let copy = try CopyHome(home)
        try copy.copy { $0.table.name == "Others" && $0.kind.isRecoveryPoint }
        let manifests = try Catalog.read(copy.target).entries.map(\.manifest)
        #expect(!manifests.isEmpty && manifests.allSatisfy { $0.table.name == "Others" && $0.kind == .snapshot })
        #expect(try copy.verify() == [])
    }

    @Test func `a damaged segment is named and passed over, and the hole that it is shows`() throws {
        let home = try CaptureHome()
        _ = try Self.history(home)
        let segments = try home.segments("Orders").map(\.manifest).filter { !$0.bundles.isEmpty }
        let broken = segments[1]
        let file = FilePath(home.vault.storage.location).appending(broken.folder + "000001.tar.esdk")
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file.string)))
        let whole = bytes
        bytes[bytes.count / 2] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: file.string))
        let copy = try CopyHome(home)
        let report = try copy.copy()
        #expect(report.failed.map(\.0.id) == [broken.id] && report.waiting == 0)
        #expect((report.failed.first?.1 as? VaultError)?.code == .damaged)
        #expect(try copy.coverage("Orders").holes.map(\.cause) == [.missing])
        // Put right in the source, it is copied, and the hole closes.
        try Data(whole).write(to: URL(fileURLWithPath: file.string))
        #expect(try copy.copy().copied.map(\.id) == [broken.id])
        #expect(try copy.coverage("Orders") == home.coverage("Orders"))
        #expect(try copy.verify() == [])
    }

    @Test func `a target that takes no more leaves no hole, and the next copy goes on`() throws {
        let home = try CaptureHome()
        _ = try Self.history(home, rounds: 8)
        let count = try home.catalog.entries.count
        var (waited, rounds) = (0, 0)
        // Each round fails later: at whatever call the disk is full, the log in the target is whole as far as it goes.
        for limit in stride(from: 20, to: 2000, by: 61) {
            let calls = Mutex(0)
            let isFull = Mutex(false)
            let copy = try CopyHome(home, "full\(limit)") { point in
                guard isFull.withLock({ $0 }), [.write, .link, .makeFolder].contains(point) else { return nil }
                return calls.withLock {
                    $0 += 1
                    return $0 > limit / 4
                } ? .noSpace : nil
            }
            isFull.withLock { $0 = true }
            let report = try? copy.copy()
            isFull.withLock { $0 = false }
            rounds += 1
            if let report, report.failed.isEmpty {
                #expect(report.copied.count == count)
                break
            }
            waited += report?.waiting ?? 0
            let held = try Catalog.read(copy.target)
            #expect(Coverage.all(in: held).flatMap(\.holes).isEmpty, "limit \(limit)")
            #expect(try copy.verify().allSatisfy { $0.reason.contains("One of the two copies") })
            let next = try copy.copy()
            #expect(next.failed.isEmpty && next.waiting == 0)
            #expect(try copy.coverage("Orders") == home.coverage("Orders"))
            #expect(try copy.verify() == [], "limit \(limit)")
        }
        #expect(rounds > 5 && waited > 20, "\(rounds) rounds, \(waited) waited")
    }

    @Test func `copies at once lose nothing and double nothing`() throws {
        let home = try CaptureHome()
        _ = try Self.history(home)
        _ = try Self.history(home, "Others", rounds: 3)
        let copy = try CopyHome(home)
        let reports = Mutex<[CopyHome.Report]>([])
        let problems = Mutex<[String]>([])
        let group = DispatchGroup()
        for _ in 0..<4 {
            DispatchQueue.global().async(group: group) {
                do {
                    let report = try copy.copy()
                    reports.withLock { $0.append(report) }
                } catch {
                    problems.withLock { $0.append("\(error)") }
                }
            }
        }
        group.wait()
        #expect(problems.withLock { $0 } == [])
        let all = reports.withLock { $0 }
        let failures = all.flatMap(\.failed).filter { ($0.1 as? VaultError)?.code != .locked }
        #expect(failures.isEmpty, "\(failures)")
        let copied = all.flatMap(\.copied).map(\.id)
        #expect(Set(copied).count == copied.count, "each was copied by one")
        try copy.copy()
        #expect(try copy.coverage("Orders") == home.coverage("Orders"))
        #expect(try copy.verify() == [])
        #expect(try copy.target.storage.list("leases/").isEmpty && home.vault.storage.list("leases/").isEmpty)
        let link = try Catalog.read(copy.target).entries.filter { $0.manifest.previous == nil }
        #expect(link.count == 4, "one chain of recovery points and one of segments for each table")
    }

    @Test func `a copy that is told to stop takes back what is half done, and the next goes on`() throws {
        let home = try CaptureHome()
        _ = try Self.history(home)
        let copy = try CopyHome(home)
        let stop = StopSignal()
        var heard = 0
        let error = #expect(throws: PipelineError.self) {
            try copy.copy(stop: stop) { _ in
                true
            } heard: { _ in
                heard += 1
                if heard == 3 { stop.raise() }
            }
        }
        #expect(error?.code == .stopped)
        #expect(try Catalog.read(copy.target).entries.count == 3 && copy.verify() == [])
        #expect(try copy.target.leftovers(grace: .zero, record: nil).objects.isEmpty)
        #expect(try copy.copy().present == 3)
        #expect(try copy.coverage("Orders") == home.coverage("Orders"))
    }

    @Test func `a commit that a kill cut in two is finished, also where nothing else is left to copy`() throws {
        let home = try CaptureHome()
        _ = try Self.history(home, rounds: 2)
        let copy = try CopyHome(home)
        try copy.copy()
        let last = try #require(try Catalog.read(copy.target).entries.last)
        try copy.target.storage.delete(try ObjectPath(last.manifest.catalogPath))
        // A run that is killed there has not told the home's record of it.
        try FileManager.default.removeItem(atPath: copy.commits.path.string)
        #expect(try !copy.verify().isEmpty)
        #expect(try copy.copy().copied.isEmpty)
        #expect(try copy.verify() == [])
    }

    @Test func `leases keep what a copy reads and what it writes`() throws {
        let home = try CaptureHome()
        _ = try Self.history(home, rounds: 1)
        let table = try #require(try home.catalog.entries.first).manifest.table
        let seen = Mutex<(source: [LeaseDescription], target: [LeaseDescription])?>(nil)
        let vaults = Mutex<(Vault, Vault)?>(nil)
        let copy = try CopyHome(home) { point in
            guard point == .link, seen.withLock({ $0 == nil }), let (source, target) = vaults.withLock({ $0 }),
                let there = try? Lease.live(in: target.storage, at: .now()).leases, there.count == 2
            else { return nil }
            let here = (try? Lease.live(in: source.storage, at: .now()).leases) ?? []
            seen.withLock { $0 = (here, there) }
            return nil
        }
        let plain = try Vault.open(DirectoryStorage(FilePath(copy.target.storage.location)))
        vaults.withLock { $0 = (home.vault, plain) }
        try copy.copy()
        let leases = try #require(seen.withLock { $0 })
        #expect(leases.source.map(\.protects) == [["tables/\(table.name)~\(table.id)/"]])
        #expect(leases.target.compactMap(\.claim) == ["copy/\(table.id)"])
        #expect(leases.target.contains { $0.protects.contains { $0.hasPrefix("keys/") } })
    }

    @Test func `a vault is not copied into itself, and one that the keys do not open is named`() throws {
        let home = try CaptureHome()
        _ = try Self.history(home, rounds: 1)
        let itself = CopyVault(
            from: home.vault, to: home.vault, under: "owned", keys: home.keys, commits: home.commits, workers: 1)
        #expect(#expect(throws: PipelineError.self) { try itself.plan() }?.code == .sameVault)

        let protection = try KeyProtection.createRootKeyFile(at: home.folder.appending("other.key"))
        let foreign = try KeyStore.create(at: home.folder.appending("other.json"), protection: protection)
        let copy = try CopyHome(home)
        let stage = CopyVault(
            from: home.vault, to: copy.target, under: "owned", keys: foreign, commits: copy.commits, workers: 1)
        var failures: [any Error] = []
        let waiting = try stage.run(try stage.plan(), progress: Progress(), stop: StopSignal()) { outcome in
            if case .failed(let error) = outcome.change { failures.append(error) }
        }
        #expect(try failures.count == home.catalog.entries.count && waiting == 0)
        #expect(failures.allSatisfy { ($0 as? VaultError)?.code == .unreadable })
        #expect(try copy.target.storage.list("tables/").isEmpty && copy.target.storage.list("keys/").isEmpty)
    }

    @Test func `what was shredded is not copied, and a copy that still opens is told`() throws {
        let home = try CaptureHome()
        _ = try Self.history(home, rounds: 1)
        let snapshot = try #require(try home.catalog.entries.first { $0.manifest.kind == .snapshot })
        let (late, early) = (try CopyHome(home, "late"), try CopyHome(home, "early"))
        try early.copy()
        _ = try home.vault.shred(snapshot, tool: "test")
        #expect(try early.stage.plan().stillOpen.map(\.id) == [snapshot.manifest.id])
        let plan = try late.stage.plan()
        #expect(plan.shredded.map(\.id) == [snapshot.manifest.id] && plan.stillOpen.isEmpty)
        try late.copy()
        #expect(try Catalog.read(late.target).entries.allSatisfy { $0.manifest.id != snapshot.manifest.id })
        let shred = ShredPlan(
            snapshot, in: "main",
            catalogs: [
                ("main", try home.catalog), ("early", try Catalog.read(early.target)),
                ("late", try Catalog.read(late.target)),
            ], tables: [])
        #expect(shred.copies.map(\.vault) == ["early"])
        #expect(shred.holders.allSatisfy { $0.what == "log" || $0.name != snapshot.manifest.id })
    }

    /// Its first segment says that nothing was lost before it, which holds in the vault where it was the first.
    @Test func `the first segment of one vault hides no hole in another that had segments before`() throws {
        let home = try CaptureHome()
        try home.makeTable("Orders")
        let source = try home.source("Orders")
        let copy = try CopyHome(home)
        let direct = ArchiveSettings(
            vault: copy.target, keys: home.keys, wrappingKey: "owned", compressionLevel: 1, workers: 1,
            commits: copy.commits, tool: "test", clock: home.clock)
        try home.put(1, 1, into: "Orders")
        let capture = try TableCapture(direct, source: source) { _ in }
        #expect(try capture.run(through: try source.settle(), stop: StopSignal()))
        for (round, seconds) in [1, CaptureHome.retention + 60].enumerated() {
            home.clock.advance(seconds: Int64(seconds))
            try home.put(1, 10 + round, into: "Orders")
        }
        home.clock.advance(seconds: 1)
        // Nothing of the first hour is there any more when the first vault begins.
        _ = try home.store.trimChanges()
        try home.captureOnce(source)
        try copy.copy()
        let there = try copy.coverage("Orders")
        #expect(there.segments == 2 && there.holes.map(\.cause) == [.missing], "\(there)")
    }
}
