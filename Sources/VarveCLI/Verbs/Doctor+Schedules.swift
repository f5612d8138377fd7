// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import VarveConfig
import VarveModel
import VarvePipeline
import VarveSchedule

extension DoctorVerb {
    /// Zone data, the daemon, and each schedule: is it valid, and when was its last success? Nothing where there are no schedules.
    func checkSchedules(_ home: Home, _ examination: inout Examination) {
        let names = Schedule.names(for: home.configuration)
        if names.isEmpty { return }
        examination.check("time zones") {
            let folder = ZoneFolder.standard
            guard folder.isPresent else {
                return .warning(
                    "no zone data in \(folder.path), so that only UTC is known: install the package tzdata, or set TZDIR"
                )
            }
            return .ok("zone data \(folder.release.map { "\($0) " } ?? "")in \(folder.path)")
        }
        examination.check("schedule daemon") {
            guard let holder = try ProcessLock.holder(of: home.daemonLock) else {
                return .warning("none runs, so that no schedule is kept: 'varve schedule daemon' keeps them")
            }
            return .ok("process \(holder) keeps the schedules")
        }
        for name in names {
            examination.check("schedule \(name)") { try Self.look(at: name, home) }
        }
    }

    private static func look(at name: String, _ home: Home) throws -> Examination.Result {
        let schedule = try Schedule.read(name, for: home.configuration)
        let (runs, damaged) = try home.runs(of: name)
        let zone = schedule.times.zone
        let next = schedule.times.next(after: .now()).map { "next run \(zone.text($0.instant))" } ?? "no next run"
        let success = runs.last { $0.state == .done }.flatMap(\.ended).map { "last success \(zone.text($0))" }
        let text = "\(success ?? "no success yet"), \(next)"
        if damaged > 0 {
            return .warning("\(text); \(Units.counted(damaged, "line")) of its history cut short by a crash")
        }
        if let planned = runs.last?.planned, planned > .now() {
            return .warning(
                "\(text); its last run was planned for \(zone.text(planned)): is this machine's clock right?")
        }
        guard let last = runs.last(where: { $0.state != .running && $0.state != .skipped }), last.state != .done else {
            return .ok(text)
        }
        let code = last.exitCode.map { " with exit code \($0)" } ?? ""
        return .warning("\(text); its last run \(last.state == .failed ? "failed" : "was interrupted")\(code)")
    }
}
