// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveConfig
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveVault

/// A retention policy at the command line, in place of what `varve.yaml` says.
struct PolicyOptions: ParsableArguments {
    @Option(help: "Keep so many of the newest snapshots of each table.") var keepLast: Int?
    @Option(help: "Keep the newest snapshot of each of so many hours.") var keepHourly: Int?
    @Option(help: "Keep the newest snapshot of each of so many days.") var keepDaily: Int?
    @Option(help: "Keep the newest snapshot of each of so many weeks.") var keepWeekly: Int?
    @Option(help: "Keep the newest snapshot of each of so many months.") var keepMonthly: Int?
    @Option(help: "Keep the newest snapshot of each of so many years.") var keepYearly: Int?
    @Option(help: "Keep snapshots that are not older than this, e.g. 14d.") var keepWithin: String?
    @Option(help: "Keep every second of this long restorable, where the log is captured, e.g. 35d.")
    var pointInTime: String?
    @Option(help: "Let nothing go that is younger than this.") var minimum: String?
    @Option(help: "Let go what is older than this, e.g. 10y.") var maximum: String?
    @Option(help: "Keep archives of sweeps for so long; for ever without it.") var sweeps: String?
    @Flag(help: "Let only snapshots fill the places that 'varve verify' has read to their last item.")
    var keepVerifiedOnly = false
    @Option(help: "The time zone on whose clock days and months begin, e.g. Europe/Berlin; UTC without it.")
    var zone: String?

    /// Whether any of them was given.
    var isGiven: Bool {
        let counts = [keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly]
        let texts = [keepWithin, pointInTime, minimum, maximum, sweeps, zone]
        return counts.contains { $0 != nil } || texts.contains { $0 != nil } || keepVerifiedOnly
    }

    /// The rule that they say; nil where none was given.
    func rule() throws -> RetentionRule? {
        guard isGiven else { return nil }
        let policy = RetentionPolicy(
            keepLast: keepLast, keepHourly: keepHourly, keepDaily: keepDaily, keepWeekly: keepWeekly,
            keepMonthly: keepMonthly, keepYearly: keepYearly, keepWithin: try keepWithin.map(Duration.age),
            pointInTime: try pointInTime.map(Duration.age), minimum: try minimum.map(Duration.age),
            maximum: try maximum.map(Duration.age), sweeps: try sweeps.map(Duration.age),
            keepVerifiedOnly: keepVerifiedOnly)
        return RetentionRule(try policy.checked(), zone: try zone.map { try Schedule.zoneData($0) } ?? .utc)
    }
}

extension Home {
    /// What `varve.yaml` says of a table in a vault; nil where it says nothing.
    func retention(of table: Manifest.TableIdentity, vault: String) -> RetentionRule? {
        configuration.retention(ofTable: table.name, vault: vault).map(RetentionRule.init)
    }
}

extension RetentionRule {
    init(_ setting: RetentionSetting) { self.init(setting.policy, zone: setting.zone) }
}
