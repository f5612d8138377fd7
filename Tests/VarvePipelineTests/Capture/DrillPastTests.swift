// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarvePipeline
import VarveTestKit
import VarveVault

@Suite struct DrillPastTests {
    private func home() throws -> CaptureHome {
        let home = try CaptureHome()
        try home.makeTable("Things")
        for key in 0..<6 { try home.put(key, key, into: "Things") }
        try home.backup("Things")
        for value in 0..<40 {
            if value.isMultiple(of: 7) {
                try home.delete(value % 6, from: "Things")
            } else {
                try home.put(value % 6, value, into: "Things")
            }
            if value.isMultiple(of: 9) { try home.captureOnce(try home.source("Things")) }
        }
        try home.captureOnce(try home.source("Things"))
        return home
    }

    private func drill(_ home: CaptureHome, at instant: Instant) throws -> RestoreResult {
        let point = try PointInTime.find(.time(instant), of: "Things", in: home.catalog)
        return try DrillTable(vault: home.vault, keys: home.keys, workers: 2, scratch: home.folder.appending("drills"))
            .run(point, progress: Progress(), stop: StopSignal())
    }

    @Test func `any instant that is picked by chance is drilled`() throws {
        let home = try home()
        let coverages = Coverage.all(in: try home.catalog, of: "Things")
        var random = SeededGenerator("any instant that is picked by chance is drilled")
        var instants: Set<Instant> = []
        for _ in 0..<20 {
            let (table, instant) = try #require(Coverage.randomInstant(of: coverages, using: &random))
            #expect(table.name == "Things" && coverages[0].contains(instant))
            _ = try drill(home, at: instant)
            instants.insert(instant)
        }
        #expect(instants.count > 10)
        let end = try #require(coverages[0].through)
        #expect(try drill(home, at: end).items == home.items("Things").count)
        #expect(Coverage.randomInstant(of: [], using: &random) == nil)
    }

    @Test func `a digest that was added is taken away again`() {
        let items = (0..<50).map { SimulatedStream.item($0, $0 * 3) }
        var all = TableDigest()
        for item in items { item.withUnsafeBytes { all.add(item: $0) } }
        var half = TableDigest()
        for item in items.prefix(25) { item.withUnsafeBytes { half.add(item: $0) } }
        var rest = TableDigest()
        for item in items.dropFirst(25) { item.withUnsafeBytes { rest.add(item: $0) } }
        all.subtract(half)
        #expect(all == rest)
        all.subtract(rest)
        #expect(all == TableDigest())
    }
}
