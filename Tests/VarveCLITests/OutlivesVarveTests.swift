// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit

/// What is in a vault outlives Varve: it opens by the commands of its own README.txt, and what comes out is a native export.
@Suite struct OutlivesVarveTests {
    /// What opens a snapshot: its exported key, or the recovery kit.
    enum Secret: CaseIterable {
        case exportedKey
        case recoveryKit
    }

    @Test(arguments: Secret.allCases)
    func `the commands of the vault's README open a snapshot`(secret: Secret) throws {
        let opened = try Opened(.allTypes, .manySmall, secret: secret)
        for (table, folder) in opened.folders {
            let items = try folder.appending("items.jsonl").read()
            #expect(Lines.difference(try opened.home.export(table.name), Lines.sorted(items)) == nil)
        }
    }

    @Test func `the commands of the vault's README open what a sweep archived`() throws {
        let past = Int(Date.now.timeIntervalSince1970) - 3600
        let home = try TestHome()
        try home.run("table", "create", "Sessions", "--partition-key", "id:S", "--ttl", "t")
        try home.load((0..<20).map { #"{"Item":{"id":{"S":"\#($0)"},"t":{"N":"\#(past)"}}}"# }, into: "Sessions")
        let source = try home.export("Sessions")
        try home.run("sweep", "Sessions")
        let archive = try #require(try home.snapshots().first)
        let folder = try Readme.open(archive, of: home, with: .recoveryKit)
        #expect(Lines.difference(source, Lines.sorted(try folder.appending("items.jsonl").read())) == nil)
    }

    @Test(arguments: Secret.allCases)
    func `the commands of a second vault's README open a copy`(secret: Secret) throws {
        let pair = try CopyTestHome()
        try pair.load()
        try pair.home.run("backup", "--to", "main", "--to", "offsite")
        let listed = try pair.last("list", "--vault", "offsite", exitCode: 0)["recoveryPoints"] as? [[String: Any]]
        let copy = try TestHome.Snapshot(try #require(listed?.first))
        try pair.home.vault.remove()
        let folder = try Readme.open(copy, of: pair.home, with: secret, vault: ("offsite", pair.offsite))
        let items = Lines.sorted(try folder.appending("items.jsonl").read())
        #expect(try Lines.difference(pair.home.export("Orders"), items) == nil)
    }

    @Test func `what comes out is a native export, and imports as one`() throws {
        let opened = try Opened(.manySmall, .large, .empty, secret: .exportedKey)
        for (table, folder) in opened.folders {
            let checked = try ChildProcess.run(
                try Readme.python(), ["-c", Self.check, folder.appending("opened/AWSDynamoDB").string],
                in: opened.home.path)
            try #require(checked.exitCode == 0, "\(checked)")
            let counts = try #require(try JSONText.last(checked.output) as? [String: Int])
            #expect(counts["items"] == table.lines.count)
            #expect(try #require(counts["files"]) >= (table.name == "Large" ? 2 : 1))

            let schema = opened.home.folder.appending("\(table.name).table.json").string
            try opened.home.run("table", "create", "imported", "--schema", schema)
            try opened.home.run("table", "import", "imported", folder.appending("opened").string)
            #expect(
                Lines.difference(try opened.home.export(table.name), try opened.home.export("imported")) == nil)
            try opened.home.run("table", "drop", "imported", "--yes")
        }
    }

    /// Snapshots of tables, each opened by the commands of the README.
    private struct Opened {
        let home: TestHome
        let folders: [(table: SampleTable, folder: FilePath)]

        init(_ tables: SampleTable..., secret: Secret) throws {
            let home = try TestHome()
            self.home = home
            folders = try tables.map { table in
                try home.load(table)
                return (table, try Readme.open(try home.backup(table.name), of: home, with: secret))
            }
        }
    }

    /// Walks an unpacked export with nothing but Python's own libraries and `zstd`, and counts its files and items.
    private static let check = """
        import base64, hashlib, json, pathlib, subprocess, sys

        [export] = pathlib.Path(sys.argv[1]).iterdir()
        assert (export / "_started").read_bytes() == b""

        def proven(name):
            content = (export / name).read_bytes()
            stated = (export / name.replace(".json", ".md5")).read_text().strip()
            assert stated == base64.b64encode(hashlib.md5(content).digest()).decode(), name
            return content

        summary = json.loads(proven("manifest-summary.json"))
        assert summary["outputFormat"] == "DYNAMODB_JSON", summary
        assert summary["manifestFilesS3Key"].endswith(f"AWSDynamoDB/{export.name}/manifest-files.json"), summary
        files = [json.loads(line) for line in proven("manifest-files.json").splitlines()]
        items = 0
        for file in files:
            path = export / "data" / pathlib.PurePosixPath(file["dataFileS3Key"]).name
            assert file["dataFileS3Key"].endswith(f"AWSDynamoDB/{export.name}/data/{path.name}"), file
            content = path.read_bytes()
            assert file["md5Checksum"] == base64.b64encode(hashlib.md5(content).digest()).decode(), file
            assert file["etag"] == hashlib.md5(hashlib.md5(content).digest()).hexdigest() + "-1", file
            lines = subprocess.run(["zstd", "-d", "-c", path], check=True, capture_output=True).stdout.splitlines()
            assert len(lines) == file["itemCount"], file
            for line in lines:
                assert list(json.loads(line)) == ["Item"]
            items += len(lines)
        assert summary["itemCount"] == items, summary
        assert {file.name for file in (export / "data").iterdir()} == {pathlib.PurePosixPath(file["dataFileS3Key"]).name for file in files}
        print(json.dumps({"files": len(files), "items": items}))
        """
}

/// The README.txt of a vault, obeyed to the letter.
private enum Readme {
    /// The Python with the AWS Encryption SDK; where there is none the test is cancelled, and says why.
    static func python() throws -> FilePath {
        do {
            return try PythonEnvironment.interpreter()
        } catch let error as TestKitError {
            try Test.cancel("\(error)")
        }
    }

    /// What stands between lines of three backquotes.
    static func commands(in text: String) -> [String] {
        let parts = text.components(separatedBy: "\n```\n")
        return stride(from: 1, to: parts.count, by: 2).map { parts[$0] }
    }

    /// Runs the README's commands for one recovery point, and gives back the folder they ran in.
    static func open(
        _ point: TestHome.Snapshot, of home: TestHome, with secret: OutlivesVarveTests.Secret,
        vault: (name: String, path: FilePath)? = nil
    ) throws -> FilePath {
        let path = vault?.path ?? home.vault
        let python = try python()
        let work = home.folder.appending("opened-\(point.id)")
        try work.makeFolder()
        let secretFile = work.appending("secret.json")
        switch secret {
        case .exportedKey:
            try secretFile.write(
                try home.run("key", "export", point.id, "--vault", vault?.name ?? "main").output)
        case .recoveryKit: try secretFile.write(try home.kit.read())
        }
        let blocks = commands(in: try path.appending("README.txt").readText())
        try #require(blocks.count >= 4)
        // The first block makes an environment from the network; the tests have it already.
        try #require(blocks[0].hasPrefix("python3 -m venv varve-open\n"))
        try FileManager.default.createSymbolicLink(
            atPath: work.appending("varve-open").string,
            withDestinationPath: python.removingLastComponent().removingLastComponent().string)
        let result = try ChildProcess.run(
            "bash", ["-e", "-u", "-o", "pipefail", "-c", blocks.dropFirst().joined(separator: "\n")], in: work,
            environment: ["VAULT": path.string, "SNAPSHOT": point.folder, "SECRET": secretFile.string])
        try #require(result.exitCode == 0, "\(result)")
        return work
    }
}
