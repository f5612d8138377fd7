// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import Testing
import VarveConfig
import VarveSchedule
import VarveTestKit

@Suite struct JobTests {
    private static let one = """
        version: 1
        keys: { store: k/keys.json, rootKey: r }
        stores: { local: { embedded: s } }
        vaults: { main: { directory: v, key: owned } }
        """
    private static let two = """
        version: 1
        keys: { store: k/keys.json, rootKey: r }
        stores: { local: { embedded: s }, orders: { embedded: t } }
        vaults: { main: { directory: v, key: owned }, spare: { directory: w, key: owned } }
        """

    private func configuration(_ text: String = one) throws -> VarveConfiguration {
        try VarveConfiguration.parse(text, file: "/home/ada/varve.yaml")
    }

    private func parse(_ text: String, for configuration: VarveConfiguration) throws -> Job {
        try Job.parse(text, file: "/home/ada/Jobs/nightly.yaml", for: configuration)
    }

    @Test func `every key of every step is honoured`() throws {
        let job = try parse(
            """
            version: 1
            steps:
              - backup: { tables: [ "local/*", "!local/tmp_*" ], to: spare }
              - backup: { tables: [ orders/Orders ], to: [ main, spare ] }
                continueOnFailure: true
              - verify: { level: objects, subset: 2/30, vault: spare, healFrom: main }
              - verify: { level: 0, vault: main }
              - drill: { tables: 3, at: random, vault: main }
              - drill: { tables: [ local/People ], vault: spare }
              - sweep: { tables: [ local/Sessions ], grace: 7d, maxDeletions: 50000, deletionsPerSecond: 500, to: main }
              - capture: { tables: [ "orders/*" ], to: [ spare ] }
              - compact: { olderThan: 7d, vault: spare }
              - backup: { tables: [ "orders/*" ], to: main, synthetic: true }
              - prune: { vault: spare, grace: 2d, retention: { keepLast: 3, keepVerifiedOnly: true, maximum: 1y } }
              - copy: { tables: [ "orders/*" ], from: spare, to: main }
              - copy: { to: [ spare ] }
            """, for: try configuration(Self.two))
        #expect(job.name == "nightly")
        #expect(job.steps.map(\.line) == [3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
        #expect(job.steps.map(\.continueOnFailure) == [false, true] + [Bool](repeating: false, count: 11))
        #expect(
            job.steps.map(\.action.verb) == [
                "backup", "backup", "verify", "verify", "drill", "drill", "sweep", "capture", "compact", "backup",
                "prune", "copy", "copy",
            ])
        #expect(
            job.steps.map(\.action) == [
                .backup(
                    tables: try TableSelection(patterns: ["local/*", "!local/tmp_*"]), vaults: ["spare"],
                    synthetic: false),
                .backup(
                    tables: try TableSelection(patterns: ["orders/Orders"]), vaults: ["main", "spare"],
                    synthetic: false),
                .verify(level: .objects, subset: try VerifySubset(text: "2/30"), vault: "spare", healFrom: "main"),
                .verify(level: .listing, subset: nil, vault: "main", healFrom: nil),
                .drill(.count(3), at: .random, vault: "main"),
                .drill(.selected(try TableSelection(patterns: ["local/People"])), at: .snapshot, vault: "spare"),
                .sweep(
                    Job.SweepTables(
                        try TableSelection(patterns: ["local/Sessions"]), grace: .seconds(7 * 86_400),
                        maxDeletions: 50_000, deletionsPerSecond: 500),
                    vault: "main"),
                .capture(tables: try TableSelection(patterns: ["orders/*"]), vaults: ["spare"]),
                .compact(olderThan: .seconds(7 * 86_400), vault: "spare"),
                .backup(tables: try TableSelection(patterns: ["orders/*"]), vaults: ["main"], synthetic: true),
                .prune(
                    vault: "spare", grace: .seconds(2 * 86_400),
                    retention: RetentionSetting(
                        policy: .init(keepLast: 3, maximum: .seconds(365 * 86_400), keepVerifiedOnly: true))),
                .copy(tables: try TableSelection(patterns: ["orders/*"]), from: "spare", to: ["main"]),
                .copy(tables: nil, from: "main", to: ["spare"]),
            ])
    }

    @Test func `the only store and the only vault need no name`() throws {
        let job = try parse(
            """
            version: 1
            steps:
              - backup: { tables: [ People ] }
              - verify: {}
              - drill: { tables: 1 }
              - sweep: { tables: [ Sessions ] }
              - capture: { tables: [ People ] }
              - compact: {}
            """, for: try configuration())
        #expect(
            job.steps.map(\.action) == [
                .backup(tables: try TableSelection(patterns: ["People"]), vaults: ["main"], synthetic: false),
                .verify(level: .content, subset: nil, vault: "main", healFrom: nil),
                .drill(.count(1), at: .snapshot, vault: "main"),
                .sweep(Job.SweepTables(try TableSelection(patterns: ["Sessions"])), vault: "main"),
                .capture(tables: try TableSelection(patterns: ["People"]), vaults: ["main"]),
                .compact(olderThan: .seconds(86_400), vault: "main"),
            ])
    }

    /// A step as one line of a file with two stores and two vaults, the code it gets, its column and words of the message.
    static let mistakes: [(step: String, code: ConfigError.Code, column: Int, words: [String])] = [
        ("bakcup: { tables: [ local/* ], to: main }", .unknownKey, 5, ["'bakcup'", "'backup'"]),
        ("backup: { table: [ local/* ], to: main }", .unknownKey, 15, ["nearest known key is 'tables'"]),
        ("backup: { to: main }", .missingKey, 13, ["'tables'"]),
        ("backup: { tables: local/*, to: main }", .wrongType, 23, ["a list", "'local/*'"]),
        ("backup: { tables: [], to: main }", .invalidValue, 23, ["empty"]),
        ("backup: { tables: [ '!local/a' ], to: main }", .invalidValue, 23, ["leaves tables out"]),
        ("backup: { tables: [ a/b/c ], to: main }", .invalidValue, 25, ["names no table"]),
        ("backup: { tables: [ 'local/[ab]' ], to: main }", .invalidValue, 25, ["names no table"]),
        ("backup: { tables: [ lcoal/x ], to: main }", .unknownName, 25, ["'lcoal'", "'local'"]),
        ("backup: { tables: [ People ], to: main }", .unknownName, 25, ["several stores", "local, orders"]),
        ("backup: { tables: [ !local/x ], to: main }", .malformed, 25, ["tag", "Quote"]),
        ("backup: { tables: [ * ], to: main }", .malformed, 25, ["Quote"]),
        ("backup: { tables: [ local/* ] }", .unknownName, 13, ["several vaults", "main, spare"]),
        ("backup: { tables: [ local/* ], to: mian }", .unknownName, 40, ["'main'"]),
        ("sweep: { tables: [ local/* ], to: [ main, spare ] }", .invalidValue, 39, ["takes one"]),
        ("backup: { tables: [ local/* ], to: [ main, mian ] }", .unknownName, 48, ["'main'"]),
        ("backup: { tables: [ local/* ], to: [ main, main ] }", .invalidValue, 48, ["twice"]),
        ("copy: { tables: [ local/* ] }", .missingKey, 11, ["'to'"]),
        ("copy: { from: main, to: main }", .invalidValue, 11, ["into itself"]),
        ("copy: { to: [ main, spare ] }", .unknownName, 11, ["no other vault"]),
        ("copy: { from: mian, to: spare }", .unknownName, 19, ["'main'"]),
        ("verify: { vault: main, healFrom: main }", .invalidValue, 38, ["from itself"]),
        ("backup: { tables: [ local/* ], to: main, limits: {} }", .unknownKey, 46, ["'limits'"]),
        ("verify: { level: 4, vault: main }", .invalidValue, 22, ["from 0"]),
        ("verify: { level: deep, vault: main }", .invalidValue, 22, ["'deep'", "content (3)"]),
        ("verify: { level: [ content ], vault: main }", .wrongType, 22, ["a level"]),
        ("verify: { subset: 31/30, vault: main }", .invalidValue, 23, ["1/30"]),
        ("verify: { subset: 0/30, vault: main }", .invalidValue, 23, ["1/30"]),
        ("verify:", .wrongType, 5, []),
        ("drill: { vault: main }", .missingKey, 12, ["'tables'"]),
        ("drill: { tables: 0, vault: main }", .invalidValue, 22, ["from 1"]),
        ("drill: { tables: 1, at: monday, vault: main }", .invalidValue, 29, ["'monday'", "random"]),
        ("sweep: { tables: [ local/a ], grace: 7, to: main }", .wrongType, 42, ["quote", "7d"]),
        ("sweep: { tables: [ local/a ], grace: -7d, to: main }", .invalidValue, 42, ["'-7d'"]),
        ("prune: { vault: main }", .missingKey, 12, ["'retention:'"]),
        ("prune: { vault: main, retention: { minimum: 7d } }", .conflict, 38, ["keeps nothing"]),
        ("prune: { vault: main, retention: { keepLast: 0 } }", .invalidValue, 50, ["from 1"]),
        (
            "prune: { vault: main, retention: { keepLast: 1, maximum: 1m, minimum: 2m } }", .conflict, 38,
            ["the longest"]
        ),
        ("prune: { vault: main, retention: { keepWithin: 1x } }", .invalidValue, 52, ["no age", "10y"]),
        (
            "prune: { vault: main, retention: { keepLast: 1, zone: Nowhere/At_all } }", .invalidValue, 59,
            ["no time zone"]
        ),
        ("prune: { vault: main, retention: { tables: [ a ], keepLast: 1 } }", .unknownKey, 40, ["'tables'"]),
        (
            "continueOnFailure: true", .missingKey, 5,
            ["'backup', 'capture', 'compact', 'copy', 'verify', 'drill', 'sweep', 'prune', 'report'"]
        ),
        ("{ verify: { vault: main }, drill: { tables: 1, vault: main } }", .conflict, 5, ["only one"]),
        ("{ verify: { vault: main }, continueOnFailure: maybe }", .wrongType, 51, ["true or false"]),
        ("{ verify: { vault: main }, continueOnFailure: yes }", .wrongType, 51, ["true or false"]),
    ]

    @Test(arguments: mistakes.indices)
    func `a mistake in a step is named with its place and what to write`(_ index: Int) throws {
        let mistake = Self.mistakes[index]
        let configuration = try configuration(Self.two)
        let error = try #require(throws: ConfigError.self, "\(mistake.step)") {
            try parse("version: 1\nsteps:\n  - \(mistake.step)\n", for: configuration)
        }
        #expect(error.code == mistake.code, "\(error)")
        #expect(error.file == "/home/ada/Jobs/nightly.yaml")
        if mistake.step != "verify:" {
            #expect([error.line, error.column] == [3, mistake.column], "\(mistake.step)\n\(error)")
        }
        for word in mistake.words {
            #expect(error.message.contains(word), "\(error)")
        }
    }

    @Test func `a job is found by its name, and a misspelt one with the nearest`() throws {
        let folder = try TemporaryFolder()
        let configuration = try VarveConfiguration.read(try folder.write("varve.yaml", Self.one))
        let text = "version: 1\nsteps: [ { verify: {} } ]\n"
        try folder.write("Jobs/nightly.yaml", text)
        try folder.write("Jobs/weekly.yaml", text)
        try folder.write("Jobs/notes.txt", "")
        let elsewhere = try folder.write("elsewhere/mine.yaml", text)
        #expect(Job.names(for: configuration) == ["nightly", "weekly"])
        #expect(try Job.read("weekly", for: configuration).name == "weekly")
        #expect(try Job.read(elsewhere.string, for: configuration).name == "mine")
        #expect(try Job.read("mine.yaml", for: configuration, from: folder.appending("elsewhere")).name == "mine")
        let error = try #require(throws: ConfigError.self) { try Job.read("nigthly", for: configuration) }
        #expect(error.code == .notFound && error.message.contains("'nightly'"))
        for name in ["", "../Jobs/nightly", "none.yaml"] {
            #expect(try #require(throws: ConfigError.self) { try Job.read(name, for: configuration) }.code == .notFound)
        }
    }

    @Test func `the repository's example and the template read`() throws {
        let configuration = try VarveConfiguration.read(Checkout.root.appending("varve.yaml"))
        let job = try Job.read("nightly", for: configuration)
        #expect(
            job.steps.map(\.action) == [
                .backup(
                    tables: try TableSelection(patterns: ["local/*", "!local/tmp_*"]), vaults: ["main"],
                    synthetic: false),
                .capture(tables: try TableSelection(patterns: ["local/*", "!local/tmp_*"]), vaults: ["main"]),
                .compact(olderThan: .seconds(86_400), vault: "main"),
                .verify(level: .content, subset: try VerifySubset(text: "1/1"), vault: "main", healFrom: nil),
                .drill(.count(1), at: .random, vault: "main"),
                .sweep(
                    Job.SweepTables(
                        try TableSelection(patterns: ["local/Sessions"]), grace: .seconds(3600),
                        maxDeletions: 1_000_000,
                        deletionsPerSecond: 100_000),
                    vault: "main"),
            ])
        let template = try parse(Job.template, for: configuration)
        #expect(template.steps.map(\.action.verb) == ["backup", "verify", "drill"])
    }
}
