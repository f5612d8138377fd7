// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

/// Vaults whose every object proves itself, and that are false all the same: what a fault of the writer would leave. Nothing is made of them.
@Suite struct FalseVaultTests {
    private func refusal(_ body: () throws -> Void) -> PipelineError.Code? {
        let error = #expect(throws: PipelineError.self) { try body() }
        return error?.code
    }

    /// Writes lines as a data file with a digest that is not theirs.
    private func add(_ raw: [UInt8], items: Int, to writer: SnapshotWriter) throws {
        let bundle = try writer.bundle()
        try bundle.add(try DataFile(raw: raw, items: items, digest: TableDigest(), level: 1))
        try bundle.finish()
    }

    private func plan(
        _ kind: Manifest.Kind, _ table: TableDescription
    ) -> SnapshotWriter.Plan {
        .init(
            kind: kind, table: .init(name: table.name, id: table.id), description: table.json(), wrappingKey: "owned",
            tool: "test")
    }

    @Test func `a snapshot with other items than its sealed digest says is not restored`() throws {
        let home = try CaptureHome()
        let table = try home.makeTable("Things")
        let writer = try SnapshotWriter(
            home.vault, plan(.snapshot, table), keys: home.keys, record: home.commits, clock: home.clock)
        try add(ExportLine.prefix + SimulatedStream.item(1, 1) + ExportLine.suffix, items: 1, to: writer)
        let cut = home.clock.now()
        _ = try writer.commit(
            consistency: .init(method: "test", from: cut, to: cut, cut: .init(time: cut, sequence: nil)))
        #expect(refusal { _ = try home.restored(.time(cut), of: "Things", home.catalog) } == .contentMismatch)
        #expect(try home.restores.tables().isEmpty)
    }

    @Test func `a segment with other changes than its sealed digest says is not merged`() throws {
        let home = try CaptureHome()
        let table = try home.makeTable("Things")
        try home.put(1, 1, into: "Things")
        try home.captureOnce(try home.source("Things"))
        let honest = try #require(try home.segments("Things").first)
        let stretch = try #require(honest.manifest.log)
        var lines: [UInt8] = []
        let reader = try SnapshotReader(home.vault, honest, keys: home.keys)
        let index = try reader.index()
        for bundle in honest.manifest.bundles {
            try reader.forEachRunOfLines(in: bundle, index) { raw in
                lines += raw
                return 1
            }
        }
        for path in try home.vault.storage.list(honest.manifest.folder).map(\.path)
            + [ObjectPath(honest.manifest.catalogPath)]
        { try home.vault.storage.delete(path) }
        let writer = try SnapshotWriter(
            home.vault, plan(.log, table), keys: home.keys, record: nil, clock: home.clock)
        try add(lines, items: 1, to: writer)
        _ = try writer.commit(log: stretch, previous: nil)
        for value in 2...3 {
            try home.put(1, value, into: "Things")
            try home.captureOnce(try home.source("Things"))
        }
        let before = try home.vault.storage.list("tables/").map(\.path)
        #expect(refusal { try home.compact("Things") } == .contentMismatch)
        #expect(Set(try home.vault.storage.list("tables/").map(\.path)) == Set(before))
    }

    @Test func `a log that does not fit its snapshot does not pass a drill`() throws {
        let home = try CaptureHome()
        let table = try home.makeTable("Things")
        try home.put(1, 1, into: "Things")
        try home.put(2, 1, into: "Things")
        try home.captureOnce(try home.source("Things"))
        // The first item was never so.
        try home.snapshot(table, at: home.clock.now(), items: [1: 999, 2: 1])
        try home.put(1, 2, into: "Things")
        try home.captureOnce(try home.source("Things"))
        let end = try #require(try home.coverage("Things").through)
        let point = try PointInTime.find(.time(end), of: "Things", in: home.catalog)
        #expect(try home.restored(.time(end), of: "Things", home.catalog) == [1: 2, 2: 1])
        let drill = DrillTable(
            vault: home.vault, keys: home.keys, workers: 1, scratch: home.folder.appending("drills"))
        #expect(refusal { _ = try drill.run(point, progress: Progress(), stop: StopSignal()) } == .drillFailed)
    }
}
