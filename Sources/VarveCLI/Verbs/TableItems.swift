// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SystemPackage
import VarveModel
import VarvePipeline
import VarveStore

extension TableVerb {
    struct Put: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Put one item; an item with the same key is replaced.",
            discussion: HelpText.of(
                examples: [
                    (
                        #"table put Music '{"Artist":{"S":"Nina"},"SongTitle":{"S":"Four Women"}}'"#,
                        "an argument that others may see"
                    ),
                    ("table put Music - < item.json", "from a file"),
                ],
                exits: [.notFound, .lockedByAnother, .wrongKey, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The table.") var table: String
        @Argument(help: "The item, as DynamoDB JSON; - reads it from standard input.") var item: String
        @Flag(help: "Only if there is no item with that key yet.") var ifNotExists = false
        @Flag(help: "Only if there is an item with that key.") var ifExists = false
        @Flag(help: "Check the item, and write nothing.") var dryRun = false

        func validate() throws {
            if ifExists && ifNotExists { throw ValidationError("--if-exists and --if-not-exists exclude each other.") }
        }

        func perform() throws -> ExitStatus {
            let reference = try common.home().table(table)
            let item = try Item(json: try argument(item))
            if dryRun {
                _ = try item.bytes.withUnsafeBytes { try reference.store.describe(reference.table).scanner.scan($0) }
                common.console.line("would put one item into \(reference.text)")
                try common.console.document(ChangeRecord(action: "put", dryRun: true, table: reference.text))
                return .done
            }
            try reference.store.put(
                item, into: reference.table, if: ifNotExists ? .notExists : ifExists ? .exists : .none)
            common.console.line("put one item into \(reference.text)")
            try common.console.document(ChangeRecord(action: "put", dryRun: false, table: reference.text))
            return .done
        }
    }

    struct Get: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Print one item (exit code 10 where there is none).",
            discussion: HelpText.of(
                examples: [
                    ("table get Music - < key.json", "the key of one item, as DynamoDB JSON")
                ],
                exits: [.notFound, .lockedByAnother, .wrongKey, .configurationInvalid]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The table.") var table: String
        @Argument(help: "The key, as DynamoDB JSON; - reads it from standard input.") var key: String

        func perform() throws -> ExitStatus {
            let reference = try common.home().table(table)
            guard let stored = try reference.store.get(try reference.key(try argument(key)), from: reference.table)
            else {
                throw UsageError("\(reference.text) has no item with that key.", status: .notFound)
            }
            Console.write(stored.item.bytes + [UInt8(ascii: "\n")], to: STDOUT_FILENO)
            return .done
        }
    }

    struct Delete: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Delete one item; none with that key is no error.",
            discussion: HelpText.of(
                examples: [
                    ("table delete Music - --if-exists < key.json", "the key of one item, as DynamoDB JSON")
                ],
                exits: [.notFound, .lockedByAnother, .wrongKey, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The table.") var table: String
        @Argument(help: "The key, as DynamoDB JSON; - reads it from standard input.") var key: String
        @Flag(help: "Only if there is an item with that key.") var ifExists = false
        @Flag(help: "Say whether there is such an item, and delete nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            let reference = try common.home().table(table)
            let key = try reference.key(try argument(key))
            if dryRun {
                let there = try reference.store.get(key, from: reference.table) != nil
                common.console.line(
                    there
                        ? "would delete one item from \(reference.text)"
                        : "there is no item with that key in \(reference.text)")
                try common.console.document(
                    ChangeRecord(action: "delete", dryRun: true, table: reference.text, exists: there))
                return .done
            }
            try reference.store.delete(key, from: reference.table, if: ifExists ? .exists : .none)
            common.console.line("deleted from \(reference.text)")
            try common.console.document(ChangeRecord(action: "delete", dryRun: false, table: reference.text))
            return .done
        }
    }

    struct Scan: Verb {
        static let configuration = CommandConfiguration(
            abstract:
                "Print items, one a line as {\"Item\":{…}}, in the order of the table's keys: grouped by partition, ascending by sort key.",
            discussion: HelpText.of(
                examples: [
                    ("table scan Music --limit 10", "the first ten"),
                    ("table scan Music --count", "how many"),
                ],
                exits: [.notFound, .lockedByAnother, .wrongKey, .configurationInvalid])
        )
        @OptionGroup var common: CommonOptions
        @Argument(help: "The table.") var table: String
        @Option(help: "At most that many items.") var limit: Int?
        @Flag(help: "Print only how many there are.") var count = false

        func validate() throws {
            if let limit, limit < 1 { throw ValidationError("--limit counts from 1.") }
        }

        func perform() throws -> ExitStatus {
            let reference = try common.home().table(table)
            var seen = 0
            var output = LineOutput(descriptor: STDOUT_FILENO)
            var position: ScanPosition?
            repeat {
                try Interrupts.stop.check()
                let page = try reference.store.scan(reference.table, after: position, limit: (limit ?? .max) - seen)
                if !count { try page.batch.forEach { try output.writeItem($0) } }
                seen += page.batch.count
                position = page.next
            } while position != nil && seen < limit ?? .max
            if count { common.console.line("\(seen)") } else { try output.flush() }
            if count && common.json { try common.console.document(["count": seen]) }
            return .done
        }
    }

    struct Import: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Load items from files into a table.",
            discussion: HelpText.of(
                """
                Reads lines of {"Item":{…}} (or bare items), plain, gzip or zstd; a native DynamoDB export folder (found by its manifests);
                and CSV with a header line, whose columns that are not keys become strings. - is standard input.
                An empty table is loaded in bulk, all or nothing. Into a table with items each line is a put, in batches.
                """,
                examples: [
                    ("table import Music music.jsonl more.jsonl.zst", "lines of items"),
                    ("table import Orders AWSDynamoDB/01692783600000-a1b2c3d4", "a native export's folder"),
                    ("table import People people.csv --dry-run", "look first"),
                ],
                exits: [.notFound, .lockedByAnother, .wrongKey, .configurationInvalid, .refused]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The table.") var table: String
        @Argument(help: "Files, export folders, or -.") var files: [String]
        @Flag(help: "The files are CSV (also known by the ending .csv).") var csv = false
        @Option(help: "The character between CSV columns.") var delimiter = ","
        @Flag(help: "Read and check everything, and write nothing.") var dryRun = false

        func perform() throws -> ExitStatus {
            guard let separator = delimiter.utf8.first, delimiter.utf8.count == 1 else {
                throw UsageError("The CSV delimiter is one character: , ; : | a tab or a space.")
            }
            let home = try common.home()
            let reference = try home.table(table)
            let sources = files.map { source($0, delimiter: separator) }
            let stage = ImportItems(store: reference.store, table: reference.table)
            let progress = Progress()
            let began = ContinuousClock.now
            let result = try ProgressDisplay.during("import \(reference.text)", progress, common.console) {
                try stage.run(sources, dryRun: dryRun, progress: progress, stop: Interrupts.stop)
            }
            let seconds = (ContinuousClock.now - began).seconds
            common.console.line(
                "\(reference.text): \(Units.counted(result.items, "item")), \(Units.size(result.rawBytes)), \(dryRun ? "would be loaded" : "loaded") in \(Units.span(seconds: seconds))"
            )
            try common.console.event(
                Summary(
                    table: reference.text, dryRun: dryRun, items: result.items, rawBytes: result.rawBytes,
                    seconds: seconds))
            return .done
        }

        private func source(_ file: String, delimiter: UInt8) -> ImportSource {
            let path = FilePath(file)
            if Files.isFolder(path) { return .export(path) }
            return csv || file.hasSuffix(".csv") ? .csv(path, delimiter: delimiter) : .lines(path)
        }

        private struct Summary: Encodable {
            let type = "summary"
            let table: String
            let dryRun: Bool
            let items: Int
            let rawBytes: Int
            let seconds: Double
        }
    }

    struct Export: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Write a table's items as lines of {\"Item\":{…}}, as of one moment.",
            discussion: HelpText.of(
                examples: [
                    ("table export Music music.jsonl", "into a new file"),
                    ("table export Music | zstd > music.jsonl.zst", "into a pipe"),
                ],
                exits: [.notFound, .lockedByAnother, .wrongKey, .configurationInvalid]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The table.") var table: String
        @Argument(help: "The new file; - (the default) is standard output.") var file = "-"

        func perform() throws -> ExitStatus {
            let reference = try common.home().table(table)
            let descriptor = file == "-" ? STDOUT_FILENO : open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else {
                throw UsageError("\(file) cannot be created: \(Files.reason(errno)).", status: .failed)
            }
            do {
                let items = try export(reference, to: descriptor)
                if file != "-" {
                    guard fsync(descriptor) == 0, close(descriptor) == 0 else {
                        throw UsageError("\(file) cannot be written: \(Files.reason(errno)).", status: .failed)
                    }
                    common.console.line("\(reference.text): \(Units.counted(items, "item")) written to \(file)")
                    try common.console.document(["items": items])
                }
            } catch {
                if file != "-" { unlink(file) }
                throw error
            }
            return .done
        }

        private func export(_ reference: TableReference, to descriptor: Int32) throws -> Int {
            var output = LineOutput(descriptor: descriptor)
            var items = 0
            let snapshot = try reference.store.snapshot(of: reference.table, readers: 1)
            defer { snapshot.close() }
            for segment in 0..<snapshot.segments {
                try snapshot.read(segment: segment, reader: 0) { batch in
                    try Interrupts.stop.check()
                    try batch.forEach { try output.writeItem($0) }
                    items += batch.count
                }
            }
            try output.flush()
            return items
        }
    }
}

extension TableReference {
    /// The key that a key item such as `{"pk":{"S":"a"}}` means in this table.
    fileprivate func key(_ json: [UInt8]) throws -> ItemKey { try store.key(json, of: table) }
}

/// The text of an argument, or standard input where it is `-`.
func argument(_ text: String) throws -> [UInt8] {
    text == "-" ? try Files.read(STDIN_FILENO, name: "standard input") : Array(text.utf8)
}

/// Export lines, gathered into large writes.
struct LineOutput {
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    /// One write for about that many bytes: enough that system calls do not count.
    private static let bufferBytes = 256 * 1024

    init(descriptor: Int32) {
        self.descriptor = descriptor
        buffer.reserveCapacity(Self.bufferBytes * 2)
    }

    mutating func writeItem(_ item: UnsafeRawBufferPointer) throws {
        buffer.append(contentsOf: ExportLine.prefix)
        buffer.append(contentsOf: item)
        buffer.append(contentsOf: ExportLine.suffix)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    /// A line of a difference: `{"Keys":…,"OldImage":…,"NewImage":…}`.
    mutating func writeChange(
        keys: [UInt8], old: UnsafeRawBufferPointer?, new: UnsafeRawBufferPointer?
    ) throws {
        buffer += Array(#"{"Keys":"#.utf8) + keys
        if let old { buffer += Array(#","OldImage":"#.utf8) + old }
        if let new { buffer += Array(#","NewImage":"#.utf8) + new }
        buffer += Array("}\n".utf8)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    mutating func flush() throws {
        var offset = 0
        while offset < buffer.count {
            let written = buffer.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + offset }, $0.count - offset)
            }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else {
                throw UsageError("The output cannot be written: \(Files.reason(errno)).", status: .failed)
            }
            offset += written
        }
        buffer.removeAll(keepingCapacity: true)
    }
}
