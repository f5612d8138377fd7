// SPDX-License-Identifier: Apache-2.0

import Synchronization
package import VarveModel

/// A record of what retention took away, or gave back. Written before the first byte goes, and never removed: it tells an intention from a loss.
///
/// Of several that speak of one recovery point, or of one table's log, the one with the latest time counts. Format:
/// Documentation/Formats.md#removals.
package struct Removal: VersionedContent, Equatable {
    package static let kind = "removal"
    package static let formatNewest = 1

    /// Recovery points that one record lists at most; more make more records.
    package static let pointsMax = 10_000
    /// A point takes some 500 bytes.
    static let bytesMax = 16 * 1024 * 1024

    package enum Action: String, Codable, Sendable {
        /// What is named is removed: no reader takes it any more, and its bytes go after the grace period.
        case removed
        /// The points named are back; the logs named begin again where this record says.
        case undone
    }

    package let format: Int
    package let vault: String
    package let path: String
    /// The record's own.
    package let id: String
    package let action: Action
    package let time: Instant
    package let points: [Point]
    package let logs: [Log]
    package let tool: String

    /// A snapshot or the archive of a sweep.
    package struct Point: Codable, Equatable, Sendable {
        package let id: String
        package let kind: Manifest.Kind
        package let table: Manifest.TableIdentity
        /// Where its manifest lies.
        package let path: String
        package let cut: Instant
        package let items: Int
        package let sealedBytes: Int
        /// The snapshot key's id.
        package let key: String
        /// The SHA-256 in its manifest.
        package let manifest: String
        /// One sentence.
        package let reason: String

        package init(_ entry: Catalog.Entry, reason: String) {
            let manifest = entry.manifest
            id = manifest.id
            kind = manifest.kind
            table = manifest.table
            path = manifest.path
            cut = manifest.consistency.cut.time
            items = manifest.items
            sealedBytes = manifest.sealedBytes
            key = manifest.key.id
            self.manifest = entry.sha256
            self.reason = reason
        }
    }

    /// The beginning of a table's log: every segment that began in a second before `before`.
    package struct Log: Codable, Equatable, Sendable {
        package let table: Manifest.TableIdentity
        /// A whole second.
        package let before: Instant
        /// How many of them this record adds, or gives back.
        package let segments: Int
        package let sealedBytes: Int
        /// One sentence.
        package let reason: String

        package init(
            table: Manifest.TableIdentity, before: Instant, segments: Int, sealedBytes: Int, reason: String
        ) {
            self.table = table
            self.before = before.wholeSecond
            self.segments = segments
            self.sealedBytes = sealedBytes
            self.reason = reason
        }
    }
}

/// What is removed now: what all records together say.
package struct Removals: Sendable {
    /// One recovery point that is removed.
    package struct Removed: Sendable {
        package let point: Removal.Point
        package let time: Instant
        /// The record's path.
        package let record: String
    }

    /// The beginning of a log, as one record cut it.
    package struct Cut: Sendable {
        package let before: Instant
        package let time: Instant
        package let record: String
        package let reason: String
    }

    /// By id.
    package private(set) var points: [String: Removed] = [:]
    /// By table id, each further than the one before.
    package private(set) var cuts: [String: [Cut]] = [:]
    /// The latest time of any record.
    package private(set) var latest: Instant?

    init(_ records: [Removal]) {
        for record in records.sorted(by: { ($0.time, $0.path) < ($1.time, $1.path) }) { add(record) }
        latest = records.map(\.time).max()
    }

    private mutating func add(_ record: Removal) {
        for point in record.points {
            points[point.id] =
                record.action == .removed ? Removed(point: point, time: record.time, record: record.path) : nil
        }
        for log in record.logs {
            var cuts = cuts[log.table.id] ?? []
            var time = record.time
            // What is given back is given back up to there; what stays removed went when it went.
            while record.action == .undone, let last = cuts.last, last.before > log.before {
                time = last.time
                cuts.removeLast()
            }
            if cuts.last.map({ $0.before < log.before }) ?? true {
                cuts.append(Cut(before: log.before, time: time, record: record.path, reason: log.reason))
            }
            self.cuts[log.table.id] = cuts
        }
    }

    package var isEmpty: Bool { points.isEmpty && cuts.isEmpty }

    /// From when on a table's log is kept; nil where none of it was removed.
    package func logBegins(_ table: String) -> Instant? { cuts[table]?.last?.before }

    /// When a recovery point or segment was removed; nil if it is not.
    package func removed(_ manifest: Manifest) -> (time: Instant, record: String, reason: String)? {
        removed(manifest.id, manifest.kind, of: manifest.table, started: manifest.started)
    }

    func removed(
        _ id: String, _ kind: Manifest.Kind, of table: Manifest.TableIdentity, started: Instant
    ) -> (time: Instant, record: String, reason: String)? {
        if let removed = points[id] { return (removed.time, removed.record, removed.point.reason) }
        guard kind == .log else { return nil }
        let cut = cuts[table.id]?.first { started < $0.before }
        return cut.map { ($0.time, $0.record, $0.reason) }
    }

    /// Whether an object, there or not, belongs to what is removed: it is not missed.
    package func covers(_ path: ObjectPath) -> Bool {
        guard let part = VaultPaths.part(path) else { return false }
        if points[String(part.stem.drop { $0 != "~" }.dropFirst())] != nil { return true }
        guard part.kind == .log, let table = path.parts[1].split(separator: "~").last,
            let begins = logBegins(String(table))
        else { return false }
        return part.stem.prefix { $0 != "~" } < begins.compact
    }
}

extension Vault {
    /// What is removed, as the records among `objects` say it, and what is wrong with those that cannot be read.
    func removals(among objects: some Sequence<ObjectPath>) -> (removals: Removals, findings: [Finding]) {
        var records: [Removal] = []
        var findings: [Finding] = []
        for path in objects where VaultPaths.isRemoval(path) {
            do {
                records.append(try readRemoval(path))
            } catch {
                findings.append(Finding(object: path.text, level: 1, error))
            }
        }
        return (Removals(records), findings)
    }

    /// A record never changes, so each is read once.
    private func readRemoval(_ path: ObjectPath) throws -> Removal {
        if let known = knownRemovals.withLock({ $0[path] }) { return known }
        let bytes = try storage.get(path, atMost: Removal.bytesMax)
        let record = try ProvenDocument.decode(Removal.self, bytes, name: path.text).content
        guard record.vault == id, record.path == path.text else {
            throw VaultError(
                .damaged,
                "Record '\(path)' says that it belongs to vault '\(record.vault)' as '\(record.path)'.")
        }
        knownRemovals.withLock { $0[path] = record }
        return record
    }

    /// What keeps a reader from a recovery point or segment: that its keys were destroyed, or that retention removed it.
    ///
    /// A reader writes its lease first and then asks; prune writes its record first and then reads leases. So one of the two sees the other.
    package func refusal(of manifest: Manifest) throws -> VaultError? {
        let marks = try storage.paths(VaultPaths.tombstones)
        if let tombstone = try tombstone(of: manifest.id, among: marks) { return tombstone.error }
        return removals(among: marks).removals.error(of: manifest)
    }
}

extension Removals {
    /// What whoever wants to read it is told; nil if it is not removed.
    package func error(of manifest: Manifest) -> VaultError? {
        guard let removed = removed(manifest) else { return nil }
        let what = manifest.kind.isRecoveryPoint ? "Recovery point" : "Segment"
        return VaultError(
            .removed,
            "\(what) '\(manifest.id)' of table '\(manifest.table.name)' was removed by retention at \(removed.time): \(removed.reason) "
                + "As long as its bytes are there, 'varve prune --undo \(manifest.id)' takes that back.")
    }
}
