// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import SystemPackage
import Testing
import VarveTestKit

extension BadInput {
    /// An import of a file or folder, which `make` makes at the path given, into an empty table with the keys `pk` (S) and `sk` (N).
    private static func file(
        _ name: String, _ file: String, _ says: String..., make: @escaping @Sendable (FilePath) throws -> Void
    ) -> BadInput {
        // The command's folder is the home; the file lies beside it.
        BadInput(
            name: "import: \(name)", command: ["table", "import", "Strict", "../" + file], exitCode: 1, says: says,
            prepare: { try make($0.folder.appending(file)) })
    }

    private static func csv(_ name: String, _ text: String, _ says: String...) -> BadInput {
        BadInput(
            name: "CSV: \(name)", command: ["table", "import", "Strict", "../items.csv"], exitCode: 1,
            says: ["[pipeline.badInput]"] + says, prepare: { try $0.folder.appending("items.csv").write(text) })
    }

    /// An export with one data file of one item, into which `change` puts a mistake.
    private static func export(
        _ name: String, _ says: String..., change: @escaping @Sendable (inout ExportFolder) throws -> Void
    ) -> BadInput {
        BadInput(
            name: "export: \(name)", command: ["table", "import", "Strict", "../export"], exitCode: 1,
            says: ["[pipeline.badInput]"] + says,
            prepare: { home in
                var export = ExportFolder()
                try change(&export)
                try export.write(to: home.folder.appending("export"))
            })
    }

    private static let good = #"{"Item":{"pk":{"S":"hunter2"},"sk":{"N":"1"}}}"#

    /// Files and folders to import that cannot be taken.
    static let imports = [
        BadInput(
            name: "import: no such file", command: ["table", "import", "Strict", "../nowhere.jsonl"], exitCode: 1,
            says: ["nowhere.jsonl", "[pipeline.badInput]", "[vault.notFound]"]),
        file("a gzip file that was cut", "cut.gz", "cut.gz", "[vault.damaged]") { path in
            try compress(good, "gzip", to: path) { Array($0.dropLast(12)) }
        },
        file("a gzip file whose checksum is wrong", "bad.gz", "bad.gz", "[vault.damaged]") { path in
            try compress(good, "gzip", to: path) { Array($0.dropLast(8)) + [1, 2, 3, 4] + Array($0.suffix(4)) }
        },
        file("a zstd file that was cut", "cut.zst", "cut.zst", "[vault.damaged]") { path in
            try compress(good, "zstd", to: path) { Array($0.dropLast(12)) }
        },
        file("a folder that is no export", "empty", "empty", "[vault.notAnExport]") { try $0.makeFolder() },
        csv("no header", "", "header"),
        csv("no column for a key", "a,b\nhunter2,2\n", "header"),
        csv("a record that is too short", "pk,sk\nhunter2\n", "CSV record 2"),
        csv("a quote without an end", "pk,sk\n\"hunter2,1\n", "CSV record 2"),
        csv("text behind a quote", "pk,sk\n\"hunter2\"x,1\n", "CSV record 2"),
        csv("a number that is none", "pk,sk\nhunter2,hunter2\n", "CSV record 2", "[model.invalidNumber]"),
        csv("a column twice", "pk,sk,a,a\nhunter2,1,x,y\n", "CSV record 2", "[model.duplicateName]"),
        csv("a record without end", "pk,sk\n" + String(repeating: "x", count: 1_000_000), "CSV record 2"),
        BadInput(
            name: "CSV: a delimiter of two characters",
            command: ["table", "import", "Strict", "../x.csv", "--delimiter", ";;"], exitCode: 2, says: ["[usage]"]),
        export("a line that is none", "[model.malformedJSON]") {
            $0.content = Array(#"{"Item":{"pk":{"S":"hunter2"}}"#.utf8)
        },
        export("an MD5 that does not fit", "[vault.") { $0.md5 = "AAAAAAAAAAAAAAAAAAAAAA==" },
        export("a count that does not fit", "[vault.") { $0.items = 2 },
        export("a data file that is missing", "[vault.") { $0.name = "" },
        export("a data file's name that leads outside", "[vault.") {
            $0.key = "AWSDynamoDB/01/data/../../../../../../etc/passwd"
        },
        export("a data file's name that is absolute", "[vault.") { $0.key = "/etc/passwd" },
        export("a data file's name that is a folder", "[vault.") { $0.key = "AWSDynamoDB/01/data/.." },
        export("a manifest that is no JSON", "[vault.") { $0.files = "hunter2" },
        export("a manifest of another MD5", "[vault.") { $0.filesMD5 = "AAAAAAAAAAAAAAAAAAAAAA==" },
    ]

    private static func compress(
        _ text: String, _ tool: String, to path: FilePath, _ change: ([UInt8]) -> [UInt8]
    ) throws {
        let result = try ChildProcess.run(FilePath(tool), ["-c"], input: Array(text.utf8))
        try #require(result.exitCode == 0, "\(result)")
        try path.write(change(result.output))
    }
}

/// A native export of one data file, made by hand.
struct ExportFolder {
    var content = Array(#"{"Item":{"pk":{"S":"hunter2"},"sk":{"N":"1"}}}"#.utf8) + [0x0A]
    /// The data file's name; none where it is empty.
    var name = "a.json"
    var key = "AWSDynamoDB/01/data/a.json"
    var items = 1
    var md5: String?
    var files: String?
    var filesMD5: String?

    func write(to folder: FilePath) throws {
        let export = folder.appending("AWSDynamoDB/01")
        let data = export.appending("data")
        try data.makeFolder()
        if !name.isEmpty { try data.appending(name).write(content) }
        let list =
            files
            ?? #"{"itemCount":\#(items),"md5Checksum":"\#(md5 ?? Self.md5(content))","etag":"","dataFileS3Key":"\#(key)"}"#
        try export.appending("manifest-files.json").write(list)
        try export.appending("manifest-files.md5").write(filesMD5 ?? Self.md5(Array(list.utf8)))
        let summary =
            #"{"itemCount":\#(items),"outputFormat":"DYNAMODB_JSON","manifestFilesS3Key":"AWSDynamoDB/01/manifest-files.json"}"#
        try export.appending("manifest-summary.json").write(summary)
        try export.appending("manifest-summary.md5").write(Self.md5(Array(summary.utf8)))
    }

    private static func md5(_ bytes: [UInt8]) -> String {
        Data(Insecure.MD5.hash(data: bytes)).base64EncodedString()
    }
}
