// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarveStore
import VarveVault

/// Runs each stage alone, on this thread, and adds up what it takes.
///
/// Input is made ready and output thrown away outside of the measured time.
final class MeasureStages {
    let home: BenchHome
    let seconds: Double
    let stop: StopSignal
    private(set) var clocks: [BenchStage: StageClock] = [:]

    init(home: BenchHome, seconds: Double, stop: StopSignal) {
        self.home = home
        self.seconds = seconds
        self.stop = stop
    }

    /// Repeats `pass`, once to warm up and then until it has been measured for long enough.
    func measure(_ stage: BenchStage, _ pass: (inout StageClock) throws -> Void) throws {
        var warmUp = StageClock()
        try pass(&warmUp)
        var clock = StageClock()
        repeat {
            try stop.check()
            try pass(&clock)
        } while clock.wallSeconds < seconds
        clocks[stage] = clock
    }

    // MARK: Loading

    /// Loads all items, a batch after the other, and measures what a restore does with each.
    func load(_ items: BenchItems, into store: EmbeddedStore, publish: Bool) throws {
        let any = try store.bulkLoad(
            BenchItems.table(named: BenchHome.table), into: .newTable, origin: LoadOrigin(.import))
        guard let load = any as? any StagedLoad else {
            throw PipelineError(.contentMismatch, "The scratch store's loads cannot be measured by their stages.")
        }
        do {
            var batch = ItemBatch()
            var lineBytes = 0
            try items.forEachBatch { made in
                try stop.check()
                lineBytes += made.lineBytes
                var sealed: SealedBatch?
                try clocks[.itemSealing, default: StageClock()].time {
                    batch.removeAll()
                    made.forEach { batch.append($0) }
                    sealed = try load.seal(batch)
                    return made.lineBytes
                }
                guard let sealed else { return }
                try clocks[.storeInsert, default: StageClock()].time {
                    try load.insert(sealed)
                    return made.lineBytes
                }
            }
            try clocks[.indexBuild, default: StageClock()].time {
                _ = try load.finishLoading()
                return lineBytes
            }
            if publish { _ = try load.publish() } else { try load.discard() }
        } catch {
            try? load.discard()
            throw error
        }
    }

    /// Loads once more, and until inserting has been measured for long enough. The load that made the table counts as the pass that warms up.
    func loadAgain(_ items: BenchItems) throws {
        for stage in [BenchStage.itemSealing, .storeInsert, .indexBuild] { clocks[stage] = nil }
        repeat {
            try home.withScratchStore { try load(items, into: $0, publish: false) }
        } while (clocks[.storeInsert]?.wallSeconds ?? seconds) < seconds
    }

    // MARK: From the store to lines

    /// As many rows as a data file holds.
    private func sample(_ snapshot: any StagedSnapshot) throws -> (rows: [SealedRows], batches: [ItemBatch]) {
        var rows: [SealedRows] = []
        var batches: [ItemBatch] = []
        var bytes = 0
        for segment in 0..<snapshot.segments where bytes < DataFile.rawBytesMax {
            try snapshot.readSealed(segment: segment, reader: 0) { sealed in
                try snapshot.open(sealed, reader: 0) { batch in
                    guard bytes + batch.lineBytes <= DataFile.rawBytesMax else {
                        bytes = DataFile.rawBytesMax
                        return
                    }
                    bytes += batch.lineBytes
                    rows.append(sealed)
                    batches.append(batch)
                }
            }
        }
        return (rows, batches)
    }

    /// Measures what a backup does before it compresses; then all that follows, on the snapshot that the backup wrote.
    func forth(_ says: (String) -> Void) throws {
        guard let snapshot = try home.store.snapshot(of: BenchHome.table, readers: 1) as? any StagedSnapshot else {
            throw PipelineError(.contentMismatch, "The scratch store's snapshots cannot be measured by their stages.")
        }
        defer { snapshot.close() }
        says("stages of backup")
        try measure(.storeRead) { clock in
            for segment in 0..<snapshot.segments {
                try stop.check()
                try clock.time {
                    var bytes = 0
                    try snapshot.readSealed(segment: segment, reader: 0) { bytes += $0.lineBytes }
                    return bytes
                }
                // A large table is not read to its end.
                if clock.wallSeconds >= seconds { return }
            }
        }
        let (rows, batches) = try sample(snapshot)
        try measure(.itemOpening) { clock in
            try clock.time {
                var bytes = 0
                for rows in rows { try snapshot.open(rows, reader: 0) { bytes += $0.lineBytes } }
                return bytes
            }
        }
        let bytes = batches.reduce(0) { $0 + $1.lineBytes }
        var raw: [UInt8] = []
        raw.reserveCapacity(DataFile.rawBytesMax)
        try measure(.exportLines) { clock in
            clock.time {
                raw.removeAll(keepingCapacity: true)
                for batch in batches { batch.forEach { ExportLine.append($0, to: &raw) } }
                return raw.count
            }
        }
        try measure(.tableDigest) { clock in
            clock.time {
                var digest = TableDigest()
                for batch in batches { batch.forEach { digest.add(item: $0) } }
                return bytes
            }
        }
        try measure(.compression) { clock in
            try clock.time {
                _ = try DataFile.compress(raw)
                return raw.count
            }
        }
    }
}

extension SealedRows {
    /// What the rows' items take as export lines.
    fileprivate var lineBytes: Int { plainBytes + count * (ExportLine.prefix.count + ExportLine.suffix.count) }
}
