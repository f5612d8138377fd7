// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import VarveKeys
import VarvePipeline
import VarveVault

extension KeyVerb {
    struct Export: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Print a key as JSON, for opening an archive with public tools.",
            discussion: HelpText.of(
                """
                The id of a recovery point gives the key of its bundles; alias/NAME or a key's id gives a customer key with all its versions.
                WHOEVER HAS THE OUTPUT CAN READ WHAT THE KEY SEALED: write it to a file that only you can read.
                """,
                examples: [
                    ("key export 3k4ljtz > key.json", "a recovery point's own key"),
                    ("key export alias/main > key.json", "a customer key, with all its versions"),
                ],
                exits: [.notFound, .wrongKey, .configurationInvalid, .notRestorable, .refused]))
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
                let point = try RecoveryPoints(source.vault).find(table: nil, id: name, segments: true)
                try console.document(try SnapshotReader(source.vault, point, keys: keys).exportedKey())
            }
            return .done
        }
    }
}
