// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import SystemPackage
import VarveKeys

extension KeyVerb {
    struct Create: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Create a customer key.",
            discussion: HelpText.of(
                examples: [
                    ("key create --alias alias/main", "a key of your own, with a name")
                ],
                exits: [.notFound, .wrongKey, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Option(help: "A name for it: alias/NAME.") var alias: String?
        @Flag(help: "Say what would be done, and write nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            let keys = try common.home().keys()
            if dryRun {
                common.console.line("would create a customer key\(alias.map { " named \($0)" } ?? "")")
                try common.console.document(ChangeRecord(action: "create", dryRun: true, key: alias))
                return .done
            }
            return try showKey(try keys.create(alias: alias), "created", common.console)
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "List all keys of the key store.",
            discussion: HelpText.of(
                examples: [
                    ("key list", "ids, names, states")
                ],
                exits: [.notFound, .wrongKey, .configurationInvalid]))
        @OptionGroup var common: CommonOptions

        func perform() throws -> ExitStatus {
            let keys = try common.home().keys().list()
            common.console.table(
                ["ID", "CLASS", "ALIASES", "STATE", "VERSION", "CREATED"],
                keys.map {
                    [
                        $0.id, $0.class.rawValue, $0.aliases.joined(separator: " "), $0.state.rawValue,
                        "\($0.currentVersion)",
                        $0.created.formatted(.iso8601),
                    ]
                }, right: [4])
            try common.console.document(keys)
            return .done
        }
    }

    struct Describe: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Describe one key with its versions.",
            discussion: HelpText.of(
                examples: [
                    ("key describe alias/main", "versions, state, tags")
                ],
                exits: [.notFound, .wrongKey, .configurationInvalid]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "Id, alias/NAME, owned or managed.") var key: String

        func perform() throws -> ExitStatus {
            try showKey(try common.home().keys().describe(key), nil, common.console)
        }
    }

    struct Alias: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Give a customer key a name, or move the name to it.",
            discussion: HelpText.of(
                examples: [
                    ("key alias alias/main 3k4ljtzvvjf2fytd", "new recovery points use this key from now on")
                ],
                exits: [.notFound, .wrongKey, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The name: alias/NAME.") var alias: String
        @Argument(help: "The key: id or another alias.") var key: String
        @Flag(help: "Say what would be done, and write nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            let keys = try common.home().keys()
            if dryRun {
                let id = try keys.describe(key).id
                common.console.line("would let \(alias) name key \(id)")
                try common.console.document(ChangeRecord(action: "alias", dryRun: true, key: id))
                return .done
            }
            try keys.setAlias(alias, to: key, moving: true)
            return try showKey(try keys.describe(alias), "named", common.console)
        }
    }

    struct Tag: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Set or remove a key's tags.",
            discussion: HelpText.of(
                "A key has at most 50 tags, as in AWS KMS. They stand sealed in the key store.",
                examples: [
                    ("key tag alias/main team=billing cost-center=4711", "set two"),
                    ("key tag alias/main --remove team", "remove one"),
                ],
                exits: [.notFound, .wrongKey, .configurationInvalid]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "Id, alias/NAME, owned or managed.") var key: String
        @Argument(help: "NAME=VALUE; a tag of that name is replaced.") var tags: [String] = []
        @Option(help: "The name of a tag to remove; may be repeated.") var remove: [String] = []
        @Flag(help: "Say what would be done, and write nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            let keys = try common.home().keys()
            var setting: [String: String] = [:]
            for tag in tags {
                guard let equals = tag.firstIndex(of: "=") else {
                    throw UsageError("'\(tag)' is no tag. Write NAME=VALUE.")
                }
                setting[String(tag[..<equals])] = String(tag[tag.index(after: equals)...])
            }
            guard !setting.isEmpty || !remove.isEmpty else {
                throw UsageError("Nothing to do: give NAME=VALUE or --remove NAME.")
            }
            if dryRun {
                let id = try keys.describe(key).id
                common.console.line("would set \(setting.count) and remove \(remove.count) tags of key \(id)")
                try common.console.document(ChangeRecord(action: "tag", dryRun: true, key: id))
                return .done
            }
            return try showKey(try keys.tag(key, setting: setting, removing: remove), "tagged", common.console)
        }
    }

    struct Rotate: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Make a new version of a key; older versions still open what they sealed.",
            discussion: HelpText.of(
                examples: [
                    ("key rotate alias/main", "a new version")
                ],
                exits: [.notFound, .wrongKey, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "Id, alias/NAME, owned or managed.") var key: String
        @Flag(help: "Say what would be done, and write nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            let keys = try common.home().keys()
            if dryRun {
                let described = try keys.describe(key)
                common.console.line("would add version \(described.currentVersion + 1) to key \(described.id)")
                try common.console.document(ChangeRecord(action: "rotate", dryRun: true, key: described.id))
                return .done
            }
            return try showKey(try keys.rotate(key), "rotated", common.console)
        }
    }

    struct Import: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Take in a customer key from a file.",
            discussion: HelpText.of(
                """
                The file has mode 0600 and holds 64 hexadecimal digits, or what 'varve key export' printed of a customer key. An exported key keeps
                its id, so that what was sealed under it opens again.
                """,
                examples: [
                    ("key import key.hex --alias alias/ours", "a key that was made elsewhere"),
                    ("key import exported.json", "a key of another key store"),
                ],
                exits: [.notFound, .wrongKey, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The file with the key.") var file: String
        @Option(help: "A name for it: alias/NAME.") var alias: String?
        @Flag(help: "Read and check the file, and write nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            let keys = try common.home().keys()
            let imported = try ImportedKey.load(FilePath(file))
            if dryRun {
                common.console.line("would import the key of '\(file)'\(alias.map { " as \($0)" } ?? "")")
                try common.console.document(ChangeRecord(action: "import", dryRun: true, key: alias))
                return .done
            }
            return try showKey(try keys.importKey(imported, alias: alias), "imported", common.console)
        }
    }
}
