// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import SystemPackage
import Testing
import VarveTestKit

extension BadInput {
    /// A command in a home in which `change` has spoilt something.
    private static func home(
        _ name: String, _ command: String, _ exitCode: Int32, _ says: String...,
        change: @escaping @Sendable (TestHome) throws -> Void
    ) -> BadInput {
        BadInput(
            name: name, command: command.split(separator: " ").map(String.init), exitCode: exitCode, says: says,
            prepare: change)
    }

    /// A mistake in `varve.yaml`: every verb says where it is.
    private static func configuration(_ name: String, _ from: String, _ to: String, _ says: String...) -> BadInput {
        BadInput(
            name: "varve.yaml: \(name)", command: ["backup"], exitCode: 13, says: says,
            prepare: { try replace(from, with: to, in: $0.path.appending("varve.yaml")) })
    }

    /// A mistake in a job.
    private static func job(_ name: String, _ text: String, _ says: String..., exitCode: Int32 = 13) -> BadInput {
        BadInput(
            name: "job: \(name)", command: ["run", "bad"], exitCode: exitCode, says: ["Jobs/bad.yaml:"] + says,
            prepare: { try $0.path.appending("Jobs/bad.yaml").write(text) })
    }

    static let files = configurations + jobs + vaults + keys + kits + schemas

    private static let configurations = [
        configuration(
            "a key that is misspelt", "\nkeys:", "\nkyes:", "varve.yaml:6:1", "'kyes'", "'keys'", "[config.unknownKey]"),
        configuration(
            "a key within that is misspelt", "directory:", "directry:", "varve.yaml:", ":5:", "'directry'",
            "'directory'", "[config.unknownKey]"),
        configuration(
            "a later version", "version: 1", "version: 99", "varve.yaml:3:10", "99", "[config.unsupportedVersion]"),
        configuration("no version", "\nversion: 1", "\n", "'version: 1'", "[config.missingKey]"),
        configuration(
            "a key twice", "\nversion: 1", "\nversion: 1\nversion: 1", "varve.yaml:3:1", "'version'",
            "[config.duplicateKey]"),
        configuration("no YAML", "\nversion: 1", "\nversion: [", "varve.yaml:", "[config.malformed]"),
        configuration("an anchor", "\nversion: 1", "\nversion: &one 1", "varve.yaml:3:10", "[config.malformed]"),
        configuration("text where a mapping should be", "embedded: .varve/store", "5", "varve.yaml:", "[config."),
        configuration(
            "a compression that is none", "zstd:3", "zstd:99", "varve.yaml:", "'zstd:99'", "[config.invalidValue]"),
        configuration(
            "a duration that is none", "changeRetention: 24h", "changeRetention: soon", "varve.yaml:", "'soon'",
            "[config.invalidValue]"),
        home("varve.yaml: no text", "list", 13, "varve.yaml:1:1", "[config.unreadable]") {
            try $0.path.appending("varve.yaml").write([0xFF, 0xFE])
        },
        home("varve.yaml: a folder", "list", 13, "varve.yaml", "[config.unreadable]") {
            try replaceByFolder($0.path.appending("varve.yaml"))
        },
        home("varve.yaml: a bomb of depth", "list", 13, "varve.yaml:", "[config.malformed]") {
            try $0.path.appending("varve.yaml").write("version: " + String(repeating: "[", count: 100_000))
        },
    ]

    private static let jobs = [
        job(
            "a step that is misspelt", "version: 1\nsteps:\n  - bakcup: { tables: [ \"*\" ] }\n", ":3:5:", "'bakcup'",
            "'backup'", "[config.unknownKey]"),
        job(
            "a key that is misspelt", "version: 1\nsteps:\n  - backup: { tabels: [ \"*\" ] }\n", ":3:15:", "'tabels'",
            "'tables'", "[config.unknownKey]"),
        job(
            "a later version", "version: 2\nsteps:\n  - backup: { tables: [ \"*\" ] }\n", ":1:10:",
            "[config.unsupportedVersion]"),
        job(
            "a key of a later version", "version: 1\nsteps:\n  - verify: { level: content }\nhooks: {}\n", ":4:1:",
            "'hooks'", "[config.unknownKey]"),
        job(
            "a level that is none", "version: 1\nsteps:\n  - verify: { level: contents }\n", ":3:22:", "'contents'",
            "[config.invalidValue]"),
        job(
            "a vault that is none", "version: 1\nsteps:\n  - backup: { tables: [ \"*\" ], to: mian }\n", "'mian'",
            "'main'", "[config.unknownName]", exitCode: 10),
        job(
            "a grace that is none", "version: 1\nsteps:\n  - sweep: { tables: [ Music ], grace: soon }\n", ":3:",
            "'soon'", "[config.invalidValue]"),
        job("no steps", "version: 1\n", ":1:1:", "'steps'", "[config.missingKey]"),
        job("a tab", "version: 1\nsteps:\n\t- verify: { level: content }\n", ":3:", "[config.malformed]"),
    ]

    private static let vaults = [
        home("vault: a file where the folder should be", "backup", 10, ".varve/vault", "[vault.noVault]") {
            try $0.vault.remove()
            try $0.vault.write("x")
        },
        home("vault: no folder", "restore Music --as back --latest", 10, ".varve/vault", "[vault.noVault]") {
            try $0.vault.remove()
        },
        home("vault: an empty folder", "backup", 10, ".varve/vault", "[vault.noVault]") {
            try replaceByFolder($0.vault)
        },
        home("vault: a folder where its description should be", "backup", 4, "'vault.json'", "[vault.damaged]") {
            try replaceByFolder($0.vault.appending("vault.json"))
        },
        home("vault: no description", "verify", 4, "'vault.json'", "[vault.missing]") {
            try $0.vault.appending("vault.json").remove()
        },
        home("vault: a later format", "backup", 1, "'vault.json'", "99", "newer", "[vault.newerFormat]") {
            try laterFormat($0.vault.appending("vault.json"))
        },
        home(
            "vault: manifests of a later format", "restore Music --as back --latest", 10, "format 99", "newer",
            "[pipeline.noRecoveryPoint]"
        ) {
            for name in try $0.vault.files() where name.hasSuffix("manifest.json") || name.hasPrefix("catalog/") {
                try laterFormat($0.vault.appending(name))
            }
        },
        home(
            "vault: a folder where a bundle should be", "restore Music --as back --latest", 4, "000001.tar.esdk",
            "[vault."
        ) {
            for name in try $0.vault.files() where name.hasSuffix("000001.tar.esdk") {
                try replaceByFolder($0.vault.appending(name))
            }
        },
        home("vault: a bundle that is another file", "restore Music --as back --latest", 4, "000001.tar.esdk") {
            for name in try $0.vault.files() where name.hasSuffix("000001.tar.esdk") {
                try $0.vault.appending(name).write("hunter2")
            }
        },
        home("vault: a key file that is missing", "restore Music --as back --latest", 4, "keys/", "[vault.missing]") {
            try $0.vault.appending("keys").remove()
        },
    ]

    private static let keys = [
        home("keys: another home's root key", "backup", 12, "keys.json", "[keys.wrongSecret]") {
            try copy(\.rootKey, to: $0)
        },
        home("keys: another home's key store and the store", "table list", 12, ".varve/store", "[store.keyMismatch]") {
            try copy(\.rootKey, to: $0)
            try copy(\.keyStore, to: $0)
        },
        home("keys: another home's key store and the vault", "verify", 12) {
            try copy(\.rootKey, to: $0)
            try copy(\.keyStore, to: $0)
        },
        home("keys: a key store of a later format", "backup", 1, "keys.json", "99", "[keys.newerFormat]") {
            try replace(#""format":1"#, with: #""format":99"#, in: $0.keyStore)
        },
        home("keys: a damaged key store", "backup", 4, "keys.json", "[keys.damaged]") {
            try $0.keyStore.write(Array(try $0.keyStore.read().dropLast(9)))
            try mode(0o600, of: $0.keyStore)
        },
        home("keys: a key store that others may read", "backup", 12, "keys.json", "chmod 600", "[keys.permissions]") {
            try mode(0o644, of: $0.keyStore)
        },
        home("keys: a root key that others may read", "backup", 12, "root.key", "chmod 600", "[keys.permissions]") {
            try mode(0o640, of: $0.rootKey)
        },
        home("keys: no key store", "backup", 10, "keys.json", "[keys.noKeyStore]") { try $0.keyStore.remove() },
        home("keys: no root key", "backup", 10, "root.key", "[keys.noKeyStore]") { try $0.rootKey.remove() },
        home("keys: a root key that is none", "backup", 12, "root.key", "[keys.invalidSecret]") {
            try $0.rootKey.write("hunter2")
            try mode(0o600, of: $0.rootKey)
        },
        home("store: a later format", "backup", 1, ".varve/store", "99", "[store.newerFormat]") { home in
            let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA user_version = 99')"
            let done = try ChildProcess.run("python3", ["-c", script, home.store.appending("store.sqlite").string])
            try #require(done.exitCode == 0, "\(done)")
        },
        home("store: no folder", "backup", 10, ".varve/store", "[store.noStore]") { try $0.store.remove() },
        home("store: a file where the folder should be", "backup", 10, ".varve/store", "[store.noStore]") {
            try $0.store.remove()
            try $0.store.write("hunter2")
        },
        home("store: a folder where the database should be", "backup", 1, "[store.io]") {
            for name in try $0.store.files() { try $0.store.appending(name).remove() }
            try $0.store.appending("store.sqlite").makeFolder()
        },
        home("store: a database that is none", "table list", 4, ".varve/store", "[store.damaged]") {
            for name in try $0.store.files() { try $0.store.appending(name).remove() }
            try $0.store.appending("store.sqlite").write(String(repeating: "hunter2 ", count: 1000))
        },
    ]

    private static let kits = [
        home(
            "kit: no such file", "init ../new --vault .varve/vault --kit nowhere.json", 10, "'nowhere.json'",
            "[keys.noKeyStore]"
        ) { _ in },
        home("kit: of another vault", "init ../new --vault .varve/vault --kit ../kit.json", 12, "[keys.notThisKit]") {
            try $0.folder.appending("kit.json").write(try BadInputTests.otherHome.get().kit.read())
            try mode(0o600, of: $0.folder.appending("kit.json"))
        },
        home("kit: of another vault, tested", "recovery-kit test --kit ../kit.json", 12) {
            try $0.folder.appending("kit.json").write(try BadInputTests.otherHome.get().kit.read())
            try mode(0o600, of: $0.folder.appending("kit.json"))
        },
        home(
            "kit: that others may read", "init ../new --vault .varve/vault --kit varve-recovery-kit.json", 12,
            "chmod 600", "[keys.permissions]"
        ) {
            try mode(0o644, of: $0.kit)
        },
        home(
            "kit: with a slip of the pen", "init ../new --vault .varve/vault --kit varve-recovery-kit.json", 4,
            "[keys.damaged]"
        ) {
            let text = try $0.kit.readText()
            let hex = try #require(text.firstRange(of: /"hex" : "[0-9a-f]/))
            let digit = text[text.index(before: hex.upperBound)]
            try $0.kit.write(text.replacingCharacters(in: hex, with: "\"hex\" : \"" + (digit == "0" ? "1" : "0")))
            try mode(0o600, of: $0.kit)
        },
        home("kit: of a later format", "recovery-kit test --kit varve-recovery-kit.json", 1, "99", "[keys.newerFormat]")
        {
            try replace(#""format" : 1"#, with: #""format" : 99"#, in: $0.kit)
            try mode(0o600, of: $0.kit)
        },
        home(
            "kit: no vault at that place", "init ../new --vault ../nowhere --kit varve-recovery-kit.json", 10,
            "nowhere", "[vault.noVault]"
        ) { _ in },
    ]

    private static let schemas = [
        home("schema: no such file", "table create abc --schema nowhere.json", 1, "nowhere.json", "[usage]") { _ in },
        home("schema: cut", "table create abc --schema ../s.json", 1, "[model.malformedJSON]") {
            try $0.folder.appending("s.json").write(#"{"TableName":"#)
        },
        home("schema: no keys", "table create abc --schema ../s.json", 1, "HASH", "[model.invalidTable]") {
            try $0.folder.appending("s.json").write("{}")
        },
        home("schema: a bomb of depth", "table create abc --schema ../s.json", 1, "[model.tooDeep]") {
            try $0.folder.appending("s.json").write(String(repeating: "[", count: 100_000))
        },
    ]

    // MARK: Spoiling

    private static func replace(_ from: String, with to: String, in path: FilePath) throws {
        let text = try path.readText()
        try #require(text.contains(from), "\(path) has no '\(from)'.")
        let mode = try FileManager.default.attributesOfItem(atPath: path.string)[.posixPermissions] as? Int ?? 0o600
        try path.write(text.replacing(from, with: to, maxReplacements: 1))
        try Self.mode(mode, of: path)
    }

    private static func replaceByFolder(_ path: FilePath) throws {
        try path.remove()
        try path.makeFolder()
    }

    private static func mode(_ mode: Int, of path: FilePath) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path.string)
    }

    private static func copy(_ file: KeyPath<TestHome, FilePath>, to home: TestHome) throws {
        try home[keyPath: file].write(try BadInputTests.otherHome.get()[keyPath: file].read())
        try mode(0o600, of: home[keyPath: file])
    }

    /// Lets a document of the vault say that a later Varve wrote it: its own checksum fits.
    private static func laterFormat(_ path: FilePath) throws {
        let text = try path.readText()
        let begin = try #require(text.firstRange(of: "\":")).upperBound
        let end = try #require(text.ranges(of: #","sha256":""#).last).lowerBound
        let body = text[begin..<end].replacing(#""format":1"#, with: #""format":99"#)
        let digest = SHA256.hash(data: Data(body.utf8)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
        let rest = text[end...].dropFirst(#","sha256":""#.count + 64)
        try path.write(text[..<begin] + body + #","sha256":""# + digest.joined() + rest)
    }
}
