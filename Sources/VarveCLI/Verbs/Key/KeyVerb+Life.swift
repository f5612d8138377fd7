// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import VarveKeys
import VarvePipeline

extension KeyVerb {
    struct Enable: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Let a disabled key seal and open again.",
            discussion: HelpText.of(
                "A key whose deletion was cancelled is disabled and comes back this way.",
                examples: [("key enable alias/main", "by its name")],
                exits: [.notFound, .wrongKey, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "Id or alias/NAME of a customer key.") var key: String
        @Flag(help: "Say what would be done, and write nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            let keys = try common.home().keys()
            if dryRun {
                let described = try keys.describe(key)
                common.console.line("would enable key \(described.id), which is \(described.state.rawValue)")
                try common.console.document(ChangeRecord(action: "enable", dryRun: true, key: described.id))
                return .done
            }
            return try showKey(try keys.enable(key), "enabled", common.console)
        }
    }

    struct Disable: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Keep a key from sealing and opening, until it is enabled.",
            discussion: HelpText.of(
                "Backups, restores and live tables that need it fail with exit code 12 until then; nothing is lost.",
                examples: [("key disable alias/main", "by its name")],
                exits: [.notFound, .wrongKey, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "Id or alias/NAME of a customer key.") var key: String
        @Flag(help: "Say what would be done, and write nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            let keys = try common.home().keys()
            if dryRun {
                let described = try keys.describe(key)
                common.console.line("would disable key \(described.id), which is \(described.state.rawValue)")
                try common.console.document(ChangeRecord(action: "disable", dryRun: true, key: described.id))
                return .done
            }
            return try showKey(try keys.disable(key), "disabled", common.console)
        }
    }

    struct ScheduleDeletion: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Disable a key now and destroy it after a waiting period.",
            discussion: HelpText.of(
                """
                First it lists what would become unreadable: every recovery point of every vault in varve.yaml, and every live table, that lies
                sealed under the key. Move them with 'varve key rewrap' first. What is sealed to a recovery kit too still opens with the kit.
                """,
                examples: [
                    ("key schedule-deletion alias/old --dry-run", "what would become unreadable"),
                    ("key schedule-deletion alias/old --days 7", "the shortest period"),
                ],
                exits: [.notFound, .wrongKey, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "Id or alias/NAME of a customer key.") var key: String
        @Option(help: "The waiting period: 7 to 30 days.") var days = 30
        @Flag(help: "Do it although something would become unreadable.") var yes = false
        @Flag(help: "List what would become unreadable, and write nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            let home = try common.home()
            let keys = try home.keys()
            let console = common.console
            let described = try keys.describe(key)
            guard KeyStore.waitingDays.contains(days) else {
                throw UsageError("The waiting period is 7 to 30 days; \(days) were given.")
            }
            let use = KeyUse(of: described.id, vaults: try home.allVaults(), stores: try home.allStores())
            let segments = use.points.count { $0.kind == "log" }
            if segments > 0 {
                console.line("would become unreadable: \(Units.counted(segments, "segment")) of change logs")
            }
            for point in use.points where point.kind != "log" {
                console.line(
                    "would become unreadable: \(point.vault) \(point.id) of \(point.table), \(Units.counted(point.items, "item"))"
                )
            }
            for table in use.tables {
                console.line(
                    "would become unreadable: table \(table.store)/\(table.table)\(table.dropped ? " (dropped; its changes)" : "")"
                )
            }
            for reason in use.notRead { console.line("cannot be told: \(reason)") }
            if use.isEmpty { console.line("nothing is sealed under key \(described.id)") }
            if !dryRun && !use.isEmpty && !yes
                && !Confirmation.ask("Destroy key \(described.id) in \(days) days all the same?")
            {
                throw UsageError(
                    "Key \(described.id) is needed: \(Units.counted(use.points.count - segments, "recovery point")), \(Units.counted(segments, "segment")), \(Units.counted(use.tables.count, "table"))"
                        + "\(use.notRead.isEmpty ? "" : ", and what could not be looked at"). Nothing was changed. 'varve key rewrap' moves them to "
                        + "another key; --yes schedules the deletion all the same.", status: .refused)
            }
            let after = dryRun ? described : try keys.scheduleDeletion(of: key, days: days)
            if let deletes = after.deletes {
                console.line(
                    "key \(after.id) is disabled now and will be destroyed on \(deletes.formatted(.iso8601)); 'varve key cancel-deletion \(after.id)' "
                        + "takes that back")
            }
            try console.document(
                Record(
                    dryRun: dryRun, key: after, recoveryPoints: use.points, tables: use.tables, notRead: use.notRead))
            return .done
        }

        private struct Record: Encodable {
            let action = "schedule-deletion"
            let dryRun: Bool
            let key: KeyDescription
            let recoveryPoints: [KeyUse.Point]
            let tables: [KeyUse.Table]
            let notRead: [String]
        }
    }

    struct CancelDeletion: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Take a scheduled deletion back; the key stays disabled.",
            discussion: HelpText.of(
                "'varve key enable' lets it be used again.",
                examples: [("key cancel-deletion alias/main", "by its name")],
                exits: [.notFound, .wrongKey, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "Id or alias/NAME of a customer key.") var key: String
        @Flag(help: "Say what would be done, and write nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            let keys = try common.home().keys()
            if dryRun {
                let described = try keys.describe(key)
                common.console.line("would keep key \(described.id), which is \(described.state.rawValue)")
                try common.console.document(ChangeRecord(action: "cancel-deletion", dryRun: true, key: described.id))
                return .done
            }
            return try showKey(try keys.cancelDeletion(of: key), "kept", common.console)
        }
    }
}
