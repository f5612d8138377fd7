// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import Testing
import VarveConfig
import VarveSchedule
import VarveTestKit

@Suite struct ScheduleTests {
    private let folder: TemporaryFolder
    private let configuration: VarveConfiguration

    init() throws {
        folder = try TemporaryFolder()
        try folder.write("Jobs/nightly.yaml", "version: 1\nsteps: [ { verify: {} } ]\n")
        configuration = try VarveConfiguration.read(
            try folder.write(
                "varve.yaml",
                """
                version: 1
                keys: { store: k/keys.json, rootKey: r }
                stores: { local: { embedded: s } }
                vaults: { main: { directory: v, key: owned } }
                """))
    }

    private func parse(_ text: String, name: String = "s") throws -> Schedule {
        try Schedule.parse(text, file: FilePath("/home/ada/Schedules/\(name).yaml"), for: configuration)
    }

    @Test func `every key is honoured, and two may be left out`() throws {
        let whole = try parse("version: 1\njob: nightly\ncron: '0 2 * * *'\nzone: UTC\noverlap: skip\ncatchUp: once\n")
        let short = try parse("version: 1\njob: nightly\ncron: '0 2 * * *'\nzone: UTC\n")
        #expect(whole == short && whole.name == "s" && whole.job == "nightly")
        #expect(whole.times.description == "0 2 * * * UTC")
    }

    /// A line of a file, its code, its place and words of the message.
    static let mistakes: [(line: String, code: ConfigError.Code, column: Int, words: [String])] = [
        ("job: nigthly\ncron: '@daily'\nzone: UTC", .unknownName, 6, ["'nightly'"]),
        ("job: nightly\ncron: '61 * * * *'\nzone: UTC", .invalidValue, 7, ["minute", "0 to 59"]),
        ("job: nightly\ncron: '0 0 31 2 *'\nzone: UTC", .invalidValue, 7, ["no day"]),
        ("job: nightly\ncron: '@daily'\nzone: ../UTC", .invalidValue, 7, ["no name of a time zone"]),
        ("job: nightly\nzone: UTC", .missingKey, 1, ["'cron'"]),
        ("job: nightly\ncron: '@daily'", .missingKey, 1, ["'zone'"]),
        ("job: nightly\ncron: '@daily'\nzone: UTC\noverlap: queue", .invalidValue, 10, ["'queue'", "'skip'"]),
        ("job: nightly\ncron: '@daily'\nzone: UTC\ncatchUp: all", .invalidValue, 10, ["'all'", "'once'"]),
        (
            "job: nightly\ncron: '@daily'\nzone: UTC\njitter: 10m", .unknownKey, 1,
            ["'jitter'", "catchUp, cron, job, overlap, version, zone"]
        ),
        ("job: nightly\ncrom: '@daily'\nzone: UTC", .unknownKey, 1, ["nearest known key is 'cron'"]),
    ]

    @Test(arguments: mistakes.indices) func `a mistake is named with its place and what to write`(_ index: Int) throws {
        let mistake = Self.mistakes[index]
        let error = try #require(throws: ConfigError.self) { try parse("version: 1\n\(mistake.line)\n") }
        #expect(error.code == mistake.code && error.column == mistake.column, "\(error)")
        for word in mistake.words { #expect(error.message.contains(word), "\(error)") }
    }

    @Test func `a misspelt zone is named with the nearest, and a file's name is a name`() throws {
        if !ZoneFolder.standard.isPresent { try Test.cancel("Install the package tzdata.") }
        let error = try #require(throws: ConfigError.self) {
            try parse("version: 1\njob: nightly\ncron: '@daily'\nzone: Europe/Berlni\n")
        }
        #expect(error.message.contains("The nearest name is 'Europe/Berlin'"), "\(error)")
        let named = try #require(throws: ConfigError.self) {
            try parse("version: 1\njob: nightly\ncron: '@daily'\nzone: UTC\n", name: "a b")
        }
        #expect(named.message.contains("no name of a schedule"))
    }

    @Test func `the repository's example reads`() throws {
        if !ZoneFolder.standard.isPresent { try Test.cancel("Install the package tzdata.") }
        let configuration = try VarveConfiguration.read(Checkout.root.appending("varve.yaml"))
        #expect(Schedule.names(for: configuration) == ["nightly"])
        let schedule = try Schedule.read("nightly", for: configuration)
        #expect(schedule.job == "nightly" && schedule.times.description == "30 2 * * * Europe/Berlin")
    }
}
