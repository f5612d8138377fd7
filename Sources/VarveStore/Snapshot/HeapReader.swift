// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import VarveModel

/// Reads a stretch of a heap, batch by batch, in the order of its rows.
///
/// Bodies are opened one after the other into one buffer. Their tags are all that is checked: what opens is what was sealed for this row and
/// version, and it was canonical then.
struct HeapReader {
    /// The current batch; its memory is used again for the next.
    private(set) var batch = ItemBatch()
    private(set) var isAtEnd = false

    private let table: OpenTable
    private let sql: String
    private var next: Int64
    private let last: Int64
    private var binding = Binding.item(row: 0, version: 0)
    private var run: UInt32 = 0
    private var key: SymmetricKey?

    init(table: OpenTable, from first: Int64, through last: Int64) {
        self.table = table
        next = first
        self.last = last
        sql = "SELECT row, version, body FROM items_\(table.heap) WHERE row >= ? AND row <= ? ORDER BY row"
        batch.reserve(bytes: StoreLimits.batchBytes)
    }

    mutating func fill(on access: Connection.Access) throws {
        batch.removeAll()
        try forEachRow(on: access) { reader, row, version, body in
            let plain = body.count - SealedBody.overhead
            if !reader.batch.isEmpty, reader.batch.bytes.count + plain > StoreLimits.batchBytes { return false }
            try reader.open(body, row: row, version: version, on: access)
            return true
        }
    }

    /// Reads the next rows and leaves them sealed.
    mutating func fill(_ rows: inout SealedRows, on access: Connection.Access) throws {
        rows.removeAll()
        try forEachRow(on: access) { _, row, version, body in
            if !rows.isEmpty, rows.bytes.count + body.count > StoreLimits.batchBytes { return false }
            rows.append(body, row: row, version: version)
            return true
        }
    }

    /// Opens rows that were read before.
    mutating func open(_ rows: SealedRows, on access: Connection.Access) throws {
        batch.removeAll()
        try rows.forEach { row, version, body in try open(body, row: row, version: version, on: access) }
    }

    /// Steps over the rows that come next, until `take` declines one, which then comes first the next time.
    private mutating func forEachRow(
        on access: Connection.Access,
        _ take: (inout HeapReader, _ row: Int64, _ version: Int64, _ body: UnsafeRawBufferPointer) throws -> Bool
    ) throws {
        let select = try access.statement(sql)
        defer { select.reset() }
        select.bind(next, at: 1)
        select.bind(last, at: 2)
        while try select.step() {
            let row = select.int64(0)
            guard try take(&self, row, select.int64(1), select.blob(2)) else {
                next = row
                return
            }
        }
        isAtEnd = true
    }

    private mutating func open(
        _ body: UnsafeRawBufferPointer, row: Int64, version: Int64, on access: Connection.Access
    ) throws {
        binding.place(row: row, version: version)
        guard let sealedBy = SealedBody.run(of: body) else { throw table.damaged(row: row) }
        let key: SymmetricKey
        if sealedBy == run, let known = self.key {
            key = known
        } else {
            key = try table.sealingKey(run: sealedBy, on: access)
            self.key = key
            run = sealedBy
        }
        let item: Data
        do {
            item = try SealedBody.open(body, key: key, binding: binding)
        } catch {
            throw table.damaged(row: row, cause: error)
        }
        item.withUnsafeBytes { batch.append($0) }
    }
}
