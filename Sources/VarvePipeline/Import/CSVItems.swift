// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import VarveModel

/// Makes items of CSV records as DynamoDB's table import does: the header line names the attributes, key columns get the key's type, every
/// other column becomes a string, and an empty field is no attribute.
struct CSVItems {
    private let schema: KeySchema
    private var header: [[UInt8]]?

    init(schema: KeySchema) {
        self.schema = schema
    }

    /// The item of one record, or nil for the header.
    mutating func item(_ fields: [[UInt8]], number: Int) throws -> Item? {
        guard let header else {
            for name in [schema.partition.name, schema.sort?.name].compactMap({ $0 })
            where !fields.contains(Array(name.utf8)) {
                throw ImportError.malformed("The CSV header has no column for a key attribute of the table.")
            }
            header = fields
            return nil
        }
        guard fields.count == header.count else {
            throw ImportError.malformed(
                "CSV record \(number) has \(fields.count) fields where the header has \(header.count).")
        }
        var attributes: [Attribute] = []
        for (name, text) in zip(header, fields) where !text.isEmpty {
            attributes.append(Attribute(name: name, value: try value(text, of: name, number)))
        }
        do {
            return try Item(attributes: attributes)
        } catch {
            throw ImportError.invalid("CSV record \(number) makes no valid item.", cause: error)
        }
    }

    private func value(_ text: [UInt8], of name: [UInt8], _ number: Int) throws -> AttributeValue {
        let key = [schema.partition, schema.sort].compactMap { $0 }.first { Array($0.name.utf8) == name }
        switch key?.type {
        case nil, .s: return .string(text)
        case .n: return .number(text)
        case .b:
            guard let bytes = Data(base64Encoded: Data(text)) else {
                throw ImportError.malformed("CSV record \(number) has a binary key that is not base64.")
            }
            return .binary(Array(bytes))
        }
    }
}
