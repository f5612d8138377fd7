// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import Glibc
package import SystemPackage

/// A native DynamoDB export in a folder on disk, as AWS, other stores' exports and Varve's unpacked bundles have it.
///
/// What AWS writes, with the deviations that occur: checksum files named `.md5`, `.checksum` or missing; keys with a prefix from where the export lay
/// before it was copied; data files beside the export's folder; plain, gzip or zstd data files; a summary with members null, empty or missing.
package struct NativeExport: Sendable {
    /// Manifests are read into memory.
    static let manifestBytesMax = 256 * 1024 * 1024
    /// A summary is one small object.
    static let summaryBytesMax = 1024 * 1024

    package struct File: Sendable {
        package let record: DataFileRecord
        package let path: FilePath
    }

    package let folder: FilePath
    package let summary: ExportSummary
    package let files: [File]

    /// The items that the export says it holds.
    package var items: Int { files.reduce(0) { $0 &+ $1.record.itemCount } }

    /// Opens the export in `folder`: the export's own folder (`…/AWSDynamoDB/<ExportId>`), or one above it that holds a single export.
    package init(_ folder: FilePath) throws {
        let folder = try Self.find(folder)
        self.folder = folder
        let summaryBytes = try Self.proven(folder, ExportLayout.summary, atMost: Self.summaryBytesMax)
        let summary = try DocumentCoding.decode(
            ExportSummary.self, summaryBytes, name: folder.appending(ExportLayout.summary).string)
        self.summary = summary
        if let type = summary.exportType, !type.isEmpty, type != "FULL_EXPORT" {
            throw VaultError(
                .notAnExport, "The export in '\(folder)' is of type \(type); only full exports are imported.")
        }
        if let format = summary.outputFormat, !format.isEmpty, format != "DYNAMODB_JSON" {
            throw VaultError(
                .notAnExport,
                "The export in '\(folder)' has format \(format); only DYNAMODB_JSON is imported. Export it so.")
        }
        let list = try Self.proven(folder, ExportLayout.files, atMost: Self.manifestBytesMax)
        let records = try list.withUnsafeBytes {
            try ExportManifests.records($0, name: folder.appending(ExportLayout.files).string)
        }
        var names: Set<String> = []
        files = try records.map { record in
            guard record.itemCount >= 0, names.insert(record.dataFileS3Key).inserted else {
                throw VaultError(
                    .damaged, "The list of data files in '\(folder)' names a file twice or with less than no items.")
            }
            return File(record: record, path: try Self.locate(record.dataFileS3Key, folder))
        }
        let (items, overflow) = records.reduce((0, false)) { sum, record in
            let (next, overflow) = sum.0.addingReportingOverflow(record.itemCount)
            return (next, sum.1 || overflow)
        }
        guard !overflow, summary.itemCount == nil || summary.itemCount == items else {
            throw VaultError(
                .manifestMismatch,
                "The export in '\(folder)' says that it has \(summary.itemCount ?? 0) items, but its data files should have \(items)."
            )
        }
    }

    /// Hands out every line of every data file, each file with its MD5 and count checked at its end.
    package func forEachLine(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        for file in files { try forEachLine(of: file, body) }
    }

    /// The lines of one data file. Different files may be read by different threads.
    ///
    /// Keep what was handed out only if this returns: MD5 and count are known at the end.
    package func forEachLine(of file: File, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let input = try FileInput(file.path, hashing: true)
        var lines = 0
        try LineReader.forEachLine(of: input) { line in
            lines += 1
            try body(line)
        }
        // An empty file ends before the reader asks for all of it.
        try input.drain()
        if let expected = file.record.md5Checksum, !expected.isEmpty,
            expected != Data(input.md5()).base64EncodedString()
        {
            throw VaultError(
                .manifestMismatch,
                "Data file '\(file.path)' does not have the MD5 that the export's manifest records. It is damaged.")
        }
        guard lines == file.record.itemCount else {
            throw VaultError(
                .manifestMismatch,
                "Data file '\(file.path)' holds \(lines) items, but the export's manifest says \(file.record.itemCount)."
            )
        }
    }

    // MARK: - Finding things

    private static func find(_ folder: FilePath) throws -> FilePath {
        if exists(folder.appending(ExportLayout.summary)) { return folder }
        let roots = [folder, folder.appending(String(ExportLayout.root.dropLast()))]
        let found = roots.flatMap { root in
            names(in: root).sorted().map { root.appending($0) }.filter { exists($0.appending(ExportLayout.summary)) }
        }
        guard let export = found.first else {
            throw VaultError(
                .notAnExport,
                "There is no native export in '\(folder)': no '\(ExportLayout.summary)' in it or one or two folders below."
            )
        }
        guard found.count == 1 else {
            throw VaultError(
                .notAnExport,
                "'\(folder)' holds \(found.count) exports. Name one: \(found.prefix(3).map(\.string).joined(separator: ", "))…"
            )
        }
        return export
    }

    /// A manifest's bytes, checked against the checksum beside it if there is one.
    private static func proven(_ folder: FilePath, _ name: String, atMost limit: Int) throws -> [UInt8] {
        let path = folder.appending(name)
        let bytes = try read(path, atMost: limit)
        let stem = String(name.dropLast(".json".count))
        for suffix in [".md5", ".checksum"] {
            let checksum = folder.appending(stem + suffix)
            guard exists(checksum) else { continue }
            let expected = try read(checksum, atMost: ExportLayout.smallFileBytesMax).filter { $0 > 0x20 }
            guard expected == ExportManifests.checksum(of: bytes) else {
                throw VaultError(
                    .manifestMismatch,
                    "'\(path)' does not have the MD5 that '\(checksum)' records. The export is damaged.")
            }
        }
        return bytes
    }

    /// Where a data file lies now: its key's end counts, since exports are copied to other places.
    private static func locate(_ key: String, _ folder: FilePath) throws -> FilePath {
        let parts = key.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        guard let name = parts.last, !parts.contains(".."), !parts.contains("."), !key.utf8.contains(0) else {
            throw VaultError(.hostileName, "The list of data files in '\(folder)' holds a key that is no file name.")
        }
        let above = folder.removingLastComponent()
        var places = [
            folder.appending(ExportLayout.data).appending(name), above.appending(ExportLayout.data).appending(name),
        ]
        // …/AWSDynamoDB/<ExportId>/data/<name>, counted from the folder AWSDynamoDB in which this export's folder lies.
        if let root = parts.lastIndex(of: String(ExportLayout.root.dropLast())) {
            places.append(above.appending(parts[(root + 1)...].joined(separator: "/")))
        }
        guard let path = places.first(where: exists) else {
            throw VaultError(
                .notFound,
                "Data file '\(Archive.printable(name))' of the export in '\(folder)' is missing. Copy it there, or export again."
            )
        }
        return path
    }

    private static func exists(_ path: FilePath) -> Bool { access(path.string, F_OK) == 0 }

    private static func names(in folder: FilePath) -> [String] {
        guard let stream = opendir(folder.string) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
            }
            if let name, !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    private static func read(_ path: FilePath, atMost limit: Int) throws -> [UInt8] {
        let input = try FileInput(path)
        var bytes: [UInt8] = []
        while true {
            let part = try input.next()
            if part.isEmpty { return bytes }
            guard bytes.count + part.count <= limit else {
                throw VaultError(.limitExceeded, "'\(path)' is longer than \(limit) bytes; no export's manifest is.")
            }
            bytes.append(contentsOf: part)
        }
    }
}
