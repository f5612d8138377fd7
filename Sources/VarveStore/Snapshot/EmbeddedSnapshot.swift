// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Synchronization
import SystemPackage
import VarveModel

/// One state of a table of the embedded store, held by read transactions that were opened while nobody could write.
///
/// It keeps the write-ahead log from being emptied. So it watches the log, and gives way when that has grown past its bound: then reading
/// fails with `.snapshotExpired`, and writers never notice.
final class EmbeddedSnapshot: StagedSnapshot {
    let description: TableDescription
    let cut: Cut
    let approximateItems: Int

    private let table: OpenTable
    private let readers: [Connection]
    private let rows: ClosedRange<Int64>?
    private let rowsPerSegment: Int64
    private let log: LogBound
    private let state = Mutex(State.open)

    private enum State {
        case open
        case closed
        case expired
    }

    /// How far the write-ahead log may grow.
    struct LogBound {
        let path: String
        let bytesMax: Int64
        /// Its size when the snapshot was taken. A log that could not be emptied then is written again from its front, and proves nothing.
        let bytesBefore: Int64

        var isExceeded: Bool {
            let bytes = StoreFile.size(path)
            return bytes > bytesMax && bytes > bytesBefore
        }
    }

    /// Takes over connections whose read transactions have begun.
    init(of table: OpenTable, cut: Cut, items: Int, readers: [Connection], log: LogBound) throws {
        self.table = table
        description = table.description
        self.cut = cut
        approximateItems = items
        self.readers = readers
        self.log = log
        rows = try readers[0].access { access in
            // Two look-ups: together they would read the whole table.
            guard let first = try access.statement("SELECT min(row) FROM items_\(table.heap)").number(),
                let last = try access.statement("SELECT max(row) FROM items_\(table.heap)").number()
            else { return nil }
            return first...last
        }
        let span = rows.map { Int($0.upperBound - $0.lowerBound) + 1 } ?? 0
        // Sixteen for each reader end together well enough.
        let wanted = span / (readers.count * 16)
        rowsPerSegment = Int64(min(max(wanted, StoreLimits.segmentRows.lowerBound), StoreLimits.segmentRows.upperBound))
    }

    deinit { close() }

    var segments: Int {
        guard let rows else { return 0 }
        return Int((rows.upperBound - rows.lowerBound) / rowsPerSegment) + 1
    }

    func read(segment: Int, reader: Int, _ body: (ItemBatch) throws -> Void) throws {
        guard var heap = heap(segment) else { return }
        repeat {
            try access(reader) { try heap.fill(on: $0) }
            if !heap.batch.isEmpty { try body(heap.batch) }
        } while !heap.isAtEnd
    }

    func readSealed(segment: Int, reader: Int, _ body: (SealedRows) throws -> Void) throws {
        guard var heap = heap(segment) else { return }
        var rows = SealedRows()
        repeat {
            try access(reader) { try heap.fill(&rows, on: $0) }
            if !rows.isEmpty { try body(rows) }
        } while !heap.isAtEnd
    }

    func open(_ rows: SealedRows, reader: Int, _ body: (ItemBatch) throws -> Void) throws {
        var heap = HeapReader(table: table, from: 0, through: 0)
        try access(reader) { try heap.open(rows, on: $0) }
        try body(heap.batch)
    }

    private func heap(_ segment: Int) -> HeapReader? {
        precondition((0..<segments).contains(segment), "no such segment")
        guard let rows else { return nil }
        let first = rows.lowerBound + Int64(segment) * rowsPerSegment
        return HeapReader(table: table, from: first, through: min(first + rowsPerSegment - 1, rows.upperBound))
    }

    private func access(_ reader: Int, _ body: (Connection.Access) throws -> Void) throws {
        precondition(readers.indices.contains(reader), "no such reader")
        try checkOpen()
        try readers[reader].access { access in
            guard access.isInTransaction else { throw ended() }
            try body(access)
        }
    }

    private func checkOpen() throws {
        if state.withLock({ $0 }) != .open { throw ended() }
        guard log.isExceeded else { return }
        end(as: .expired)
        throw ended()
    }

    private func ended() -> StoreError {
        if state.withLock({ $0 }) == .expired {
            StoreError(
                .snapshotExpired,
                "The snapshot of table '\(table.name)' gave way: others wrote so much that the write-ahead log grew past \(log.bytesMax) bytes. "
                    + "Take it again when less is written, or raise the bound if the disk has room.")
        } else {
            StoreError(.closed, "The snapshot of table '\(table.name)' was closed before.")
        }
    }

    func close() { end(as: .closed) }

    /// Ends all read transactions. A reader that is within a batch finishes that one first.
    private func end(as state: State) {
        let isFirst = self.state.withLock { now in
            guard now == .open else { return false }
            now = state
            return true
        }
        guard isFirst else { return }
        for reader in readers { try? reader.access { $0.rollback() } }
    }
}
