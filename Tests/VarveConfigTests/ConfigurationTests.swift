// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import Testing
import VarveConfig
import VarveSchedule
import VarveTestKit

@Suite struct ConfigurationTests {
    private let file = FilePath("/home/ada/archive/varve.yaml")

    private func parse(_ text: String) throws -> VarveConfiguration {
        try VarveConfiguration.parse(text, file: file)
    }

    @Test func `every key of the complete example is honoured`() throws {
        let configuration = try parse(
            """
            version: 1
            keys: { store: secrets/keys.json, passphrase: { environment: VARVE_PASSPHRASE } }
            stores:
              orders: { embedded: /srv/orders, changeRetention: 7d, walBytesMax: 64MiB }
              local: { embedded: ./store/../live }
            vaults:
              main: { directory: vault, key: alias/main }
              spare: { directory: ../spare, key: managed }
            state: /var/lib/varve
            defaults: { compression: zstd:19, workers: 3 }
            """)
        #expect(configuration.file == file)
        #expect(configuration.folder == "/home/ada/archive")
        #expect(configuration.keys.file == "/home/ada/archive/secrets/keys.json")
        #expect(configuration.keys.protection == .passphrase(.environment("VARVE_PASSPHRASE")))
        #expect(configuration.stores.map(\.name) == ["orders", "local"])
        #expect(configuration.stores[0].folder == "/srv/orders")
        #expect(configuration.stores[0].changeRetention == .seconds(7 * 86_400))
        #expect(configuration.stores[0].walBytesMax.bytes == 64 << 20)
        #expect(configuration.stores[1].folder == "/home/ada/archive/live")
        #expect(configuration.stores[1].changeRetention == .seconds(86_400))
        #expect(configuration.stores[1].walBytesMax.bytes == 4 << 30)
        #expect(
            configuration.vaults == [
                try configuration.vault(named: "main"), try configuration.vault(named: "spare"),
            ])
        #expect(configuration.vaults[0].directory == "/home/ada/archive/vault")
        #expect(configuration.vaults[0].key == "alias/main")
        #expect(configuration.vaults[1].directory == "/home/ada/spare")
        #expect(configuration.vaults[1].key == "managed")
        #expect(configuration.state == "/var/lib/varve")
        #expect(configuration.defaults.compression.level == 19)
        #expect(configuration.defaults.workers == 3)
    }

    @Test func `what is left out has its default`() throws {
        let configuration = try parse("version: 1\nkeys: { store: k/keys.json, rootKey: root.key }\n")
        #expect(configuration.keys.protection == .rootKey("/home/ada/archive/root.key"))
        #expect(configuration.state == "/home/ada/archive/k/state")
        #expect(configuration.stores.isEmpty && configuration.vaults.isEmpty)
        #expect(configuration.defaults.compression.level == 3)
        #expect(configuration.defaults.workers == nil)
    }

    @Test(arguments: [
        ("{ file: secret }", PassphraseSource.file("/home/ada/archive/secret")),
        ("{ environment: NAME }", .environment("NAME")),
        ("{ command: [ pass, show, 'a b' ] }", .command(["pass", "show", "a b"])),
    ]) func `a passphrase comes from a file, the environment or a command`(
        text: String, expected: PassphraseSource
    ) throws {
        let configuration = try parse("version: 1\nkeys: { store: k, passphrase: \(text) }")
        #expect(configuration.keys.protection == .passphrase(expected))
    }

    /// A mistake, the code it gets, where it is said to stand, and words that the message must have.
    struct Mistake: Sendable, CustomTestStringConvertible {
        let text: String
        let code: ConfigError.Code
        let line: Int
        let column: Int
        let words: [String]
        var testDescription: String { "\(code) \(text.debugDescription.suffix(60))" }

        init(_ text: String, _ code: ConfigError.Code, _ line: Int, _ column: Int, _ words: String...) {
            self.init(text: text, code: code, line: line, column: column, words: words)
        }

        private init(text: String, code: ConfigError.Code, line: Int, column: Int, words: [String]) {
            (self.text, self.code, self.line, self.column, self.words) = (text, code, line, column, words)
        }

        /// With the lines that every file needs in front: the text begins at line 3.
        static func more(
            _ text: String, _ code: ConfigError.Code, _ line: Int, _ column: Int, _ words: String...
        ) -> Mistake {
            let head = "version: 1\nkeys: { store: k, rootKey: r }\n"
            return Mistake(text: head + text, code: code, line: line, column: column, words: words)
        }
    }

    static let mistakes: [Mistake] = [
        // Not YAML, or not the part of it that is read.
        Mistake("", .missingKey, 1, 1, "version: 1"),
        Mistake("# nothing\n", .missingKey, 1, 1, "version: 1"),
        Mistake("just text", .wrongType, 1, 1, "a mapping with keys", "the text 'just text'"),
        Mistake("- a\n- b", .wrongType, 1, 1, "found a list"),
        Mistake("version: 1\nkeys: { store: k", .malformed, 3, 1, "flow mapping", "line 2"),
        Mistake("version: 1\n\tkeys: 1", .malformed, 2, 1),
        Mistake("version: 1\nkeys: \"open", .malformed, 2, 12),
        Mistake("version: 1\n---\nversion: 1\n", .malformed, 2, 1),
        Mistake("version: 1\nkeys: \u{01}", .malformed, 2, 7),
        .more("stores: &a { local: { embedded: s } }", .malformed, 3, 9, "Anchors"),
        .more("stores: &a { local: { embedded: s } }\nvaults: *a", .malformed, 4, 1, "alias"),
        .more("stores: { local: { embedded: *s } }", .malformed, 3, 30, "Quote"),
        .more("stores: { local: { embedded: !s x } }", .malformed, 3, 30, "tag", "Quote"),
        .more("stores: { local: { embedded: !!binary aa } }", .malformed, 3, 30, "tag"),
        .more("state: a\nstate: b", .duplicateKey, 3, 1, "'state'"),
        .more("stores: { a: { embedded: x }, a: { embedded: y } }", .duplicateKey, 3, 11, "'a'"),
        .more("? [a, b]\n: 1", .wrongType, 3, 3, "A key is a text"),

        // Versions.
        Mistake("keys: { store: k, rootKey: r }", .missingKey, 1, 1, "version: 1"),
        Mistake("version: 2\nnew: thing", .unsupportedVersion, 1, 10, "version 2", "version 1"),
        Mistake("version: 0", .unsupportedVersion, 1, 10, "version 0"),
        Mistake("version: '1'", .wrongType, 1, 10, "a quoted text"),
        Mistake("version: one", .wrongType, 1, 10, "the text 'one'"),
        Mistake("version: 1.0", .wrongType, 1, 10, "the number 1.0"),

        // Keys.
        Mistake("version: 1", .missingKey, 1, 1, "'keys'"),
        Mistake("version: 1\nkeys: { rootKey: r }", .missingKey, 2, 7, "'store'"),
        Mistake("version: 1\nkeys: { store: k }", .missingKey, 2, 7, "'rootKey', 'passphrase'"),
        Mistake(
            "version: 1\nkeys: { store: k, rootKey: r, passphrase: { file: p } }", .conflict, 2, 7, "only one"),
        Mistake("version: 1\nkeys: { store: k, passphrase: { file: p, environment: E } }", .conflict, 2, 31),
        Mistake("version: 1\nkeys: { store: k, passphrase: { command: [] } }", .invalidValue, 2, 42, "empty"),
        Mistake("version: 1\nkeys: { store: k, passphrase: secret }", .wrongType, 2, 31, "a mapping"),
        Mistake("version: 1\nkeys: { store: k, passphrase: { environment: a b } }", .invalidValue, 2, 46, "never"),
        Mistake("version: 1\nkeys: { store: k, rootKey: ./k }", .conflict, 2, 7, "same file"),
        .more("sotres: {}", .unknownKey, 3, 1, "'sotres'", "nearest known key is 'stores'", "state"),
        .more(
            "limits: {}", .unknownKey, 3, 1, "'limits'",
            "Known here: defaults, keys, retention, state, stores, vaults, version"),
        .more("zzzzzzzzzzzz: 1", .unknownKey, 3, 1, "Known here"),
        .more("stores:\n  local:\n    embeded: s", .unknownKey, 5, 5, "nearest known key is 'embedded'"),
        .more("stores:\n  orders: { dynamodb: { region: x } }", .unknownKey, 4, 13, "'dynamodb'", "embedded"),
        .more("vaults:\n  main: { s3: { bucket: b } }", .unknownKey, 4, 11, "'s3'", "directory"),
        .more("defaults: { limits: { read: 50% } }", .unknownKey, 3, 13, "'limits'"),
        .more("hooks: {}", .unknownKey, 3, 1, "'hooks'"),

        // Values.
        .more("stores: []", .wrongType, 3, 9, "found a list"),
        .more("stores: { local: s }", .wrongType, 3, 18, "the text 's'"),
        .more("stores: { local: {} }", .missingKey, 3, 18, "'embedded'"),
        .more("stores: { local: { embedded: } }", .wrongType, 3, 30, "a path", "nothing"),
        .more("stores: { local: { embedded: ~ } }", .wrongType, 3, 30, "nothing"),
        .more("stores: { local: { embedded: 12 } }", .wrongType, 3, 30, "the number 12", "quote"),
        .more("stores: { local: { embedded: true } }", .wrongType, 3, 30, "'true'", "quote"),
        .more("stores: { local: { embedded: '' } }", .invalidValue, 3, 30, "empty"),
        .more("stores: { local: { embedded: ~/store } }", .invalidValue, 3, 30, "not expanded"),
        .more("stores: { \"a\\0b\": { embedded: s } }", .invalidValue, 3, 11, "no name"),
        .more("stores: { 'a/b': { embedded: s } }", .invalidValue, 3, 11, "no name"),
        .more("stores: { .a: { embedded: s } }", .invalidValue, 3, 11, "no name"),
        .more("stores: { é: { embedded: s } }", .invalidValue, 3, 11, "no name"),
        .more("stores: { local: { embedded: s, changeRetention: 24 } }", .wrongType, 3, 50, "the number 24"),
        .more("stores: { local: { embedded: s, changeRetention: 1y } }", .invalidValue, 3, 50, "'1y'", "7d"),
        .more("stores: { local: { embedded: s, walBytesMax: 4GB } }", .invalidValue, 3, 46, "'4GB'", "4GiB"),
        .more("stores: { local: { embedded: s, walBytesMax: 1MiB } }", .invalidValue, 3, 46, "16MiB"),
        .more("vaults: { main: { directory: v } }", .missingKey, 3, 17, "'key'"),
        .more("vaults: { main: { directory: v, key: main } }", .invalidValue, 3, 38, "alias/main"),
        .more("vaults: { main: { directory: v, key: alias/ } }", .invalidValue, 3, 38, "alias/NAME"),
        .more("retention: { keepLast: 1 }", .wrongType, 3, 12, "a list"),
        .more("retention: [ { keepLast: 0 } ]", .invalidValue, 3, 26, "from 1"),
        .more("retention: [ { minimum: 7d } ]", .conflict, 3, 14, "keeps nothing"),
        .more("retention: [ { keepLast: 1, keepMonthy: 1 } ]", .unknownKey, 3, 29, "'keepMonthly'"),
        .more("retention: [ { keepLast: 1, tables: [ local/a ] } ]", .invalidValue, 3, 39, "'a' alone"),
        .more("retention: [ { keepLast: 1, vault: none } ]", .unknownName, 3, 36, "'none'"),
        .more("retention: [ { keepWithin: 1.5d } ]", .invalidValue, 3, 28, "no age"),
        .more("defaults: { compression: gzip }", .invalidValue, 3, 26, "zstd:19"),
        .more("defaults: { compression: zstd:20 }", .invalidValue, 3, 26, "zstd:20"),
        .more("defaults: { compression: zstd:0 }", .invalidValue, 3, 26, "zstd:0"),
        .more("defaults: { workers: 0 }", .invalidValue, 3, 22, "from 1 to 64"),
        .more("defaults: { workers: 65 }", .invalidValue, 3, 22, "65"),
        .more("defaults: { workers: 99999999999999999999 }", .invalidValue, 3, 22, "from 1 to 64"),
        .more("defaults: { workers: four }", .wrongType, 3, 22, "a whole number"),
        .more(
            "stores: { a: { embedded: s } }\nvaults: { m: { directory: s/v, key: owned } }", .conflict, 4, 11, "Part"),
        .more("stores:\n  a: { embedded: s }\n  b: { embedded: ./s }", .conflict, 5, 3, "store 'a'", "store 'b'"),
        .more("state: s\nstores: { a: { embedded: s } }", .conflict, 3, 8, "state"),
        .more(
            "state: t\nstores: { a: { embedded: s/a }, b: { embedded: s-a }, c: { embedded: s } }", .conflict, 4, 55,
            "store 'a'", "store 'c'"),
        .more("state: /t\nstores: { a: { embedded: / } }", .conflict, 3, 8, "store 'a'", "state"),
        .more(
            "stores: { a: { embedded: s }, b: { embedded: s/b/c }, c: { embedded: s/b } }", .conflict, 3, 31,
            "store 'a'",
            "store 'b'"),
    ]

    @Test(arguments: mistakes) func `a mistake is named with its place and what to write`(_ mistake: Mistake) throws {
        let error = try #require(throws: ConfigError.self) { try parse(mistake.text) }
        #expect(error.code == mistake.code, "\(error)")
        #expect(error.file == file)
        #expect([error.line, error.column] == [mistake.line, mistake.column], "\(error)")
        for word in mistake.words {
            #expect(error.message.contains(word), "\(error)")
        }
        #expect("\(error)".hasPrefix("\(file):\(mistake.line):\(mistake.column): "))
    }

    @Test func `a text nested very deep is refused, not overflowed`() throws {
        for text in [String(repeating: "[", count: 100_000), "version: " + String(repeating: "{a: ", count: 20_000)] {
            let error = try #require(throws: ConfigError.self) { try parse(text) }
            #expect(error.code == .malformed)
        }
    }

    @Test func `aliases that unfold without end are refused before they are unfolded`() throws {
        var text = "version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...40 {
            text += "a\(level): &a\(level) [" + String(repeating: "*a\(level - 1),", count: 9) + "]\n"
        }
        let error = try #require(throws: ConfigError.self) { try parse(text + "? *a40\n: 1\n") }
        #expect(error.code == .malformed)
        #expect(error.line == 3)
    }

    /// The last key is what unfolds: it is hashed, all of it.
    @Test(arguments: [" ", "\n ", "\u{85}", "\u{2028}", "\u{2029}", "\n\u{FEFF}", "? "])
    func `whatever stands before aliases, they are refused before they are unfolded`(space: String) throws {
        var text = "version: 1\nx: [\(space)&a0 [x, x, x, x, x, x, x, x, x]"
        for level in 1...40 {
            text += ",\(space)&a\(level) [" + String(repeating: "\(space)*a\(level - 1),", count: 9) + "]"
        }
        let error = try #require(throws: ConfigError.self) { try parse(text + ",{? \(space)*a40 : 1}]\n") }
        #expect(error.code == .malformed)
        #expect(error.message.contains("alias"))
    }

    @Test(arguments: ["-*", "-&", "&", "*a&"])
    func `a file of nothing but marks of anchors is refused at once`(mark: String) throws {
        let text = String(repeating: mark, count: 1_000_000 / mark.utf8.count)
        let took = try processorTime {
            _ = try #require(throws: ConfigError.self) { try parse(text) }
        }
        #expect(took < .seconds(60))
    }

    @Test func `thousands of folders that are apart are seen to be so at once`() throws {
        let stores = (0..<20_000).map { "  s\($0): { embedded: folder/s\($0) }\n" }.joined()
        let text = "version: 1\nkeys: { store: k, rootKey: r }\nstate: state\nstores:\n" + stores
        var count = 0
        let took = try processorTime { count = try parse(text).stores.count }
        #expect(count == 20_000)
        #expect(took < .seconds(60))
    }

    @Test func `random damage to a good file never crashes the reader`() throws {
        var random = SeededGenerator()
        let good = Array(VarveConfiguration.template.utf8)
        var refused = 0
        for _ in 0..<500 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[position] = UInt8.random(in: 9...126, using: &random)
                case 1: bytes.remove(at: position)
                default: bytes.insert("&*!|>%@`[]{}:,#'\"\n\t -".utf8.randomElement(using: &random) ?? 0, at: position)
                }
            }
            do {
                _ = try parse(String(decoding: bytes, as: UTF8.self))
            } catch {
                #expect(error is ConfigError)
                refused += 1
            }
        }
        #expect(refused > 100)
    }

    @Test func `a mark of the byte order in front is passed over`() throws {
        let configuration = try parse("\u{FEFF}version: 1\nkeys: { store: k, rootKey: r }")
        #expect(configuration.stores.isEmpty)
    }

    @Test func `a store or vault that is not there is named with the nearest one`() throws {
        let configuration = try parse(VarveConfiguration.template)
        let error = try #require(throws: ConfigError.self) { try configuration.vault(named: "mian") }
        #expect(error.code == .unknownName)
        #expect(error.message.contains("'main'"))
        #expect(try configuration.onlyStore().name == "local")
        let bare = try parse("version: 1\nkeys: { store: k, rootKey: r }")
        #expect(throws: ConfigError.self) { try bare.onlyVault() }
        #expect(throws: ConfigError.self) { try bare.store(named: "local") }
    }

    // MARK: Files

    @Test func `the file is found where it is said, then in the folder, then at home`() throws {
        let folder = try TemporaryFolder()
        let home = folder.appending("home")
        let work = folder.appending("work")
        try folder.write("work/other.yaml", "")
        #expect(try VarveConfiguration.locate("other.yaml", from: work, home: home) == work.appending("other.yaml"))
        let missing = try #require(throws: ConfigError.self) {
            try VarveConfiguration.locate("none.yaml", from: work, home: home)
        }
        #expect(missing.code == .notFound)

        let nowhere = try #require(throws: ConfigError.self) {
            try VarveConfiguration.locate(nil, from: work, home: home)
        }
        #expect(nowhere.code == .notFound)
        #expect(nowhere.message.contains("/etc/varve/varve.yaml") && nowhere.message.contains("varve init"))
        let atHome = try folder.write("home/.config/varve/varve.yaml", "")
        #expect(try VarveConfiguration.locate(nil, from: work, home: home) == atHome)
        let here = try folder.write("work/varve.yaml", "")
        #expect(try VarveConfiguration.locate(nil, from: work, home: home) == here)
    }

    @Test func `a file that cannot be text is refused with its reason`() throws {
        let folder = try TemporaryFolder()
        let binary = try folder.write("varve.yaml", Array("version: 1\n".utf8) + [0xFF, 0xFE])
        let error = try #require(throws: ConfigError.self) { try VarveConfiguration.read(binary) }
        #expect(error.code == .unreadable && error.line == 2)

        let large = try folder.write("large.yaml", [UInt8](repeating: 0x23, count: 1_048_577))
        #expect(try #require(throws: ConfigError.self) { try VarveConfiguration.read(large) }.code == .unreadable)
        #expect(try #require(throws: ConfigError.self) { try VarveConfiguration.read(folder.path) }.code == .unreadable)
        let none = folder.appending("none.yaml")
        #expect(try #require(throws: ConfigError.self) { try VarveConfiguration.read(none) }.code == .notFound)
    }

    @Test func `the repository's example is the template, and reads`() throws {
        let file = Checkout.root.appending("varve.yaml")
        let configuration = try VarveConfiguration.read(file)
        #expect(try parse(VarveConfiguration.template).stores.map(\.name) == configuration.stores.map(\.name))
        #expect(String(decoding: try readFile(file), as: UTF8.self) == VarveConfiguration.template)
        #expect(configuration.keys.file == Checkout.root.appending(".varve/keys.json"))
        #expect(configuration.keys.protection == .rootKey(Checkout.root.appending(".varve/root.key")))
        #expect(try configuration.store(named: "local").folder == Checkout.root.appending(".varve/store"))
        #expect(try configuration.vault(named: "main").directory == Checkout.root.appending(".varve/vault"))
        #expect(try configuration.vault(named: "main").key == "alias/main")
        #expect(configuration.state == Checkout.root.appending(".varve/state"))
    }

    // MARK: Showing

    @Test func `what is shown reads back as the same configuration`() throws {
        let configuration = try parse(
            """
            version: 1
            keys: { store: "my keys/k: #1.json", rootKey: "/r/no" }
            stores: { local: { embedded: "s\\"\\u00e9\\n", changeRetention: 90s, walBytesMax: 20MiB }, no: { embedded: 1x } }
            vaults: { "12": { directory: "/v/0x10", key: owned } }
            defaults: { compression: zstd:7, workers: 2 }
            retention:
              - { keepLast: 3, keepHourly: 1, keepDaily: 35, keepWeekly: 8, keepMonthly: 12, keepYearly: 7, keepWithin: 2d }
              - { tables: [ "tmp_*", "!tmp_a" ], vault: "12", pointInTime: 2w, minimum: 36h, maximum: 10y, sweeps: 400d, keepVerifiedOnly: true }
            """)
        #expect(configuration.retention.count == 2)
        #expect(configuration.retention(ofTable: "tmp_b", vault: "12")?.policy.maximum == .seconds(10 * 365 * 86_400))
        #expect(configuration.retention(ofTable: "tmp_a", vault: "12")?.policy.keepLast == 3)
        #expect(configuration.retention(ofTable: "tmp_b", vault: "13")?.policy.keepLast == 3)
        #expect(try parse(configuration.effectiveYAML) == configuration, "\(configuration.effectiveYAML)")
        // JSON is YAML.
        #expect(try parse(configuration.effectiveJSON) == configuration, "\(configuration.effectiveJSON)")
    }

    @Test func `arguments of a passphrase command are never shown`() throws {
        let configuration = try parse(
            "version: 1\nkeys: { store: k, passphrase: { command: [ /bin/echo, hunter2, swordfish ] } }")
        for shown in [configuration.effectiveYAML, configuration.effectiveJSON] {
            #expect(shown.contains("/bin/echo") && shown.contains("<redacted>"))
            #expect(!shown.contains("hunter2") && !shown.contains("swordfish"))
        }
    }
}

func readFile(_ file: FilePath) throws -> [UInt8] {
    let descriptor = try FileDescriptor.open(file, .readOnly)
    return try descriptor.closeAfter {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = try chunk.withUnsafeMutableBytes { try descriptor.read(into: $0) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}
