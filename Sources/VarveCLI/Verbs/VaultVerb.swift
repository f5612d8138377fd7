// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SystemPackage
import VarveConfig
import VarveKeys
import VarveVault

struct VaultVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vault",
        abstract: "Vaults: make a further one.",
        subcommands: [Create.self])
}

extension VaultVerb {
    struct Create: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Make a vault that varve.yaml names, where nothing is yet.",
            discussion: HelpText.of(
                """
                'varve init' makes the vaults of a new home; this makes one that was added to varve.yaml since, such as a second one for copies. Its
                wrapping key is made too, if it is an alias that no key has yet. The home's recovery kit opens the new vault like the others.
                """,
                examples: [
                    ("vault create offsite --dry-run", "where, and under which key"),
                    ("vault create offsite", "then: varve copy --to offsite"),
                ],
                exits: [.notFound, .wrongKey, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The vault's name in varve.yaml.") var name: String
        @Flag(help: "Say what would be made, and make nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            let home = try common.home()
            let definition = try home.configuration.vault(named: name)
            let keys = try home.keys()
            let needsKey =
                try definition.key.hasPrefix("alias/")
                && !keys.list().contains { $0.aliases.contains(definition.key) }
            if Files.exists(definition.directory), (try? Vault.open(DirectoryStorage(definition.directory))) != nil {
                throw UsageError(
                    "There is a vault in '\(definition.directory)' already. Nothing was changed.", status: .refused)
            }
            if dryRun {
                common.console.line(
                    "would create vault \(name) in \(definition.directory)\(needsKey ? ", and the key \(definition.key)" : "")"
                )
                try common.console.document(
                    Record(name: name, directory: definition.directory.string, id: nil, dryRun: true))
                return .done
            }
            if needsKey { _ = try keys.create(alias: definition.key) }
            let vault = try Vault.create(DirectoryStorage.create(definition.directory), tool: Varve.version)
            common.console.line("vault \(name): \(definition.directory) (id \(vault.id))")
            try common.console.document(
                Record(name: name, directory: definition.directory.string, id: vault.id, dryRun: false))
            return .done
        }

        private struct Record: Encodable {
            let name: String
            let directory: String
            let id: String?
            let dryRun: Bool
        }
    }
}
