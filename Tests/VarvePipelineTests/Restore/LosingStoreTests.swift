// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

@Suite struct LosingStoreTests {
    @Test func `a restore of which an item did not arrive makes no table`() throws {
        let home = try CaptureHome()
        try home.makeTable("Things")
        for key in 0..<5 { try home.put(key, key, into: "Things") }
        let snapshot = try home.backup("Things")
        let point = PointInTime(try #require(try home.catalog.entries(idPrefix: snapshot.id).first))
        let error = #expect(throws: PipelineError.self) {
            _ = try RestoreTable(vault: home.vault, keys: home.keys, workers: 1, scratch: home.folder.path).run(
                point, as: "Back", into: LosingStore(store: home.restores), progress: Progress(), stop: StopSignal())
        }
        #expect(error?.code == .contentMismatch)
        #expect(try home.restores.tables().isEmpty)
    }
}

/// A store that loses one item of each load.
private struct LosingStore: TableStore {
    let store: EmbeddedStore

    func bulkLoad(_ description: TableDescription, into target: LoadTarget, origin: LoadOrigin) throws -> any BulkLoad {
        LosingLoad(load: try store.bulkLoad(description, into: target, origin: origin))
    }

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
    func expired(
        in table: String, at now: Instant, grace seconds: Int64, after cursor: ExpiryCursor?, limit: Int
    ) throws -> [ExpiredItem] {
        try store.expired(in: table, at: now, grace: seconds, after: cursor, limit: limit)
    }
    func expiryBacklog(in table: String, at now: Instant, grace seconds: Int64) throws -> ExpiryBacklog {
        try store.expiryBacklog(in: table, at: now, grace: seconds)
    }
    func deleteExpired(from table: String, _ items: [ItemVersion], sweep: String) throws -> [VarveStore.SweepOutcome] {
        try store.deleteExpired(from: table, items, sweep: sweep)
    }
    func deletions(bySweep sweep: String) throws -> Int { try store.deletions(bySweep: sweep) }
    func suspiciousExpiries(in table: String, at now: Instant) throws -> Int {
        try store.suspiciousExpiries(in: table, at: now)
    }
}

private struct LosingLoad: BulkLoad {
    let load: any BulkLoad

    func add(_ batch: ItemBatch, where keeps: ((ItemKey, UnsafeRawBufferPointer) throws -> Bool)?) throws {
        try load.add(batch, where: keeps)
    }
    func finishLoading() throws -> Int { try load.finishLoading() - 1 }
    func loaded(readers: Int) throws -> any TableSnapshot { try load.loaded(readers: readers) }
    func publish() throws -> TableDescription { try load.publish() }
    func discard() throws { try load.discard() }
}
