// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit

/// A home of a test's own, made by `varve init`, and what a person does there at the keyboard.
///
/// Every command is a process of the real binary, run in the home's folder. The home goes with its last reference.
struct TestHome {
    let folder: TemporaryFolder
    /// The home: the folder with `varve.yaml`.
    let path: FilePath

    var vault: FilePath { path.appending(".varve/vault") }
    var store: FilePath { path.appending(".varve/store") }
    var keyStore: FilePath { path.appending(".varve/keys.json") }
    var rootKey: FilePath { path.appending(".varve/root.key") }
    var kit: FilePath { path.appending("varve-recovery-kit.json") }

    init() throws {
        folder = try TemporaryFolder()
        path = folder.appending("home")
        try Self.require(try ChildProcess.varve("init", path.string, in: folder.path), "init")
    }

    /// The home in `path`, which somebody else has made below `folder`.
    init(at path: FilePath, in folder: TemporaryFolder) {
        self.folder = folder
        self.path = path
    }

    /// A copy of its own: paths in `varve.yaml` are relative to it, so that a copied home is a home.
    func copy() throws -> TestHome {
        let folder = try TemporaryFolder()
        let path = folder.appending("home")
        // cp keeps modes and times; the key store's mode is checked.
        let copied = try ChildProcess.run("cp", ["-a", self.path.string, path.string])
        try #require(copied.exitCode == 0, "\(copied)")
        return TestHome(at: path, in: folder)
    }

    // MARK: Commands

    /// Runs a command, however it ends.
    func varve(_ arguments: [String], input: [UInt8] = [], environment: [String: String?] = [:]) throws -> ProcessResult
    {
        try ChildProcess.run(Checkout.varve, arguments, in: path, environment: environment, input: input)
    }

    /// Runs a command that has to end with 0.
    @discardableResult
    func run(_ arguments: String..., input: [UInt8] = []) throws -> ProcessResult {
        let result = try varve(arguments, input: input)
        try Self.require(result, arguments.joined(separator: " "))
        return result
    }

    /// Runs a command with `--json` that has to end with 0, and gives back the last object that it printed.
    @discardableResult
    func json(_ arguments: String...) throws -> [String: Any] {
        let result = try varve(arguments + ["--json"])
        try Self.require(result, arguments.joined(separator: " "))
        return try #require(try JSONText.last(result.output) as? [String: Any], "\(result)")
    }

    private static func require(_ result: ProcessResult, _ command: String) throws {
        try #require(result.exitCode == 0, "varve \(command): \(result)")
    }

    // MARK: Tables

    /// Makes a table of a schema and loads lines into it.
    func load(_ table: SampleTable) throws {
        let schema = try folder.write("\(table.name).table.json", table.schema)
        try run("table", "create", table.name, "--schema", schema.string)
        try load(table.lines, into: table.name)
    }

    func load(_ lines: [String], into table: String) throws {
        if lines.isEmpty { return }
        try run("table", "import", table, "-", input: Array((lines.joined(separator: "\n") + "\n").utf8))
    }

    /// What `table export` prints, a line an item, in the order of the lines' bytes: equal tables give equal lists.
    func export(_ table: String) throws -> [[UInt8]] {
        Lines.sorted(try run("table", "export", table).output)
    }

    /// Takes a snapshot of one table.
    func backup(_ table: String) throws -> Snapshot {
        let summary = try json("backup", table)
        let records = try #require(summary["snapshots"] as? [[String: Any]])
        try #require(records.count == 1)
        return try Snapshot(records[0])
    }

    /// What `backup --json` and `list --json` say of a recovery point.
    struct Snapshot: Hashable {
        let id: String
        let kind: String
        let table: String
        let items: Int
        /// The cut's place in the change log; nil for a sweep, which has no cut.
        let sequence: Int?
        /// The manifest's path in the vault.
        let manifest: String

        var folder: String { String(manifest.dropLast("/manifest.json".count)) }

        init(_ record: [String: Any]) throws {
            id = try #require(record["id"] as? String)
            kind = try #require(record["kind"] as? String)
            table = try #require(record["table"] as? String)
            items = try #require(record["items"] as? Int)
            sequence = record["sequence"] as? Int
            manifest = try #require(record["manifest"] as? String)
        }
    }

    func snapshots() throws -> [Snapshot] {
        try #require(try json("list")["recoveryPoints"] as? [[String: Any]]).map(Snapshot.init)
    }
}

/// JSON as a script reads it.
enum JSONText {
    /// Every document of a command's output: one that stands alone, or one on each line.
    static func documents(_ output: [UInt8]) throws -> [Any] {
        if let whole = try? JSONSerialization.jsonObject(with: Data(output)) { return [whole] }
        return try output.split(separator: UInt8(ascii: "\n")).map {
            try JSONSerialization.jsonObject(with: Data($0))
        }
    }

    static func last(_ output: [UInt8]) throws -> Any? { try documents(output).last }
}

/// Lines of export files.
enum Lines {
    /// The lines of a text in the order of their bytes: what a multiset of them is compared by.
    static func sorted(_ text: [UInt8]) -> [[UInt8]] {
        text.split(separator: UInt8(ascii: "\n")).map { Array($0) }.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// The first difference of two sorted lists, short enough to print; nil where they are equal.
    static func difference(_ one: [[UInt8]], _ other: [[UInt8]]) -> String? {
        if one == other { return nil }
        for (left, right) in zip(one, other) where left != right {
            return "\(one.count) and \(other.count) lines; first: \(short(left)) / \(short(right))"
        }
        let longer = one.count > other.count ? one : other
        return "\(one.count) and \(other.count) lines; more: \(short(longer[min(one.count, other.count)]))"
    }

    private static func short(_ line: [UInt8]) -> String { String(decoding: line.prefix(200), as: UTF8.self) }
}

extension FilePath {
    /// All of a file.
    func read() throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: string))) }
    func readText() throws -> String { String(decoding: try read(), as: UTF8.self) }
    func write(_ bytes: some Sequence<UInt8>) throws { try Data(bytes).write(to: URL(fileURLWithPath: string)) }
    func write(_ text: String) throws { try write(text.utf8) }

    func remove() throws { try FileManager.default.removeItem(atPath: string) }
    func makeFolder() throws {
        try FileManager.default.createDirectory(atPath: string, withIntermediateDirectories: true)
    }
    var exists: Bool { FileManager.default.fileExists(atPath: string) }

    /// The files below this folder, by their paths from it.
    func files() throws -> [String] {
        let all = FileManager.default.enumerator(atPath: string)
        var names: [String] = []
        while let name = all?.nextObject() as? String {
            if all?.fileAttributes?[.type] as? FileAttributeType != .typeDirectory { names.append(name) }
        }
        return names.sorted()
    }
}
