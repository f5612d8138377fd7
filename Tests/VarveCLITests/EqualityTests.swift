// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import VarveModel
import VarveTestKit

/// A table restored equals its source: by the lines that `table export` prints of both, not by Varve's own digest.
@Suite struct EqualityTests {
    @Test(arguments: SampleTable.all)
    func `a restored table equals its source, item for item and in its schema`(table: SampleTable) throws {
        let home = try TestHome()
        try home.load(table)
        let source = try home.export(table.name)
        let wanted = try table.canonicalLines()
        #expect(Lines.difference(wanted, source) == nil)

        let snapshot = try home.backup(table.name)
        #expect(snapshot.items == table.lines.count)
        // What comes later is not in the snapshot.
        try home.run("table", "drop", table.name, "--yes")

        let restored = try home.json("restore", table.name, "--as", "restored", "--id", snapshot.id)
        #expect(restored["items"] as? Int == table.lines.count)
        #expect(Lines.difference(wanted, try home.export("restored")) == nil)
        try expectSchema(of: "restored", is: table, in: home)
        try home.run("verify", "--level", "content")
    }

    /// Every member of the schema stands in the restored table's description as it was given, but for the name, the stream, and a time to
    /// live that is off.
    private func expectSchema(of restored: String, is table: SampleTable, in home: TestHome) throws {
        let wanted = try #require(try JSON(text: Array(table.schema.utf8)).members)
        let description = try JSON(text: try home.run("table", "describe", restored).output)
        #expect(description["TableName"] == .string(restored))
        #expect(description["StreamSpecification"] == nil)
        for member in wanted
        where !["TableName", "StreamSpecification", "TimeToLiveSpecification"].contains(member.name) {
            let found = try #require(description[member.name], "\(member.name)")
            #expect(found.sorted == member.value.sorted, "\(member.name)")
        }
        if let timeToLive = wanted.first(where: { $0.name == "TimeToLiveSpecification" })?.value {
            let found = try #require(description["TimeToLiveSpecification"])
            #expect(found["AttributeName"] == timeToLive["AttributeName"])
            #expect(found["Enabled"] == .bool(false))
        }
    }

    @Test func `two snapshots of a table that changes give both of its states`() throws {
        let home = try TestHome()
        try home.load(.numberSortKeys)
        let before = try home.export("NumberSortKeys")
        let first = try home.backup("NumberSortKeys")
        try home.run("table", "put", "NumberSortKeys", #"{"pk":{"S":"p0"},"sk":{"N":"0"},"v":{"S":"changed"}}"#)
        try home.run("table", "put", "NumberSortKeys", #"{"pk":{"S":"new"},"sk":{"N":"0"}}"#)
        try home.run("table", "delete", "NumberSortKeys", #"{"pk":{"S":"p1"},"sk":{"N":"1"}}"#)
        let after = try home.export("NumberSortKeys")
        let second = try home.backup("NumberSortKeys")
        #expect(before.count == 401 && after.count == 401 && before != after)
        #expect(try #require(second.sequence) == #require(first.sequence) + 3)

        try home.run("restore", "NumberSortKeys", "--as", "first", "--id", first.id)
        try home.run("restore", "NumberSortKeys", "--as", "second", "--latest")
        #expect(Lines.difference(before, try home.export("first")) == nil)
        #expect(Lines.difference(after, try home.export("second")) == nil)
    }
}

extension JSON {
    /// With the members of every object in the order of their names.
    fileprivate var sorted: JSON {
        switch self {
        case .object(let members):
            .object(members.map { JSON.Member($0.name, $0.value.sorted) }.sorted { $0.name < $1.name })
        case .array(let elements): .array(elements.map(\.sorted))
        default: self
        }
    }
}
