// SPDX-License-Identifier: Apache-2.0

package import VarveModel
package import VarveStore

extension BenchItems {
    /// The table that the items belong to. Its time to live is on.
    package static func table(named name: String) -> TableDescription {
        TableDescription(
            name: name,
            keySchema: KeySchema(
                partition: KeyAttribute(name: "customer", type: .s), sort: KeyAttribute(name: "placed", type: .n)),
            timeToLive: TimeToLive(attribute: "expires", enabled: true))
    }

    /// Hands out the items in batches of about 1 MiB, as a store does.
    package func forEachBatch(_ body: (ItemBatch) throws -> Void) throws {
        var batch = ItemBatch()
        try forEach { item in
            batch.append(item)
            guard batch.bytes.count >= 1 << 20 else { return }
            try body(batch)
            batch.removeAll()
        }
        if !batch.isEmpty { try body(batch) }
    }
}

extension ItemBatch {
    /// What the items take as export lines.
    var lineBytes: Int { bytes.count + count * (ExportLine.prefix.count + ExportLine.suffix.count) }
}
