// SPDX-License-Identifier: Apache-2.0

package import VarveModel
package import VarveStore
package import VarveVault

/// What is on record of every table of a vault at one instant: facts only, as the vault, the home's records and the stores have them.
package struct VaultReport: Sendable {
    /// A live table.
    package struct Live: Sendable {
        package let store: String
        package let description: TableDescription
        /// What has expired and waits for a sweep; nil where the table has no time to live, or it is off.
        package let expired: ExpiryBacklog?

        package init(store: String, description: TableDescription, expired: ExpiryBacklog?) {
            self.store = store
            self.description = description
            self.expired = expired
        }
    }

    package struct Table: Sendable {
        package let coverage: Coverage
        /// Snapshots and archives of sweeps that can be restored, in the order of their cuts.
        package let points: [Manifest]
        /// How many more there are whose keys were destroyed.
        package let shredded: Int
        /// Nil where no store has the table any more.
        package let live: Live?
        /// What retention says of it; nil where no rule does, and where nothing can be said.
        package let retention: PruneVault.Plan.Table?
        /// The recovery point of these that was verified last, to its last item.
        package let lastVerified: (id: String, time: Instant)?
        /// The last one, passed or failed.
        package let lastDrill: DrillEntry?

        package var identity: Manifest.TableIdentity { coverage.table }
        package var snapshots: [Manifest] { points.filter { $0.kind == .snapshot } }
        package var sweeps: [Manifest] { points.filter { $0.kind == .sweep } }
    }

    /// Something that could not be found out, and why. Everything else is stated all the same.
    package struct Unknown: Sendable {
        package enum Subject: Sendable, Equatable {
            /// What goes and what stays.
            case retention
            /// When recovery points were last verified.
            case verifications
            case drills
            /// The live tables of the store with that name.
            case store(String)
        }

        package let subject: Subject
        package let error: any Error

        package init(_ subject: Subject, _ error: any Error) {
            self.subject = subject
            self.error = error
        }
    }

    package let vault: String
    package let time: Instant
    /// In the order of their names, then ages.
    package let tables: [Table]
    /// What of the catalog cannot be read.
    package let findings: [Finding]
    package let unknown: [Unknown]

    /// - Parameters:
    ///   - settled: What the vault holds, and what of it cannot be read.
    ///   - retention: What goes of it now, or why that cannot be told.
    ///   - verified: When each recovery point was last verified, by id.
    ///   - drills: In the order in which they ended.
    ///   - unknown: What else could not be found out.
    package init(
        _ vault: Vault, _ settled: (catalog: Catalog, findings: [Finding]), at time: Instant,
        retention: Result<PruneVault.Plan, any Error>, verified: Result<[String: Instant], any Error>,
        drills: Result<[DrillEntry], any Error>, live: [Live], unknown: [Unknown] = []
    ) {
        self.vault = vault.id
        self.time = time
        findings = settled.findings
        var gaps: [Unknown] = []
        func known<Value>(_ result: Result<Value, any Error>, _ subject: Unknown.Subject) -> Value? {
            switch result {
            case .success(let value): return value
            case .failure(let error):
                gaps.append(Unknown(subject, error))
                return nil
            }
        }
        let catalog = settled.catalog
        let byTable = Dictionary(grouping: catalog.recoveryPoints.map(\.manifest)) { $0.table.id }
        let plans = known(retention, .retention)?.tables ?? []
        let ruled = Dictionary(plans.map { ($0.plan.facts.table.id, $0) }) { first, _ in first }
        let times = known(verified, .verifications) ?? [:]
        let drilled = Dictionary(
            (known(drills, .drills) ?? []).filter { $0.vault == vault.id }.map { ($0.table.id, $0) }
        ) { $1 }
        self.unknown = gaps + unknown
        tables = Coverage.all(in: catalog).map { coverage in
            let all = byTable[coverage.table.id] ?? []
            let points = all.filter { catalog.shredded[$0.id] == nil }
                .sorted { ($0.consistency.cut.time, $0.id) < ($1.consistency.cut.time, $1.id) }
            let last = points.compactMap { point in times[point.id].map { (id: point.id, time: $0) } }
                .max { $0.time < $1.time }
            return Table(
                coverage: coverage, points: points, shredded: all.count - points.count,
                live: live.first { $0.description.id == coverage.table.id },
                retention: ruled[coverage.table.id].flatMap { $0.rule == nil ? nil : $0 }, lastVerified: last,
                lastDrill: drilled[coverage.table.id])
        }
    }
}
