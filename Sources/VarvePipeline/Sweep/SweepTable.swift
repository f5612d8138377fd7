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
    /// What had expired and was still there when the pass ended; nil where the pass did not look.
    package var backlog: ExpiryBacklog?
}

/// How much one pass over a table may do, and how fast.
package struct SweepLimits: Sendable, Equatable {
    /// Items that one pass archives and deletes at most; the rest stays for the next pass. nil: all that has expired.
    package var itemsMax: Int?
    /// nil: as fast as it goes.
    package var deletionsPerSecond: Int?

    package init(itemsMax: Int? = nil, deletionsPerSecond: Int? = nil) {
        precondition((itemsMax ?? 1) > 0 && (deletionsPerSecond ?? 1) > 0, "limits are at least 1")
        self.itemsMax = itemsMax
        self.deletionsPerSecond = deletionsPerSecond
    }
}

/// Finds expired items, archives them, then deletes them. One pass.
///
/// An item has expired by DynamoDB's rules: its time-to-live attribute is a top-level Number of epoch seconds in the past, not older than
/// five years. The archive is committed before the first deletion, and each deletion holds only for the very version that was archived,
/// so whatever happens between, no item vanishes that the vault does not have.
package struct SweepTable: Sendable {
    private let settings: ArchiveSettings
    private let limits: SweepLimits

    /// Items of one archive. Their versions (16 bytes each) are remembered between archiving and deleting; more items make more archives.
    package static let itemsPerArchiveMax = 1_000_000

    /// Items fetched, and deleted, at once.
    static let step = 1024

    package init(_ settings: ArchiveSettings, limits: SweepLimits = SweepLimits()) {
        self.settings = settings
        self.limits = limits
    }

    /// Which pass over a table this is.
    package enum Pass: Sendable {
        /// Looks first for what broken runs of this table left to finish. It reads the vault's catalog.
        case first
        /// The one before, by the same process, came to its end: nothing can have been left since.
        case next
    }

    /// Sweeps `table`.
    package func run(
        store: any TableStore, table: String, graceSeconds: Int64, pass: Pass = .first, progress: Progress,
        stop: StopSignal
    ) throws -> SweepReport {
        let description = try store.describe(table)
        try Self.requireTimeToLive(description)
        let now = settings.clock.now()
        var report = SweepReport()
        if pass == .first {
            report.looksLikeMilliseconds = try store.suspiciousExpiries(in: table, at: now)
            try settings.finishInterrupted(description)
            report.settled = try settle(store, description)
        }
        var cursor: ExpiryCursor?
        repeat {
            cursor = try archiveAndDelete(store, description, now, graceSeconds, after: cursor, &report, progress, stop)
        } while cursor != nil && report.archived < limits.itemsMax ?? .max
        report.backlog = try store.expiryBacklog(in: table, at: settings.clock.now(), grace: graceSeconds)
        return report
    }

    /// Counts what a sweep would take, and writes nothing.
    package func plan(store: any TableStore, table: String, graceSeconds: Int64) throws -> SweepReport {
        try Self.requireTimeToLive(try store.describe(table))
        let now = settings.clock.now()
        var report = SweepReport()
        report.looksLikeMilliseconds = try store.suspiciousExpiries(in: table, at: now)
        let backlog = try store.expiryBacklog(in: table, at: now, grace: graceSeconds)
        report.expired = min(backlog.items, limits.itemsMax ?? .max)
        report.backlog = backlog
        return report
    }

    private static func requireTimeToLive(_ description: TableDescription) throws {
        guard let timeToLive = description.timeToLive, timeToLive.enabled else {
            throw PipelineError(
                .timeToLiveOff,
                "Time to live is off for table '\(description.name)', so nothing of it expires. 'varve table ttl \(description.name) --on' "
                    + "turns it on.")
        }
    }

    /// One archive: its items, its manifest, its deletions, its outcome. Gives where to go on, or nil when nothing is left.
    private func archiveAndDelete(
        _ store: any TableStore, _ description: TableDescription, _ now: Instant, _ grace: Int64,
        after begin: ExpiryCursor?, _ report: inout SweepReport, _ progress: Progress, _ stop: StopSignal
    ) throws -> ExpiryCursor? {
        let most = min(Self.itemsPerArchiveMax, (limits.itemsMax ?? .max) - report.archived)
        var page = try store.expired(
            in: description.name, at: now, grace: grace, after: begin, limit: min(Self.step, most))
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
            while let last = page.last {
                try stop.check()
                for item in page {
                    try item.bytes.withUnsafeBytes { try lane.add($0) }
                    versions.append(item.version)
                }
                cursor = last.cursor
                if versions.count == most { break }
                page = try store.expired(
                    in: description.name, at: now, grace: grace, after: cursor,
                    limit: min(Self.step, most - versions.count))
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
        try delete(versions, store, description.name, archive, lease, &report, stop)
        return page.isEmpty ? nil : cursor
    }

    private func delete(
        _ versions: [ItemVersion], _ store: any TableStore, _ table: String, _ archive: SnapshotReader, _ lease: Lease,
        _ report: inout SweepReport, _ stop: StopSignal
    ) throws {
        var outcome = SweepOutcomeCounts()
        var done = 0
        var pace = SweepPace(perSecond: limits.deletionsPerSecond)
        while done < versions.count, pace.wait(stop) {
            try lease.refresh()
            let chunk = Array(versions[done..<min(done + pace.chunk, versions.count)])
            for result in try store.deleteExpired(from: table, chunk, sweep: archive.manifest.id) {
                switch result {
                case .deleted: outcome.deleted += 1
                case .changed: outcome.changed += 1
                case .gone: outcome.gone += 1
                }
            }
            done += chunk.count
            pace.add(chunk.count)
        }
        _ = try archive.writeOutcome(
            deleted: outcome.deleted, changed: outcome.changed, gone: outcome.gone, finished: settings.clock.now(),
            interrupted: done < versions.count, record: settings.commits)
        report.deleted += outcome.deleted
        report.changed += outcome.changed
        report.gone += outcome.gone
        if done < versions.count { try stop.check() }
    }

    /// Writes the outcome of sweeps that were killed between their archive and their outcome, as the change log tells it.
    private func settle(_ store: any TableStore, _ description: TableDescription) throws -> Int {
        let storage = settings.vault.storage
        let (leases, unreadable) = try Lease.live(in: storage, at: settings.clock.now())
        guard unreadable.isEmpty else { return 0 }
        var settled = 0
        let catalog = try Catalog.read(settings.vault)
        for entry in catalog.entries(table: description.id, kind: .sweep)
        where catalog.shredded[entry.manifest.id] == nil {
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
