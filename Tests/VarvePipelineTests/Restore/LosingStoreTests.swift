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
        let losing = MeddlingStore(store: home.restores, load: { LosingLoad(load: $0) }, beforeDeleting: {})
        let point = PointInTime(try #require(try home.catalog.entries(idPrefix: snapshot.id).first))
        let error = #expect(throws: PipelineError.self) {
            _ = try RestoreTable(vault: home.vault, keys: home.keys, workers: 1, scratch: home.folder.path).run(
                point, as: "Back", into: losing, progress: Progress(), stop: StopSignal())
        }
        #expect(error?.code == .contentMismatch)
        #expect(try home.restores.tables().isEmpty)
    }
}

/// A load that loses one item.
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
