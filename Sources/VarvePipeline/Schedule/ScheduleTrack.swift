// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarveSchedule

/// Where a schedule stands: which planned times are settled, as its history has it. A plain value; the runner acts on it.
struct ScheduleTrack {
    /// A clock that is further back than the last planned time by this was wrong then, and is not only being corrected.
    static let rollback: Int64 = 86_400 * 1_000_000
    /// A run that starts later than this after its planned time could not be started in time.
    static let lateMicroseconds: Int64 = 90 * 1_000_000

    /// As many as a history keeps.
    private static let recentMax = 2 * RunHistory.entriesKept

    /// Every planned time up to here is settled; nil where the schedule was never seen or was removed.
    private(set) var position: Instant?
    /// The times that ``position`` was counted by.
    private(set) var times: String?
    /// Planned times later than ``position`` that have had their run, under a clock that was set back since.
    private var ahead: Set<Instant> = []
    /// The planned times that had their run last.
    private var recent: [Instant] = []
    /// Runs whose end is not on record.
    private(set) var unended: [RunEntry] = []
    /// Found once for each position: a look for the next run of a leap day's schedule is long.
    private var found: (position: Instant, run: ScheduleTimes.Run?)?

    init(_ entries: [RunEntry]) {
        for entry in entries { take(entry) }
    }

    /// Counts an entry that is in the history.
    mutating func take(_ entry: RunEntry) {
        switch entry.event {
        case .counting:
            position = entry.planned
            times = entry.times
            ahead = Set(recent)
        case .removed:
            position = nil
            times = nil
        case .started, .skipped:
            if let planned = entry.planned {
                position = planned
                recent.append(planned)
                if recent.count > Self.recentMax { recent.removeFirst(Self.recentMax / 2) }
            }
            if entry.event == .started { unended.append(entry) }
        case .ended:
            unended.removeAll { $0.run == entry.run }
        }
        if let position, !ahead.isEmpty { ahead = ahead.filter { $0 > position } }
    }

    /// The entry by which counting begins anew, where it has to: nothing runs because a schedule was made, changed or brought back.
    func beginning(_ times: ScheduleTimes, now: Instant) -> RunEntry? {
        var entry = RunEntry(.counting, time: now, planned: now)
        entry.times = times.description
        guard let position, self.times == times.description else { return entry }
        guard position.microseconds - now.microseconds > Self.rollback else { return nil }
        entry.reason = "The clock is behind the last planned time, \(position.rfc3339), by more than a day."
        return entry
    }

    /// The run that is due: the latest planned time that is not settled. Those before it are settled with it.
    mutating func due(_ times: ScheduleTimes, now: Instant) -> (run: ScheduleTimes.Run, since: Instant?)? {
        guard let first = next(times), first.instant <= now else { return nil }
        guard var last = times.last(after: first.instant, through: now) else { return (first, nil) }
        if ahead.contains(last.instant) {
            // Seldom: after a clock was set back, and only then are some of the times before settled and some not.
            last = first
            while let run = times.next(after: last.instant), run.instant <= now {
                if ahead.contains(run.instant) { break }
                last = run
            }
        }
        return (last, last.instant == first.instant ? nil : first.instant)
    }

    /// The first planned time that is not settled.
    mutating func next(_ times: ScheduleTimes) -> ScheduleTimes.Run? {
        guard let position else { return nil }
        if let found, found.position == position { return found.run }
        var run = times.next(after: position)
        while let settled = run, ahead.contains(settled.instant) { run = times.next(after: settled.instant) }
        found = (position, run)
        return run
    }
}
