// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveStore
import VarveTestKit
import VarveVault

/// A vault with days of snapshots and a captured log of one table, and what retention does to it.
struct PruneHome {
    let home: CaptureHome
    /// Oldest first; of each day the snapshot, and what the table held then.
    private(set) var days: [(snapshot: Manifest, items: [Int: Int])] = []
    static let table = "Things"
    static let day: Int64 = 86_400

    /// - Parameter days: Each has a change, a snapshot, a change, and two segments.
    init(days: Int, captured: Bool = true) throws {
        home = try CaptureHome()
        try home.makeTable(Self.table)
        let source = try home.source(Self.table)
        for day in 0..<days {
            try home.put(1, day * 2, into: Self.table)
            if captured { try home.captureOnce(source) }
            self.days.append((try home.backup(Self.table), try home.items(Self.table)))
            try home.put(2, day * 2 + 1, into: Self.table)
            home.clock.advance(seconds: 10)
            if captured { try home.captureOnce(source) }
            home.clock.advance(seconds: Self.day - 10)
        }
    }

    var ids: [String] { days.map(\.snapshot.id) }

    /// The home's own vault, or another one that is a copy of it.
    func prune(_ vault: Vault? = nil, verifications: VerificationRecord? = nil) -> PruneVault {
        PruneVault(vault: vault ?? home.vault, verifications: verifications, tool: "test", clock: home.clock)
    }

    static func rule(_ policy: RetentionPolicy) -> (Manifest.TableIdentity) -> RetentionRule? {
        { _ in RetentionRule(policy, zone: .utc) }
    }

    @discardableResult
    func run(
        _ policy: RetentionPolicy, grace: Duration = PruneVault.graceStandard, in vault: Vault? = nil
    ) throws -> PruneVault.Plan {
        try prune(vault).run(grace: grace, stop: StopSignal(), rule: Self.rule(policy))
    }

    // MARK: What is in a vault

    func snapshots(_ vault: Vault? = nil) throws -> [String] {
        try Catalog.read(vault ?? home.vault).entries(table: Self.table, kind: .snapshot).map(\.manifest.id)
    }

    func objects(_ vault: Vault? = nil) throws -> Set<String> {
        Set(try (vault ?? home.vault).storage.list("").map(\.path.text).filter { !$0.hasPrefix("leases/") })
    }

    /// What anybody could find wrong: damage, holes, leftovers.
    func problems(_ vault: Vault? = nil) throws -> [String] {
        let vault = vault ?? home.vault
        let report = try VerifyVault(vault: vault, keys: home.keys, commits: home.commits, workers: 1)
            .run(ids: [], depth: .content, progress: Progress(), stop: StopSignal())
        let coverage = Coverage.all(in: try Catalog.read(vault), of: Self.table)
        return report.findings.map { "\($0)" } + coverage.flatMap(\.holes).map { "\($0)" }
            + report.leftovers.map { "left over: \($0.path)" }
    }

    func coverage(_ vault: Vault? = nil) throws -> Coverage {
        try #require(Coverage.all(in: try Catalog.read(vault ?? home.vault), of: Self.table).first)
    }

    /// What a restore of a snapshot brings back.
    func restore(_ id: String, from vault: Vault? = nil, as name: String) throws -> [Int: Int] {
        let vault = vault ?? home.vault
        let entry = try RecoveryPoints(vault).find(table: nil, id: id)
        _ = try RestoreTable(vault: vault, keys: home.keys, workers: 1, scratch: home.folder.path)
            .run(PointInTime(entry), as: name, into: home.store, progress: Progress(), stop: StopSignal())
        defer { try? home.store.dropTable(name) }
        return try home.items(name)
    }

    /// A copy of the home's vault below another folder, opened through `open`.
    func copy(_ open: (FilePath) throws -> Vault) throws -> (folder: TemporaryFolder, vault: Vault) {
        let folder = try TemporaryFolder()
        let path = folder.appending("vault")
        try FileManager.default.copyItem(
            atPath: home.folder.appending("vault").string, toPath: path.string)
        return (folder, try open(path))
    }
}

/// The code of what `body` throws; nil if it throws nothing.
func refusal(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch let error as VaultError {
        return error.code.rawValue
    } catch let error as PipelineError {
        return error.code.rawValue
    } catch {
        Issue.record("An error of another kind: \(error)")
        return nil
    }
}
