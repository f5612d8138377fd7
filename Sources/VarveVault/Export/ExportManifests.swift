// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import VarveModel

/// One line of an export's `manifest-files.json`. The members' names are AWS's.
package struct DataFileRecord: Codable, Hashable, Sendable {
    package let itemCount: Int
    /// Base64 of the MD5 of the file as it is stored, that is compressed.
    package let md5Checksum: String?
    /// As S3 gives it to an upload of one part.
    package let etag: String?
    /// The file's key in its bucket. Exports that were moved keep their old prefix in it.
    package let dataFileS3Key: String

    /// - Parameter key: nil: in the export's own folder.
    init(file: DataFile, exportID: String, key: String? = nil) {
        itemCount = file.items
        md5Checksum = Data(file.md5).base64EncodedString()
        etag = Hex.text(Insecure.MD5.hash(data: file.md5)) + "-1"
        dataFileS3Key = key ?? ExportLayout.folder(exportID) + ExportLayout.data + file.name
    }
}

/// An export's `manifest-summary.json`. Members that the source left out, or left empty, are nil or empty here.
package struct ExportSummary: Codable, Equatable, Sendable {
    package var version: String?
    package var exportArn: String?
    package var startTime: String?
    package var endTime: String?
    package var tableArn: String?
    package var tableId: String?
    package var exportTime: String?
    package var s3Bucket: String?
    package var s3Prefix: String?
    package var s3SseAlgorithm: String?
    package var s3SseKmsKeyId: String?
    package var manifestFilesS3Key: String?
    package var billedSizeBytes: Int?
    package var itemCount: Int?
    package var outputFormat: String?
    package var exportType: String?
    /// Of incremental exports: the window, and which images its lines have.
    package var exportFromTime: String?
    package var exportToTime: String?
    package var outputView: String?

    package init() {}

    /// Like AWS, says null where there is nothing to say.
    package func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: CodingKeys.self)
        try members.encode(version, forKey: .version)
        try members.encode(exportArn, forKey: .exportArn)
        try members.encode(startTime, forKey: .startTime)
        try members.encode(endTime, forKey: .endTime)
        try members.encode(tableArn, forKey: .tableArn)
        try members.encode(tableId, forKey: .tableId)
        try members.encode(exportTime, forKey: .exportTime)
        try members.encode(s3Bucket, forKey: .s3Bucket)
        try members.encode(s3Prefix, forKey: .s3Prefix)
        try members.encode(s3SseAlgorithm, forKey: .s3SseAlgorithm)
        try members.encode(s3SseKmsKeyId, forKey: .s3SseKmsKeyId)
        try members.encode(manifestFilesS3Key, forKey: .manifestFilesS3Key)
        try members.encode(billedSizeBytes, forKey: .billedSizeBytes)
        try members.encode(itemCount, forKey: .itemCount)
        try members.encode(outputFormat, forKey: .outputFormat)
        try members.encode(exportType, forKey: .exportType)
        try members.encodeIfPresent(exportFromTime, forKey: .exportFromTime)
        try members.encodeIfPresent(exportToTime, forKey: .exportToTime)
        try members.encodeIfPresent(outputView, forKey: .outputView)
    }
}

/// The manifests of the native export that a snapshot is: what its last bundle holds.
struct ExportManifests {
    let summary: [UInt8]
    let files: [UInt8]

    init(summary: ExportSummary, files records: [DataFileRecord]) throws {
        self.summary = try DocumentCoding.encode(summary)
        var lines: [UInt8] = []
        for record in records {
            lines += try DocumentCoding.encode(record)
            lines.append(UInt8(ascii: "\n"))
        }
        files = lines
        guard files.count <= BundleReader.indexBytesMax else {
            throw VaultError(
                .limitExceeded, "A snapshot of \(records.count) data files has more than one export can list.")
        }
    }

    /// What AWS puts into a `.md5` file: base64 of the MD5 of the file beside it.
    static func checksum(of bytes: [UInt8]) -> [UInt8] {
        Array(Data(Insecure.MD5.hash(data: bytes)).base64EncodedString().utf8)
    }

    /// The export's own files in the order in which AWS writes them.
    var entries: [(name: String, bytes: [UInt8])] {
        [
            (ExportLayout.started, []), (ExportLayout.files, files),
            (ExportLayout.filesChecksum, Self.checksum(of: files)),
            (ExportLayout.summary, summary), (ExportLayout.summaryChecksum, Self.checksum(of: summary)),
        ]
    }

    /// Reads the lines of a `manifest-files.json`.
    static func records(_ bytes: UnsafeRawBufferPointer, name: String) throws -> [DataFileRecord] {
        var records: [DataFileRecord] = []
        for line in bytes.split(separator: UInt8(ascii: "\n"))
        where !line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) {
            records.append(try DocumentCoding.decode(DataFileRecord.self, Array(line), name: name))
        }
        return records
    }

    /// Milliseconds, as AWS gives times in exports.
    static func time(_ instant: Instant) -> String {
        // RFC 3339 with six digits of a second, of which three stay.
        let text = instant.rfc3339
        guard let point = text.lastIndex(of: ".") else { return text }
        return text[..<point] + text[point...].prefix(4) + "Z"
    }
}
