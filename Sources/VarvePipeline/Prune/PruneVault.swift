// SPDX-License-Identifier: Apache-2.0

package import VarveModel
package import VarveSchedule
package import VarveVault

/// A policy, and the zone on whose clock its days and months begin.
package struct RetentionRule: Sendable, Equatable {
    package let policy: RetentionPolicy
    package let zone: TimeZoneData

    package init(_ policy: RetentionPolicy, zone: TimeZoneData) {
        self.policy = policy
        self.zone = zone
    }
}

/// Applies retention to a vault, in two steps.
///
/// First a record in the vault says what is removed: from then on every reader takes it for removed, coverage begins later, and nothing of it is missed
/// or left over. Its bytes go when the grace period has passed, by a later run; until then ``undo(_:)`` takes it back. A run that is killed at any
/// instant leaves each recovery point either whole or on record as removed; the next one goes on where it ended.
///
/// One at a time works on a vault. What is held, locked, or read by somebody with a lease stays in both steps. A record, hold or lock that cannot be
/// read stops the run: it may be the one that matters; as does a clock that lies before anything in the vault.
package struct PruneVault: Sendable {
    /// How long what is removed can be taken back, unless somebody says otherwise.
    package static let graceStandard = Duration.seconds(86_400)
    /// The claim that keeps a second run away.
    private static let claim = "prune"
    /// How long what was read of records, holds and leases is believed while bytes go.
    private static let lookAgain = Duration.seconds(60)

    private let vault: Vault
    private let verifications: VerificationRecord?
    private let tool: String
    private let clock: any Clock

    /// - Parameter verifications: What this home has verified; without it nothing counts as verified.
    package init(
        vault: Vault, verifications: VerificationRecord?, tool: String, clock: any Clock = SystemClock()
    ) {
        self.vault = vault
        self.verifications = verifications
        self.tool = tool
        self.clock = clock
    }

    // MARK: Planning

    /// What a run would do, or did.
    package struct Plan: Sendable {
        package struct Table: Sendable {
            package let rule: RetentionRule?
            package let plan: RetentionPlan
        }

        package let catalog: Catalog
        package let now: Instant
        package let tables: [Table]
        /// What was removed before and is still there, and why it stays for now; nil where its bytes go.
        package internal(set) var remains: [(remains: RemovedRemains, stays: String?)] = []
        /// The paths of the records that this run wrote.
        package internal(set) var records: [String] = []
    }

    /// Says what a run would do, and writes nothing.
    ///
    /// - Parameters:
    ///   - tables: Which tables are looked at, by name.
    ///   - rule: The rule for a table; nil where it has none, which keeps everything.
    package func plan(
        grace: Duration = graceStandard, tables: (String) -> Bool = { _ in true },
        rule: (Manifest.TableIdentity) throws -> RetentionRule?
    ) throws -> Plan {
        let catalog = try Catalog.read(vault)
        var plan = try plan(of: catalog, tables: tables, rule: rule)
        let present = try Present(vault, clock.now())
        let orphans = catalog.orphanedSegments()
        plan.remains = catalog.remainsOfRemoved().map { ($0, present.objection(to: $0, grace, orphans)) }
        return plan
    }

    /// Says what goes of a vault that was read before; of what was removed earlier it says nothing.
    package func plan(
        of catalog: Catalog, tables: (String) -> Bool = { _ in true },
        rule: (Manifest.TableIdentity) throws -> RetentionRule?
    ) throws -> Plan {
        if let finding = catalog.findings.first(where: { Self.isRecord($0.object) }) {
            throw VaultError(
                .damaged,
                "'\(finding.object)' cannot be read, and may say what must stay: \(finding.reason) Nothing was removed. Put it back from a copy of the "
                    + "vault.")
        }
        let verified = try verifications?.newest() ?? [:]
        let now = clock.now()
        try demandClock(now, catalog, verified)
        let (leases, unread) = try Lease.live(in: vault.storage, at: now)
        let facts = RetentionFacts.all(
            in: catalog, verified: Set(verified.keys), leases: leases, unreadLease: unread.first, at: now)
        return Plan(
            catalog: catalog, now: now,
            tables: try facts.filter { tables($0.table.name) }.map { facts in
                let rule = try rule(facts.table)
                return Plan.Table(
                    rule: rule,
                    plan: RetentionPlan(facts, policy: rule?.policy, now: now, zone: rule?.zone ?? .utc))
            })
    }

    private static func isRecord(_ object: String) -> Bool {
        [VaultPaths.tombstones, VaultPaths.holds, VaultPaths.locks].contains { object.hasPrefix($0) }
    }

    /// A clock that was set back, or is wrong, makes everything too young or too old.
    private func demandClock(_ now: Instant, _ catalog: Catalog, _ verified: [String: Instant]) throws {
        let newest = (catalog.entries + catalog.removed).max { $0.manifest.finished < $1.manifest.finished }
        var latest = newest.map { (time: $0.manifest.finished, what: "'\($0.manifest.path)'") }
        if let time = catalog.removals.latest, time > latest?.time ?? now { latest = (time, "a record of a removal") }
        if let time = verified.values.max(), time > latest?.time ?? now { latest = (time, "a verification") }
        guard let latest, latest.time > now else { return }
        throw PipelineError(
            .clockBehind,
            "The clock says \(now), and \(latest.what) is of \(latest.time): the clock was set back, or was wrong then. Ages cannot be told, so nothing "
                + "was removed. Set the clock right.")
    }

    // MARK: Removing

    /// Removes what the rules let go, and takes the bytes of what was removed at least `grace` ago.
    package func run(
        grace: Duration = graceStandard, stop: StopSignal, tables: (String) -> Bool = { _ in true },
        rule: (Manifest.TableIdentity) throws -> RetentionRule?
    ) throws -> Plan {
        let lease = try Lease.claiming(Self.claim, vault.storage, what: "prune", clock: clock)
        defer { lease.release() }
        var plan = try plan(of: try Catalog.read(vault), tables: tables, rule: rule)
        try stop.check()
        plan.records = try record(plan).map(\.path)
        // What is removed just now is only due where there is no grace.
        let catalog = grace > .zero || plan.records.isEmpty ? plan.catalog : try Catalog.read(vault)
        // The record stands; whoever reads without having seen it has a lease by now.
        var present = try Present(vault, clock.now())
        let orphans = catalog.orphanedSegments()
        for remains in catalog.remainsOfRemoved() {
            try stop.check()
            try lease.refresh()
            if clock.now().before(Self.lookAgain) > present.looked { present = try Present(vault, clock.now()) }
            let objection = present.objection(to: remains, grace, orphans)
            if objection == nil { try vault.removeBytes(remains) }
            plan.remains.append((remains, objection))
        }
        return plan
    }

    private func record(_ plan: Plan) throws -> [Removal] {
        let entries = Dictionary(plan.catalog.entries.map { ($0.manifest.id, $0) }) { first, _ in first }
        var points: [Removal.Point] = []
        var logs: [Removal.Log] = []
        for table in plan.tables {
            guard let rule = table.rule else { continue }
            let facts = table.plan.facts
            func sentence(_ reason: GoReason) -> String {
                let words = reason.description
                return
                    "\(words.prefix(1).uppercased())\(words.dropFirst()) (\(rule.policy), on the clock of \(rule.zone.name))."
            }
            for (point, verdict) in zip(facts.points, table.plan.points) {
                guard let goes = verdict.goes, let entry = entries[point.id] else { continue }
                points.append(Removal.Point(entry, reason: sentence(goes)))
            }
            for (segment, verdict) in zip(facts.merged, table.plan.merged) {
                guard let goes = verdict.goes, let entry = entries[segment.id] else { continue }
                points.append(Removal.Point(entry, reason: sentence(goes)))
            }
            // A merged segment is younger than the log that it holds, so that its name does not say that it goes.
            for (segment, verdict) in zip(facts.segments, table.plan.segments) {
                guard let goes = verdict.goes, let entry = entries[segment.id], entry.manifest.sources != nil else {
                    continue
                }
                points.append(Removal.Point(entry, reason: sentence(goes)))
            }
            let going = zip(facts.segments, table.plan.segments).filter { $0.1.goes != nil }
            if let before = table.plan.logGoesBefore, let goes = going.first?.1.goes {
                logs.append(
                    Removal.Log(
                        table: facts.table, before: before, segments: going.count,
                        sealedBytes: going.reduce(0) { $0 + $1.0.sealedBytes }, reason: sentence(goes)))
            }
        }
        if points.isEmpty && logs.isEmpty { return [] }
        return try vault.record(.removed, points: points, logs: logs, after: plan.catalog, tool: tool, clock: clock)
    }

    /// What must be asked before bytes go.
    private struct Present {
        let looked: Instant
        private let removals: Removals
        private let protections: Protections
        private let leases: [LeaseDescription]
        private let unread: ObjectPath?

        init(_ vault: Vault, _ now: Instant) throws {
            looked = now
            removals = try vault.removals()
            protections = try vault.protections()
            let (leases, unread) = try Lease.live(in: vault.storage, at: now)
            self.leases = leases
            self.unread = unread.first
        }

        /// Why the bytes stay for now; nil if they may go.
        func objection(to remains: RemovedRemains, _ grace: Duration, _ orphans: Set<String>) -> String? {
            guard let path = try? ObjectPath(remains.folder + VaultPaths.manifestName), removals.covers(path) else {
                return "taken back"
            }
            let due = remains.removed.before(.zero - grace)
            if due > looked { return "can be taken back until \(due)" }
            if let hold = protections.holds(on: remains.id, table: remains.table.id).first { return "hold \(hold.id)" }
            if let until = protections.lockedUntil(remains.id, table: remains.table.id, at: looked) {
                return "locked until \(until)"
            }
            if let lease = leases.first(where: { $0.uses(remains.folder) }) {
                return "in use: \(lease.what), process \(lease.pid) on \(lease.host)"
            }
            if orphans.contains(remains.id) {
                return "what it was merged into is damaged or gone: --undo takes it back"
            }
            return unread.map { "lease '\($0)' cannot be read" }
        }
    }

    // MARK: Taking back

    /// Takes a removal back: of a recovery point, or of a table's log from a segment on.
    ///
    /// - Parameter id: the beginning of the id of a recovery point or segment that was removed.
    /// - Returns: The manifests of what is back.
    /// - Throws: `.removed` where its bytes have begun to go.
    @discardableResult
    package func undo(_ id: String) throws -> [Manifest] {
        let lease = try Lease.claiming(Self.claim, vault.storage, what: "undoing of a removal", clock: clock)
        defer { lease.release() }
        let catalog = try Catalog.read(vault)
        let named = catalog.removed.filter { !id.isEmpty && $0.manifest.id.utf8.starts(with: id.utf8) }
        guard let entry = named.first else {
            // Says why there is nothing to take back.
            let kept = try RecoveryPoints(catalog).find(table: nil, id: id, segments: true)
            throw PipelineError(
                .noRecoveryPoint, "'\(kept.manifest.id)' is not removed, so there is nothing to take back.")
        }
        guard named.count == 1 else {
            throw PipelineError(
                .ambiguousID, "'\(id)' begins the ids of \(named.count) removed recovery points: write more of it.")
        }
        let manifest = entry.manifest
        let begins = manifest.started.wholeSecond
        let isPoint = catalog.removals.points[manifest.id] != nil
        let back =
            isPoint
            ? [manifest]
            : catalog.removed.map(\.manifest).filter {
                $0.kind == .log && $0.table.id == manifest.table.id && $0.started >= begins
            }
        if let broken = back.first(where: { !catalog.isWhole($0) }) {
            throw VaultError(
                .removed,
                "'\(broken.id)' of table '\(broken.table.name)' was removed by retention, and its bytes have begun to go: it cannot be taken back."
            )
        }
        let log = Removal.Log(
            table: manifest.table, before: begins, segments: back.count,
            sealedBytes: back.reduce(0) { $0 + $1.sealedBytes }, reason: "Taken back.")
        try vault.record(
            .undone, points: isPoint ? [Removal.Point(entry, reason: "Taken back.")] : [],
            logs: isPoint ? [] : [log], after: catalog, tool: tool, clock: clock)
        return back
    }
}
