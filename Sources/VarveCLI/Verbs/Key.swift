// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import VarveKeys
import VarvePipeline
import VarveVault

struct KeyVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Wrapping keys: create, list, describe, name, rotate, export.",
        discussion: """
            A key is named by its id, by alias/NAME, or by its class where there is one of it: 'owned' and 'managed'. Rotating makes a new
            version for what is sealed from then on; older versions still open what they sealed.
            """,
        subcommands: [Create.self, List.self, Describe.self, Alias.self, Rotate.self, Export.self])

    struct Create: Verb {
        static let configuration = CommandConfiguration(abstract: "Create a customer key.")
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
            return try show(try keys.create(alias: alias), "created", common.console)
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(abstract: "List all keys of the key store.")
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
        static let configuration = CommandConfiguration(abstract: "Describe one key with its versions.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "Id, alias/NAME, owned or managed.") var key: String

        func perform() throws -> ExitStatus {
            try show(try common.home().keys().describe(key), nil, common.console)
        }
    }

    struct Alias: Verb {
        static let configuration = CommandConfiguration(abstract: "Give a customer key a name, or move the name to it.")
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
            return try show(try keys.describe(alias), "named", common.console)
        }
    }

    struct Rotate: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Make a new version of a key; older versions still open what they sealed.")
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
            return try show(try keys.rotate(key), "rotated", common.console)
        }
    }

    struct Export: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Print a key as JSON, for opening an archive with public tools.",
            discussion: """
                The id of a recovery point gives the key of its bundles; alias/NAME or a key's id gives a customer key with all its versions.
                WHOEVER HAS THE OUTPUT CAN READ WHAT THE KEY SEALED: write it to a file that only you can read.
                """)
        @OptionGroup var common: CommonOptions
        @Argument(help: "A recovery point's id, or a key's alias/NAME or id.") var name: String
        @Option(help: "The vault, where varve.yaml names several.") var vault: String?

        func perform() throws -> ExitStatus {
            let home = try common.home()
            let keys = try home.keys()
            let console = Console(json: true)
            let isKey =
                try name.hasPrefix("alias/") || keys.list().contains { $0.id == name || $0.class.rawValue == name }
            if isKey {
                try console.document(try keys.export(name))
            } else {
                let source = try home.vault(vault)
                let point = try RecoveryPoints(source.vault).find(table: nil, id: name)
                try console.document(try SnapshotReader(source.vault, point, keys: keys).exportedKey())
            }
            return .done
        }
    }
}

private func show(_ key: KeyDescription, _ verb: String?, _ console: Console) throws -> ExitStatus {
    if let verb { console.line("\(verb) \(key.class.rawValue) key \(key.id)") }
    console.line("id        \(key.id)")
    console.line("class     \(key.class.rawValue)")
    if !key.aliases.isEmpty { console.line("aliases   \(key.aliases.joined(separator: " "))") }
    console.line("state     \(key.state.rawValue)")
    for version in key.versions {
        console.line(
            "version   \(version.version) of \(version.created.formatted(.iso8601))\(version.version == key.currentVersion ? " (seals)" : " (opens)")"
        )
    }
    try console.document(key)
    return .done
}
