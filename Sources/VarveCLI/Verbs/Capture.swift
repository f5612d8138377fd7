// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveConfig
import VarveModel
import VarvePipeline
import VarveStore
import VarveVault

struct CaptureVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "capture",
        abstract: "Follow the change log of tables into a vault, so that they can be restored to any instant.",
        discussion: HelpText.of(
            """
            Changes go into segments: sealed as snapshots are, and closed when they are old enough, large enough, or the log ends. Quiet is
            recorded too. It goes on until it is stopped (SIGTERM or Ctrl-C, exit code 0), and then keeps what it has read; with --once it
            captures up to now and ends. Where to read on is what the vault says: however a capture ends, the next one loses nothing and
            doubles nothing. Snapshots can be taken meanwhile; a table becomes restorable to any instant from its next snapshot on.

            Where changes were lost before they were captured, a hole is recorded and told (exit code 5): see 'varve coverage'. A dropped
            table's log is captured to its end. One process at a time captures a table into a vault; a second one is refused (exit code 11).
            """,
            examples: [
                ("capture Orders", "until stopped"),
                ("capture 'local/*' --every 5m", "all tables, also those made later; a segment every five minutes"),
                ("capture Orders --once --json", "up to now; ends with a summary"),
            ],
            exits: [
                .partlyDone, .notRestorable, .notFound, .lockedByAnother, .wrongKey, .configurationInvalid,
            ]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "Which tables: STORE/TABLE or TABLE; * and ? match, ! takes out.") var tables: [String]
    @Option(
        help:
            "The vault to write to, where varve.yaml names several; given again with --once, further vaults that get copies."
    )
    var to: [String] = []
    @Flag(help: "Capture up to now, and end.") var once = false
    @Option(help: "Close a segment when it is this old.") var every = "60s"
    @Option(help: "Close a segment when it holds this much before compression.") var size = "64MiB"
    @Flag(help: "Say what would be captured, and write nothing.") var dryRun = false

    var endsWhenStopped: Bool { !once }

    func perform() throws -> ExitStatus {
        let limits = SegmentLimits(
            age: try Duration(text: every), rawBytes: try ByteCount(text: size).bytes(atMost: .max))
        guard limits.age >= SegmentLimits.ageMin else {
            throw UsageError("--every is at least \(SegmentLimits.ageMin.text): each segment is several objects.")
        }
        guard limits.rawBytes >= 1 << 20 else {
            throw UsageError("--size is at least 1MiB: each segment is several objects.")
        }
        guard once || to.count <= 1 else {
            throw UsageError(
                "A capture that goes on until it is stopped writes to one vault; 'varve copy' or a job's copy step takes segments to others."
            )
        }
        let step = CaptureStep(tables: try TableSelection(patterns: tables), vaults: to, limits: limits)
        let home = try common.home()
        if once || dryRun { return try step.run(in: home, common.console, dryRun: dryRun) }
        return try CaptureFollow(step, in: home, common.console).run()
    }
}

extension ByteCount {
    fileprivate func bytes(atMost limit: Int) -> Int { Int(min(bytes, Int64(limit))) }
}

/// The change logs of a selection of tables, captured up to now: what `varve capture --once` and a job's `capture` step do.
struct CaptureStep {
    let tables: TableSelection
    /// The first is written to, the others get copies; none: the only one that there is.
    let vaults: [String]
    var limits = SegmentLimits()

    func run(in home: Home, _ console: Console, dryRun: Bool) throws -> ExitStatus {
        let target = try home.vault(vaults.first)
        let copies = try Copies(to: vaults.dropFirst(), in: home)
        let sources = try home.changeSources(tables, target)
        if dryRun {
            for source in sources { console.line("would capture \(source.line)\(copies.note)") }
            try console.event(CapturePlan(vault: target.name, tables: sources.map(\.text)))
            return .done
        }
        let settings = try home.archive(target)
        var outcome = PerTable<CaptureRecord>()
        for source in sources {
            if Interrupts.stop.isRaised { break }
            outcome.attempt(source.text, console) {
                var record = CaptureRecord(table: source.text)
                let capture = try TableCapture(settings, source: source.source, limits: limits) { manifest in
                    let news = CaptureNews(manifest, table: source.text, target: target)
                    news.tell(console, quiet: false)
                    record.add(manifest, news)
                }
                let now = try source.source.settle()
                _ = try capture.run(through: now, stop: Interrupts.stop)
                record.note(through: capture.through)
                if record.segments == 0 { console.line("\(source.text): nothing to capture") }
                return record
            }
        }
        // All of the log that a vault lacks, and not only what is new: with a hole it would be worth less.
        let chosen = Set(sources.map(\.id))
        let copied = try copies.make(of: target, console) { $0.kind == .log && chosen.contains($0.table.id) }
        return try CaptureSummary(target.name, outcome.done, outcome.failed, copies: copied).tell(
            Copies.status(copied, after: outcome.status), console)
    }
}

/// A change log that a selection means.
struct ChosenSource {
    let text: String
    let source: EmbeddedChangeSource
    let id: String
    let isDropped: Bool

    var line: String { isDropped ? "\(text), which was dropped, to its end" : text }
}

extension Home {
    /// The logs of the tables that a selection means, and of dropped ones of such a name whose log in the vault has no end yet.
    ///
    /// - Parameter known: Ids of tables that need no look into the vault.
    func changeSources(
        _ selection: TableSelection, _ target: OpenVault, known: Set<String> = []
    ) throws -> [ChosenSource] {
        var chosen: [ChosenSource] = []
        for name in configuration.stores.map(\.name).sorted() {
            for (source, table, isDropped) in try store(name).store.changeSources()
            where selection.includes(store: name, table: table.name) {
                if try isDropped && !known.contains(table.id) && !target.vault.hasOpenLog(of: table) { continue }
                chosen.append(
                    ChosenSource(text: "\(name)/\(table.name)", source: source, id: table.id, isDropped: isDropped))
            }
        }
        do {
            _ = try tables(selection, mayBeEmpty: !chosen.isEmpty)
        } catch let error as UsageError where error.status == .notFound {
            // A name that only dropped tables have is none that is missing.
            let isDropped = chosen.contains { $0.isDropped }
            guard isDropped, !chosen.isEmpty else { throw error }
        }
        return chosen
    }
}

extension Vault {
    /// Whether there are segments of a table's log, the last of which is not its end.
    fileprivate func hasOpenLog(of table: TableDescription) throws -> Bool {
        let newest = try newestSegment(of: .init(name: table.name, id: table.id)) { _ in true }
        return newest?.manifest.log.map { !$0.ended } ?? false
    }
}
