// SPDX-License-Identifier: Apache-2.0

import Synchronization
package import VarveModel
package import VarveVault

/// Copies recovery points and segments from one vault into another, which then restores by itself.
///
/// Bundles travel byte for byte and are checked against their SHA-256 on the way and on arrival; key files are sealed anew under the target's wrapping key
/// and the recovery kit; manifests are the target's own. Segments go oldest first, so that a log in the target has no hole that it has not in the source.
/// Whatever ends a copy leaves both vaults whole, and the next one goes on. One at a time copies a table into a vault.
package struct CopyVault: Sendable {
    /// What became of one recovery point or segment.
    package struct Outcome: Sendable {
        package enum Change: Sendable {
            /// It is in the target now; so many bytes of bundles were copied, the rest was there.
            case copied(bytes: Int)
            /// Somebody else copied it meanwhile.
            case present
            /// The outcome of a sweep that was there was copied.
            case outcome
            case failed(any Error)
        }

        package let manifest: Manifest
        package let change: Change
    }

    private let source: Vault
    private let target: Vault
    private let wrappingKey: String
    private let keys: any KeySealing
    private let commits: CommitRecord
    private let workers: Int
    private let clock: any Clock

    /// How long to wait for another copy of the same table before giving way.
    private static let patience: Duration = .seconds(10)
    private static let pause: Duration = .milliseconds(200)

    /// - Parameters:
    ///   - wrappingKey: the target's, as its configuration names it.
    ///   - commits: the home's record of what it committed to the target.
    package init(
        from source: Vault, to target: Vault, under wrappingKey: String, keys: any KeySealing, commits: CommitRecord,
        workers: Int, clock: any Clock = SystemClock()
    ) {
        self.source = source
        self.target = target
        self.wrappingKey = wrappingKey
        self.keys = keys
        self.commits = commits
        self.workers = workers
        self.clock = clock
    }

    /// What there is to do.
    ///
    /// - Parameter includes: whether a recovery point or segment is chosen.
    package func plan(_ includes: (Manifest) -> Bool = { _ in true }) throws -> CopyPlan {
        guard source.storage.location != target.storage.location else {
            throw PipelineError(.sameVault, "A vault is not copied into itself. Name two vaults.")
        }
        // The target first: what is committed to the source in between is copied by the next run.
        let target = try Catalog.read(target)
        return CopyPlan(from: try Catalog.read(source), to: target, includes)
    }

    /// Does what the plan says, table by table.
    ///
    /// What fails because of the source alone, such as a damaged bundle, is passed over; any other failure ends the work on that table, and the rest of it
    /// waits for the next run.
    ///
    /// - Parameter report: hears of each outcome.
    /// - Returns: how many wait.
    package func run(
        _ plan: CopyPlan, progress: Progress, stop: StopSignal, report: (Outcome) -> Void
    ) throws -> Int {
        for (manifest, error) in plan.refused { report(Outcome(manifest: manifest, change: .failed(error))) }
        progress.expect(
            items: plan.missing.reduce(0) { $0 + $1.manifest.items },
            storedBytes: plan.missing.reduce(0) { $0 + $1.manifest.sealedBytes })
        var chains = CopyChains(plan.target)
        var waiting = 0
        var byTable = Dictionary(grouping: plan.missing + plan.outcomes.map(\.source)) { $0.manifest.table }
        for table in plan.unfinished where byTable[table] == nil { byTable[table] = [] }
        let open = Set(plan.missing.map(\.manifest.id))
        for (table, entries) in byTable.sorted(by: { ($0.key.name, $0.key.id) < ($1.key.name, $1.key.id) }) {
            try stop.check()
            let work = entries.filter { open.contains($0.manifest.id) }
            let outcomes = plan.outcomes.filter { $0.source.manifest.table == table }
            do {
                let claim = try claim(table, stop)
                defer { claim.release() }
                // As in a restore: what cannot be written cannot be pruned either.
                let lease = try? Lease(
                    source.storage, what: "copy of \(table.name)", protects: [VaultPaths.tableFolder(table)],
                    clock: clock)
                defer { lease?.release() }
                try target.finishInterruptedCommits(of: table, record: commits, clock: clock)
                for (source, target) in outcomes { report(try copyOutcome(source, target)) }
                waiting += try copy(work, &chains, progress, stop, report) {
                    try claim.refresh()
                    try lease?.refresh()
                }
            } catch let error as PipelineError where error.code == .stopped {
                throw error
            } catch {
                // Nothing but a second manifest was to be written: the next run finds it missing again.
                guard let first = work.first ?? outcomes.first?.source else { continue }
                report(Outcome(manifest: first.manifest, change: .failed(error)))
                waiting += max(0, work.count - 1)
            }
        }
        try stop.check()
        return waiting
    }

    /// Waits a while for another copy of this table into the target.
    private func claim(_ table: Manifest.TableIdentity, _ stop: StopSignal) throws -> Lease {
        let until = ContinuousClock.now + Self.patience
        while true {
            do {
                return try Lease.claiming(
                    "copy/\(table.id)", target.storage, what: "copy of \(table.name)", clock: clock)
            } catch let error as VaultError where error.code == .locked && ContinuousClock.now < until {
                _ = stop.pause(until: .now + Self.pause)
                try stop.check()
            }
        }
    }

    /// Copies one table's, in their order. Returns how many were left for the next run.
    private func copy(
        _ entries: [Catalog.Entry], _ chains: inout CopyChains, _ progress: Progress, _ stop: StopSignal,
        _ report: (Outcome) -> Void, keepAlive: () throws -> Void
    ) throws -> Int {
        for (number, entry) in entries.enumerated() {
            try stop.check()
            try keepAlive()
            do {
                let (copy, bytes) = try copy(entry, chains.link(before: entry.manifest), progress, stop)
                chains.add(copy)
                progress.add(items: entry.manifest.items)
                report(Outcome(manifest: copy.manifest, change: bytes.map { .copied(bytes: $0) } ?? .present))
            } catch let error as PipelineError where error.code == .stopped {
                throw error
            } catch {
                try stop.check()
                report(Outcome(manifest: entry.manifest, change: .failed(error)))
                if !Self.isOfTheSourceAlone(error) { return entries.count - number - 1 }
            }
        }
        return 0
    }

    /// - Returns: the target's entry, and how many bytes were copied; nil where somebody else has copied it.
    private func copy(
        _ entry: Catalog.Entry, _ previous: Manifest.Link?, _ progress: Progress, _ stop: StopSignal
    ) throws -> (entry: Catalog.Entry, bytes: Int?) {
        let reader = try SnapshotReader(source, entry, keys: keys)
        do {
            let copy = try PointCopy(
                reader, to: target, under: wrappingKey, keys: keys, record: commits, clock: clock)
            do {
                let bytes = try copyBundles(copy, progress, stop)
                return (try copy.commit(previous: previous), bytes)
            } catch {
                try? copy.abandon()
                throw error
            }
        } catch let error as VaultError where error.code == .exists {
            let there = try target.manifest(at: try ObjectPath(entry.manifest.path))
            guard there.manifest.isCopy(of: entry.manifest) else { throw error }
            return (there.entry, nil)
        }
    }

    private func copyBundles(_ copy: PointCopy, _ progress: Progress, _ stop: StopSignal) throws -> Int {
        let bundles = copy.source.manifest.bundles
        if bundles.isEmpty { return 0 }
        let next = Atomic<Int>(0)
        let bytes = Atomic<Int>(0)
        try Workers.run(max(1, min(workers, bundles.count)), stop: stop) { _, stop in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < bundles.count else { return }
                try stop.check()
                let isCopied = try copy.copy(bundles[index]) { count in
                    progress.add(storedBytes: count)
                    try stop.check()
                }
                if isCopied { bytes.wrappingAdd(bundles[index].sealedBytes, ordering: .relaxed) }
            }
        }
        return bytes.load(ordering: .relaxed)
    }

    private func copyOutcome(_ entry: Catalog.Entry, _ there: Catalog.Entry) throws -> Outcome {
        do {
            try PointCopy.copyOutcome(
                from: try SnapshotReader(source, entry, keys: keys),
                to: try SnapshotReader(target, there, keys: keys), record: commits)
            return Outcome(manifest: there.manifest, change: .outcome)
        } catch {
            guard Self.isOfTheSourceAlone(error) else { throw error }
            return Outcome(manifest: there.manifest, change: .failed(error))
        }
    }

    /// Whether an error says something of what was to be copied, and nothing of where to.
    private static func isOfTheSourceAlone(_ error: any Error) -> Bool {
        guard let error = error as? VaultError else { return false }
        switch error.code {
        case .damaged, .missing, .manifestMismatch, .unreadable, .shredded, .newerFormat, .hostileName, .limitExceeded:
            return true
        default: return false
        }
    }
}
