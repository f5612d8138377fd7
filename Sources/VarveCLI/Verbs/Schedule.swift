// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import SystemPackage
import VarveConfig
import VarveModel
import VarvePipeline
import VarveSchedule

struct ScheduleVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule",
        abstract: "Run jobs at their times: Schedules/NAME.yaml says which and when.",
        discussion: """
            A schedule names a job, a cron expression and a time zone. Its times are what a clock on a wall of that zone shows: one that comes
            twice when clocks are set back runs the first time; one that never comes when they are set forward runs right after the gap.
            """,
        subcommands: [Next.self, Daemon.self, History.self])

    struct Next: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Print when schedules run next, in their zone and in UTC.",
            discussion: HelpText.of(
                "A run whose time the zone's clock never shows is marked with that time: it runs right after the gap.",
                examples: [
                    ("schedule next", "the next three runs of every schedule"),
                    ("schedule next nightly --count 5 --from 2027-03-27T00:00:00Z", "around a change of clocks"),
                ],
                exits: [.notFound, .configurationInvalid]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The schedules; all by default.") var names: [String] = []
        @Option(help: "How many runs of each, up to 1000.") var count = 3
        @Option(help: ArgumentHelp("Count from this time (RFC 3339) and not from now.", valueName: "time"))
        var from: String?

        func validate() throws {
            guard (1...1000).contains(count) else { throw ValidationError("--count is a number from 1 to 1000.") }
            if let from, Instant(rfc3339: from) == nil {
                throw ValidationError("'\(from)' is no time. Write one as in 2026-11-25T02:00:00+01:00.")
            }
        }

        func perform() throws -> ExitStatus {
            let start = from.flatMap { Instant(rfc3339: $0) } ?? .now()
            var runs: [NextRun] = []
            for schedule in try common.home().readSchedules(names) {
                var instant = start
                for _ in 0..<count {
                    guard let run = schedule.times.next(after: instant) else { break }
                    instant = run.instant
                    runs.append(NextRun(schedule, run))
                }
            }
            common.console.table(
                ["SCHEDULE", "JOB", "IN ITS ZONE", "UTC", "NOTE"],
                runs.map { [$0.schedule, $0.job, $0.zoneTime + " " + $0.zone, $0.time, $0.note] })
            try common.console.document(runs)
            return .done
        }
    }

    struct History: Verb {
        static let configuration = CommandConfiguration(
            abstract: "Print what became of the runs: when each was planned, started and ended, and how.",
            discussion: HelpText.of(
                """
                Outcomes: done, failed (with the job's exit code), skipped (the job ran still), interrupted (the daemon ended first), running.
                """,
                examples: [("schedule history nightly --last 10", "the newest ten runs")],
                exits: [.notFound, .configurationInvalid]))
        @OptionGroup var common: CommonOptions
        @Argument(help: "The schedule; all by default, also those whose file is gone.") var name: String?
        @Option(help: "How many of the newest runs of each, up to 10000.") var last = 20

        func validate() throws {
            guard (1...10_000).contains(last) else { throw ValidationError("--last is a number from 1 to 10000.") }
        }

        func perform() throws -> ExitStatus {
            let home = try common.home()
            let recorded = (try? FileManager.default.contentsOfDirectory(atPath: home.schedules.string)) ?? []
            let known = Set(recorded).union(Schedule.names(for: home.configuration)).sorted()
            if let name, !known.contains(name) {
                throw UsageError("There is no schedule '\(name)', and no history of one.", status: .notFound)
            }
            var records: [RunRecord] = []
            var damaged = 0
            for schedule in known where name == nil || name == schedule {
                let (runs, lines) = try home.runs(of: schedule)
                let folder = ScheduleRunner.folder(of: schedule, in: home.schedules)
                records += runs.suffix(last).map { RunRecord($0, schedule: schedule, folder: folder) }
                damaged += lines
            }
            common.console.table(
                ["SCHEDULE", "PLANNED", "STARTED", "TOOK", "OUTCOME", "NOTE"],
                records.map { [$0.schedule, $0.planned ?? "-", $0.started ?? "-", $0.took, $0.word, $0.note] })
            if damaged > 0 {
                common.console.note("\(Units.counted(damaged, "line")) of the history cut short by a crash left out")
            }
            try common.console.document(Report(runs: records, damagedLines: damaged))
            return .done
        }

        private struct Report: Encodable {
            let runs: [RunRecord]
            let damagedLines: Int
        }
    }
}
