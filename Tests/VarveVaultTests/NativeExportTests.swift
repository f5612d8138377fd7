// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import SystemPackage
import Testing
import VarveTestKit
import VarveVault

/// Exports as AWS and others write them, with every deviation that is known to occur.
@Suite struct NativeExportTests {
    enum Compression: String, CaseIterable, Sendable { case none = "", gzip = ".gz", zstd = ".zst" }
    enum Checksum: String, CaseIterable, Sendable { case md5 = ".md5", checksum = ".checksum", none = "" }

    /// What an export is made of; each test changes one thing.
    struct Shape {
        var compression = Compression.gzip
        var checksum = Checksum.md5
        var prefix = "some/old/prefix/"
        /// Where the data files lie, from the export's folder.
        var data = "data"
        var summary: [String: Any] = [:]
        var hasMD5 = true
        var emptyFile = false
    }

    static let id = "01763892000000-0123abcd"
    static let items = (0..<30).map { String(decoding: Samples.line($0).dropLast(), as: UTF8.self) }

    static func md5(_ bytes: [UInt8]) -> String { Data(Insecure.MD5.hash(data: bytes)).base64EncodedString() }

    /// Writes an export below `folder` and returns the export's own folder.
    @discardableResult
    static func make(_ folder: TemporaryFolder, _ shape: Shape = Shape()) throws -> FilePath {
        let root = "AWSDynamoDB/\(id)"
        var list = ""
        var parts = [items[..<10], items[10...]].map { Array($0) }
        if shape.emptyFile { parts.append([]) }
        for (number, part) in parts.enumerated() {
            let name = "file\(number).json"
            let path = try folder.write("\(root)/\(shape.data)/\(name)", part.map { $0 + "\n" }.joined())
            let command: [String]? =
                switch shape.compression {
                case .none: nil
                case .gzip: ["gzip", "-n", path.string]
                case .zstd: ["zstd", "-q", "--rm", path.string]
                }
            if let command {
                try #require(try ChildProcess.run(FilePath(command[0]), Array(command.dropFirst())).exitCode == 0)
            }
            let stored = try Tamper.read(FilePath(path.string + shape.compression.rawValue))
            let key = "\(shape.prefix)\(root)/data/\(name)\(shape.compression.rawValue)"
            list += #"{"itemCount":\#(part.count),"#
            if shape.hasMD5 { list += #""md5Checksum":"\#(md5(stored))","etag":"0123-1","# }
            list += #""dataFileS3Key":"\#(key)"}"# + "\n"
        }
        var summary: [String: Any] = [
            "version": "2020-06-30", "exportArn": "arn:aws:dynamodb:eu-central-1:1:table/Music/export/\(id)",
            "startTime": "2026-11-23T10:00:00.000Z", "tableId": "x", "s3Bucket": "bucket", "s3Prefix": NSNull(),
            "s3SseAlgorithm": "AES256", "s3SseKmsKeyId": NSNull(), "billedSizeBytes": 0, "itemCount": items.count,
            "outputFormat": "DYNAMODB_JSON", "manifestFilesS3Key": "x",
        ]
        for (name, value) in shape.summary { summary[name] = value }
        let summaryBytes = Array(try JSONSerialization.data(withJSONObject: summary))
        try folder.write("\(root)/_started", "")
        try folder.write("\(root)/manifest-summary.json", summaryBytes)
        try folder.write("\(root)/manifest-files.json", list)
        if shape.checksum != .none {
            try folder.write("\(root)/manifest-summary\(shape.checksum.rawValue)", md5(summaryBytes) + "\n")
            try folder.write("\(root)/manifest-files\(shape.checksum.rawValue)", md5(Array(list.utf8)))
        }
        return folder.appending(root)
    }

    static func lines(_ export: NativeExport) throws -> [String] {
        var lines: [String] = []
        try export.forEachLine { lines.append(String(decoding: $0, as: UTF8.self)) }
        return lines
    }

    @Test(arguments: Compression.allCases, Checksum.allCases)
    func `an export is read, however compressed and summed`(compression: Compression, checksum: Checksum) throws {
        let folder = try TemporaryFolder()
        let export = try Self.make(folder, Shape(compression: compression, checksum: checksum))
        for place in [folder.path, folder.appending("AWSDynamoDB"), export] {
            let read = try NativeExport(place)
            #expect(read.items == 30)
            #expect(try Self.lines(read) == Self.items)
        }
    }

    static let deviations: [(String, @Sendable (inout Shape) -> Void)] = [
        ("no prefix", { $0.prefix = "" }),
        ("data beside the exports", { $0.data = "../data" }),
        ("no MD5 of the data files", { $0.hasMD5 = false }),
        ("an empty partition", { $0.emptyFile = true }),
        (
            "an empty partition, plain",
            {
                $0.emptyFile = true; $0.compression = .none
            }
        ),
        (
            "an empty partition, zstd",
            {
                $0.emptyFile = true; $0.compression = .zstd
            }
        ),
        (
            "a summary with empty strings",
            { $0.summary = ["s3SseAlgorithm": "", "s3Prefix": "", "exportType": "", "outputFormat": ""] }
        ),
        (
            "a summary with nulls",
            { $0.summary = ["itemCount": NSNull(), "exportType": NSNull(), "billedSizeBytes": NSNull()] }
        ),
        (
            "a summary with members unheard of",
            { $0.summary = ["vectorIndexes": ["x": 1], "exportType": "FULL_EXPORT"] }
        ),
    ]

    @Test(arguments: deviations.indices)
    func `the deviations that occur are read`(number: Int) throws {
        let folder = try TemporaryFolder()
        var shape = Shape()
        Self.deviations[number].1(&shape)
        try Self.make(folder, shape)
        #expect(try Self.lines(try NativeExport(folder.path)) == Self.items, "\(Self.deviations[number].0)")
    }

    static let refusals: [(String, VaultError.Code, @Sendable (inout Shape) -> Void)] = [
        ("an incremental export", .notAnExport, { $0.summary = ["exportType": "INCREMENTAL_EXPORT"] }),
        ("Ion", .notAnExport, { $0.summary = ["outputFormat": "ION"] }),
        ("another sum of items", .manifestMismatch, { $0.summary = ["itemCount": 31] }),
        ("a key that climbs", .hostileName, { $0.prefix = "../../" }),
        ("a summary of another type", .damaged, { $0.summary = ["itemCount": "many"] }),
    ]

    @Test(arguments: refusals.indices)
    func `what cannot be imported is refused`(number: Int) throws {
        let folder = try TemporaryFolder()
        var shape = Shape()
        Self.refusals[number].2(&shape)
        try Self.make(folder, shape)
        #expect(code { _ = try NativeExport(folder.path) } == Self.refusals[number].1, "\(Self.refusals[number].0)")
    }

    @Test(arguments: ["manifest-summary.json", "manifest-files.json", "manifest-summary.md5", "manifest-files.md5"])
    func `a manifest that does not have its checksum is found`(name: String) throws {
        let folder = try TemporaryFolder()
        let export = try Self.make(folder)
        var bytes = try Tamper.read(export.appending(name))
        bytes[bytes.count / 2] ^= 0x01
        try Tamper.write(export.appending(name), bytes)
        #expect(code { _ = try NativeExport(folder.path) } == .manifestMismatch)
    }

    @Test(arguments: Compression.allCases)
    func `a data file flipped, cut or missing is found`(compression: Compression) throws {
        let folder = try TemporaryFolder()
        let export = try Self.make(folder, Shape(compression: compression))
        let file = export.appending("data/file1.json\(compression.rawValue)")
        let bytes = try Tamper.read(file)
        for index in stride(from: 0, to: bytes.count, by: 7) {
            var changed = bytes
            changed[index] ^= 0x01
            try Tamper.write(file, changed)
            let error = code { _ = try Self.lines(try NativeExport(folder.path)) }
            #expect(error == .manifestMismatch || error == .damaged, "byte \(index)")
        }
        try Tamper.write(file, Array(bytes.dropLast(5)))
        #expect(code { _ = try Self.lines(try NativeExport(folder.path)) } != nil)
        try Tamper.remove(file)
        #expect(code { _ = try NativeExport(folder.path) } == .notFound)
    }

    @Test func `a data file with another number of items is found where there is no MD5`() throws {
        let folder = try TemporaryFolder()
        let export = try Self.make(folder, Shape(compression: .none, hasMD5: false))
        let file = export.appending("data/file0.json")
        try Tamper.write(file, try Tamper.read(file) + Array((Self.items[0] + "\n").utf8))
        #expect(code { _ = try Self.lines(try NativeExport(folder.path)) } == .manifestMismatch)
    }

    @Test func `a folder without an export, or with two, is told so`() throws {
        let folder = try TemporaryFolder()
        #expect(code { _ = try NativeExport(folder.path) } == .notAnExport)
        let export = try Self.make(folder)
        try FileManager.default.copyItem(
            atPath: export.string, toPath: folder.appending("AWSDynamoDB/01763892000001-0123abcd").string)
        #expect(code { _ = try NativeExport(folder.path) } == .notAnExport)
        #expect(try NativeExport(export).items == 30)
    }
}
