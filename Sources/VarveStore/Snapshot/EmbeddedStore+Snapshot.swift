// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SystemPackage
import VarveModel

extension EmbeddedStore {
    package func snapshot(of table: String, readers count: Int) throws -> any TableSnapshot {
        let readers = try openReaders(count)
        return try withWriter { access in
            // A log that begins empty gives the snapshot all of its bound.
            if StoreFile.size(logPath) > min(StoreLimits.walKeptBytes, options.walBytesMax / 4) { access.emptyLog() }
            let log = logBound()
            try access.beginWrite()
            do {
                try Self.beginReading(readers)
                let table = try readers[0].access { try directory.table(named: table, on: $0) }
                let cut = try cutHere(on: access)
                let items = try Self.counts(of: table.number, on: access).items
                let snapshot = try EmbeddedSnapshot(of: table, cut: cut, items: items, readers: readers, log: log)
                try access.commit()
                return snapshot
            } catch {
                access.rollback()
                throw error
            }
        }
    }

    /// Fixes the time of the cut, so that whatever is written next is later, even if the clock is set back.
    func cutHere(on access: Connection.Access) throws -> Cut {
        let state = try access.statement("SELECT value, extra FROM state WHERE n = 0")
        defer { state.reset() }
        guard try state.step() else {
            throw StoreError(.damaged, "The store's counters are missing: the database is damaged.")
        }
        let cut = Cut(
            time: Instant(microseconds: max(options.clock.now().microseconds, state.int64(1))), sequence: state.int64(0)
        )
        state.reset()
        let update = try access.statement("UPDATE state SET extra = ? WHERE n = 0")
        update.bind(cut.time.microseconds, at: 1)
        try update.run()
        return cut
    }

    // MARK: Readers

    var logPath: String { file.string + "-wal" }

    func logBound() -> EmbeddedSnapshot.LogBound {
        EmbeddedSnapshot.LogBound(path: logPath, bytesMax: options.walBytesMax, bytesBefore: StoreFile.size(logPath))
    }

    func openReaders(_ count: Int) throws -> [Connection] {
        precondition(count >= 1, "a snapshot needs a reader")
        return try (0..<count).map { _ in try Connection(file, role: .snapshotReader, options: options) }
    }

    /// Begins a read transaction on each. While nobody can write, all of them see one state.
    static func beginReading(_ readers: [Connection]) throws {
        for reader in readers {
            try reader.access { access in
                try access.beginRead()
                // The transaction begins with the first read.
                _ = try access.statement("SELECT value FROM state WHERE n = 0").number()
            }
        }
    }
}
