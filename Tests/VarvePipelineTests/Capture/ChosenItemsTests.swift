// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

/// States of which a condition chooses the items.
@Suite struct ChosenItemsTests {
    /// 1, 2 and 3 in the snapshot; then 1 changes twice, 2 goes, 4 comes and 5 comes and goes.
    private func home() throws -> CaptureHome {
        let home = try CaptureHome()
        try home.makeTable("Things")
        for key in 1...3 { try home.put(key, 10, into: "Things") }
        try home.backup("Things")
        try home.put(1, 20, into: "Things")
        try home.put(1, 30, into: "Things")
        try home.delete(2, from: "Things")
        try home.put(4, 10, into: "Things")
        try home.put(5, 10, into: "Things")
        try home.delete(5, from: "Things")
        try home.captureOnce(try home.source("Things"))
        return home
    }

    private func end(_ home: CaptureHome) throws -> PointInTime.Target {
        .time(try #require(try home.coverage("Things").through))
    }

    private func restored(
        _ home: CaptureHome, _ target: PointInTime.Target, _ wanted: ItemFilter
    ) throws -> (items: [Int: Int], considered: Int?) {
        var considered: Int?
        let items = try home.restored(target, of: "Things", where: wanted, home.catalog) { considered = $0.considered }
        return (items, considered)
    }

    @Test(arguments: [
        ("v = 10", [3: 10, 4: 10]), ("v = 20", [:]), ("v = 30", [1: 30]), ("v < 30 OR id = 1", [1: 30, 3: 10, 4: 10]),
        ("attribute_exists(id)", [1: 30, 3: 10, 4: 10]), ("attribute_not_exists(id)", [:]), ("id IN (2, 5)", [:]),
    ])
    func `an item is judged as it was at the time, and no older version comes back for it`(
        condition: String, expected: [Int: Int]
    ) throws {
        let home = try home()
        let (items, considered) = try restored(home, end(home), ItemFilter(condition: ItemCondition(condition)))
        #expect(items == expected)
        #expect(considered == 3)
    }

    @Test func `a condition chooses from a snapshot by itself, and together with keys`() throws {
        let home = try home()
        let base = try #require(try home.catalog.entries(table: "Things", kind: .snapshot).first)
        let cut = PointInTime.Target.time(base.manifest.consistency.cut.time)
        let schema = try PointInTime(base).keySchema
        let keys = Set(try [1, 3, 6].map { try ItemKey(json: SimulatedStream.item($0, nil), schema: schema) })
        let condition = try ItemCondition("v = 10 AND id >= 2")

        let snapshot = try restored(home, cut, ItemFilter(condition: condition))
        #expect(snapshot.items == [2: 10, 3: 10] && snapshot.considered == 3)
        let both = try restored(home, cut, ItemFilter(keys: keys, condition: condition))
        #expect(both.items == [3: 10] && both.considered == 2)
        // 4 came later, and meets the condition, but is none of the keys.
        let later = try restored(home, end(home), ItemFilter(keys: keys, condition: condition))
        #expect(later.items == [3: 10] && later.considered == 2)
        let byKeys = try restored(home, end(home), ItemFilter(keys: keys))
        #expect(byKeys.items == [1: 30, 3: 10] && byKeys.considered == nil)
    }

    @Test func `all of the base is proven, whatever is chosen of it`() throws {
        let home = try home()
        let base = try #require(try home.catalog.entries(table: "Things", kind: .snapshot).first)
        let bundle = try #require(base.manifest.bundles.first { $0 != base.manifest.indexBundle })
        let file = home.folder.appending("vault").appending(base.manifest.folder).appending(bundle.name)
        var bytes = try #require(FileManager.default.contents(atPath: file.string))
        bytes[bytes.count / 2] ^= 1
        try FileManager.default.removeItem(atPath: file.string)
        try bytes.write(to: URL(filePath: file.string))
        let nothing = ItemFilter(condition: try ItemCondition("attribute_not_exists(id)"))
        #expect(throws: (any Error).self) {
            _ = try home.restored(end(home), of: "Things", where: nothing, home.catalog)
        }
        #expect(try home.restores.tables().isEmpty)
    }
}
