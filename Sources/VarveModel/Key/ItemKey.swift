// SPDX-License-Identifier: Apache-2.0

/// Which item of a table: the bytes that ``ItemScanner`` takes from its key attributes.
package struct ItemKey: Hashable, Sendable {
    /// Type letter and raw value of the partition key.
    package let partition: [UInt8]
    /// Order-preserving bytes of the sort key; empty when the schema has none.
    package let sort: [UInt8]

    package init(partition: [UInt8], sort: [UInt8]) {
        self.partition = partition
        self.sort = sort
    }

    /// Reads a key item such as `{"pk":{"S":"a"},"sk":{"N":"1"}}`, which must hold exactly the key attributes.
    package init(json: [UInt8], schema: KeySchema) throws {
        let item = try Item(json: json)
        let scanner = ItemScanner(schema: schema)
        let scanned = try item.bytes.withUnsafeBytes { try scanner.scan($0) }
        guard try scanner.keys(of: item.bytes) == item.bytes else {
            throw ModelError(
                .invalidValue,
                "A key holds attributes that are not part of the table's key. Give the key attributes alone.")
        }
        self = scanned.key
    }
}
