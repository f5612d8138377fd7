// SPDX-License-Identifier: Apache-2.0

/// One item, as its canonical bytes.
///
/// Equal items have equal bytes. Rules: Documentation/Formats.md#canonical-items.
package struct Item: Hashable, Sendable {
    package let bytes: [UInt8]

    /// Brings any DynamoDB JSON of an item into canonical form, with all checks and limits.
    package init(json: [UInt8]) throws {
        var canonicalizer = Canonicalizer()
        var bytes: [UInt8] = []
        try json.withUnsafeBytes { try canonicalizer.canonicalize($0, into: &bytes) }
        self.bytes = bytes
    }

    /// Takes bytes that are known to be canonical.
    package init(trusted bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Whether `bytes` are an item in canonical form, with all its limits kept.
    package static func isCanonical(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { CanonicalCursor.isCanonical($0) }
    }

    /// Makes an item from attributes in any order.
    package init(attributes: [Attribute]) throws {
        var writer = TreeWriter()
        try writer.write(attributes)
        let bytes = writer.out.array()
        if bytes.withUnsafeBytes({ CanonicalCursor.isCanonical($0) }) {
            self.init(trusted: bytes)
        } else {
            // Out of order, or wrong: the canonicalizer sorts, or says what is wrong.
            try self.init(json: bytes)
        }
    }

    package init(attributes: [(name: String, value: AttributeValue)]) throws {
        try self.init(attributes: attributes.map { Attribute($0.name, $0.value) })
    }

    package func decode() throws -> ItemTree {
        try bytes.withUnsafeBytes { bytes in
            var cursor = try CanonicalCursor(bytes)
            return ItemTree(attributes: try cursor.decodeItem())
        }
    }

    /// The value of one top-level attribute.
    package func attribute(_ name: String) throws -> AttributeValue? {
        let role = Role(name: name, type: .s)
        return try bytes.withUnsafeBytes { bytes in
            var cursor = try CanonicalCursor(bytes)
            var found: UnsafePointer<UInt8>?
            _ = try cursor.item { name, value in
                if role.matches(name) { found = value }
            }
            guard let found else { return nil }
            cursor.at = found
            return try cursor.decodeValue(depth: 1)
        }
    }

    /// Bytes by DynamoDB's item-size rule.
    package func size() throws -> Int {
        try bytes.withUnsafeBytes { try CanonicalCursor.check($0) }
    }
}

extension CanonicalCursor {
    /// Checks that bytes are one canonical item and returns its size.
    static func check(_ bytes: UnsafeRawBufferPointer) throws -> Int {
        var cursor = try CanonicalCursor(bytes)
        return try cursor.item { _, _ in }
    }
}
