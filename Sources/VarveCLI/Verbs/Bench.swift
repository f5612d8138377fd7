// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Glibc
import SystemPackage
import VarveModel
import VarvePipeline
import VarveVault

struct BenchVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure backup, verify and restore on this machine, and each of their stages alone.",
        subcommands: [Run.self, Data.self], defaultSubcommand: Run.self)

    struct Run: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Measure; this is what 'varve bench' does by itself.",
            discussion: HelpText.of(
                """
                Works on generated items in a scratch folder, with keys, store and vault of its own, and removes it at the end; no home is
                needed or touched. Each stage runs alone on one thread; its figures count the raw bytes of export lines, whatever form they
                have there. The share is what the stages of a command, each alone, would take if they shared all processors evenly, divided
                by what the whole command took.
                """,
                examples: [
                    ("bench run", "the same as 'varve bench'"),
                    ("bench run --items 1000000 --dir /mnt/disk/scratch", "a larger table, on that disk"),
                    ("bench run --seconds 5 --json", "steadier figures, for a script"),
                ],
                exits: [.refused]))
        @OptionGroup var common: CommonOptions
        @Option(help: "Items to measure with, about 850 bytes each.") var items = 200_000
        @Option(help: "How long each stage runs at least, in seconds.") var seconds = 1.0
        @Option(help: "Where generated items begin: the same seed makes the same items.") var seed: UInt64 = 1
        @Option(
            help:
                "The scratch folder: new or empty; removed at the end if it was new. By default one for temporary files."
        )
        var dir: String?

        func validate() throws {
            guard 1...BenchItems.countMax ~= items else {
                throw ValidationError("--items is a number from 1 to \(BenchItems.countMax).")
            }
            guard seconds >= 0, seconds <= 3600 else { throw ValidationError("--seconds is a number from 0 to 3600.") }
            try BenchVerb.refuseConfiguration(common)
        }

        func perform() throws -> ExitStatus {
            let scratch = try BenchFolder(dir.map { FilePath($0) })
            defer { scratch.remove() }
            let console = common.console
            let workers = min(Workers.countMax, ProcessInfo.processInfo.activeProcessorCount)
            let report = try MeasureSpeed(
                items: BenchItems(count: items, seed: seed), secondsPerStage: seconds, workers: workers
            ).run(in: scratch.path, stop: Interrupts.stop) { text in
                if !console.json { console.note("measuring: \(text)") }
            }
            let summary = BenchSummary(report, seed: seed, folder: scratch.path.string)
            summary.print(to: console)
            try console.event(summary)
            return .done
        }
    }

    struct Data: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Write generated items as lines of {\"Item\":{…}}.",
            discussion: HelpText.of(
                """
                Orders of a shop with attributes of every type, about 860 bytes a line, which zstd:3 brings to about 28 %. The same arguments
                write the same bytes everywhere; either order has the same items. Their table has the partition key customer (S), the sort
                key placed (N) and the time-to-live attribute expires.
                """,
                examples: [
                    ("bench data --items 100000 orders.jsonl", "in the order of a hash, as exports have it"),
                    ("bench data --items 100000 --order key orders.jsonl", "by partition and sort key"),
                    ("bench data --items 100000 --expired 5000 -", "a twentieth has expired; to standard output"),
                ]))
        @OptionGroup var common: CommonOptions
        @Option(help: "How many items.") var items: Int
        @Option(help: "The seed.") var seed: UInt64 = 1
        @Option(
            help:
                "export: partitions in the order of a hash, as DynamoDB's exports have them; key: partitions by their keys."
        )
        var order = BenchItems.Order.export
        @Option(help: "So many items have expired (in December 2025); the others will in 2036 at the earliest.")
        var expired = 0
        @Argument(help: "The new file; - is standard output.") var file: String

        func validate() throws {
            guard 0...BenchItems.countMax ~= items else {
                throw ValidationError("--items is a number from 0 to \(BenchItems.countMax).")
            }
            guard 0...items ~= expired else { throw ValidationError("--expired is a number from 0 to --items.") }
            try BenchVerb.refuseConfiguration(common)
        }

        func perform() throws -> ExitStatus {
            let descriptor = file == "-" ? STDOUT_FILENO : open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else {
                throw UsageError("\(file) cannot be created: \(Files.reason(errno)).", status: .failed)
            }
            do {
                let summary = try write(to: descriptor)
                if file == "-" { return .done }
                guard close(descriptor) == 0 else {
                    throw UsageError("\(file) cannot be written: \(Files.reason(errno)).", status: .failed)
                }
                common.console.line(
                    "\(file): \(Units.counted(items, "item")), \(Units.size(summary.rawBytes)), \(Units.size(summary.compressedBytes)) under zstd:3 (\(Units.tenths(summary.percent)) %), seed \(seed), order \(order.rawValue)"
                )
                try common.console.document(summary)
                return .done
            } catch {
                if file != "-" { unlink(file) }
                throw error
            }
        }

        private func write(to descriptor: Int32) throws -> Summary {
            var raw: [UInt8] = []
            raw.reserveCapacity(DataFile.rawBytesMax)
            var (rawBytes, compressedBytes) = (0, 0)
            func flush() throws {
                try Interrupts.stop.check()
                rawBytes += raw.count
                compressedBytes += try DataFile.compress(raw).count
                try Files.write(raw, to: descriptor, name: file)
                raw.removeAll(keepingCapacity: true)
            }
            try BenchItems(count: items, seed: seed, order: order, expired: expired).forEach { item in
                if raw.count + item.count + ExportLine.prefix.count + ExportLine.suffix.count > DataFile.rawBytesMax {
                    try flush()
                }
                ExportLine.append(item, to: &raw)
            }
            if !raw.isEmpty { try flush() }
            return Summary(
                file: file, items: items, rawBytes: rawBytes, compressedBytes: compressedBytes, seed: seed,
                order: order.rawValue, expired: expired)
        }

        private struct Summary: Encodable {
            let file: String
            let items: Int
            let rawBytes: Int
            let compressedBytes: Int
            let seed: UInt64
            let order: String
            let expired: Int
            var percent: Double { rawBytes > 0 ? 100 * Double(compressedBytes) / Double(rawBytes) : 0 }
        }
    }

    private static func refuseConfiguration(_ common: CommonOptions) throws {
        if common.config != nil { throw ValidationError("bench needs no home: leave --config out.") }
    }
}

extension BenchItems.Order: ExpressibleByArgument {}
