// SPDX-License-Identifier: Apache-2.0

import VarveModel
package import VarveStore
import VarveVault

/// What one pass over a table's expired items did.
package struct SweepReport: Sendable, Equatable {
    /// The ids of the archives that were written, oldest first; none where nothing had expired.
    package var archives: [String] = []
    package var expired = 0
    package var archived = 0
    package var deleted = 0
    /// Left alone: the item was written again between its archiving and its deletion.
    package var changed = 0
    /// The item was deleted by somebody else meanwhile.
    package var gone = 0
    /// Items whose time lies more than a century ahead: milliseconds where seconds are meant, and so never expiring.
    package var looksLikeMilliseconds = 0
    /// Archives of broken sweeps whose outcome this pass wrote.
    package var settled = 0
}

/// Finds expired items, archives them, then deletes them. One pass.
///
/// An item has expired by DynamoDB's rules: its time-to-live attribute is a top-level Number of epoch seconds in the past, not older than
/// five years. The archive is committed before the first deletion, and each deletion holds only for the very version that was archived,
/// so whatever happens between, no item vanishes that the vault does not have.
package struct SweepTable: Sendable {
    private let settings: ArchiveSettings

    /// Items of one archive. Their versions (16 bytes each) are remembered between archiving and deleting; more items make more archives.
    package static let itemsPerArchiveMax = 1_000_000

    /// Items fetched, and deleted, at once.
    private static let step = 1024

    package init(_ settings: ArchiveSettings) {
        self.settings = settings
    }

    /// Sweeps `table`. With `dryRun` it only counts.
    package func run(
        store: any TableStore, table: String, graceSeconds: Int64, dryRun: Bool, progress: Progress, stop: StopSignal
    ) throws -> SweepReport {
        let description = try store.describe(table)
        guard let timeToLive = description.timeToLive, timeToLive.enabled else {
            throw PipelineError(
                .timeToLiveOff,
                "Time to live is off for table '\(table)', so nothing of it expires. 'varve table ttl \(table) --on' turns it on."
            )
        }
        let now = settings.clock.now()
        var report = SweepReport()
        report.looksLikeMilliseconds = try store.suspiciousExpiries(in: table, at: now)
        if !dryRun {
            try settings.finishInterrupted(description)
            report.settled = try settle(store, description)
        }
        var cursor: ExpiryCursor?
        repeat {
            if dryRun {
                cursor = try count(store, table, now, graceSeconds, &report, stop)
            } else {
                cursor = try pass(store, description, now, graceSeconds, after: cursor, &report, progress, stop)
            }
        } while cursor != nil
        return report
    }

    private func count(
        _ store: any TableStore, _ table: String, _ now: Instant, _ grace: Int64, _ report: inout SweepReport,
        _ stop: StopSignal
    ) throws -> ExpiryCursor? {
        var cursor: ExpiryCursor?
        while true {
            try stop.check()
            let found = try store.expired(in: table, at: now, grace: grace, after: cursor, limit: Self.step)
            guard let last = found.last else { return nil }
            report.expired += found.count
            cursor = last.cursor
        }
    }

    /// One archive: its items, its manifest, its deletions, its outcome. Gives where to go on, or nil when nothing is left.
    private func pass(
        _ store: any TableStore, _ description: TableDescription, _ now: Instant, _ grace: Int64,
        after begin: ExpiryCursor?,
        _ report: inout SweepReport, _ progress: Progress, _ stop: StopSignal
    ) throws -> ExpiryCursor? {
        var page = try store.expired(in: description.name, at: now, grace: grace, after: begin, limit: Self.step)
        if page.isEmpty { return nil }
        let writer = try settings.writer(.sweep, of: description)
        // Until its outcome stands, this lease tells other sweeps that nobody needs to settle this one.
        let lease = try Lease(
            settings.vault.storage, what: "sweep of \(description.name)", protects: [writer.folder],
            clock: settings.clock)
        defer { lease.release() }
        var versions: [ItemVersion] = []
        var cursor: ExpiryCursor?
        let archive: SnapshotReader
        do {
            var lane = ArchiveLane(writer, compressionLevel: settings.compressionLevel, progress: progress)
            while let last = page.last, versions.count < Self.itemsPerArchiveMax {
                try stop.check()
                for item in page {
                    try item.bytes.withUnsafeBytes { try lane.add($0) }
                    versions.append(item.version)
                }
                cursor = last.cursor
                page = try store.expired(in: description.name, at: now, grace: grace, after: cursor, limit: Self.step)
            }
            try lane.finish(evenIfEmpty: false)
            archive = try writer.commit(
                consistency: .init(
                    method: "sweep", from: writer.started, to: settings.clock.now(),
                    cut: .init(time: writer.started, sequence: nil)))
        } catch {
            try? writer.abandon()
            throw error
        }
        report.archives.append(archive.manifest.id)
        report.expired += versions.count
        report.archived += versions.count
        try delete(versions, store, description.name, archive, &report, stop)
        return page.isEmpty ? nil : cursor
    }

    private func delete(
        _ versions: [ItemVersion], _ store: any TableStore, _ table: String, _ archive: SnapshotReader,
        _ report: inout SweepReport,
        _ stop: StopSignal
    ) throws {
        var outcome = SweepOutcomeCounts()
        var done = 0
        while done < versions.count && !stop.isRaised {
            let chunk = Array(versions[done..<min(done + Self.step, versions.count)])
            for result in try store.deleteExpired(from: table, chunk, sweep: archive.manifest.id) {
                switch result {
                case .deleted: outcome.deleted += 1
                case .changed: outcome.changed += 1
                case .gone: outcome.gone += 1
                }
            }
            done += chunk.count
        }
        _ = try archive.writeOutcome(
            deleted: outcome.deleted, changed: outcome.changed, gone: outcome.gone, finished: settings.clock.now(),
            interrupted: done < versions.count, record: settings.commits)
        report.deleted += outcome.deleted
        report.changed += outcome.changed
        report.gone += outcome.gone
        try stop.check()
    }

    /// Writes the outcome of sweeps that were killed between their archive and their outcome, as the change log tells it.
    private func settle(_ store: any TableStore, _ description: TableDescription) throws -> Int {
        let storage = settings.vault.storage
        let (leases, unreadable) = try Lease.live(in: storage, at: settings.clock.now())
        guard unreadable.isEmpty else { return 0 }
        var settled = 0
        for entry in try Catalog.read(settings.vault).entries(table: description.id, kind: .sweep) {
            let folder = entry.manifest.folder
            guard try storage.info(try ObjectPath(folder + VaultPaths.outcomeName)) == nil,
                !leases.contains(where: { $0.protects.contains(folder) })
            else { continue }
            let archive = try SnapshotReader(settings.vault, entry, keys: settings.keys)
            _ = try archive.writeOutcome(
                deleted: try store.deletions(bySweep: entry.manifest.id), changed: 0, gone: 0,
                finished: settings.clock.now(),
                interrupted: true, record: settings.commits)
            settled += 1
        }
        return settled
    }
}

private struct SweepOutcomeCounts {
    var deleted = 0
    var changed = 0
    var gone = 0
}
