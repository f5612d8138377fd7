// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import VarveKeys
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

/// A key store, an embedded store and a vault in a folder, for one test. Time stands still at ``now``.
final class PipelineHome: Sendable {
    struct StoppedClock: Clock {
        let time: Instant
        func now() -> Instant { time }
    }

    let folder: TemporaryFolder
    let keys: KeyStore
    let store: EmbeddedStore
    let vault: Vault
    let commits: CommitRecord
    let now = Instant.now()

    init() throws {
        folder = try TemporaryFolder()
        let protection = try KeyProtection.createRootKeyFile(at: folder.appending("root.key"))
        keys = try KeyStore.create(at: folder.appending("keys.json"), protection: protection)
        store = try EmbeddedStore.create(at: folder.appending("store"), keys: keys)
        try FileManager.default.createDirectory(
            atPath: folder.appending("vault").string, withIntermediateDirectories: true)
        vault = try Vault.create(DirectoryStorage(folder.appending("vault")), tool: "test")
        commits = CommitRecord(folder.appending("commits.log"))
    }

    var archive: ArchiveSettings {
        ArchiveSettings(
            vault: vault, keys: keys, wrappingKey: "owned", compressionLevel: 1, workers: 2, commits: commits,
            tool: "test",
            clock: StoppedClock(time: now))
    }

    /// A table `name` with partition key `id` and time to live in `ttl`.
    func makeTable(_ name: String, timeToLive: Bool = true) throws {
        _ = try store.createTable(
            TableDescription(
                name: name, keySchema: KeySchema(partition: KeyAttribute(name: "id", type: .s)),
                timeToLive: timeToLive ? TimeToLive(attribute: "ttl", enabled: true) : nil))
    }

    func put(_ json: String, into table: String) throws {
        try store.put(try Item(json: Array(json.utf8)), into: table)
    }

    func put(id: String, ttl: Int64, into table: String) throws {
        try put(#"{"id":{"S":"\#(id)"},"ttl":{"N":"\#(ttl)"}}"#, into: table)
    }

    func key(_ id: String, of table: String) throws -> ItemKey {
        try store.key(Array(#"{"id":{"S":"\#(id)"}}"#.utf8), of: table)
    }

    /// The ids of a table's items, in order.
    func ids(_ table: String) throws -> [String] {
        var ids: [String] = []
        let page = try store.scan(table)
        for index in 0..<page.batch.count {
            if case .string(let text)? = try Item(trusted: page.batch.item(index)).attribute("id") {
                ids.append(String(decoding: text, as: UTF8.self))
            }
        }
        return ids.sorted()
    }

    func verify() throws -> [Finding] {
        try VerifyVault(vault: vault, keys: keys, commits: commits, workers: 2)
            .run(ids: [], depth: .content, progress: Progress(), stop: StopSignal()).findings
    }
}

/// An embedded store that lets a test step in between a sweep's archive and its deletions, and into loads.
struct MeddlingStore: TableStore {
    let store: EmbeddedStore
    /// What a load is replaced by.
    var load: @Sendable (any BulkLoad) -> any BulkLoad = { $0 }
    /// Called before each round of deletions.
    let beforeDeleting: @Sendable () throws -> Void

    func tables() throws -> [TableDescription] { try store.tables() }
    func describe(_ name: String) throws -> TableDescription { try store.describe(name) }
    func createTable(_ description: TableDescription) throws -> TableDescription { try store.createTable(description) }
    func dropTable(_ name: String) throws { try store.dropTable(name) }
    func updateTimeToLive(of table: String, to setting: TimeToLive) throws -> TableDescription {
        try store.updateTimeToLive(of: table, to: setting)
    }
    func snapshot(of table: String, readers: Int) throws -> any TableSnapshot {
        try store.snapshot(of: table, readers: readers)
    }
    func bulkLoad(_ description: TableDescription, into target: LoadTarget, origin: LoadOrigin) throws -> any BulkLoad {
        load(try store.bulkLoad(description, into: target, origin: origin))
    }
    func expired(
        in table: String, at now: Instant, grace: Int64, after cursor: ExpiryCursor?, limit: Int
    ) throws -> [ExpiredItem] {
        try store.expired(in: table, at: now, grace: grace, after: cursor, limit: limit)
    }
    func expiryBacklog(in table: String, at now: Instant, grace: Int64) throws -> ExpiryBacklog {
        try store.expiryBacklog(in: table, at: now, grace: grace)
    }
    func deleteExpired(from table: String, _ items: [ItemVersion], sweep: String) throws -> [VarveStore.SweepOutcome] {
        try beforeDeleting()
        return try store.deleteExpired(from: table, items, sweep: sweep)
    }
    func deletions(bySweep sweep: String) throws -> Int { try store.deletions(bySweep: sweep) }
    func suspiciousExpiries(in table: String, at now: Instant) throws -> Int {
        try store.suspiciousExpiries(in: table, at: now)
    }
}

struct Interruption: Error {}
