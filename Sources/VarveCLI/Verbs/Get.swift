// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import VarveModel
import VarvePipeline
import VarveVault

struct GetVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Print one item as it was, out of the vault (exit code 10 where there was none).",
        discussion: HelpText.of(
            """
            A vault has no index by key: a whole snapshot is read, and the log behind it. 'varve table get' prints an item as it is now.
            """,
            examples: [
                (#"get Music '{"Artist":{"S":"Nina"},"SongTitle":{"S":"Four Women"}}' --at -2h"#, "two hours ago"),
                ("get Music - --latest < key.json", "in the newest snapshot, with a key that stays private"),
            ],
            exits: [.damageFound, .notRestorable, .notFound, .wrongKey, .configurationInvalid]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "The table's name in the vault; or its id, where several had the name.") var table: String
    @Argument(help: "The key, as DynamoDB JSON; - reads it from standard input.") var key: String
    @OptionGroup var state: PastStateOptions
    @Option(help: "The vault, where varve.yaml names several.") var vault: String?

    func validate() throws { try state.requireOne() }

    func perform() throws -> ExitStatus {
        let home = try common.home()
        let source = try home.vault(vault)
        let point = try state.point(of: Home.tableName(table), in: source.vault)
        let key = try ItemKey(json: try argument(key), schema: try point.keySchema)
        let progress = Progress()
        let stage = PastItems(
            vault: source.vault, keys: try home.keys(), workers: home.workers, scratch: home.scratch)
        let items = try ProgressDisplay.during("get", progress, common.console) {
            try stage.items(point, of: [key], progress: progress, stop: Interrupts.stop)
        }
        guard let item = items[key] else {
            throw UsageError("Table '\(point.table.name)' had no item with that key then.", status: .notFound)
        }
        Console.write(item + [UInt8(ascii: "\n")], to: STDOUT_FILENO)
        return .done
    }
}
