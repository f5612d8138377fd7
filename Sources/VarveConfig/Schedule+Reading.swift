// SPDX-License-Identifier: Apache-2.0

import Foundation
package import SystemPackage
package import VarveSchedule

extension Schedule {
    /// Reads the schedule of that name from the `Schedules` folder beside the configuration file.
    package static func read(
        _ name: String, for configuration: VarveConfiguration, zones: ZoneFolder = .standard
    ) throws(ConfigError) -> Schedule {
        let known = names(for: configuration)
        guard known.contains(name) else {
            let hint =
                nearest(to: name, among: known).map { "The nearest name is '\($0)'." }
                ?? (known.isEmpty ? "The folder has no schedules." : "There are: \(known.joined(separator: ", ")).")
            throw ConfigError(
                .notFound, "There is no schedule '\(name)' in '\(folder(of: configuration))'. \(hint)")
        }
        let file = folder(of: configuration).appending("\(name).yaml")
        return try parse(try ConfigFile.text(of: file), file: file, for: configuration, zones: zones)
    }

    /// The names of the schedules beside the configuration file, in order; no more than ``countMax``.
    package static func names(for configuration: VarveConfiguration) -> [String] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder(of: configuration).string)) ?? []
        let names = entries.filter { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }.map { String($0.dropLast(5)) }
        return Array(names.sorted().prefix(countMax))
    }

    /// Checks a text as if it stood in `file`, which need not be there.
    package static func parse(
        _ text: String, file: FilePath, for configuration: VarveConfiguration, zones: ZoneFolder = .standard
    ) throws(ConfigError) -> Schedule {
        do throws(ConfigError) {
            let name = file.stem ?? ""
            guard Reading.isName(name) else {
                throw ConfigError(
                    .invalidValue,
                    "'\(name)' is no name of a schedule. Name the file with up to 64 letters, digits, '_', '-' and '.', beginning with a letter or digit."
                )
            }
            let root = try Reading.read(text, as: KnownKeys.schedule)
            let job = try root.required("job")
            try check(job, isOneOf: Job.names(for: configuration), in: configuration.folder.appending("Jobs"))
            let zone = try root.required("zone")
            let times = ScheduleTimes(
                cron: try root.required("cron").parse(cron),
                zone: try zone.parse { (name) throws(ConfigError) in try zoneData(name, zones) })
            try root.check("overlap", is: KnownKeys.overlap)
            try root.check("catchUp", is: KnownKeys.catchUp)
            return Schedule(name: name, file: file, job: job.text, times: times)
        } catch {
            throw error.in(file)
        }
    }

    private static func folder(of configuration: VarveConfiguration) -> FilePath {
        configuration.folder.appending("Schedules")
    }

    private static func check(_ job: Reading, isOneOf known: [String], in folder: FilePath) throws(ConfigError) {
        if known.contains(job.text) { return }
        let hint =
            nearest(to: job.text, among: known).map { "The nearest name is '\($0)'." }
            ?? (known.isEmpty ? "The folder has no jobs." : "There are: \(known.joined(separator: ", ")).")
        throw ConfigError(.unknownName, "There is no job '\(job.text)' in '\(folder)'. \(hint)").at(job.place)
    }

    private static func cron(_ text: String) throws(ConfigError) -> CronExpression {
        do {
            return try CronExpression(text)
        } catch {
            throw ConfigError(.invalidValue, error.message)
        }
    }

    /// The zone of that name; a misspelt one is an error with the nearest.
    package static func zoneData(
        _ name: String, _ zones: ZoneFolder = .standard
    ) throws(ConfigError) -> TimeZoneData {
        do {
            return try zones.zone(name)
        } catch {
            let hint =
                error.code == .unknownZone
                ? nearest(to: name, among: zones.names(beside: name)).map { " The nearest name is '\($0)'." } : nil
            throw ConfigError(.invalidValue, error.message + (hint ?? ""), cause: error.cause)
        }
    }
}

extension Reading {
    /// A key with one value only, which is the value where it is left out too.
    fileprivate func check(_ name: String, is value: String) throws(ConfigError) {
        guard let reading = self[name], reading.text != value else { return }
        throw ConfigError(
            .invalidValue, "'\(reading.text)' is not honoured by this release; '\(name)' can only be '\(value)'."
        ).at(reading.place)
    }
}
