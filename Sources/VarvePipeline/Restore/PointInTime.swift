// SPDX-License-Identifier: Apache-2.0

package import VarveModel
package import VarveVault

/// A table as it was at one instant: the snapshot and the segments of the log from which that state can be made.
package struct PointInTime: Sendable {
    /// Which state is meant.
    package enum Target: Sendable, Equatable, CustomStringConvertible {
        /// With everything that was written at or before this instant.
        case time(Instant)
        /// With every change up to and including that one; for stores that number their changes.
        case sequence(Int64)

        package var description: String {
            switch self {
            case .time(let instant): instant.rfc3339
            case .sequence(let number): "change \(number)"
            }
        }
    }

    package let table: Manifest.TableIdentity
    package let target: Target
    package let base: Catalog.Entry
    /// In the order of the log. Empty where the base alone is that state.
    package let segments: [Catalog.Entry]

    /// That very recovery point, without a log.
    package init(_ base: Catalog.Entry) {
        table = base.manifest.table
        target = .time(base.manifest.consistency.cut.time)
        self.base = base
        segments = []
    }

    private init(
        _ table: Manifest.TableIdentity, _ target: Target, _ base: Catalog.Entry, _ segments: [Catalog.Entry]
    ) {
        self.table = table
        self.target = target
        self.base = base
        self.segments = segments
    }

    /// Of the table as it was when the base was taken.
    package var keySchema: KeySchema {
        get throws { try TableDescription(json: base.manifest.description).keySchema }
    }

    /// The instant that is meant, where it is given by one.
    package var time: Instant? { if case .time(let instant) = target { instant } else { nil } }
    /// The change that is meant, where it is given by its number.
    package var sequence: Int64? { if case .sequence(let number) = target { number } else { nil } }

    /// Bytes of bundles to be read.
    package var sealedBytes: Int { ([base] + segments).reduce(0) { $0 + $1.manifest.sealedBytes } }
    package var bundles: Int { ([base] + segments).reduce(0) { $0 + $1.manifest.bundles.count } }
    /// Changes in the segments. Some of them may lie before the base or behind the target.
    package var changes: Int { segments.reduce(0) { $0 + $1.manifest.items } }

    /// What another snapshot says it was made of.
    var sources: Manifest.Sources {
        func segment(_ entry: Catalog.Entry) -> Manifest.Sources.Segment {
            .init(id: entry.manifest.id, started: entry.manifest.sources?.first?.started ?? entry.manifest.started)
        }
        return .init(
            base: base.manifest.id, first: segments.first.map(segment), last: segments.last.map(segment),
            segments: segments.count)
    }

    /// What must stay as long as somebody reads this state.
    var folders: [String] {
        segments.isEmpty
            ? [base.manifest.folder] : [base.manifest.folder, VaultPaths.folder(ofLog: table)]
    }

    /// Whether a change belongs to what is put on top of the base.
    func includes(_ change: ChangeLineHead) -> Bool { includes(change.time, change.position) }

    func includes(_ time: Instant, _ position: ChangePosition) -> Bool {
        guard time > base.manifest.consistency.cut.time else { return false }
        return switch target {
        case .time(let instant): time <= instant
        case .sequence(let number): position.number.map { $0 <= number } ?? false
        }
    }
}

// MARK: - Finding it

extension PointInTime {
    /// Finds what a state of a table is made of: of the tables that had that name, the one that was alive then.
    ///
    /// - Parameters:
    ///   - table: a name or an id.
    ///   - base: The beginning of a snapshot's id, to begin with that one; nil: the newest that is not later.
    /// - Throws: ``PipelineError/Code/notCovered`` where the vault does not hold all of it, with the nearest states that it does hold.
    package static func find(
        _ target: Target, of table: String, base: String? = nil, in catalog: Catalog
    ) throws -> PointInTime {
        let tables = Dictionary(grouping: catalog.entries(table: table)) { $0.manifest.table.id }
        guard !tables.isEmpty else {
            throw PipelineError(
                .noRecoveryPoint,
                "The vault holds nothing of table '\(table)'. 'varve list' shows what it holds.")
        }
        let found = try tables.values.compactMap { try find(target, base: base, among: $0, catalog) }
        guard found.count < 2 else {
            throw PipelineError(
                .ambiguousID,
                "\(found.count) tables called '\(table)' have that state. Name the one you mean by its id: 'varve coverage \(table)' shows them."
            )
        }
        if let only = found.first { return only }
        if let base {
            throw PipelineError(
                .notCovered,
                "The captured log does not lead from a snapshot '\(base)' of table '\(table)' to \(target). Without --base the newest snapshot that it leads on from is taken."
            )
        }
        throw refusal(target, table, Coverage.all(in: catalog, of: table))
    }

    private static func find(
        _ target: Target, base wanted: String?, among entries: [Catalog.Entry], _ catalog: Catalog
    ) throws -> PointInTime? {
        guard let table = entries.first?.manifest.table else { return nil }
        let log = LogReading(of: table, entries, catalog)
        let (attached, free) = log.attach(catalog.usableSnapshots(among: entries))
        let byID = Dictionary(uniqueKeysWithValues: entries.map { ($0.manifest.id, $0) })
        // The last that fits: after a stream was put back, instants and numbers come twice, and the later history counts.
        for (part, bases) in zip(log.parts, attached).reversed() where part.reaches(target) {
            let base = bases.last { $0.isAtOrBefore(target) && (wanted.map($0.id.hasPrefix) ?? true) }
            guard let base, let entry = byID[base.id] else { continue }
            let segments = part.segments.compactMap { byID[$0] }.filter { $0.manifest.mayChange(base, until: target) }
            return PointInTime(table, target, entry, segments)
        }
        let instant = (attached.flatMap(\.self) + free).last {
            $0.isCut(at: target) && (wanted.map($0.id.hasPrefix) ?? true)
        }
        return instant.flatMap { byID[$0.id] }.map { PointInTime(table, target, $0, []) }
    }

    private static func refusal(_ target: Target, _ table: String, _ coverages: [Coverage]) -> PipelineError {
        guard case .time(let instant) = target else {
            return PipelineError(
                .notCovered,
                "Table '\(table)' cannot be brought back to \(target): the captured log does not lead there from a snapshot of a store that numbers its changes. 'varve coverage \(table)' shows to which instants it can."
            )
        }
        let intervals = coverages.flatMap(\.intervals)
        let before = intervals.map(\.through).filter { $0 < instant }.max()
        let after = intervals.map(\.from).filter { $0 > instant }.min()
        let hole = coverages.flatMap(\.holes).first { hole in
            hole.from.map { $0 < instant } ?? true && hole.to.map { instant <= $0 } ?? true
        }
        var text = "Table '\(table)' cannot be restored to \(instant.rfc3339): "
        if let hole {
            text += "changes are missing there (\(hole.cause.rawValue)"
            text += hole.from.map { ", from \($0.rfc3339)" } ?? ""
            text += hole.to.map { " to \($0.rfc3339))" } ?? ", to this day)"
        } else if let last = coverages.compactMap(\.through).max(), last < instant, after == nil {
            text += "its log has been captured through \(last.rfc3339) only"
        } else {
            text += "the vault's snapshots and captured log do not reach it"
        }
        let nearest = [before.map { "\($0.rfc3339) before it" }, after.map { "\($0.rfc3339) after it" }].compactMap(
            \.self)
        text +=
            nearest.isEmpty ? ". " : ". The nearest instants that are possible: \(nearest.joined(separator: ", ")). "
        return PipelineError(.notCovered, text + "'varve coverage \(table)' shows all.")
    }
}

extension LogReading.Part {
    /// Whether the log goes as far as a state.
    fileprivate func reaches(_ target: PointInTime.Target) -> Bool {
        switch target {
        case .time(let instant): instant <= through
        case .sequence(let number): last.map { ChangePosition(max(0, number)) <= $0 } ?? false
        }
    }
}

extension Manifest {
    fileprivate func isAtOrBefore(_ target: PointInTime.Target) -> Bool {
        switch target {
        case .time(let instant): consistency.cut.time <= instant
        case .sequence(let number): consistency.cut.sequence.map { $0 <= number } ?? false
        }
    }

    fileprivate func isCut(at target: PointInTime.Target) -> Bool {
        switch target {
        case .time(let instant): consistency.cut.time == instant
        case .sequence(let number): consistency.cut.sequence == number
        }
    }

    /// Whether a segment may hold changes that lie behind a snapshot and not behind the target.
    fileprivate func mayChange(_ base: Manifest, until target: PointInTime.Target) -> Bool {
        guard let log, items > 0 else { return false }
        guard let last = log.shards.compactMap(\.last).max(), last > base.consistency.cut.time else { return false }
        switch target {
        case .time(let instant):
            return log.shards.compactMap(\.first).min().map { $0 <= instant } ?? false
        case .sequence(let number):
            return log.shards.contains { $0.after.map { $0 < ChangePosition(max(0, number)) } ?? true }
        }
    }
}

extension Catalog {
    /// Snapshots whose keys are there, in the order of their cuts.
    func usableSnapshots(among entries: [Entry]) -> [Manifest] {
        entries.map(\.manifest).filter { $0.kind == .snapshot && shredded[$0.id] == nil }
            .sorted { ($0.consistency.cut.time, $0.id) < ($1.consistency.cut.time, $1.id) }
    }
}
