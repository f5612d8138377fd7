// SPDX-License-Identifier: Apache-2.0

import Foundation

extension BadInput {
    /// A command line that asks for something that is not there, or that nobody may have.
    private static func command(_ text: String, _ exitCode: Int32, _ says: String...) -> BadInput {
        BadInput(name: text, command: text.split(separator: " ").map(String.init), exitCode: exitCode, says: says)
    }

    static let commands = [
        // Nothing of that name.
        command("table describe Nope", 10, "'Nope'", "[store.noSuchTable]"),
        command("table export Nope", 10, "'Nope'", "[store.noSuchTable]"),
        command("table drop Nope --yes", 10, "'Nope'", "[store.noSuchTable]"),
        command("table describe nope/Music", 10, "'nope'", "local", "[config.unknownName]"),
        command("backup Nope", 10, "'Nope'", "[usage]"),
        command("backup x*", 10, "x*", "[usage]"),
        command("backup --to nope", 10, "'nope'", "main", "[config.unknownName]"),
        command("list --vault nope", 10, "'nope'", "main", "[config.unknownName]"),
        command("verify --vault nope", 10, "'nope'", "[config.unknownName]"),
        command("verify zzzz", 10, "'zzzz'", "[pipeline.noRecoveryPoint]"),
        command("show zzzz", 10, "'zzzz'", "[pipeline.noRecoveryPoint]"),
        command("key export zzzz", 10, "'zzzz'", "[pipeline.noRecoveryPoint]"),
        command("key export alias/nope", 12, "'alias/nope'", "[keys.noSuchKey]"),
        command("key rotate nope", 12, "'nope'", "[keys.noSuchKey]"),
        command("restore Music --as back --id zzzz", 10, "'zzzz'", "[pipeline.noRecoveryPoint]"),
        command("restore Nope --as back --latest", 10, "'Nope'", "[pipeline.noRecoveryPoint]"),
        command("restore Music --as nope/back --latest", 10, "'nope'", "[config.unknownName]"),
        command("restore Music --as back --latest --vault nope", 10, "'nope'", "[config.unknownName]"),
        command("sweep Nope", 10, "'Nope'", "[usage]"),
        command("drill Nope", 10),
        command("run nope", 13, "'nope'", "nightly", "[config.notFound]"),
        command("run ../../etc/passwd", 13, "[config.notFound]"),
        command("list --config /nowhere/varve.yaml", 13, "/nowhere/varve.yaml", "[config.notFound]"),
        // Something is there already.
        command("restore Music --as Music --latest", 1, "'Music'", "[store.tableExists]"),
        command("table create Music --partition-key pk:S", 1, "'Music'", "[store.tableExists]"),
        command("table export Music varve.yaml", 1, "varve.yaml", "[usage]"),
        command("init .", 15, ".varve/keys.json", "[usage]"),
        command("key create --alias alias/main", 15, "'alias/main'", "[keys.aliasTaken]"),
        // Not possible.
        command("restore Music --as M --latest", 1, "[model.invalidTableName]"),
        command("restore Music --as a/b/c --latest", 10, "'a'", "[config.unknownName]"),
        command("table create a --partition-key pk:S", 1, "[model.invalidTableName]"),
        command("table create ... --partition-key pk:S", 1, "[model.invalidTableName]"),
        command("table create abc --partition-key pk:X", 2, "'pk:X'", "[usage]"),
        command("table create abc --partition-key pk", 2, "'pk'", "[usage]"),
        command("table create abc --partition-key pk:S --sort-key pk:S", 1, "'pk'", "[model.invalidTable]"),
        command("table create abc --partition-key pk:S --key alias/nope", 12, "'alias/nope'", "[keys.noSuchKey]"),
        command("key create --alias main", 2, "'main'", "[keys.invalidAlias]"),
        command("sweep Music", 1, "'Music'", "[pipeline.timeToLiveOff]"),
        command("table drop Music", 2, "--yes", "[usage]"),
        // No such option, or two that exclude each other.
        command("nonsense", 2, "nonsense", "Usage:"),
        command("backup --nonsense", 2, "--nonsense", "Usage:"),
        command("restore Music --as back", 2, "--latest", "--id"),
        command("restore Music --as back --latest --id zz", 2, "--latest", "--id"),
        command("restore Music --latest", 2, "--as"),
        command("table create abc", 2, "--partition-key", "--schema"),
        command("table create abc --partition-key pk:S --schema x.json", 2, "--partition-key", "--schema"),
        command("table put Music {} --if-exists --if-not-exists", 2, "--if-exists", "--if-not-exists"),
        command("table ttl Music --on --off", 2, "--on", "--off"),
        command("table ttl Music --on", 2, "--attribute", "[usage]"),
        command("table scan Music --limit 0", 2, "--limit"),
        command("verify --level nonsense", 2, "'nonsense'", "content", "[config.invalidValue]"),
        command("verify --subset 0/3", 2, "'0/3'", "[config.invalidValue]"),
        command("sweep Music --grace soon", 2, "'soon'", "[config.invalidValue]"),
        command("sweep", 2, "tables"),
        command("prune", 2, "--leftovers"),
        command("prune --leftovers --grace soon", 2, "'soon'", "[config.invalidValue]"),
        command("prune --leftovers --keep-last 1", 2, "--leftovers", "--undo"),
        command("prune --undo zzzz --grace 1h", 2, "--undo"),
        command("prune --keep-last 0", 2, "keepLast", "[config.conflict]"),
        command("prune --keep-within soon", 2, "'soon'", "[config.invalidValue]"),
        command("prune --minimum 7d", 2, "keeps nothing", "[config.conflict]"),
        command("prune --keep-last 1 --zone Nowhere", 2, "'Nowhere'", "[config.invalidValue]"),
        command("prune --keep-last 1 --vault nope", 10, "'nope'", "[config.unknownName]"),
        command("prune Nope --keep-last 1", 10, "'Nope'", "[usage]"),
        command("prune --undo zzzz", 10, "'zzzz'", "[pipeline.noRecoveryPoint]"),
        command("explain zzzz", 10, "'zzzz'", "[pipeline.noRecoveryPoint]"),
        command("init ../new --vault .varve/vault", 2, "--kit"),
        command("init ../new --config varve.yaml", 2, "--config"),
        command("recovery-kit test", 2, "--kit"),
    ]
}
