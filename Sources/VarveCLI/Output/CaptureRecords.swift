// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import VarveModel
import VarvePipeline
import VarveVault

/// What one segment says, when the vault holds it.
struct CaptureNews {
    private let segment: SegmentEvent
    let holes: [HoleRecord]
    private let line: String

    init(_ manifest: Manifest, table: String, target: OpenVault) {
        segment = SegmentEvent(manifest, table: table, vault: target.name)
        holes = Self.holes(manifest, table, target.vault)
        line =
            "\(table)  \(Units.counted(manifest.items, "change"))  \(Units.size(manifest.rawBytes)) -> \(Units.size(manifest.sealedBytes))  "
            + "through \(segment.through)  lag \(Units.span(seconds: max(0, segment.lagSeconds)))  id \(manifest.id)"
    }

    private static func holes(_ manifest: Manifest, _ table: String, _ vault: Vault) -> [HoleRecord] {
        guard let log = manifest.log else { return [] }
        var holes: [HoleRecord] = []
        if let beginning = log.beginning, let cause = Coverage.Hole.Cause(rawValue: beginning.cause.rawValue) {
            holes.append(
                HoleRecord(
                    cause, table: table, from: beginning.lastThrough, to: log.from, shard: beginning.shard,
                    segment: manifest.id))
        }
        // Whether items that came without records interrupt anything, the snapshots say.
        if log.events.contains(where: { $0.event == .loaded }), let catalog = try? Catalog.read(vault) {
            let all = Coverage.all(in: catalog, of: manifest.table.id).flatMap(\.holes)
            holes += all.filter { $0.cause == .loaded && $0.segment == manifest.id }.map {
                HoleRecord($0, table: table)
            }
        }
        return holes
    }

    /// - Parameter quiet: Whether a segment that only says that nothing came is no line of its own.
    func tell(_ console: Console, quiet: Bool) {
        try? console.event(segment)
        for hole in holes {
            try? console.event(HoleEvent(hole))
            console.line(hole.line)
        }
        if segment.changes > 0 || !quiet { console.line(line) }
    }
}

private struct SegmentEvent: Encodable {
    let type = "event"
    let event = "segment"
    let time = Date()
    let table: String
    let vault: String
    let id: String
    let changes: Int
    let rawBytes: Int
    let sealedBytes: Int
    let from: String
    let through: String
    let lagSeconds: Double
    let ended: Bool
    let manifest: String

    init(_ manifest: Manifest, table: String, vault: String) {
        self.table = table
        self.vault = vault
        id = manifest.id
        changes = manifest.items
        rawBytes = manifest.rawBytes
        sealedBytes = manifest.sealedBytes
        from = (manifest.log?.from ?? manifest.consistency.from).rfc3339
        let watermark = manifest.consistency.cut.time
        through = watermark.rfc3339
        lagSeconds = Double((Instant.now().microseconds - watermark.microseconds) / 1000) / 1000
        ended = manifest.log?.ended ?? false
        self.manifest = manifest.path
    }
}

private struct HoleEvent: Encodable {
    let type = "event"
    let event = "hole"
    let time = Date()
    let hole: HoleRecord

    init(_ hole: HoleRecord) { self.hole = hole }
}

struct CaptureFailure: Encodable {
    let type = "event"
    let event = "failure"
    let time = Date()
    let table: String
    let code: String
    let message: String
}

struct CaptureProgress: Encodable {
    struct Table: Encodable {
        let table: String
        let changes: Int
        /// How far the vault is behind the clock.
        let lagSeconds: Double?
    }

    let type = "progress"
    let work = "capture"
    let tables: [Table]
}

struct CapturePlan: Encodable {
    let dryRun = true
    let vault: String
    let tables: [String]
}

/// What one run captured of one table.
struct CaptureRecord: Encodable {
    let table: String
    private(set) var segments = 0
    private(set) var changes = 0
    private(set) var rawBytes = 0
    private(set) var sealedBytes = 0
    private(set) var through: String?
    private(set) var lagSeconds: Double?
    private(set) var ended = false
    private(set) var holes: [HoleRecord] = []

    init(table: String) { self.table = table }

    mutating func add(_ manifest: Manifest, _ news: CaptureNews) {
        segments += 1
        changes += manifest.items
        rawBytes += manifest.rawBytes
        sealedBytes += manifest.sealedBytes
        ended = manifest.log?.ended ?? false
        holes += news.holes
        note(through: manifest.consistency.cut.time)
    }

    mutating func note(through instant: Instant?) {
        through = instant?.rfc3339
        lagSeconds = instant.map { Double((Instant.now().microseconds - $0.microseconds) / 1000) / 1000 }
    }
}

struct CaptureSummary: Encodable {
    let type = "summary"
    let vault: String
    let tables: [CaptureRecord]
    let holes: Int
    let failed: [TableFailure]
    let copies: [CopyRecord]

    init(_ vault: String, _ tables: [CaptureRecord], _ failed: [TableFailure], copies: [CopyRecord] = []) {
        self.copies = copies
        self.vault = vault
        self.tables = tables
        self.failed = failed
        holes = tables.reduce(0) { $0 + $1.holes.count }
    }

    /// - Returns: The status of the run: a hole is told by one of its own, unless something worse is.
    func tell(_ status: ExitStatus, _ console: Console) throws -> ExitStatus {
        let changes = tables.reduce(0) { $0 + $1.changes }
        let segments = tables.reduce(0) { $0 + $1.segments }
        console.line(
            "\(Units.counted(changes, "change")) in \(Units.counted(segments, "segment")) of \(Units.counted(tables.count, "table")), in vault \(vault)"
                + (holes > 0 ? "; HOLES: \(holes), see 'varve coverage'" : "")
                + (failed.isEmpty ? "" : "; FAILED: " + failed.map(\.table).joined(separator: ", ")))
        try console.event(self)
        return status == .done && holes > 0 ? .notRestorable : status
    }
}
