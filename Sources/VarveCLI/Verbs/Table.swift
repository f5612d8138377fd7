// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SystemPackage
import VarveConfig
import VarveModel
import VarvePipeline
import VarveStore

struct TableVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "table",
        abstract: "Tables of the embedded store and their items.",
        discussion: "A table is STORE/TABLE, or TABLE where there is one store. Items and keys are DynamoDB JSON.",
        subcommands: [
            Create.self, List.self, Describe.self, Import.self, Export.self, Put.self, Get.self, Delete.self, Scan.self,
            TimeToLive.self,
            Drop.self,
        ])

    struct Create: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Create a table.",
            discussion: HelpText.of(
                examples: [
                    ("table create Music --partition-key Artist:S --sort-key SongTitle:S", "types are S, N and B"),
                    ("table create Sessions --partition-key ID:S --ttl ExpiresAt", "items expire"),
                    ("table create Orders --schema orders.json", "CreateTable's JSON"),
                ],
                exits: [.notFound, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The new table.") var table: String
        @Option(help: "Partition key: NAME:TYPE with TYPE S, N or B.") var partitionKey: String?
        @Option(help: "Sort key: NAME:TYPE.") var sortKey: String?
        @Option(help: "The attribute that holds each item's expiry in epoch seconds; turns time to live on.") var ttl:
            String?
        @Option(help: "A file with CreateTable's (or DescribeTable's) JSON, instead of the key options.") var schema:
            String?
        @Option(help: "The wrapping key of the table's encryption: owned, managed or alias/NAME.") var key: String?
        @Flag(help: "Check everything and say what would be created, and create nothing.") var dryRun = false

        func validate() throws {
            if (schema == nil) == (partitionKey == nil) {
                throw ValidationError("Give either --partition-key or --schema.")
            }
            if schema != nil && (sortKey != nil) {
                throw ValidationError("The schema file names the sort key: leave --sort-key out.")
            }
        }

        func perform() throws -> ExitStatus {
            let reference = try common.home().table(table)
            var description = try wanted(named: reference.table)
            if let ttl { description.timeToLive = VarveModel.TimeToLive(attribute: ttl, enabled: true) }
            if let key { description.encryption = encryption(key) }
            try description.validate()
            if dryRun {
                if try reference.exists() {
                    throw UsageError("There is a table \(reference.text) already.", status: .failed)
                }
                common.console.line("would create \(reference.text)")
                try common.console.document(ChangeRecord(action: "create", dryRun: true, table: reference.text))
                return .done
            }
            let created = try reference.store.createTable(description)
            common.console.line("created \(reference.text)")
            try common.console.document(created.json())
            return .done
        }

        /// `NAME:TYPE`, with the type S, N or B.
        private func key(_ text: String) throws -> KeyAttribute {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count >= 2, let type = KeyType(rawValue: String(parts[parts.count - 1])) else {
                throw UsageError("'\(text)' is no key attribute: write NAME:S, NAME:N or NAME:B.")
            }
            return KeyAttribute(name: parts.dropLast().joined(separator: ":"), type: type)
        }

        private func encryption(_ reference: String) -> TableEncryption {
            TableEncryption.Class(rawValue: reference).map { TableEncryption(class: $0) }
                ?? TableEncryption(class: .customer, key: reference)
        }

        private func wanted(named name: String) throws -> TableDescription {
            if let schema {
                var members = try JSON(text: try Files.read(FilePath(schema))).members ?? []
                // The command line names the table, whatever the file calls it.
                if !members.contains(where: { $0.name == "Table" }) {
                    members.removeAll { $0.name == "TableName" }
                    members.append(JSON.Member("TableName", .string(name)))
                }
                var description = try TableDescription(json: .object(members))
                description.name = name
                return description
            }
            let partition = try key(partitionKey ?? "")
            return TableDescription(name: name, keySchema: KeySchema(partition: partition, sort: try sortKey.map(key)))
        }
    }

    struct List: Verb {
        static let configuration = CommandConfiguration(
            abstract: "List the tables of all stores.",
            discussion: HelpText.of(
                examples: [
                    ("table list", "every table of every store")
                ],
                exits: [.notFound, .wrongKey, .configurationInvalid]))
        @OptionGroup var common: CommonOptions

        func perform() throws -> ExitStatus {
            let home = try common.home()
            let rows = try home.tables(try TableSelection(patterns: ["*"]), mayBeEmpty: true).map { reference in
                Row(
                    reference, try reference.store.describe(reference.table),
                    items: try reference.store.statistics(of: reference.table).items)
            }
            if rows.isEmpty {
                common.console.line("There is no table yet: 'varve table create' makes one.")
            } else {
                common.console.table(
                    ["TABLE", "ITEMS", "PARTITION KEY", "SORT KEY", "TIME TO LIVE"],
                    rows.map {
                        [$0.table, Units.count($0.items), $0.partitionKey, $0.sortKey ?? "-", $0.timeToLive ?? "-"]
                    }, right: [1])
            }
            try common.console.document(rows)
            return .done
        }

        private struct Row: Encodable {
            let table: String
            let id: String
            let items: Int
            let partitionKey: String
            let sortKey: String?
            let timeToLive: String?

            init(_ reference: TableReference, _ description: TableDescription, items: Int) {
                table = reference.text
                id = description.id
                self.items = items
                partitionKey =
                    description.keySchema.partition.name + ":" + description.keySchema.partition.type.rawValue
                sortKey = description.keySchema.sort.map { $0.name + ":" + $0.type.rawValue }
                timeToLive = description.timeToLive.map { $0.attribute + ($0.enabled ? " (on)" : " (off)") }
            }
        }
    }

    struct Describe: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Print a table's description as DescribeTable's JSON.",
            discussion: HelpText.of(
                examples: [
                    ("table describe Orders", "keys, indexes, time to live")
                ],
                exits: [.notFound, .wrongKey, .configurationInvalid]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The table.") var table: String

        func perform() throws -> ExitStatus {
            let reference = try common.home().table(table)
            try Console(json: true).document(try reference.store.describe(reference.table).json())
            return .done
        }
    }

    struct TimeToLive: Verb {
        static let configuration = CommandConfiguration(
            commandName: "ttl", abstract: "Set, turn on or turn off a table's time to live.",
            discussion: HelpText.of(
                "Turning it on makes expired items eligible for the next sweep; nothing is deleted by this verb.",
                examples: [
                    ("table ttl Sessions --attribute ExpiresAt --on", "the first time"),
                    ("table ttl Sessions --off", "nothing expires any more"),
                ],
                exits: [.notFound, .lockedByAnother, .wrongKey, .configurationInvalid]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The table.") var table: String
        @Option(help: "The attribute that holds each item's expiry in epoch seconds.") var attribute: String?
        @Flag(help: "Turn it on.") var on = false
        @Flag(help: "Turn it off; the attribute is kept.") var off = false
        @Flag(help: "Say what would change, and change nothing.") var dryRun = false

        func validate() throws {
            if on == off { throw ValidationError("Say --on or --off.") }
        }

        func perform() throws -> ExitStatus {
            let reference = try common.home().table(table)
            let before = try reference.store.describe(reference.table)
            guard let name = attribute ?? before.timeToLive?.attribute else {
                throw UsageError("\(reference.text) has no time-to-live attribute yet: add --attribute NAME.")
            }
            let wanted = VarveModel.TimeToLive(attribute: name, enabled: on)
            if !dryRun { _ = try reference.store.updateTimeToLive(of: reference.table, to: wanted) }
            common.console.line(
                "\(reference.text): time to live \(dryRun ? "would be" : "is") \(on ? "on" : "off"), attribute \(name)")
            try common.console.document(
                ChangeRecord(action: "ttl", dryRun: dryRun, table: reference.text, attribute: name, enabled: on))
            return .done
        }
    }

    struct Drop: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Drop a table with all its items.",
            discussion: HelpText.of(
                "What vaults hold of it stays. Asks for --yes unless a person confirms at the terminal.",
                examples: [
                    ("table drop Orders --dry-run", "how much would go"),
                    ("table drop Orders --yes", "without a question"),
                ],
                exits: [.notFound, .lockedByAnother, .wrongKey, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The table.") var table: String
        @Flag(help: "Do not ask.") var yes = false
        @Flag(help: "Say what would be dropped, and drop nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            let reference = try common.home().table(table)
            let items = try reference.store.statistics(of: reference.table).items
            if dryRun {
                common.console.line("would drop \(reference.text) with \(Units.counted(items, "item"))")
                try common.console.document(
                    ChangeRecord(action: "drop", dryRun: true, table: reference.text, items: items))
                return .done
            }
            guard yes || Confirmation.ask("Drop \(reference.text) with \(Units.counted(items, "item"))?") else {
                throw UsageError("Nothing was dropped: confirm with --yes.")
            }
            try reference.store.dropTable(reference.table)
            common.console.line("dropped \(reference.text)")
            try common.console.document(
                ChangeRecord(action: "drop", dryRun: false, table: reference.text, items: items))
            return .done
        }
    }
}
