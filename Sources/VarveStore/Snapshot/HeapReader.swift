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
        let select = try access.statement(sql)
        defer { select.reset() }
        select.bind(next, at: 1)
        select.bind(last, at: 2)
        while try select.step() {
            let row = select.int64(0)
            let body = select.blob(2)
            if !batch.isEmpty, batch.bytes.count + body.count - SealedBody.overhead > StoreLimits.batchBytes {
                next = row
                return
            }
            binding.place(row: row, version: select.int64(1))
            try append(body, row: row, on: access)
        }
        isAtEnd = true
    }

    private mutating func append(_ body: UnsafeRawBufferPointer, row: Int64, on access: Connection.Access) throws {
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
