// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import VarveConfig
import VarveModel
import VarvePipeline
import VarveSchedule

/// A run to come, as `varve schedule next` prints it.
struct NextRun: Encodable {
    let schedule: String
    let job: String
    /// The zone's clock at that instant, with its offset.
    let zoneTime: String
    let zone: String
    /// The instant in UTC.
    let time: String
    /// Whether the planned wall-clock time does not exist, so that it runs after the gap.
    let moved: Bool
    /// The planned wall-clock time.
    let planned: String

    init(_ schedule: Schedule, _ run: ScheduleTimes.Run) {
        self.schedule = schedule.name
        job = schedule.job
        zone = schedule.times.zone.name
        zoneTime = schedule.times.zone.text(run.instant)
        time = run.instant.wholeSeconds
        moved = run.isMoved
        planned = "\(run.wall)"
    }

    var note: String { moved ? "moved: \(planned) does not exist there" : "" }
}

/// A run that was, as `varve schedule history` prints it.
struct RunRecord: Encodable {
    let schedule: String
    let run: String?
    let planned: String?
    /// The earliest planned time that the run stands for, where it stands for several.
    let since: String?
    let started: String?
    let ended: String?
    let seconds: Double?
    let outcome: String
    let exitCode: Int32?
    let caughtUp: Bool
    let moved: Bool
    /// The file with what the job printed.
    let log: String?
    let reason: String?

    init(_ run: ScheduledRun, schedule: String, folder: FilePath) {
        self.schedule = schedule
        self.run = run.id
        planned = run.planned?.wholeSeconds
        since = run.since?.wholeSeconds
        started = run.started?.rfc3339
        ended = run.ended?.rfc3339
        seconds = run.ended.flatMap { ended in
            run.started.map { Double(ended.microseconds - $0.microseconds) / 1e6 }
        }
        outcome = run.state.rawValue
        exitCode = run.exitCode
        caughtUp = run.isCaughtUp
        moved = run.isMoved
        log = run.log.map { folder.appending($0).string }
        reason = run.reason
    }

    var took: String { seconds.map { Units.span(seconds: max(0, $0)) } ?? "-" }

    var word: String { exitCode.map { $0 == 0 ? outcome : "\(outcome) (\($0))" } ?? outcome }

    var note: String {
        let notes = [
            caughtUp ? "caught up" : nil, since.map { "stands for all since \($0)" },
            moved ? "moved out of a gap" : nil, reason,
        ]
        return notes.compactMap(\.self).joined(separator: "; ")
    }
}

/// A line of a schedule's history as the daemon prints it.
struct ScheduleEventRecord: Encodable {
    let type = "event"
    let event: String
    let schedule: String
    let time: String
    let job: String?
    let run: String?
    let planned: String?
    let since: String?
    let caughtUp: Bool?
    let moved: Bool?
    let outcome: String?
    let exitCode: Int32?
    let log: String?
    let reason: String?

    init(_ entry: RunEntry, schedule: String, folder: FilePath) {
        event = entry.event.rawValue
        self.schedule = schedule
        time = entry.time.rfc3339
        job = entry.job
        run = entry.run
        planned = entry.planned?.wholeSeconds
        since = entry.since?.wholeSeconds
        caughtUp = entry.caughtUp
        moved = entry.moved
        outcome = entry.outcome?.rawValue
        exitCode = entry.exitCode
        log = entry.log.map { folder.appending($0).string }
        reason = entry.reason
    }

    var line: String {
        let because = reason.map { " " + $0 } ?? ""
        let planned = planned.map { "planned \($0)" } ?? ""
        let what =
            switch event {
            case "counting": "runs from now on; nothing before is due.\(because)"
            case "removed": "is gone; its history stays"
            case "skipped": "run \(planned) skipped.\(because)"
            case "started":
                "job \(job ?? "") started, \(planned)\(caughtUp == true ? ", caught up" : "")\(moved == true ? ", moved out of a gap" : ""); log: \(log ?? "-")"
            default: "job \(job ?? "") \(outcome ?? "ended")\(exitCode.map { ", exit code \($0)" } ?? "").\(because)"
            }
        return "\(time)  \(schedule): \(what)"
    }
}
