// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import Synchronization
package import SystemPackage
package import VarveModel

/// Writes a native DynamoDB export into a folder on disk, which the native import and every reader of such exports take.
///
/// Its manifests are written last: a folder without `manifest-summary.json` is no export. Data files are compressed with zstd.
package final class NativeExportWriter: Sendable {
    /// What the export is of.
    package enum Content: Sendable {
        /// Every item as it was then.
        case full(at: Instant)
        /// One line for each item that was written in that time, `from` included and `to` not.
        case incremental(from: Instant, to: Instant)
    }

    private let root: FilePath
    private let folder: FilePath
    private let id: String
    private let description: JSON
    private let content: Content
    private let started: Instant
    private let state = Mutex(State())
    /// Lines that wait for more, to fill a data file; one for each thread that writes.
    private let buffers = Mutex<[Lines]>([])

    private struct State: Sendable {
        var records: [DataFileRecord] = []
        var items = 0
        var rawBytes = 0
    }

    private struct Lines: Sendable {
        var bytes: [UInt8] = []
        var count = 0
    }

    /// - Parameters:
    ///   - root: gets `AWSDynamoDB/<ExportId>`; made where it is not there.
    ///   - description: of the table, as its source gives it.
    package init(in root: FilePath, of description: JSON, _ content: Content, clock: any Clock = SystemClock()) throws {
        self.root = root
        self.description = description
        self.content = content
        started = clock.now()
        id = ExportLayout.makeExportID(at: started)
        folder = root.appending(ExportLayout.root).appending(id)
        try Self.make(folder)
        try Self.make(dataFolder)
        try write(ExportLayout.started, [])
    }

    /// The export's own folder.
    package var path: FilePath { folder }

    /// The data files of incremental exports lie in one folder for all of them.
    private var dataFolder: FilePath {
        switch content {
        case .full: folder.appending("data")
        case .incremental: root.appending(ExportLayout.root).appending("data")
        }
    }

    private static func make(_ folder: FilePath) throws {
        do {
            try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        } catch {
            throw VaultError(.io, "The folder '\(folder)' cannot be made.", cause: error)
        }
    }

    /// Adds whole lines; threads may do it side by side.
    package func add(_ count: Int, lines: (inout [UInt8]) -> Void) throws {
        var buffer = buffers.withLock { $0.popLast() } ?? Lines()
        lines(&buffer.bytes)
        buffer.count += count
        // A batch is far smaller than what is left up to the limit.
        if buffer.bytes.count >= DataFile.rawBytesMax / 2 {
            try writeDataFile(buffer)
            buffer.bytes.removeAll(keepingCapacity: true)
            buffer.count = 0
        }
        let kept = buffer
        buffers.withLock { $0.append(kept) }
    }

    private func writeDataFile(_ lines: Lines) throws {
        if lines.count == 0 { return }
        let file = try DataFile(raw: lines.bytes, items: lines.count, digest: TableDigest())
        try Self.write(file.compressed, to: dataFolder.appending(file.name))
        let key: String? =
            switch content {
            case .full: nil
            case .incremental: ExportLayout.root + ExportLayout.data + file.name
            }
        let record = DataFileRecord(file: file, exportID: id, key: key)
        state.withLock {
            $0.records.append(record)
            $0.items += lines.count
            $0.rawBytes += lines.bytes.count
        }
    }

    /// Writes what is left, then the manifests.
    ///
    /// - Returns: How many lines the export has, and their bytes.
    package func finish(clock: any Clock = SystemClock()) throws -> (items: Int, rawBytes: Int) {
        for buffer in buffers.withLock({ $0 }) { try writeDataFile(buffer) }
        let (records, items, rawBytes) = state.withLock { ($0.records, $0.items, $0.rawBytes) }
        let name = description["TableName"]?.string ?? ""
        let arn = description["TableArn"]?.string ?? "arn:varve:dynamodb:local:000000000000:table/\(name)"
        var summary = ExportSummary()
        summary.version = "2020-06-30"
        summary.exportArn = "\(arn)/export/\(id)"
        summary.startTime = ExportManifests.time(started)
        summary.endTime = ExportManifests.time(clock.now())
        summary.tableArn = arn
        summary.tableId = description["TableId"]?.string
        summary.s3Bucket = ""
        summary.s3SseAlgorithm = ""
        summary.manifestFilesS3Key = ExportLayout.folder(id) + ExportLayout.files
        summary.billedSizeBytes = rawBytes
        summary.itemCount = items
        summary.outputFormat = "DYNAMODB_JSON"
        switch content {
        case .full(let instant):
            summary.exportTime = ExportManifests.time(instant)
            summary.exportType = "FULL_EXPORT"
        case .incremental(let from, let to):
            summary.version = "2023-08-01"
            summary.exportFromTime = ExportManifests.time(from)
            summary.exportToTime = ExportManifests.time(to)
            summary.exportType = "INCREMENTAL_EXPORT"
            summary.outputView = "NEW_AND_OLD_IMAGES"
        }
        let manifests = try ExportManifests(
            summary: summary, files: records.sorted { $0.dataFileS3Key < $1.dataFileS3Key })
        for (name, bytes) in manifests.entries where name != ExportLayout.started { try write(name, bytes) }
        return (items, rawBytes)
    }

    private func write(_ name: String, _ bytes: [UInt8]) throws { try Self.write(bytes, to: folder.appending(name)) }

    /// A file that was not there before, on the disk when this returns.
    private static func write(_ bytes: [UInt8], to path: FilePath) throws {
        do {
            let file = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: [.ownerReadWrite])
            try file.closeAfter {
                try file.writeAll(bytes)
                guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
            }
        } catch {
            throw VaultError(.io, "The file '\(path)' of an export cannot be written.", cause: error)
        }
    }
}
