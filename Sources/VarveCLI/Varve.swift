// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import VarvePipeline

/// The command, its verbs and what they share. One file a verb is in `Verbs/`.
struct Varve: ParsableCommand {
    /// The tool's version, which manifests carry.
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "varve",
        abstract:
            "Consistent snapshots of DynamoDB-model tables: sealed, verified, restorable; and expired items swept.",
        discussion: """
            A home is a folder with varve.yaml, a key store, an embedded store and a vault. Begin with:

              varve init                                  make a home here
              varve table create Music --partition-key Artist:S --sort-key SongTitle:S
              varve table import Music music.jsonl        lines of {"Item":{…}}
              varve backup                                a snapshot of every table
              varve capture Music                         its changes since, as they come
              varve verify                                prove that all is there and opens
              varve restore Music --as Music2 --latest    into a new table
            """,
        version: version,
        subcommands: [
            InitVerb.self, TableVerb.self, BackupVerb.self, CaptureVerb.self, CompactVerb.self, ListVerb.self,
            ShowVerb.self, CoverageVerb.self, RestoreVerb.self, GetVerb.self, DiffVerb.self, ExportVerb.self,
            VerifyVerb.self, DrillVerb.self, SweepVerb.self, PruneVerb.self, ExplainVerb.self, ReportVerb.self,
            CopyVerb.self, VaultVerb.self, RunVerb.self,
            ScheduleVerb.self, KeyVerb.self,
            RecoveryKitVerb.self,
            ConfigVerb.self,
            DoctorVerb.self, BenchVerb.self, CompletionVerb.self, ManualVerb.self,
        ])
}

/// What every verb understands.
struct CommonOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The configuration file.", valueName: "file"))
    var config: String?

    @Flag(name: .long, help: "Print JSON: one document, or for long work one object a line (progress, event, summary).")
    var json = false

    var console: Console { Console(json: json) }

    /// The home that `--config` or the search order names.
    func home() throws -> Home { try Home(configurationFile: config) }
}

/// A verb: its work, and the status it ends with. Errors are reported in one place, ``runVarve()``.
protocol Verb: ParsableCommand {
    var common: CommonOptions { get }
    /// Whether this runs until somebody stops it, so that being stopped is no failure.
    var endsWhenStopped: Bool { get }
    func perform() throws -> ExitStatus
}

extension Verb {
    var endsWhenStopped: Bool { false }
}

/// Parses the command line, runs the verb, reports what went wrong, and ends the process with the status that README lists.
package func runVarve() -> Never {
    Interrupts.listen()
    do {
        var command = try Varve.parseAsRoot()
        if let verb = command as? any Verb {
            exit(finish(verb))
        }
        try command.run()
        exit(ExitStatus.done.rawValue)
    } catch {
        let text = Varve.fullMessage(for: error)
        if Varve.exitCode(for: error) == .success {
            Console.write(text + "\n", to: STDOUT_FILENO)
            exit(ExitStatus.done.rawValue)
        }
        Console.write(text + "\n", to: STDERR_FILENO)
        exit(ExitStatus.usage.rawValue)
    }
}

private func finish(_ verb: any Verb) -> Int32 {
    do {
        let status = try verb.perform()
        if !verb.endsWhenStopped, let signal = Interrupts.stop.signal { return 128 + signal }
        return status.rawValue
    } catch {
        let report = ErrorReport(error)
        for line in report.lines { Console.write(line + "\n", to: STDERR_FILENO) }
        if verb.common.json {
            try? verb.common.console.event(FailureEvent(report))
        }
        if let signal = Interrupts.stop.signal { return 128 + signal }
        return ExitStatus(for: error).rawValue
    }
}

/// The last object that a failed command prints with `--json`.
private struct FailureEvent: Encodable {
    let type = "error"
    let code: String
    let message: String
    let chain: [ErrorReport.Link]

    init(_ report: ErrorReport) {
        code = report.code
        message = report.message
        chain = report.chain
    }
}

/// SIGINT, SIGTERM and SIGHUP ask the run to stop and take back what it began; a second one ends the process at once.
enum Interrupts {
    static let stop = StopSignal()

    static func listen() {
        _ = stop
        for number in [SIGINT, SIGTERM, SIGHUP] {
            _ = signal(number) { number in
                Interrupts.stop.raise(number)
                _ = signal(number, SIG_DFL)
            }
        }
        _ = signal(SIGPIPE, SIG_IGN)
    }
}
