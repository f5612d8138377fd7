// SPDX-License-Identifier: Apache-2.0

package import VarveSchedule

/// One entry of `retention` in `varve.yaml`: a policy, and for which tables and vault it holds.
package struct RetentionSetting: Hashable, Sendable {
    /// By their names alone: a vault does not know stores. nil: all tables.
    package let tables: TableSelection?
    /// nil: all vaults.
    package let vault: String?
    package let policy: RetentionPolicy
    /// On whose clock days and months begin.
    package let zone: TimeZoneData

    package init(
        tables: TableSelection? = nil, vault: String? = nil, policy: RetentionPolicy, zone: TimeZoneData = .utc
    ) {
        self.tables = tables
        self.vault = vault
        self.policy = policy
        self.zone = zone
    }

    package func applies(toTable table: String, vault: String) -> Bool {
        (self.vault == nil || self.vault == vault) && (tables?.includes(store: "", table: table) ?? true)
    }
}

extension VarveConfiguration {
    /// What holds for a table in a vault: the last entry that means it. nil where none does.
    package func retention(ofTable table: String, vault: String) -> RetentionSetting? {
        retention.last { $0.applies(toTable: table, vault: vault) }
    }
}

extension RetentionPolicy {
    /// The policy, if it is one that can be meant.
    package func checked() throws(ConfigError) -> RetentionPolicy {
        if let flaw { throw ConfigError(.conflict, flaw) }
        return self
    }
}

extension Duration {
    /// Reads an age as policies spell it: as a length of time, and also in years.
    package static func age(_ text: String) throws(ConfigError) -> Duration {
        guard let age = Duration(age: text) else {
            throw ConfigError(
                .invalidValue,
                "'\(text)' is no age. Write a whole number and a unit (s, m, h, d, w, or y for 365 days), as in 24h, 35d or 10y."
            )
        }
        return age
    }
}

extension Reading {
    /// An entry with the keys of ``KnownKeys/policyKeys``, and perhaps others.
    func retention(tables: TableSelection? = nil, vault: String? = nil) throws(ConfigError) -> RetentionSetting {
        var policy = RetentionPolicy()
        policy.keepLast = self["keepLast"]?.integer
        policy.keepHourly = self["keepHourly"]?.integer
        policy.keepDaily = self["keepDaily"]?.integer
        policy.keepWeekly = self["keepWeekly"]?.integer
        policy.keepMonthly = self["keepMonthly"]?.integer
        policy.keepYearly = self["keepYearly"]?.integer
        policy.keepWithin = try age("keepWithin")
        policy.pointInTime = try age("pointInTime")
        policy.minimum = try age("minimum")
        policy.maximum = try age("maximum")
        policy.sweeps = try age("sweeps")
        policy.keepVerifiedOnly = self["keepVerifiedOnly"]?.boolean ?? false
        do {
            return RetentionSetting(
                tables: tables, vault: vault, policy: try policy.checked(),
                zone: try self["zone"]?.parse { (name) throws(ConfigError) in try Schedule.zoneData(name) }
                    ?? .utc)
        } catch {
            throw error.line == nil ? error.at(place) : error
        }
    }

    private func age(_ name: String) throws(ConfigError) -> Duration? { try self[name]?.parse(Duration.age) }
}
