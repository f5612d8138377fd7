// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarveVault

/// One worker's way into an archive: items become lines, lines fill a data file, a full data file is compressed and put into the
/// worker's bundle, a full bundle is sealed off and the next begun.
///
/// Each byte is touched once a stage and nothing is shared between workers, so bundles are written in parallel without waiting.
/// Memory: one raw data file and one compressed one.
struct ArchiveLane: ~Copyable {
    private let writer: SnapshotWriter
    private let compressionLevel: Int
    private let progress: Progress
    private var raw: [UInt8] = []
    private var items = 0
    private var digest = TableDigest()
    private var bundle: BundleWriter?
    private var filesInBundle = 0

    /// Data files in a bundle: 64 MiB of raw lines, so that a verify or restore has bundles enough to share out evenly, and a lost one costs little.
    static let dataFilesPerBundleMax = 4

    init(_ writer: SnapshotWriter, compressionLevel: Int, progress: Progress) {
        self.writer = writer
        self.compressionLevel = compressionLevel
        self.progress = progress
        raw.reserveCapacity(DataFile.rawBytesMax)
    }

    /// Adds one item in canonical form.
    mutating func add(_ item: UnsafeRawBufferPointer) throws {
        let line = item.count + ExportLine.prefix.count + ExportLine.suffix.count
        if raw.count + line > DataFile.rawBytesMax { try closeDataFile() }
        ExportLine.append(item, to: &raw)
        digest.add(item: item)
        items += 1
    }

    /// Ends the lane. With `evenIfEmpty` a lane that saw no item still writes an empty data file, as an export of an empty table has one.
    consuming func finish(evenIfEmpty: Bool) throws {
        if !raw.isEmpty || (evenIfEmpty && bundle == nil) { try closeDataFile() }
        try closeBundle()
    }

    private mutating func closeDataFile() throws {
        let open = try bundle ?? writer.bundle()
        bundle = open
        let file = try DataFile(raw: raw, items: items, digest: digest, level: compressionLevel)
        try open.add(file)
        progress.add(items: items, rawBytes: raw.count, storedBytes: file.compressed.count)
        raw.removeAll(keepingCapacity: true)
        items = 0
        digest = TableDigest()
        filesInBundle += 1
        if filesInBundle == Self.dataFilesPerBundleMax { try closeBundle() }
    }

    private mutating func closeBundle() throws {
        guard let open = bundle.take() else { return }
        filesInBundle = 0
        try open.finish()
    }
}
