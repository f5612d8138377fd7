// SPDX-License-Identifier: Apache-2.0

import Synchronization
package import SystemPackage
import VarveModel
import VarveStore
package import VarveVault

/// Makes a full snapshot out of an older one and the captured log, without reading the table: a synthetic snapshot.
///
/// It stands alone, as any other does, and names what it was made of.
package struct MakeSnapshot: Sendable {
    private let settings: ArchiveSettings
    private let past: PastTable

    /// - Parameter scratch: The folder for scratch files.
    package init(_ settings: ArchiveSettings, scratch: FilePath) {
        self.settings = settings
        past = PastTable(
            vault: settings.vault, keys: settings.keys, workers: settings.workers, scratch: scratch)
    }

    /// Makes the snapshot and gives the manifest that committed it.
    ///
    /// - Parameter catalog: What the vault holds.
    package func run(table id: String, _ catalog: Catalog, progress: Progress, stop: StopSignal) throws -> Manifest {
        let newest = Coverage.all(in: catalog, of: id).flatMap(\.intervals).map(\.through).max()
        guard let newest else {
            throw PipelineError(
                .noRecoveryPoint,
                "The vault holds no snapshot of the table that another one could be made of. Take the first one from the table."
            )
        }
        let point = try PointInTime.find(.time(newest), of: id, in: catalog)
        let description = try TableDescription(json: (point.segments.last ?? point.base).manifest.description)
        // Also where nothing is left to be made: what makes it so may be what a killed run committed.
        try settings.finishInterrupted(description)
        guard newest > point.base.manifest.consistency.cut.time else {
            throw PipelineError(
                .noRecoveryPoint,
                "The vault holds no captured log behind the newest snapshot, \(point.base.manifest.id): it is that snapshot already. 'varve capture' brings the log up to now."
            )
        }
        let writer = try settings.writer(.snapshot, of: description, sources: point.sources)
        do {
            let lanes = LanePool(writer, settings, progress)
            let counts = try past.forEachBatch(point, progress: progress, stop: stop) { try lanes.add($0) }
            guard try lanes.finish() == counts.items else {
                throw PipelineError(
                    .contentMismatch,
                    "Other items were written into the snapshot than were read. Nothing was committed.")
            }
            return try writer.commit(
                consistency: .init(
                    method: "synthetic", from: newest, to: newest, cut: .init(time: newest, sequence: nil))
            ).manifest
        } catch {
            try? writer.abandon()
            throw error
        }
    }
}

/// Ways into an archive, one for each thread that has items at a time.
private final class LanePool: Sendable {
    private let writer: SnapshotWriter
    private let settings: ArchiveSettings
    private let progress: Progress
    private let free = Mutex<[Lane]>([])
    private let count = Atomic<Int>(0)

    /// Nobody waits for the lock: whoever took it out of the pool has it alone.
    private final class Lane: Sendable {
        private let lane: Mutex<ArchiveLane?>

        init(_ lane: consuming sending ArchiveLane) { self.lane = Mutex(consume lane) }

        func add(_ batch: ItemBatch) throws {
            try lane.withLock { lane in try batch.forEach { try lane?.add($0) } }
        }

        func finish(evenIfEmpty: Bool) throws {
            try lane.withLock { try $0.take()?.finish(evenIfEmpty: evenIfEmpty) }
        }
    }

    init(_ writer: SnapshotWriter, _ settings: ArchiveSettings, _ progress: Progress) {
        self.writer = writer
        self.settings = settings
        self.progress = progress
    }

    private func makeLane() -> Lane {
        Lane(ArchiveLane(writer, compressionLevel: settings.compressionLevel, progress: progress))
    }

    func add(_ batch: ItemBatch) throws {
        let lane = free.withLock { $0.popLast() } ?? makeLane()
        try lane.add(batch)
        count.wrappingAdd(batch.count, ordering: .relaxed)
        free.withLock { $0.append(lane) }
    }

    /// Returns how many items were written.
    func finish() throws -> Int {
        var lanes = free.withLock { $0 }
        if lanes.isEmpty { lanes.append(makeLane()) }
        for (index, lane) in lanes.enumerated() { try lane.finish(evenIfEmpty: index == 0) }
        return count.load(ordering: .relaxed)
    }
}
