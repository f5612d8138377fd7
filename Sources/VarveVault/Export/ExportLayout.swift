// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// The names in a native DynamoDB export: `AWSDynamoDB/<ExportId>/…`.
package enum ExportLayout {
    package static let root = "AWSDynamoDB/"
    package static let started = "_started"
    package static let summary = "manifest-summary.json"
    package static let summaryChecksum = "manifest-summary.md5"
    package static let files = "manifest-files.json"
    package static let filesChecksum = "manifest-files.md5"
    package static let data = "data/"
    /// A summary and a checksum are far smaller.
    static let smallFileBytesMax = 64 * 1024

    /// `AWSDynamoDB/<ExportId>/`
    package static func folder(_ exportID: String) -> String { "\(root)\(exportID)/" }

    /// An export's id as AWS makes them: epoch milliseconds in 14 digits, a dash, 8 hexadecimal digits.
    package static func makeExportID(at instant: Instant) -> String {
        let random = (0..<4).map { _ in UInt8.random(in: .min ... .max) }
        return VaultPaths.padded(Int(max(0, instant.microseconds / 1000)), to: 14) + "-" + Hex.text(random)
    }

    package static func isExportID(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count == 23 && bytes[14] == UInt8(ascii: "-")
            && bytes[..<14].allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
            && Hex.decode(bytes[15...]) != nil
    }

    /// How long the file `name`, relative to the export's folder, may be in a bundle; nil for a name that is never in one.
    static func bytesMax(of name: String) -> Int? {
        switch name {
        case started, summary, summaryChecksum, filesChecksum: return smallFileBytesMax
        case files: return BundleReader.indexBytesMax
        default:
            guard name.hasPrefix(data), DataFile.isName(name.dropFirst(data.count)) else { return nil }
            return DataFile.compressedBytesMax
        }
    }
}
