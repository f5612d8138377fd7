// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarveStore
import VarveTestKit
import VarveVault

/// A home that was made by the command line, with a vault that holds every class of object.
///
/// - `Records`, of some 9,000 items in three segments: two snapshots by the command line, with a bundle a worker, and one by the vault's own
///   writer, with several data files in each bundle.
/// - `Notes`, with time to live: a snapshot, two sweeps with their outcomes, a snapshot.
/// - `Empty`: two snapshots.
/// - Leftovers of runs that never were, so that pruning has something to do.
struct DamageHome {
    let folder: TemporaryFolder
    /// What nothing knows; prune may remove this and nothing else.
    let leftovers: Set<String>

    static let vaultFolder = ".varve/vault"

    init(_ random: inout SeededGenerator) throws {
        folder = try TemporaryFolder(in: Self.memory)
        let home = folder.path
        try Self.varve(["init", "."], in: home)
        let configuration = home.appending("varve.yaml")
        let text = try String(contentsOfFile: configuration.string, encoding: .utf8)
        try text.replacing("# workers: 4 ", with: "workers: 3 ").write(
            toFile: configuration.string, atomically: true, encoding: .utf8)
        try Self.makeTables(in: home, &random)
        try Self.varve(["backup"], in: home)
        try Self.varve(["sweep", "Notes", "--grace", "2h"], in: home)
        try Self.varve(["sweep", "Notes"], in: home)
        try Self.varve(["backup"], in: home)
        try Self.addSnapshotOfManyFiles(in: home)
        leftovers = [
            "tables/Gone~aaaaaaaaaaaaaaaa/snapshots/20260101T000000Z~aaaaaaaaaaaaaaaa/000001.tar.esdk",
            "keys/aaaaaaaaaaaaaaaa/0001.key",
        ]
        for path in leftovers {
            try folder.write("\(Self.vaultFolder)/\(path)", random.bytes(100))
        }
    }

    /// Thousands of small vaults are written: memory where there is some.
    private static let memory: FilePath? = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : nil

    @discardableResult
    static func varve(_ arguments: [String], in home: FilePath) throws -> ProcessResult {
        let result = try ChildProcess.run(Checkout.varve, arguments, in: home)
        try #require(result.exitCode == 0, "varve \(arguments.joined(separator: " ")): \(result)")
        return result
    }

    /// Copies a home with all that is in it.
    static func copy(_ home: FilePath, to copy: FilePath) throws {
        let result = try ChildProcess.run("cp", ["-a", home.string, copy.string])
        try #require(result.exitCode == 0, "\(result)")
    }

    private static func makeTables(in home: FilePath, _ random: inout SeededGenerator) throws {
        try varve(["table", "create", "Records", "--partition-key", "pk:S", "--sort-key", "n:N"], in: home)
        try varve(["table", "create", "Notes", "--partition-key", "pk:S", "--ttl", "expires"], in: home)
        try varve(["table", "create", "Empty", "--partition-key", "pk:S"], in: home)
        var lines = ""
        for number in 0..<9_000 {
            lines +=
                #"{"Item":{"n":{"N":"\#(number)"},"pk":{"S":"p\#(number % 97)"},"x":{"S":"\#(hex(&random, 40))"}}}"#
            lines += "\n"
        }
        try load(lines, into: "Records", in: home)
        lines = ""
        let now = Int(Instant.now().seconds)
        for number in 0..<900 {
            let expires = now + [-86_400, -3_600, 864_000][number % 3]
            lines +=
                #"{"Item":{"expires":{"N":"\#(expires)"},"pk":{"S":"n\#(number)"},"x":{"S":"\#(hex(&random, 60))"}}}"#
            lines += "\n"
        }
        try load(lines, into: "Notes", in: home)
    }

    private static func load(_ lines: String, into table: String, in home: FilePath) throws {
        let file = home.appending("\(table).jsonl")
        try lines.write(toFile: file.string, atomically: false, encoding: .utf8)
        try varve(["table", "import", table, file.string], in: home)
    }

    private static func hex(_ random: inout SeededGenerator, _ bytes: Int) -> String {
        random.bytes(bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// A bundle gets a second data file only after 16 MiB: too much to be read thousands of times. This makes small ones.
    private static func addSnapshotOfManyFiles(in home: FilePath) throws {
        let opened = try OpenDamageHome(home)
        let table = try opened.store.describe("Records")
        let writer = try SnapshotWriter(
            opened.vault,
            .init(
                kind: .snapshot, table: .init(name: table.name, id: table.id), description: table.json(),
                wrappingKey: "alias/main", tool: "0.1.0"), keys: opened.keys, record: opened.commits)
        let snapshot = try opened.store.snapshot(of: "Records", readers: 1)
        defer { snapshot.close() }
        for segment in 0..<snapshot.segments {
            let bundle = try writer.bundle()
            var items: [[UInt8]] = []
            try snapshot.read(segment: segment, reader: 0) { batch in
                for number in 0..<batch.count { items.append(batch.item(number)) }
            }
            let third = items.count / 3 + 1
            for begin in stride(from: 0, to: items.count, by: third) {
                let part = items[begin..<min(items.count, begin + third)]
                var raw: [UInt8] = []
                var digest = TableDigest()
                for item in part {
                    raw += ExportLine.prefix + item + ExportLine.suffix
                    item.withUnsafeBytes { digest.add(item: $0) }
                }
                try bundle.add(try DataFile(raw: raw, items: part.count, digest: digest))
            }
            _ = try bundle.finish()
        }
        let now = Instant.now()
        _ = try writer.commit(
            consistency: .init(
                method: "store-snapshot", from: now, to: now,
                cut: .init(time: now, sequence: snapshot.cut.sequence)))
    }
}

/// What a home holds, opened as the command line opens it.
struct OpenDamageHome {
    let keys: KeyStore
    let store: EmbeddedStore
    let vault: Vault
    let commits: CommitRecord

    init(_ home: FilePath) throws {
        keys = try KeyStore.open(
            at: home.appending(".varve/keys.json"),
            protection: try KeyProtection.rootKey(file: home.appending(".varve/root.key")))
        store = try EmbeddedStore.open(at: home.appending(".varve/store"), keys: keys)
        vault = try Vault.open(try DirectoryStorage(home.appending(DamageHome.vaultFolder)))
        commits = CommitRecord(home.appending(".varve/state/commits-\(vault.id).log"))
    }
}
