// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarveStore
import VarveVault

/// The way of changes into one segment: lines fill a data file, full data files go into bundles, the manifest commits.
///
/// Nothing is written to the vault before there is a full data file or the end, so that a killed capture leaves little. Used by one thread.
/// Memory: one raw data file and one compressed one.
final class SegmentLane {
    private let settings: ArchiveSettings
    private let table: TableDescription
    private let notBefore: Instant?
    private let sources: Manifest.Sources?
    private var writer: SnapshotWriter?
    private var bundle: BundleWriter?
    private var filesInBundle = 0
    private var raw: [UInt8] = []
    private var items = 0
    private var digestOfFile = TableDigest()
    private var digestOfOthers = TableDigest()
    private var line: [UInt8] = []

    private(set) var changes = 0
    private(set) var rawBytes = 0

    /// - Parameters:
    ///   - notBefore: later than the start of the segment before.
    ///   - sources: of a segment that is made of others.
    init(
        _ settings: ArchiveSettings, of table: TableDescription, notBefore: Instant?, sources: Manifest.Sources? = nil
    ) {
        self.settings = settings
        self.table = table
        self.notBefore = notBefore
        self.sources = sources
    }

    func add(_ placed: StreamLineage.Placed, of shard: String) throws {
        let change = placed.change
        guard let keys = change.keys, let event = change.event.streamName else {
            throw PipelineError(
                .contentMismatch,
                "Change \(change.position) of shard '\(shard)' names no item. Capture goes no farther.")
        }
        line.removeAll(keepingCapacity: true)
        ChangeLine.append(
            .init(
                time: placed.time, sourceTime: placed.time == change.time ? nil : change.time,
                position: change.position, shard: shard, event: event, actor: change.actor?.name, run: change.run),
            keys: keys, newImage: change.newImage, oldImage: change.oldImage, to: &line)
        try line.withUnsafeBytes { try add(line: $0) }
    }

    /// Adds a line as it is, with its line feed.
    func add(line: UnsafeRawBufferPointer) throws {
        if raw.count + line.count > DataFile.rawBytesMax { try closeDataFile() }
        raw += line
        digestOfFile.add(item: UnsafeRawBufferPointer(rebasing: line.dropLast()))
        items += 1
        changes += 1
        rawBytes += line.count
    }

    private func open() throws -> SnapshotWriter {
        let open = try writer ?? settings.segmentWriter(of: table, notBefore: notBefore, sources: sources)
        writer = open
        return open
    }

    private func closeDataFile() throws {
        let open = try bundle ?? open().bundle()
        bundle = open
        try open.add(
            try DataFile(raw: raw, items: items, digest: digestOfFile, level: settings.compressionLevel))
        raw.removeAll(keepingCapacity: true)
        items = 0
        digestOfOthers.add(digestOfFile)
        digestOfFile = TableDigest()
        filesInBundle += 1
        if filesInBundle == ArchiveLane.dataFilesPerBundleMax { try closeBundle() }
    }

    private func closeBundle() throws {
        guard let open = bundle.take() else { return }
        filesInBundle = 0
        try open.finish()
    }

    /// Of all changes so far.
    var digest: TableDigest {
        var all = digestOfOthers
        all.add(digestOfFile)
        return all
    }

    /// Keeps the segment's lease alive while little comes.
    func keepAlive() throws { try writer?.keepAlive() }

    /// Writes what is left and commits the segment.
    func commit(_ stretch: LogStretch, previous: Manifest.Link?) throws -> SnapshotReader {
        do {
            if !raw.isEmpty { try closeDataFile() }
            try closeBundle()
            return try open().commit(log: stretch, previous: previous)
        } catch {
            try? writer?.abandon()
            throw error
        }
    }

    /// Takes back what was written.
    func abandon() {
        bundle?.abandon()
        try? writer?.abandon()
    }
}

extension ArchiveSettings {
    fileprivate func segmentWriter(
        of description: TableDescription, notBefore: Instant?, sources: Manifest.Sources?
    ) throws -> SnapshotWriter {
        let plan = SnapshotWriter.Plan(
            kind: .log, table: .init(name: description.name, id: description.id), description: description.json(),
            wrappingKey: wrappingKey, tool: tool, notBefore: notBefore, sources: sources)
        return try SnapshotWriter(vault, plan, keys: keys, record: commits, clock: clock)
    }
}
