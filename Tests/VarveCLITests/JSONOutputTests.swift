// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit

/// `--json` of every verb: what scripts rely on parses, and has the fields that are documented.
@Suite struct JSONOutputTests {
    /// A command and the fields that its last object has.
    struct Shape: CustomTestStringConvertible, Sendable {
        let command: String
        let fields: [String]
        var exitCode: Int32 = 0

        /// `ID` stands for the id of a snapshot in the home.
        init(_ command: String, _ fields: String..., exitCode: Int32 = 0) {
            self.command = command
            self.fields = fields
            self.exitCode = exitCode
        }

        var testDescription: String { command }
    }

    private static let record = [
        "id", "kind", "table", "tableId", "vault", "cut", "sequence", "items", "rawBytes", "sealedBytes", "consistency",
        "key",
        "manifest",
    ]

    private static let template = Result {
        let home = try TestHome()
        try home.load(.fullSchema)
        try home.run("backup", "FullSchema")
        return home
    }

    static let shapes = [
        Shape("init ../other", "configuration", "created", "recoveryKit"),
        Shape("init ../other --dry-run", "dryRun", "create", "exists"),
        Shape(
            "table create Other --partition-key pk:S", "TableName", "TableId", "KeySchema", "AttributeDefinitions",
            "SSESpecification"),
        Shape("table create Other --partition-key pk:S --dry-run", "action", "dryRun", "table"),
        Shape("table describe FullSchema", "TableName", "TableId", "GlobalSecondaryIndexes", "Tags", "FutureFeature"),
        Shape("table put FullSchema {\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"9\"}}", "action", "dryRun", "table"),
        Shape(
            "table put FullSchema {\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"9\"}} --dry-run", "action", "dryRun", "table"),
        Shape("table get FullSchema {\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"3\"}}", "pk", "sk"),
        Shape("table delete FullSchema {\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"3\"}}", "action", "dryRun", "table"),
        Shape(
            "table delete FullSchema {\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"3\"}} --dry-run", "action", "dryRun",
            "table", "exists"),
        Shape("table scan FullSchema --limit 3", "Item"),
        Shape("table scan FullSchema --count", "count"),
        Shape("table export FullSchema", "Item"),
        Shape("table export FullSchema ../export.jsonl", "items"),
        Shape("table import FullSchema ../FullSchema.jsonl", "type", "table", "dryRun", "items", "rawBytes", "seconds"),
        Shape(
            "table import FullSchema ../FullSchema.jsonl --dry-run", "type", "table", "dryRun", "items", "rawBytes",
            "seconds"),
        Shape("table ttl FullSchema --off", "action", "dryRun", "table", "attribute", "enabled"),
        Shape("table drop FullSchema --yes", "action", "dryRun", "table", "items"),
        Shape("table drop FullSchema --dry-run", "action", "dryRun", "table", "items"),
        Shape("backup", "type", "vault", "snapshots", "failed", "copies"),
        Shape("backup --dry-run", "dryRun", "tables"),
        Shape("capture FullSchema --once", "type", "vault", "tables", "holes", "failed", "copies"),
        Shape("capture FullSchema --dry-run", "dryRun", "vault", "tables"),
        Shape("coverage", "vault", "tables", "damaged"),
        Shape("list --segments", "vault", "segments", "damaged"),
        Shape("list", "vault", "recoveryPoints", "damaged"),
        Shape(
            "show ID", "id", "kind", "table", "description", "consistency", "items", "bundles", "key", "path",
            "catalogPath", "exportId"),
        Shape(
            "restore FullSchema --as back --latest", "type", "id", "source", "table", "vault", "cut", "items",
            "rawBytes", "seconds", "timeToLiveOff"),
        Shape(
            "restore FullSchema --as back --latest --where size(gone)<>1", "type", "id", "source", "table", "vault",
            "cut", "items", "where", "considered", "rawBytes", "seconds", "timeToLiveOff"),
        Shape(
            "restore FullSchema --as back --id ID --plan", "dryRun", "id", "source", "target", "vault", "cut",
            "consistency", "bundles", "bytesToRead", "items", "rawBytes", "possible"),
        Shape(
            "verify", "type", "vault", "level", "recoveryPoints", "segments", "objects", "bytesRead", "items",
            "damaged", "healed",
            "leftovers"),
        Shape("drill", "type", "vault", "drills", "failed"),
        Shape("sweep FullSchema", "type", "vault", "dryRun", "sweeps", "failed"),
        Shape("sweep FullSchema --dry-run", "type", "vault", "dryRun", "sweeps", "failed"),
        Shape("prune --leftovers", "vault", "dryRun", "objects", "bytes", "notes"),
        Shape("prune --keep-last 1 --dry-run", "type", "vault", "dryRun", "points", "logs", "removed", "records"),
        Shape("explain ID", "id", "kind", "table", "vault", "cut", "verdict", "reasons"),
        Shape("list --removed", "vault", "recoveryPoints", "damaged"),
        Shape("run nightly", "type", "job", "exitCode", "steps", "notRun"),
        Shape("run nightly --dry-run", "type", "job", "exitCode", "steps", "notRun"),
        Shape(
            "key create --alias alias/new", "id", "class", "aliases", "state", "currentVersion", "versions", "created"),
        Shape("key create --dry-run", "action", "dryRun"),
        Shape("key describe alias/main", "id", "class", "aliases", "state", "currentVersion", "versions", "created"),
        Shape("key alias alias/new alias/main", "id", "class", "aliases"),
        Shape("key alias alias/new alias/main --dry-run", "action", "dryRun", "key"),
        Shape("key rotate alias/main", "id", "class", "aliases", "currentVersion", "versions"),
        Shape("key rotate alias/main --dry-run", "action", "dryRun", "key"),
        Shape("key export ID", "namespace", "name", "hex"),
        Shape("key export alias/main", "namespace", "name", "hex", "versions"),
        Shape(
            "recovery-kit test --kit varve-recovery-kit.json", "type", "vault", "opens", "tables", "items", "damaged"),
        Shape("config validate", "valid", "files", "problems"),
        Shape("schedule history", "runs", "damagedLines"),
        Shape("config show", "version", "keys", "stores", "vaults", "state", "defaults"),
        Shape("doctor", "healthy", "checks"),
        Shape(
            "bench --items 300 --seconds 0", "type", "version", "folder", "seed", "items", "rawBytes", "storedBytes",
            "cores", "stages", "whole"),
        Shape(
            "bench data --items 3 ../generated.jsonl", "file", "items", "rawBytes", "compressedBytes", "seed", "order",
            "expired"),
        // A failed command says so in JSON as well.
        Shape("restore FullSchema --as FullSchema --latest", "type", "code", "message", "chain", exitCode: 1),
        Shape("table describe Nope", "type", "code", "message", "chain", exitCode: 10),
        Shape("backup Nope", "type", "code", "message", "chain", exitCode: 10),
    ]

    @Test(arguments: shapes)
    func `what --json prints parses and has its fields`(shape: Shape) throws {
        let home = try Self.template.get().copy()
        let lines = Array((SampleTable.fullSchema.lines.joined(separator: "\n") + "\n").utf8)
        try home.folder.write("FullSchema.jsonl", lines)
        let id = try #require(try home.snapshots().first).id
        let words = shape.command.split(separator: " ").map { $0 == "ID" ? id : String($0) }
        let result = try home.varve(words + ["--json"])
        #expect(result.exitCode == shape.exitCode, "\(result)")
        let last = try #require(try JSONText.last(result.output) as? [String: Any], "\(result)")
        for field in shape.fields { #expect(last[field] != nil, "'\(field)' is missing. \(result)") }
    }

    @Test(arguments: ["table list", "key list"])
    func `what lists print is an array`(command: String) throws {
        let home = try Self.template.get().copy()
        let result = try home.varve(command.split(separator: " ").map(String.init) + ["--json"])
        let rows = try #require(try JSONText.last(result.output) as? [[String: Any]], "\(result)")
        #expect(!rows.isEmpty)
        #expect(rows.allSatisfy { $0["id"] is String })
    }

    @Test func `a backup's summary and the list say the same of a snapshot`() throws {
        let home = try Self.template.get().copy()
        let summary = try home.json("backup")
        let taken = try #require((summary["snapshots"] as? [[String: Any]])?.first)
        let listed = try #require((try home.json("list")["recoveryPoints"] as? [[String: Any]])?.last)
        for field in Self.record {
            #expect(taken[field] != nil && listed[field] != nil, "\(field)")
            if field == "table" { continue }  // the vault knows no store
            #expect("\(taken[field] ?? "")" == "\(listed[field] ?? "")", "\(field)")
        }
        let manifest = try #require(listed["manifest"] as? String)
        #expect(home.vault.appending(manifest).exists)
    }

    @Test func `a table that fails is named, and the others are done`() throws {
        let home = try TestHome()
        try home.run("table", "create", "Sessions", "--partition-key", "id:S", "--ttl", "t")
        try home.run("table", "create", "Plain", "--partition-key", "id:S")
        let result = try home.varve(["sweep", "Sessions", "Plain", "--json"])
        #expect(result.exitCode == 3, "\(result)")
        let summary = try #require(try JSONText.last(result.output) as? [String: Any])
        let failed = try #require((summary["failed"] as? [[String: String]])?.first)
        #expect(failed["table"] == "local/Plain" && failed["code"] == "pipeline.timeToLiveOff")
        #expect((summary["sweeps"] as? [[String: Any]])?.count == 1)
    }
}
