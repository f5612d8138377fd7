// SPDX-License-Identifier: Apache-2.0

import VarveModel

/// A bulk load whose ``BulkLoad/add(_:)`` can be taken apart, so that each of its two halves can be measured alone.
package protocol StagedLoad: BulkLoad {
    /// Checks and seals items and gives them their rows; threads may do it side by side. What was sealed has to be inserted.
    func seal(_ batch: ItemBatch) throws -> SealedBatch
    /// Inserts what was sealed, after everything that was sealed before it.
    func insert(_ batch: SealedBatch) throws
}

/// Items of a load, ready to be inserted.
package struct SealedBatch: Sendable {
    let firstRow: Int64
    var bodies: [UInt8] = []
    var ends: [Int] = []
    var scanned: [ScannedItem] = []
    var hashes: [[UInt8]] = []
    var sizes = 0

    init(firstRow: Int64) {
        self.firstRow = firstRow
    }
}
