// SPDX-License-Identifier: Apache-2.0

import Synchronization
import VarveModel
package import VarveStore
package import VarveVault

/// Takes a consistent snapshot of one table into a vault.
///
/// The store opens its readers on one state; workers pull segments of it from a counter and each fills bundles of its own; the manifest,
/// written last, commits. Whatever happens before leaves nothing that is listed, and what was written is taken back.
package struct TakeSnapshot: Sendable {
    private let settings: ArchiveSettings

    package init(_ settings: ArchiveSettings) {
        self.settings = settings
    }

    /// Takes the snapshot and gives the manifest that committed it.
    package func run(store: any TableStore, table: String, progress: Progress, stop: StopSignal) throws -> Manifest {
        let snapshot = try store.snapshot(of: table, readers: settings.workers)
        defer { snapshot.close() }
        try settings.finishInterrupted(snapshot.description)
        let writer = try settings.writer(.snapshot, of: snapshot.description)
        do {
            progress.expect(items: snapshot.approximateItems)
            try fill(writer, from: snapshot, progress, stop)
            let time = snapshot.cut.time
            return try writer.commit(
                consistency: .init(
                    method: "store-snapshot", from: time, to: time,
                    cut: .init(time: time, sequence: snapshot.cut.sequence))
            ).manifest
        } catch {
            try? writer.abandon()
            throw error
        }
    }

    private func fill(
        _ writer: SnapshotWriter, from snapshot: any TableSnapshot, _ progress: Progress, _ stop: StopSignal
    ) throws {
        let next = Atomic<Int>(0)
        let settings = settings
        let workers = max(1, min(settings.workers, snapshot.segments))
        try Workers.run(workers, stop: stop) { worker, stop in
            var lane = ArchiveLane(writer, compressionLevel: settings.compressionLevel, progress: progress)
            while true {
                let segment = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard segment < snapshot.segments else { break }
                try snapshot.read(segment: segment, reader: worker) { batch in
                    try stop.check()
                    try batch.forEach { try lane.add($0) }
                }
            }
            try lane.finish(evenIfEmpty: worker == 0)
        }
    }
}
