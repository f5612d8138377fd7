// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import VarveModel

/// A stretch of a scan: some items, and where the next stretch begins.
package struct ScanPage: Sendable {
    package var batch = ItemBatch()
    /// `nil` at the end.
    package var next: ScanPosition?
}

/// Where a scan stands, opaque to its callers.
package struct ScanPosition: Hashable, Sendable {
    let hash: [UInt8]
    let sort: [UInt8]
}

extension EmbeddedStore {
    /// Reads a table in the order of its partition keys' hashes, and within one partition of its sort keys.
    ///
    /// Segments share the table evenly, as long as partitions are many; each can be read on its own. A page is one state of the table; pages
    /// read one after the other may be of different states (a snapshot is not). A page ends at `limit` items or about 1 MiB.
    package func scan(
        _ table: String, segment: Int = 0, of segments: Int = 1, after position: ScanPosition? = nil, limit: Int = .max
    ) throws -> ScanPage {
        guard segments >= 1, segments <= 1_000_000, (0..<segments).contains(segment), limit > 0 else {
            throw StoreError(
                .invalidRequest, "A scan has 1 to 1000000 segments, counted from 0, and a limit of at least 1.")
        }
        let lower = Self.bound(segment, of: segments)
        let upper = segment == segments - 1 ? Self.beyondAll : Self.bound(segment + 1, of: segments)
        return try read { access in
            let table = try directory.table(named: table, on: access)
            let select = try access.statement(
                "SELECT row, version, body, hash, sort FROM items_\(table.heap) "
                    + "WHERE (hash, sort) \(position == nil ? ">=" : ">") (?, ?) AND hash < ? ORDER BY hash, sort")
            defer { select.reset() }
            select.bind(position?.hash ?? lower, at: 1)
            select.bind(position?.sort ?? [], at: 2)
            select.bind(upper, at: 3)
            var page = ScanPage()
            while try select.step() {
                let item = try table.open(select.blob(2), row: select.int64(0), version: select.int64(1), on: access)
                item.withUnsafeBytes { page.batch.append($0) }
                if page.batch.count >= limit || page.batch.bytes.count >= StoreLimits.batchBytes {
                    page.next = ScanPosition(hash: Array(select.blob(3)), sort: Array(select.blob(4)))
                    break
                }
            }
            return page
        }
    }

    /// Sorts behind every hash.
    private static let beyondAll = [UInt8](repeating: 0xff, count: TableKeys.hashBytes + 1)

    /// The least hash of a segment.
    private static func bound(_ segment: Int, of segments: Int) -> [UInt8] {
        let (quotient, _) = UInt64(segments).dividingFullWidth((UInt64(segment), 0))
        var bytes = [UInt8](repeating: 0, count: TableKeys.hashBytes)
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: quotient.bigEndian, as: UInt64.self) }
        return bytes
    }
}
