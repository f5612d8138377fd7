// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit

/// The machine is gone: what is left is a copy of the vault and the recovery kit.
@Suite struct LostHomeTests {
    /// A vault with snapshots of several tables, sealed under keys of several kinds and versions, and a sweep; and what was in the tables.
    private struct Lost {
        let folder: TemporaryFolder
        let vault: FilePath
        let kit: FilePath
        let points: [TestHome.Snapshot]
        let tables: [String: [[UInt8]]]
        let swept: [[UInt8]]

        /// Fills a home, moves vault and kit away from it, and deletes it.
        init() throws {
            let home = try TestHome()
            for table in [SampleTable.allTypes, .fullSchema, .empty, .binaryKeys] { try home.load(table) }
            try home.run("backup", "AllTypes")
            try home.run("key", "rotate", "alias/main")
            try home.run("backup", "FullSchema", "Empty")
            try home.run("key", "create", "--alias", "alias/second")
            try home.run("key", "alias", "alias/main", "alias/second")
            try home.run("backup", "BinaryKeys")
            try home.run("table", "create", "Sessions", "--partition-key", "id:S", "--ttl", "t")
            let past = Int(Date.now.timeIntervalSince1970) - 3600
            try home.load((0..<20).map { #"{"Item":{"id":{"S":"\#($0)"},"t":{"N":"\#(past)"}}}"# }, into: "Sessions")
            swept = try home.export("Sessions")
            try home.run("sweep", "Sessions")

            var tables: [String: [[UInt8]]] = [:]
            for name in ["AllTypes", "FullSchema", "Empty", "BinaryKeys"] { tables[name] = try home.export(name) }
            self.tables = tables
            points = try home.snapshots()
            folder = try TemporaryFolder()
            vault = folder.appending("vault")
            kit = folder.appending("kit.json")
            try FileManager.default.moveItem(atPath: home.vault.string, toPath: vault.string)
            try FileManager.default.moveItem(atPath: home.kit.string, toPath: kit.string)
            try home.path.remove()
        }
    }

    @Test func `vault and kit alone bring every table back on an empty machine`() throws {
        let lost = try Lost()
        let home = TestHome(at: lost.folder.appending("new"), in: lost.folder)
        let made = try ChildProcess.varve(
            "init", "--vault", lost.vault.string, "--kit", lost.kit.string, home.path.string, in: lost.folder.path)
        try #require(made.exitCode == 0, "\(made)")

        #expect(try home.snapshots() == lost.points)
        for point in lost.points {
            let name = point.table + "-back"
            try home.run("restore", point.table, "--as", name, "--id", point.id)
            let wanted = point.kind == "sweep" ? lost.swept : try #require(lost.tables[point.table])
            #expect(Lines.difference(wanted, try home.export(name)) == nil, "\(point.table)")
        }
        #expect(lost.points.count == 5)
        try home.run("verify", "--level", "content")
        try home.run("drill")

        // Work goes on: the new home adds to the vault, and the old kit opens that too.
        try home.run("backup", "AllTypes-back")
        let test = try home.json("recovery-kit", "test", "--kit", lost.kit.string)
        #expect(test["opens"] as? Bool == true)
        #expect(test["tables"] as? Int == 5)
    }

    @Test func `a home of another vault's kit is refused, and nothing of it stays`() throws {
        let lost = try Lost()
        let other = try TestHome()
        let before = try Fingerprint(of: lost.folder.path)
        let made = try ChildProcess.varve(
            "init", "--vault", lost.vault.string, "--kit", other.kit.string, "new", in: lost.folder.path)
        #expect(made.exitCode == 12, "\(made)")
        #expect(made.errorText.contains("[keys.notThisKit]"), "\(made)")
        #expect(try Fingerprint(of: lost.folder.path) == before)
    }

    @Test func `a key store of another vault's kit restores nothing`() throws {
        let lost = try Lost()
        // A home of its own, whose configuration is pointed at the vault afterwards.
        let home = try TestHome()
        try home.vault.remove()
        try FileManager.default.createSymbolicLink(
            atPath: home.vault.string, withDestinationPath: lost.vault.string)
        let before = try Fingerprint(of: lost.folder.path)
        for command in [
            ["restore", "AllTypes", "--as", "back", "--latest"], ["verify"], ["key", "export", lost.points[0].id],
            ["recovery-kit", "test", "--kit", home.kit.string],
        ] {
            let result = try home.varve(command)
            #expect(result.exitCode == 12, "\(command): \(result)")
        }
        let drill = try home.varve(["drill"])
        #expect(drill.exitCode == 12, "\(drill)")
        #expect(try home.run("table", "list").outputText.hasPrefix("There is no table yet"))
        #expect(try Fingerprint(of: lost.folder.path) == before)
    }
}
