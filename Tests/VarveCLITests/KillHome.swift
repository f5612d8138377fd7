// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarveStore
import VarveTestKit
import VarveVault

/// A home with a table of 100,000 items, and the states of it from which trials begin.
///
/// Trials work in ``home``. Its vault is brought back between trials by hard links (a vault never writes into an object that is there), its
/// store by a copy.
struct KillHome {
    static let items = 100_000

    private let folder: TemporaryFolder
    /// Where trials run.
    let home: FilePath
    /// Items and Small; a vault with a snapshot of Small.
    let full: State
    /// Small alone; a vault with a snapshot of each.
    let restorable: State
    /// The tables of ``full``; a vault with many recovery points, two of them of Items, so that changing all of their keys takes a while.
    let many: State
    /// Recovery points of ``many`` that trials shred, the first one of Items among them, with the ids of their keys.
    let condemned: [String: String]
    /// What each item was when the table was made.
    let source: KillItems

    /// The wrapping key to which trials move recovery points.
    static let otherKey = "alias/other"
    private static let manyPoints = 60

    struct State {
        let store: FilePath
        let vault: FilePath
        let record: FilePath
        /// The ids that `list` shows.
        let listed: Set<String>
        let objects: Set<String>
    }

    init(_ random: inout SeededGenerator) throws {
        folder = try TemporaryFolder()
        home = folder.appending("home")
        try FileManager.default.createDirectory(atPath: home.string, withIntermediateDirectories: true)
        try DamageHome.varve(["init", "."], in: home)
        try DamageHome.varve(
            ["table", "create", "Small", "--partition-key", "id:S"], in: home)
        var lines: [UInt8] = []
        for number in 0..<500 {
            lines += Array(#"{"Item":{"id":{"S":"s\#(number)"},"n":{"N":"\#(number)"}}}"#.utf8) + [10]
        }
        try Self.load(lines, into: "Small", in: home)
        try DamageHome.varve(["backup", "Small"], in: home)
        try Self.copyTree(home.appending(".varve/store"), to: folder.appending("store-small"))

        try DamageHome.varve(["table", "create", "Items", "--partition-key", "id:S", "--ttl", "expires"], in: home)
        try Self.load(Self.lines(Self.items, &random), into: "Items", in: home)
        full = try Self.keep("full", store: nil, home, folder)
        source = try KillItems(store: try Self.open(home), table: "Items")
        try #require(source.fingerprints.count == Self.items)

        try DamageHome.varve(["backup", "Items"], in: home)
        restorable = try Self.keep("restorable", store: folder.appending("store-small"), home, folder)

        try DamageHome.varve(["key", "create", "--alias", Self.otherKey], in: home)
        try DamageHome.varve(["backup", "Items"], in: home)
        for _ in 0..<Self.manyPoints { try DamageHome.varve(["backup", "Small"], in: home) }
        many = try Self.keep("many", store: full.store, home, folder)
        let manifests = try Catalog.read(try OpenDamageHome(home).vault).entries.map(\.manifest)
        let items = try #require(manifests.first { $0.table.name == "Items" })
        let small = manifests.filter { $0.table.name == "Small" }.suffix(Self.manyPoints / 2)
        condemned = Dictionary(uniqueKeysWithValues: ([items] + small).map { ($0.id, $0.key.id) })
    }

    /// Opens the store of a home, as another process would.
    static func open(_ home: FilePath) throws -> EmbeddedStore {
        let keys = try KeyStore.open(
            at: home.appending(".varve/keys.json"),
            protection: try KeyProtection.rootKey(file: home.appending(".varve/root.key")))
        return try EmbeddedStore.open(at: home.appending(".varve/store"), keys: keys)
    }

    static func load(_ lines: [UInt8], into table: String, in home: FilePath) throws {
        let file = home.appending("\(table).jsonl")
        try Data(lines).write(to: URL(fileURLWithPath: file.string))
        try DamageHome.varve(["table", "import", table, file.string], in: home)
        try FileManager.default.removeItem(atPath: file.string)
    }

    /// Items of about 850 bytes, half chance and half words; one of four has expired.
    static func lines(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
        let words = "amber basin cedar delta ember fjord grove heath inlet karst loess marsh".split(separator: " ").map
        {
            Array($0.utf8)
        }
        let digits = Array("0123456789abcdef".utf8)
        let now = Int(Instant.now().seconds)
        var lines: [UInt8] = []
        lines.reserveCapacity(count * 900)
        for number in 0..<count {
            let expires = KillWriter.hasExpired(number) ? now - 3_600 - number % 9_000 : now + 864_000
            lines += Array(
                #"{"Item":{"expires":{"N":"\#(expires)"},"id":{"S":"\#(KillItems.id(number))"},"s":{"S":""#.utf8)
            for _ in 0..<20 {
                var value = random.next()
                for _ in 0..<16 {
                    lines.append(digits[Int(value & 15)])
                    value >>= 4
                }
            }
            lines += Array(#""},"t":{"S":""#.utf8)
            for _ in 0..<68 {
                lines += words[Int(random.next() % 12)]
                lines.append(UInt8(ascii: " "))
            }
            lines += Array("\"}}}\n".utf8)
        }
        return lines
    }

    // MARK: States

    private static func keep(
        _ name: String, store: FilePath?, _ home: FilePath, _ folder: TemporaryFolder
    ) throws -> State {
        let state = folder.appending(name)
        try FileManager.default.createDirectory(atPath: state.string, withIntermediateDirectories: true)
        let kept = store ?? state.appending("store")
        if store == nil { try copyTree(home.appending(".varve/store"), to: kept) }
        try copyTree(home.appending(".varve/vault"), to: state.appending("vault"), links: true)
        try copyTree(home.appending(".varve/state"), to: state.appending("state"))
        return State(
            store: kept, vault: state.appending("vault"), record: state.appending("state"),
            listed: try KillCommands(home).listed().ids,
            objects: try objects(home))
    }

    func reset(_ state: State, store: Bool) throws {
        if store { try replace(home.appending(".varve/store"), by: state.store, links: false) }
        try replace(home.appending(".varve/vault"), by: state.vault, links: true)
        try replace(home.appending(".varve/state"), by: state.record, links: false)
    }

    private func replace(_ path: FilePath, by original: FilePath, links: Bool) throws {
        try? FileManager.default.removeItem(atPath: path.string)
        try Self.copyTree(original, to: path, links: links)
    }

    private static func copyTree(_ from: FilePath, to: FilePath, links: Bool = false) throws {
        let result = try ChildProcess.run("cp", [links ? "-al" : "-a", "--reflink=auto", from.string, to.string])
        try #require(result.exitCode == 0, "\(result)")
    }

    /// The names of everything in the vault, temporary files and leases too.
    static func objects(_ home: FilePath) throws -> Set<String> {
        let root = home.appending(".varve/vault")
        var objects: Set<String> = []
        for case let path as String in FileManager.default.enumerator(atPath: root.string) ?? .init() {
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: root.appending(path).string, isDirectory: &isFolder)
            if exists && !isFolder.boolValue { objects.insert(path) }
        }
        return objects
    }
}

/// What each item of a table is, by its number: enough to tell one version from another.
struct KillItems {
    /// Item number to the fingerprint of its canonical bytes.
    var fingerprints: [Int: UInt64] = [:]

    static func id(_ number: Int) -> String { "item-\(number)" }

    private static let scanner = ItemScanner(
        schema: KeySchema(partition: KeyAttribute(name: "id", type: .s), sort: nil), timeToLive: "expires")

    init(store: EmbeddedStore, table: String) throws {
        let snapshot = try store.snapshot(of: table, readers: 1)
        defer { snapshot.close() }
        for segment in 0..<snapshot.segments {
            try snapshot.read(segment: segment, reader: 0) { batch in
                try batch.forEach { item in
                    let number = try Self.number(item)
                    fingerprints[number] = Self.fingerprint(item)
                }
            }
        }
    }

    static func number(_ item: UnsafeRawBufferPointer) throws -> Int {
        let id = String(decoding: try scanner.scan(item).partition, as: UTF8.self)
        guard let number = id.split(separator: "-").last.flatMap({ Int($0) }) else {
            throw DamageTestError("An item has a key that no test made.")
        }
        return number
    }

    /// FNV-1a, of 64 bits.
    static func fingerprint(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

/// The commands that trials run, and what they print.
struct KillCommands {
    let home: FilePath

    init(_ home: FilePath) { self.home = home }

    func start(_ arguments: [String]) throws -> ChildProcess { try ChildProcess(Checkout.varve, arguments, in: home) }

    func run(_ arguments: [String]) throws -> ProcessResult {
        try ChildProcess.run(Checkout.varve, arguments, in: home)
    }

    private struct Listing: Decodable {
        let recoveryPoints: [Point]
        let damaged: [Damaged]
        struct Point: Decodable { let id: String }
    }

    struct Damaged: Decodable {
        let object: String
        let reason: String
    }

    func listed() throws -> (ids: Set<String>, damaged: [Damaged]) {
        let result = try run(["list", "--json"])
        let listing = try JSONDecoder().decode(Listing.self, from: Data(result.output))
        guard result.exitCode == (listing.damaged.isEmpty ? 0 : 4) else { throw DamageTestError("\(result)") }
        return (Set(listing.recoveryPoints.map(\.id)), listing.damaged)
    }

    private struct Summary: Decodable {
        let type: String
        let damaged: [Damaged]?
        let snapshots: [Made]?
        let sweeps: [Swept]?
        let items: Int?
        struct Made: Decodable { let id: String }
        struct Swept: Decodable { let archives: [String] }
    }

    private static func summary(_ output: [UInt8]) -> Summary? {
        for line in output.split(separator: UInt8(ascii: "\n")).reversed() {
            if let summary = try? JSONDecoder().decode(Summary.self, from: Data(line)), summary.type == "summary" {
                return summary
            }
        }
        return nil
    }

    /// What verify at content level finds; nil where it did not come to an end.
    func verify() throws -> [Damaged]? {
        let result = try run(["verify", "--level", "content", "--json"])
        guard let damaged = Self.summary(result.output)?.damaged, result.exitCode == (damaged.isEmpty ? 0 : 4) else {
            return nil
        }
        return damaged
    }

    /// What a run said on standard output that it made: the ids of snapshots and archives, the number of items restored.
    static func acknowledged(_ result: ProcessResult) -> (ids: [String], items: Int?)? {
        summary(result.output).map { summary in
            ((summary.snapshots ?? []).map(\.id) + (summary.sweeps ?? []).flatMap(\.archives), summary.items)
        }
    }

    /// The tables, with how many items each has.
    func tables() throws -> [String: Int] {
        struct Row: Decodable {
            let table: String
            let items: Int
        }
        let result = try run(["table", "list", "--json"])
        guard result.exitCode == 0 else { throw DamageTestError("\(result)") }
        let rows = try JSONDecoder().decode([Row].self, from: Data(result.output))
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.table, $0.items) })
    }
}
