// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarveSchedule
import VarveTestKit

@Suite struct ZoneTests {
    private func zone(_ name: String) throws -> TimeZoneData { try ZoneData.zone(name) }

    private func seconds(_ text: String) throws -> Int64 { try #require(Instant(rfc3339: text)).seconds }

    /// What each shows at an instant, in the past and beyond the last change on file.
    static let offsets: [(zone: String, time: String, hours: Double)] = [
        ("UTC", "2026-07-01T00:00:00Z", 0), ("Europe/Berlin", "2026-01-01T00:00:00Z", 1),
        ("Europe/Berlin", "2026-03-29T00:59:59Z", 1), ("Europe/Berlin", "2026-03-29T01:00:00Z", 2),
        ("Europe/Berlin", "2026-10-25T00:59:59Z", 2), ("Europe/Berlin", "2026-10-25T01:00:00Z", 1),
        ("Europe/Berlin", "2500-07-01T00:00:00Z", 2), ("Europe/Berlin", "2500-12-31T23:00:00Z", 1),
        ("America/New_York", "2400-07-01T00:00:00Z", -4), ("America/New_York", "2400-12-01T00:00:00Z", -5),
        ("Australia/Lord_Howe", "2026-01-01T00:00:00Z", 11), ("Australia/Lord_Howe", "2400-07-01T00:00:00Z", 10.5),
        ("Australia/Lord_Howe", "2400-01-01T00:00:00Z", 11), ("Pacific/Apia", "2011-12-30T09:59:59Z", -10),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", 14), ("Asia/Kathmandu", "2026-01-01T00:00:00Z", 5.75),
        ("Europe/Dublin", "2300-07-01T00:00:00Z", 1), ("Europe/Dublin", "2300-12-01T00:00:00Z", 0),
        ("Africa/Casablanca", "2026-07-01T00:00:00Z", 1), ("America/Nuuk", "2300-07-01T00:00:00Z", -1),
        ("Asia/Gaza", "2026-01-01T00:00:00Z", 2), ("Etc/GMT+12", "2026-01-01T00:00:00Z", -12),
    ]

    @Test(arguments: offsets)
    func `a zone has its offset`(name: String, time: String, hours: Double) throws {
        #expect(Double(try zone(name).offset(at: try seconds(time))) == hours * 3600)
    }

    @Test func `an instant prints with the zone's offset`() throws {
        let instant = try #require(Instant(rfc3339: "2026-11-25T01:00:00Z"))
        #expect(try zone("Europe/Berlin").text(instant) == "2026-11-25T02:00:00+01:00")
        #expect(try zone("America/St_Johns").text(instant) == "2026-11-24T21:30:00-03:30")
        #expect(TimeZoneData.utc.text(instant) == "2026-11-25T01:00:00+00:00")
    }

    static let names: [(name: String, code: ScheduleError.Code)] = [
        ("Europe/Atlantis", .unknownZone), ("Europe", .unknownZone), ("Europe/Berlin/x", .unknownZone),
        ("", .invalidZoneName), ("/etc/passwd", .invalidZoneName), ("../zoneinfo/UTC", .invalidZoneName),
        ("Europe/../UTC", .invalidZoneName), ("Europe//Berlin", .invalidZoneName), ("Europe/.", .invalidZoneName),
        ("Europe/Berlin/", .invalidZoneName), ("a\u{0}b", .invalidZoneName), ("Zürich", .invalidZoneName),
        ("zone.tab", .damagedZoneData), (String(repeating: "a", count: 300), .invalidZoneName),
    ]

    @Test(arguments: names)
    func `a name that is none leads nowhere`(name: String, code: ScheduleError.Code) throws {
        _ = try zone("Europe/Berlin")
        let error = try #require(throws: ScheduleError.self) { try ZoneFolder.standard.zone(name) }
        #expect(error.code == code, "\(error)")
    }

    @Test func `without zone data UTC is known, and for others the package is named`() throws {
        let folder = try TemporaryFolder()
        let zones = ZoneFolder(folder.path)
        #expect(try zones.zone("UTC").offset(at: 0) == 0)
        let error = try #require(throws: ScheduleError.self) { try zones.zone("Europe/Berlin") }
        #expect(error.code == .noZoneData && error.message.contains("tzdata"))
    }

    @Test func `a zone file cut short anywhere is refused, and one with any byte changed stops nothing`() throws {
        _ = try zone("Europe/Berlin")
        let file = ZoneFolder.standard.path.appending("America/Sao_Paulo")
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file.string)))
        for length in 0..<bytes.count {
            if (try? TimeZoneData(name: "x", file: Array(bytes[..<length]))) != nil { Issue.record("\(length) bytes") }
        }
        let cron = try CronExpression("0 2 * * *")
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0xFF
            guard let zone = try? TimeZoneData(name: "x", file: changed) else { continue }
            for time in [Int64(-2_000_000_000), 0, 2_000_000_000] {
                _ = ScheduleTimes(cron: cron, zone: zone).next(after: Instant(microseconds: time * 1_000_000))
            }
        }
    }

    @Test func `a file of version 1, without a rule, keeps its last offset`() throws {
        var file = Array("TZif".utf8) + [UInt8](repeating: 0, count: 16)
        for count in [0, 0, 0, 1, 2, 4] as [UInt8] { file += [0, 0, 0, count] }
        file += [0x40, 0, 0, 0, 1]
        file += [0, 0, 0, 0, 0, 0] + [0, 0, 0x0E, 0x10, 0, 0] + Array("UTC\0".utf8)
        let zone = try TimeZoneData(name: "One", file: file)
        #expect(zone.offset(at: 0x4000_0000 - 1) == 0 && zone.offset(at: 0x4000_0000) == 3600)
        #expect(zone.offset(at: 10_000_000_000) == 3600)
        #expect(throws: ScheduleError.self) { try TimeZoneData(name: "One", file: Array(file.dropLast())) }
    }

    @Test func `a zone that counts leap seconds is refused`() throws {
        var file = Array("TZif".utf8) + [UInt8](repeating: 0, count: 16)
        for count in [0, 0, 1, 0, 1, 4] as [UInt8] { file += [0, 0, 0, count] }
        file += [0, 0, 0, 0, 0, 0] + Array("UTC\0".utf8) + [0, 0, 0, 1, 0, 0, 0, 1]
        let error = try #require(throws: ScheduleError.self) { try TimeZoneData(name: "right/UTC", file: file) }
        #expect(error.message.contains("leap seconds"))
    }

    /// Rules for the future that few zones have, and one instant and offset of each.
    static let rules: [(rule: String, checks: [(time: String, hours: Double)])] = [
        ("EST5EDT,M3.2.0,M11.1.0", [("2100-03-14T06:59:59Z", -5), ("2100-03-14T07:00:00Z", -4)]),
        ("<+03>-3", [("2100-01-01T00:00:00Z", 3)]),
        // Saving time all year round.
        (
            "XXX3EDT4,0/0,J365/23",
            [("2100-01-01T02:59:59Z", -4), ("2100-01-01T03:00:00Z", -4), ("2100-07-01T00:00:00Z", -4)]
        ),
        // Negative times and times of more than a day.
        ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", [("2100-03-28T00:59:59Z", -2), ("2100-03-28T01:00:00Z", -1)]),
        ("EET-2EEST,M3.4.4/50,M10.4.4/50", [("2100-03-26T23:59:59Z", 2), ("2100-03-27T00:00:00Z", 3)]),
        // The leap day counted and not.
        (
            "AAA0BBB,59/0,J300/0",
            [("2096-02-28T23:59:59Z", 0), ("2096-02-29T00:00:00Z", 1), ("2097-03-01T00:00:00Z", 1)]
        ),
        (
            "AAA0BBB,J60/0,J300/0",
            [("2096-02-29T23:59:59Z", 0), ("2096-03-01T00:00:00Z", 1), ("2097-03-01T00:00:00Z", 1)]
        ),
        ("IST-1GMT0,M10.5.0,M3.5.0/1", [("2100-07-01T00:00:00Z", 1), ("2100-12-01T00:00:00Z", 0)]),
    ]

    @Test(arguments: rules.indices)
    func `a rule for the future holds`(_ index: Int) throws {
        let zone = try Self.zone(rule: Self.rules[index].rule)
        for (time, hours) in Self.rules[index].checks {
            #expect(Double(zone.offset(at: try seconds(time))) == hours * 3600, "\(Self.rules[index].rule) \(time)")
        }
    }

    @Test(arguments: [
        "X5", "EST", "EST5EDT", "EST5EDT,M3.2.0", "EST5EDT,M13.2.0,M11.1.0", "EST5EDT,M3.2.0,M11.1.0x", "<EST5",
        "EST25",
    ])
    func `a rule that is none is refused`(_ rule: String) {
        #expect(throws: ScheduleError.self) { try Self.zone(rule: rule) }
    }

    /// A file of version 3 without changes, so that the rule holds for all time.
    static func zone(rule: String) throws -> TimeZoneData {
        var block = Array("TZif3".utf8) + [UInt8](repeating: 0, count: 15)
        for count in [0, 0, 0, 0, 1, 4] as [UInt8] { block += [0, 0, 0, count] }
        block += [0, 0, 0, 0, 0, 0] + Array("UTC\0".utf8)
        return try TimeZoneData(name: rule, file: block + block + Array("\n\(rule)\n".utf8))
    }
}
