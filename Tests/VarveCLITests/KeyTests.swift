// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit

/// Keys as somebody at the keyboard meets them.
@Suite struct KeyTests {
    /// A home with two snapshots of one table, and a key `alias/new`.
    private func home() throws -> (home: TestHome, points: [String]) {
        let home = try TestHome()
        try home.run("table", "create", "Items", "--partition-key", "id:S")
        var points: [String] = []
        for number in 0..<2 {
            try home.load([#"{"Item":{"id":{"S":"i\#(number)"}}}"#], into: "Items")
            try home.run("backup")
            points = try home.snapshots().map(\.id)
        }
        try home.run("key", "create", "--alias", "alias/new")
        return (home, points)
    }

    private func bundles(_ home: TestHome) throws -> [String] {
        let vault = home.path.appending(".varve/vault").string
        let files = try #require(FileManager.default.enumerator(atPath: vault)).compactMap { $0 as? String }
        return try files.filter { $0.hasSuffix(".esdk") }.sorted().map { file in
            let attributes = try FileManager.default.attributesOfItem(atPath: vault + "/" + file)
            return "\(file) \(attributes[.modificationDate] ?? "") \(attributes[.systemFileNumber] ?? "")"
        }
    }

    @Test func `a key is emptied by rewrap before it is deleted, and no bundle is touched`() throws {
        let (home, points) = try home()
        let before = try bundles(home)
        let moved = try home.json("key", "rewrap", "--all", "--to", "alias/new")
        #expect(Set(moved["rewrapped"] as? [String] ?? []) == Set(points))
        #expect((moved["bytesWritten"] as? Int).map { (100..<4000).contains($0) } == true)
        try home.run("key", "rewrap", "--live", "Items", "--to", "alias/new")
        #expect(try bundles(home) == before)
        #expect(try home.json("key", "rewrap", "--all", "--to", "alias/new")["unchanged"] as? Int == 2)

        let refused = try home.varve(["key", "schedule-deletion", "alias/new", "--days", "7"])
        #expect(refused.exitCode == 15)
        for point in points { #expect(String(decoding: refused.output, as: UTF8.self).contains(point)) }
        #expect(String(decoding: refused.output, as: UTF8.self).contains("table local/Items"))

        try home.run("key", "rewrap", "--table", "Items", "--to", "owned")
        try home.run("key", "rewrap", "--live", "Items", "--to", "owned")
        let gone = try home.json("key", "schedule-deletion", "alias/new", "--days", "7")
        #expect((gone["recoveryPoints"] as? [Any])?.isEmpty == true && (gone["tables"] as? [Any])?.isEmpty == true)
        try home.run("verify")
        try home.run("restore", "Items", "--as", "Copy", "--latest")
    }

    @Test func `what needs a disabled key ends with 12, names the key and damages nothing`() throws {
        let (home, points) = try home()
        try home.run("key", "rewrap", points[0], "--to", "alias/new")
        try home.run("key", "rewrap", "--live", "Items", "--to", "alias/new")
        let key = try #require(try home.json("key", "disable", "alias/new")["id"] as? String)
        for command in [
            ["verify"], ["restore", "Items", "--as", "Copy", "--id", points[0]], ["table", "scan", "Items"], ["backup"],
            ["key", "rotate", "alias/new"], ["key", "rewrap", "--all", "--to", "alias/new"],
        ] {
            let result = try home.varve(command)
            #expect(result.exitCode == 12, "\(command): \(result)")
            #expect(String(decoding: result.output + result.errors, as: UTF8.self).contains(key), "\(command)")
        }
        // The other recovery point has a key of its own.
        try home.run("restore", "Items", "--as", "Copy", "--id", points[1])
        try home.run("key", "enable", "alias/new")
        try home.run("verify")
        #expect(try home.export("Items").count == 2)
    }

    @Test func `a shredded recovery point is listed as such, does not restore, and is no damage`() throws {
        let (home, points) = try home()
        let asked = try home.varve(["key", "shred", points[0]])
        #expect(asked.exitCode == 15, "nobody confirmed")
        let dry = try home.json("key", "shred", points[0], "--dry-run")
        let plan = try #require((dry["shredded"] as? [[String: Any]])?.first)
        let held = try #require(plan["stillHeld"] as? [[String: Any]])
        #expect(held.map { $0["what"] as? String } == ["recoveryPoint", "table"])
        #expect(held.map { $0["name"] as? String } == [points[1], "Items"])
        try home.run("verify")

        try home.run("key", "shred", points[0], "--yes")
        let restored = try home.varve(["restore", "Items", "--as", "Copy", "--id", points[0], "--json"])
        #expect(restored.exitCode == 5)
        #expect((try JSONText.last(restored.output) as? [String: Any])?["code"] as? String == "vault.shredded")
        #expect(try home.varve(["key", "export", points[0]]).exitCode == 5)
        try home.run("verify")
        try home.run("prune", "--leftovers", "--grace", "0s")
        try home.run("verify")
        let listed = try #require(try home.json("list")["recoveryPoints"] as? [[String: Any]])
        #expect(listed.map { $0["shredded"] is String } == [true, false])
        try home.run("restore", "Items", "--as", "Copy", "--latest")
        #expect(try home.export("Copy").count == 2)
    }

    @Test func `with the newest snapshot shredded, the latest is the one before it`() throws {
        let (home, points) = try home()
        try home.run("key", "shred", points[1], "--yes")
        try home.run("restore", "Items", "--as", "Copy", "--latest")
        #expect(try home.export("Copy").count == 1)
        try home.run("drill")
    }

    @Test func `a new kit opens everything and the old one nothing`() throws {
        let (home, _) = try home()
        let old = home.kit.string
        try home.run("recovery-kit", "new", "--kit", "second.json")
        try home.run("recovery-kit", "test", "--kit", "second.json")
        #expect(try home.varve(["recovery-kit", "test", "--kit", old]).exitCode == 12)
        #expect(try home.json("recovery-kit", "new", "--continue")["recoveryPoints"] as? Int == 0)
        // What is written from now on, and the live tables in a home made anew.
        try home.run("backup")
        try home.run("recovery-kit", "test", "--kit", "second.json")
        try home.run("init", "anew", "--vault", ".varve/vault", "--kit", "second.json")
        let anew = home.path.appending("anew")
        let restored = try ChildProcess.varve("restore", "Items", "--as", "Items", "--latest", in: anew)
        #expect(restored.exitCode == 0, "\(restored)")
        try home.run("recovery-kit", "print", "--kit", "again.json")
        try home.run("recovery-kit", "test", "--kit", "again.json")
    }
}
