// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveKeys
import VarveTestKit
import VarveVault

/// A home with a second vault, `offsite`, under a key of its own.
struct CopyTestHome {
    let home: TestHome

    var offsite: FilePath { home.path.appending("elsewhere/vault") }

    init() throws {
        home = try TestHome()
        let file = home.path.appending("varve.yaml")
        let lines = try file.readText().split(separator: "\n", omittingEmptySubsequences: false)
        let index = try #require(lines.firstIndex { $0.hasPrefix("    key: alias/main") })
        let more = ["  offsite:", "    directory: elsewhere/vault", "    key: alias/offsite"]
        try file.write(
            (lines[...index].map(String.init) + more + lines[(index + 1)...].map(String.init)).joined(separator: "\n"))
        try home.run("vault", "create", "offsite")
    }

    /// The last object of a command with `--json`, however it ends.
    func last(_ arguments: String..., exitCode: Int32) throws -> [String: Any] {
        let result = try home.varve(arguments + ["--json"])
        #expect(result.exitCode == exitCode, "varve \(arguments.joined(separator: " ")): \(result)")
        return try #require(try JSONText.last(result.output) as? [String: Any], "\(result)")
    }

    /// What a summary says of the copies in a vault.
    func copies(_ summary: [String: Any], in vault: String = "offsite") throws -> [String: Any] {
        let all = try #require(summary["copies"] as? [[String: Any]])
        return try #require(all.first { $0["vault"] as? String == vault })
    }

    func ids(_ vault: String) throws -> [String] {
        let listed = try last("list", "--vault", vault, exitCode: 0)["recoveryPoints"] as? [[String: Any]]
        return try #require(listed).compactMap { $0["id"] as? String }
    }

    /// The objects of a vault that both have to have with the same bytes.
    static func bundles(_ vault: FilePath) throws -> [String: [UInt8]] {
        let names = try vault.files().filter { $0.hasSuffix(".esdk") }
        return try Dictionary(uniqueKeysWithValues: names.map { ($0, try vault.appending($0).read()) })
    }

    /// A table with items, two of them expired.
    func load(_ table: String = "Orders") throws {
        try home.run("table", "create", table, "--partition-key", "id:S", "--ttl", "t")
        let now = Int(Date.now.timeIntervalSince1970)
        let lines = (0..<30).map { number in
            #"{"Item":{"id":{"S":"\#(number)"},"t":{"N":"\#(number < 2 ? now - 3600 : now + 86400)"}}}"#
        }
        try home.load(lines, into: table)
    }

    func flip(_ path: FilePath) throws {
        var bytes = try path.read()
        bytes[bytes.count / 2] ^= 1
        try path.write(bytes)
    }
}

@Suite struct CopyTests {
    @Test func `a second vault holds all that the first does, and restores it without the first`() throws {
        let pair = try CopyTestHome()
        let home = pair.home
        try pair.load()
        try home.run("backup", "--to", "main")
        try home.run("capture", "Orders", "--once", "--to", "main")
        try home.run("table", "put", "Orders", #"{"id":{"S":"new"}}"#)
        try home.run("capture", "Orders", "--once", "--to", "main")
        try home.run("sweep", "Orders", "--to", "main")
        let plan = try pair.last("copy", "--to", "offsite", "--dry-run", exitCode: 0)
        #expect(plan["dryRun"] as? Bool == true && plan["from"] as? String == "main")
        #expect((try pair.copies(plan)["copied"] as? [Any])?.count == 2)
        #expect(try pair.ids("offsite").isEmpty, "a dry run copies nothing")

        let copied = try pair.copies(try pair.last("copy", "--to", "offsite", exitCode: 0))
        #expect((copied["copied"] as? [[String: Any]])?.compactMap { $0["id"] as? String } == (try pair.ids("main")))
        #expect(copied["segments"] as? Int == 2 && copied["changes"] as? Int == 1 && copied["present"] as? Int == 0)
        #expect(try pair.ids("offsite") == pair.ids("main") && pair.ids("main").count == 2)
        #expect(try CopyTestHome.bundles(pair.offsite) == CopyTestHome.bundles(home.vault))
        let coverage = try ["main", "offsite"].map { vault in
            try #require(try pair.last("coverage", "--vault", vault, exitCode: 0)["tables"] as? NSArray)
        }
        #expect(coverage[0] == coverage[1])

        // The first vault is gone; the second, with the home or with the kit alone, is enough.
        try home.run("table", "drop", "Orders", "--yes")
        try FileManager.default.moveItem(atPath: home.vault.string, toPath: home.path.appending("gone").string)
        try home.run("verify", "--vault", "offsite")
        try home.run("restore", "Orders", "--as", "Back", "--latest", "--vault", "offsite")
        #expect(try home.export("Back").count == 30)
        try home.run("recovery-kit", "test", "--vault", "offsite", "--kit", home.kit.string)
        let id = try pair.ids("offsite")[0]
        #expect(try pair.last("key", "export", id, "--vault", "offsite", exitCode: 0)["hex"] is String)
        #expect(try home.varve(["doctor"]).outputText.contains("ok    vault offsite: opens, 2 recovery points"))
        // What is bound to the first vault's key alone is not what opens it there.
        try home.run("key", "disable", "alias/main")
        try home.run("verify", "--vault", "offsite")
    }

    @Test func `tables and ids choose what is copied`() throws {
        let pair = try CopyTestHome()
        for table in ["Orders", "People"] { try pair.load(table) }
        try pair.home.run("backup", "--to", "main")
        let first = try pair.ids("main")
        try pair.home.run("copy", "local/Ord*", "--from", "main", "--to", "offsite")
        #expect(try pair.ids("offsite") == [first[0]])
        try pair.home.run("copy", String(first[1].prefix(12)), "--to", "offsite")
        #expect(try Set(pair.ids("offsite")) == Set(first))
        #expect(try pair.home.varve(["copy", "Nowhere", "--to", "offsite"]).exitCode == 10)
        #expect(try pair.home.varve(["copy", "local/Nowhere", "--to", "offsite"]).exitCode == 10)
        #expect(try pair.home.varve(["copy", "--to", "nowhere"]).exitCode == 10)
        #expect(try pair.home.varve(["copy", "--from", "main", "--to", "main"]).exitCode == 2)
        #expect(try pair.home.varve(["copy", "--to", "offsite", "--to", "offsite"]).exitCode == 2)
        #expect(try pair.home.varve(["copy"]).exitCode == 2)
    }

    @Test func `a damaged recovery point is named and not copied, the others are`() throws {
        let pair = try CopyTestHome()
        try pair.load()
        for _ in 0..<2 { try pair.home.run("backup", "--to", "main") }
        let snapshot = try #require(
            try pair.last("list", "--vault", "main", exitCode: 0)["recoveryPoints"] as? [[String: Any]])
        let broken = try TestHome.Snapshot(snapshot[0])
        try pair.flip(pair.home.vault.appending(broken.folder).appending("000001.tar.esdk"))
        let copied = try pair.copies(try pair.last("copy", "--to", "offsite", exitCode: 3))
        let failed = try #require((copied["failed"] as? [[String: String]])?.first)
        #expect(failed["id"] == broken.id && failed["code"] == "vault.damaged" && failed["table"] == "Orders")
        #expect(try pair.ids("offsite").count == 1)
        // Nothing but the damaged one is left to do.
        let again = try pair.copies(try pair.last("copy", "--to", "offsite", exitCode: 4))
        #expect(again["present"] as? Int == 1 && (again["failed"] as? [Any])?.count == 1)
    }

    @Test func `a run writes to the first vault and copies to the others`() throws {
        let pair = try CopyTestHome()
        try pair.load()
        let backup = try pair.last("backup", "--to", "main", "--to", "offsite", exitCode: 0)
        #expect((try pair.copies(backup)["copied"] as? [Any])?.count == 1)
        #expect(try pair.ids("offsite") == pair.ids("main"))
        try pair.home.run("capture", "Orders", "--once", "--to", "main")
        let capture = try pair.last("capture", "Orders", "--once", "--to", "main", "--to", "offsite", exitCode: 0)
        #expect(try pair.copies(capture)["segments"] as? Int == 2, "the log is copied from its beginning")
        #expect(try pair.home.varve(["capture", "Orders", "--to", "main", "--to", "offsite"]).exitCode == 2)
        #expect(
            try pair.home.varve(["backup", "--to", "main", "--to", "offsite", "--dry-run"]).outputText
                == "would take a snapshot of local/Orders, with copies in offsite\n")
        try pair.home.run("verify", "--vault", "offsite")
    }

    @Test func `a second vault that fails makes a run partly done, and says which`() throws {
        let pair = try CopyTestHome()
        try pair.load()
        try FileManager.default.moveItem(
            atPath: pair.offsite.string, toPath: pair.home.path.appending("unmounted").string)
        let summary = try pair.last("backup", "--to", "main", "--to", "offsite", exitCode: 3)
        #expect((summary["snapshots"] as? [Any])?.count == 1 && (summary["failed"] as? [Any])?.isEmpty == true)
        let failed = try #require((try pair.copies(summary)["failed"] as? [[String: Any]])?.first)
        #expect(failed["code"] as? String == "vault.noVault")
        #expect(try pair.ids("main").count == 1)
        let capture = try pair.last("capture", "Orders", "--once", "--to", "main", "--to", "offsite", exitCode: 3)
        #expect((try pair.copies(capture)["failed"] as? [Any])?.count == 1)
        #expect(try pair.home.varve(["copy", "--to", "offsite"]).exitCode == 10)
        try FileManager.default.moveItem(
            atPath: pair.home.path.appending("unmounted").string, toPath: pair.offsite.string)
        try pair.home.run("copy", "--to", "offsite")
        #expect(try pair.ids("offsite") == pair.ids("main"))
    }

    @Test func `a job backs up, captures, copies, verifies and heals`() throws {
        let pair = try CopyTestHome()
        try pair.load()
        try pair.home.path.appending("Jobs/both.yaml").write(
            """
            version: 1
            steps:
              - backup: { tables: [ "local/*" ], to: [ main, offsite ] }
              - capture: { tables: [ "local/*" ], to: [ main, offsite ] }
              - sweep: { tables: [ local/Orders ], to: main }
              - copy: { tables: [ "local/*" ], to: offsite }
              - verify: { vault: main, healFrom: offsite }
              - verify: { vault: offsite, healFrom: main }
            """)
        try pair.home.run("run", "both", "--dry-run")
        try pair.home.run("run", "both")
        #expect(try pair.ids("offsite") == pair.ids("main") && pair.ids("main").count == 2)
        let bundle = try #require(try CopyTestHome.bundles(pair.home.vault).keys.sorted().last)
        try pair.flip(pair.home.vault.appending(bundle))
        let job = try pair.home.varve(["run", "both"])
        #expect(job.exitCode == 0 && job.outputText.contains("HEALED  \(bundle)  from vault offsite"), "\(job)")
    }

    @Test func `a vault is healed from the other one, and what cannot be is left and told`() throws {
        let pair = try CopyTestHome()
        try pair.load()
        try pair.home.run("backup", "--to", "main", "--to", "offsite")
        let bundles = try CopyTestHome.bundles(pair.home.vault)
        let name = try #require(bundles.keys.sorted().first)
        let (here, there) = (pair.home.vault.appending(name), pair.offsite.appending(name))
        try pair.flip(here)
        #expect((try pair.last("verify", "--vault", "main", exitCode: 4)["healed"] as? [Any])?.isEmpty == true)
        let healed = try pair.last("verify", "--vault", "main", "--heal-from", "offsite", exitCode: 0)
        #expect(healed["healed"] as? [String] == [name] && (healed["damaged"] as? [Any])?.isEmpty == true)
        #expect(try CopyTestHome.bundles(pair.home.vault) == bundles)

        for path in [here, there] { try pair.flip(path) }
        let both = try pair.home.varve(["verify", "--vault", "main", "--heal-from", "offsite"])
        #expect(both.exitCode == 4 && both.errorText.contains("not healed: \(name)"), "\(both)")
        #expect(try here.read() != bundles[name] && here.exists)
        #expect(try pair.home.varve(["verify", "--vault", "main", "--heal-from", "main"]).exitCode == 2)
        #expect(try pair.home.varve(["verify", "--vault", "main", "--heal-from", "nowhere"]).exitCode == 10)
        // Nothing is healed where nothing is found.
        try there.write(try #require(bundles[name]))
        try pair.home.run("verify", "--vault", "offsite", "--heal-from", "main")
    }

    @Test func `shredding a recovery point shreds its copies`() throws {
        let pair = try CopyTestHome()
        try pair.load()
        try pair.home.run("backup", "--to", "main", "--to", "offsite")
        try pair.home.run("backup", "--to", "main")
        let ids = try pair.ids("main")
        let plan = try pair.home.varve(["key", "shred", ids[0], "--vault", "main", "--dry-run"])
        #expect(plan.outputText.contains("and its copy in vault offsite"), "\(plan)")
        let summary = try pair.last("key", "shred", ids[0], "--vault", "main", "--yes", exitCode: 0)
        #expect(((summary["shredded"] as? [[String: Any]])?.first?["copies"] as? [String]) == ["offsite"])
        for vault in ["main", "offsite"] {
            #expect(
                try pair.home.varve(["restore", "Orders", "--as", "Back", "--id", ids[0], "--vault", vault]).exitCode
                    == 5)
            try pair.home.run("verify", "--vault", vault)
        }
        let copied = try pair.copies(try pair.last("copy", "--to", "offsite", exitCode: 0))
        #expect(copied["shredded"] as? [String] == [ids[0]] && (copied["copied"] as? [Any])?.count == 1)
    }

    @Test func `two copies at once lose nothing; whoever loses waits or ends with 11`() throws {
        let pair = try CopyTestHome()
        try pair.load()
        for _ in 0..<4 { try pair.home.run("backup", "--to", "main") }
        let processes = try (0..<3).map { _ in
            try ChildProcess(Checkout.varve, ["copy", "--to", "offsite", "--json"], in: pair.home.path)
        }
        for process in processes {
            let result = try process.wait()
            #expect([0, 11].contains(result.exitCode), "\(result)")
        }
        try pair.home.run("copy", "--to", "offsite")
        #expect(try pair.ids("offsite") == pair.ids("main"))
        try pair.home.run("verify", "--vault", "offsite")
    }

    @Test func `a vault is made where varve.yaml says, once`() throws {
        let pair = try CopyTestHome()
        #expect(try pair.last("vault", "create", "offsite", exitCode: 15)["code"] as? String == "usage")
        #expect(try pair.home.varve(["vault", "create", "nowhere"]).exitCode == 10)
        #expect(try pair.home.run("key", "list").outputText.contains("alias/offsite"))
        try FileManager.default.removeItem(atPath: pair.offsite.string)
        let plan = try pair.last("vault", "create", "offsite", "--dry-run", exitCode: 0)
        #expect(plan["dryRun"] as? Bool == true && !pair.offsite.exists)
        #expect(try pair.last("vault", "create", "offsite", exitCode: 0)["id"] is String)
    }
}
