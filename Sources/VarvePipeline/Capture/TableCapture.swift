// SPDX-License-Identifier: Apache-2.0

package import VarveModel
package import VarveStore
package import VarveVault

/// When a segment is closed.
package struct SegmentLimits: Sendable, Equatable {
    /// How long after the segment before. Also how often a table at rest says that nothing came.
    package var age: Duration
    /// Bytes of lines. 64 MiB make one bundle, which a restore reads as a whole.
    package var rawBytes: Int

    /// Each segment is several objects; closing one more often than this fills the vault with them.
    package static let ageMin: Duration = .seconds(1)
    package static let ageStandard: Duration = .seconds(60)
    package static let rawBytesStandard = 64 << 20

    package init(age: Duration = ageStandard, rawBytes: Int = rawBytesStandard) {
        self.age = age
        self.rawBytes = rawBytes
    }
}

/// Follows the change stream of one table into one vault. Used by one thread.
///
/// Where to read on is what the newest segment in the vault says, and nothing else: no local state can get ahead of the vault or fall behind it. A
/// position advances in memory when a change is read, and for good when the segment's manifest is there; whatever ends a capture in between, the
/// next one reads the same changes again and writes them once. After an error it must be given up, and made anew.
package final class TableCapture {
    /// What a step came to.
    package enum Step: Sendable, Equatable {
        /// There may be more at once.
        case busy
        /// Nothing more is there now.
        case idle
        /// The stream has ended, and the vault holds all of it.
        case ended
    }

    private let settings: ArchiveSettings
    private let source: any ChangeSource
    private let limits: SegmentLimits
    private let claim: CaptureClaim
    private let report: (Manifest) -> Void
    private var description: ChangeStream
    private var lineage: StreamLineage
    /// As of the last segment.
    private var committed: StreamLineage
    private var previous: (link: Manifest.Link, started: Instant)?
    private var lane: SegmentLane?
    private var began: Instant

    /// How long to wait for a stream that is not there yet.
    private static let pause: Duration = .milliseconds(20)

    /// Records that are read at once from a shard.
    static let pageRecords = 1000

    /// Takes the claim on this table's log in the vault, finishes a commit that was broken off, and looks where to read on.
    ///
    /// - Parameter report: Hears of every segment, when the vault holds it.
    package init(
        _ settings: ArchiveSettings, source: any ChangeSource, limits: SegmentLimits = SegmentLimits(),
        report: @escaping (Manifest) -> Void
    ) throws {
        self.settings = settings
        self.source = source
        self.limits = limits
        self.report = report
        description = try source.describe()
        let table = Manifest.TableIdentity(name: description.table.name, id: description.table.id)
        claim = try CaptureClaim(table, settings)
        try settings.finishInterrupted(description.table)
        let newest = try settings.vault.newestSegment(of: table) { try settings.isAuthentic($0) }
        previous = newest.map { ($0.link, $0.manifest.started) }
        lineage = newest?.manifest.log.map { StreamLineage(after: $0) } ?? StreamLineage()
        committed = lineage
        began = settings.clock.now()
    }

    package var table: TableDescription { description.table }

    /// Through when the vault holds everything; nil as long as it holds nothing.
    package var through: Instant? { committed.committedThrough }
    /// Through when everything has been read.
    package var watermark: Instant? { lineage.watermark }

    /// Reads one page of every shard that can be read, and closes the segment where it is due.
    package func step() throws -> Step {
        try claim.refresh()
        try lane?.keepAlive()
        guard try follow() else { return .ended }
        let hasMore = try readPages()
        let isOld = Double(settings.clock.now().microseconds - began.microseconds) >= limits.age / .microseconds(1)
        let isDue = lineage.hasShardEnded || lineage.isEnded || (lane?.rawBytes ?? 0) >= limits.rawBytes
        // A hole is declared at once.
        let isHole = lineage.beginsAnew && committed.stream != nil
        if isDue || isHole { try close() } else if isOld { try closeSettled() }
        if committed.isEnded { return .ended }
        return hasMore ? .busy : .idle
    }

    /// Closes the segment with all that is there by now.
    package func closeSettled() throws {
        // Time passes for a table at rest only when its source is asked to let it.
        if !lineage.isEnded {
            let now = try source.settle()
            // Reading may have been put back to where shards were known that are gone by now.
            if try lineage.readThrough.map({ $0 < now }) ?? true && follow() { _ = try readPages() }
        }
        try close()
    }

    /// Follows the stream as it is described now: takes in its shards, or begins anew. Returns false where it has ended, and the vault holds all of it.
    private func follow() throws -> Bool {
        description = try source.describe()
        // One that ended and was switched on again is another stream.
        if committed.isEnded && !lineage.beginsAnew && description.id == committed.stream { return false }
        if let (cause, shard) = lineage.breaks(at: description) {
            _ = try closeBeforeBreak()
            lineage.beginAnew(cause, shard: shard, description, now: try source.settle())
        } else {
            lineage.observe(description)
        }
        return true
    }

    /// Reads on until everything through an instant has been read, and closes the segment.
    ///
    /// - Returns: false when `stop` was raised before; what was read by then is in the vault all the same.
    package func run(through target: Instant, stop: StopSignal) throws -> Bool {
        while !stop.isRaised {
            let step = try step()
            if step == .ended { return true }
            if let through = lineage.readThrough, through >= target {
                try close()
                return true
            }
            if step == .idle { _ = stop.pause(until: .now + Self.pause) }
        }
        try closeSettled()
        return false
    }

    /// Takes in one page of every shard that can be read. Returns whether there may be more at once.
    private func readPages() throws -> Bool {
        var hasMore = false
        for shard in lineage.readable {
            switch try source.read(shard.id, after: shard.after, limit: Self.pageRecords) {
            case .lost(let loss, let next):
                // What other shards have lost at the same time belongs to the same hole, so they are looked at before anything else is read.
                let isReset = try closeBeforeBreak()
                lineage.lose(shard.id, loss, next: next, now: try source.settle())
                hasMore = true
                if isReset { return true }
            case .page(let page):
                try take(page, of: shard.id)
                // A shard that ended may have children to be read.
                if page.end == .more || page.end == .closed || !page.records.isEmpty { hasMore = true }
            }
        }
        return hasMore
    }

    private func take(_ page: ChangePage, of shard: String) throws {
        for placed in lineage.apply(page, of: shard) {
            let open = lane ?? makeLane()
            lane = open
            try open.add(placed, of: shard)
        }
    }

    private func makeLane() -> SegmentLane {
        SegmentLane(
            settings, of: description.table,
            notBefore: previous.map { Instant(microseconds: $0.started.microseconds + 1) })
    }

    /// Before a hole, what was read up to it is committed. Where that cannot be stated yet, it is read again behind the hole.
    ///
    /// - Returns: Whether reading was put back to the last segment.
    private func closeBeforeBreak() throws -> Bool {
        try close()
        if lane == nil { return false }
        abandon()
        lineage = committed
        return true
    }

    private func close() throws {
        guard let stretch = lineage.stretch else { return }
        let segment = try (lane ?? makeLane()).commit(stretch, previous: previous?.link)
        lane = nil
        lineage.commit(stretch)
        committed = lineage
        previous = (segment.link, segment.manifest.started)
        began = settings.clock.now()
        report(segment.manifest)
    }

    /// Takes back what is not committed; the next capture reads it again.
    package func abandon() {
        lane?.abandon()
        lane = nil
    }
}

extension ArchiveSettings {
    /// Whether a segment is what was written under its key. One whose keys were destroyed on purpose, or that
    /// retention removed, is taken as it stands.
    fileprivate func isAuthentic(_ entry: Catalog.Entry) throws -> Bool {
        do {
            _ = try SnapshotReader(vault, entry, keys: keys)
            return true
        } catch let error as VaultError where error.code == .shredded || error.code == .removed {
            return true
        } catch let error as VaultError where error.code == .damaged || error.code == .missing {
            return false
        }
    }
}
