// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SystemPackage
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveVault

/// Which state of a table a verb is about.
struct PastStateOptions: ParsableArguments {
    @Option(help: "This recovery point: its id or a unique beginning of it.") var id: String?
    @Flag(help: "The newest snapshot of the table.") var latest = false
    @Option(
        parsing: .unconditional,
        help:
            "With all that was written by then: RFC 3339, '2026-11-24 14:03 Europe/Berlin', 'yesterday 02:00', -2h; or 'latest', the end of the log."
    ) var at: String?
    @Option(parsing: .unconditional, help: "With all that was written before that time.") var before: String?
    @Option(help: "With all changes up to that number of the store's change log.") var sequence: Int64?

    @Option(
        help:
            "With a time or a number: begin with this snapshot (a beginning of its id), because a newer one is damaged, say."
    )
    var base: String?

    private var given: Int { [id != nil, latest, at != nil, before != nil, sequence != nil].count { $0 } }
    var isGiven: Bool { given > 0 }

    /// Not `validate`, which would be called for verbs that can do without.
    func requireOne() throws {
        guard given == 1 else {
            throw ValidationError(
                "Say which state: one of --at TIME, --before TIME, --latest, --id ID, --sequence NUMBER.")
        }
        if base != nil && (latest || id != nil) {
            throw ValidationError("--base goes with --at, --before or --sequence; --id names a snapshot by itself.")
        }
        if let sequence, sequence < 0 { throw ValidationError("--sequence takes a number from 0.") }
    }

    func point(of table: String, in vault: Vault) throws -> PointInTime {
        let (catalog, _) = try Catalog.settled(vault)
        if latest || id != nil {
            return PointInTime(try RecoveryPoints(catalog).find(table: table, id: id))
        }
        return try .find(try target(of: table, in: catalog), of: table, base: base, in: catalog)
    }

    private func target(of table: String, in catalog: Catalog) throws -> PointInTime.Target {
        if let sequence { return .sequence(sequence) }
        if let before {
            let begin = try Self.time(before, .now()).begin
            return .time(Instant(microseconds: begin.microseconds - 1))
        }
        return try Self.target(at: at ?? "", of: table, in: catalog)
    }

    /// The state that `text` means: a time, or `latest` for the end of the log.
    static func target(at text: String, of table: String, in catalog: Catalog) throws -> PointInTime.Target {
        guard text == "latest" else { return .time(try time(text, .now()).end) }
        let newest = Coverage.all(in: catalog, of: table).flatMap(\.intervals).map(\.through).max()
        guard let newest else {
            throw UsageError(
                "Nothing of table '\(table)' can be restored from this vault. 'varve list' shows what it holds.",
                status: .notFound)
        }
        return .time(newest)
    }

    static func time(_ text: String, _ now: Instant) throws -> TimeExpression {
        do {
            return try TimeExpression(text, now: now)
        } catch {
            throw UsageError(error.message)
        }
    }
}

/// Keys of items, one a line.
enum KeyLines {
    /// More are a table: restore it whole, and look there.
    static let keysMax = 1_000_000

    /// - Parameter name: A file, or - for standard input.
    static func read(_ name: String, of point: PointInTime) throws -> Set<ItemKey> {
        let bytes =
            try name == "-" ? Files.read(0, name: "standard input") : Files.read(Files.absolute(FilePath(name)))
        let schema = try point.keySchema
        var keys: Set<ItemKey> = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            do {
                keys.insert(try ItemKey(json: Array(line), schema: schema))
            } catch let error as ModelError {
                throw UsageError(
                    "Line \(index + 1) of the keys is no key of table '\(point.table.name)': \(error.message)")
            }
        }
        guard !keys.isEmpty, keys.count <= keysMax else {
            throw UsageError("\(keys.count) keys were given; 1 to \(keysMax) are possible.")
        }
        return keys
    }
}
