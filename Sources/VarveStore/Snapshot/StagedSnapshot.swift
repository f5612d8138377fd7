// SPDX-License-Identifier: Apache-2.0

/// A snapshot whose reading can be taken apart, so that each of its two halves can be measured alone.
package protocol StagedSnapshot: TableSnapshot {
    /// Reads a segment's rows as ``TableSnapshot/read(segment:reader:_:)`` does, and leaves them sealed.
    func readSealed(segment: Int, reader: Int, _ body: (SealedRows) throws -> Void) throws
    /// Opens rows that this snapshot read.
    func open(_ rows: SealedRows, reader: Int, _ body: (ItemBatch) throws -> Void) throws
}

/// Rows of a heap as they lie in the database, in one piece of memory.
package struct SealedRows: Sendable {
    private(set) var bytes: [UInt8] = []
    private var rows: [(row: Int64, version: Int64, end: Int)] = []

    package init() {}

    package var count: Int { rows.count }
    package var isEmpty: Bool { rows.isEmpty }
    /// What the rows' items take in canonical form.
    package var plainBytes: Int { bytes.count - count * SealedBody.overhead }

    mutating func append(_ body: UnsafeRawBufferPointer, row: Int64, version: Int64) {
        bytes.append(contentsOf: body)
        rows.append((row, version, bytes.count))
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        rows.removeAll(keepingCapacity: true)
    }

    func forEach(_ body: (_ row: Int64, _ version: Int64, _ body: UnsafeRawBufferPointer) throws -> Void) rethrows {
        try bytes.withUnsafeBytes { all in
            var start = 0
            for (row, version, end) in rows {
                try body(row, version, UnsafeRawBufferPointer(rebasing: all[start..<end]))
                start = end
            }
        }
    }
}
