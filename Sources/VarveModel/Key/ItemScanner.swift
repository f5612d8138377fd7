// SPDX-License-Identifier: Apache-2.0

/// What one pass over an item's canonical bytes finds.
package struct ScannedItem: Sendable {
    /// Identity of the partition key: the type letter, then the raw value (UTF-8, canonical number text, decoded binary).
    package let partition: [UInt8]
    /// The sort key in bytes whose `memcmp` order is DynamoDB's order; empty when the schema has none.
    package let sort: [UInt8]
    /// When the item expires, in seconds since 1970, rounded down and clamped: the TTL attribute, if it is a top-level number.
    package let timeToLive: Int64?
    /// Bytes by DynamoDB's item-size rule.
    package let size: Int

    package var key: ItemKey { ItemKey(partition: partition, sort: sort) }
}

/// Checks that bytes are one canonical item, measures it and takes out its key and expiry, all in one pass.
///
/// Throws `notCanonical`, `tooDeep` or `tooLarge` for the item and `missingKey`, `wrongKeyType`, `emptyKey` or `keyTooLong` for its key.
/// Rules: Documentation/Formats.md#canonical-items. A scanner has no state: any thread may use one.
package struct ItemScanner: Sendable {
    private let partition: Role
    private let sort: Role?
    private let timeToLive: Role?

    package init(schema: KeySchema, timeToLive attribute: String? = nil) {
        partition = Role(name: schema.partition.name, type: schema.partition.type)
        sort = schema.sort.map { Role(name: $0.name, type: $0.type) }
        timeToLive = attribute.map { Role(name: $0, type: .n) }
    }

    package func scan(_ bytes: UnsafeRawBufferPointer) throws -> ScannedItem {
        var cursor = try CanonicalCursor(bytes)
        var partitionAt: UnsafePointer<UInt8>?
        var sortAt: UnsafePointer<UInt8>?
        var timeToLiveAt: UnsafePointer<UInt8>?
        let size = try cursor.item { name, value in
            if partition.matches(name) { partitionAt = value }
            if let sort, sort.matches(name) { sortAt = value }
            if let timeToLive, timeToLive.matches(name) { timeToLiveAt = value }
        }
        var partitionBytes: [UInt8] = []
        try cursor.readKey(partition, at: partitionAt) { value in
            guard value.count <= ItemLimits.partitionKeyBytesMax else {
                throw partition.tooLong(ItemLimits.partitionKeyBytesMax)
            }
            partitionBytes.reserveCapacity(value.count + 1)
            partitionBytes.append(partition.type.letter)
            partitionBytes.append(contentsOf: value)
        }
        var sortBytes: [UInt8] = []
        if let sort {
            try cursor.readKey(sort, at: sortAt) { value in
                guard value.count <= ItemLimits.sortKeyBytesMax else { throw sort.tooLong(ItemLimits.sortKeyBytesMax) }
                if sort.type == .n {
                    DecimalText.appendOrder(value, into: &sortBytes)
                } else {
                    sortBytes.append(contentsOf: value)
                }
            }
        }
        return ScannedItem(
            partition: partitionBytes, sort: sortBytes, timeToLive: try expiry(&cursor, at: timeToLiveAt), size: size)
    }

    private func expiry(_ cursor: inout CanonicalCursor, at value: UnsafePointer<UInt8>?) throws -> Int64? {
        guard let value, value[2] == UInt8(ascii: "N"), value[3] == UInt8(ascii: "\"") else { return nil }
        cursor.at = value + 6
        return DecimalText.floor(try cursor.number().bytes)
    }

    /// The canonical bytes of only the key attributes of a canonical item, for change records.
    package func keys(of bytes: [UInt8]) throws -> [UInt8] {
        try bytes.withUnsafeBytes { try keys(of: $0) }
    }

    package func keys(of bytes: UnsafeRawBufferPointer) throws -> [UInt8] {
        var cursor = try CanonicalCursor(bytes)
        var keys: [UInt8] = [UInt8(ascii: "{")]
        var found = 0
        var previous: CanonicalCursor.Text?
        try cursor.expect("{")
        if !cursor.take("}") {
            repeat {
                let begin = cursor.at
                let name = try cursor.memberName(after: &previous)
                _ = try cursor.value(depth: 1)
                if partition.matches(name) || sort?.matches(name) == true {
                    if found > 0 { keys.append(UInt8(ascii: ",")) }
                    keys.append(contentsOf: UnsafeBufferPointer(start: begin, count: cursor.at - begin))
                    found += 1
                }
            } while cursor.take(",")
            try cursor.expect("}")
        }
        guard found == (sort == nil ? 1 : 2) else {
            throw ModelError(.missingKey, "An item lacks an attribute of its table's key.")
        }
        keys.append(UInt8(ascii: "}"))
        return keys
    }
}

/// An attribute to look for, by its canonical spelling, which is unique.
struct Role: Sendable {
    let name: String
    let type: KeyType
    private let spelling: [UInt8]
    /// The first eight bytes of the spelling, zeros behind: most names are told apart by these and the length.
    private let head: UInt64

    init(name: String, type: KeyType) {
        self.name = name
        self.type = type
        var sink = ByteSink()
        for byte in name.utf8 {
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                EscapedByte.append(byte, to: &sink)
            } else {
                sink.append(byte)
            }
        }
        spelling = sink.array()
        head = spelling.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A name is followed by `":{"`, a value of at least eight bytes: a word may always be read.
    @inline(__always)
    func matches(_ text: CanonicalCursor.Text) -> Bool {
        guard text.count == spelling.count else { return false }
        let word = ByteWord.load(text.start)
        let unused = UInt64(max(0, 8 &- text.count)) &* 8
        guard unused < 64 else { return true }
        guard (word ^ head) << unused == 0 else { return false }
        return text.count <= 8 || matchesRest(text)
    }

    @inline(never)
    private func matchesRest(_ text: CanonicalCursor.Text) -> Bool {
        spelling.elementsEqual(text.bytes)
    }

    func tooLong(_ limit: Int) -> ModelError {
        ModelError(.keyTooLong, "The value of key attribute '\(name)' is longer than \(limit) bytes, DynamoDB's limit.")
    }
}

extension CanonicalCursor {
    /// Hands the raw value of a key attribute to `body`; the item has been checked before.
    fileprivate mutating func readKey(
        _ role: Role, at value: UnsafePointer<UInt8>?, _ body: (UnsafeBufferPointer<UInt8>) throws -> Void
    ) throws {
        guard let value else {
            throw ModelError(.missingKey, "An item lacks the key attribute '\(role.name)'.")
        }
        guard value[2] == role.type.letter, value[3] == UInt8(ascii: "\"") else {
            throw ModelError(
                .wrongKeyType, "The key attribute '\(role.name)' of an item is not of type \(role.type.rawValue).")
        }
        at = value + 6
        switch role.type {
        case .n:
            try body(try number().bytes)
        case .s:
            let text = try text()
            guard text.count > 0 else { throw emptyKey(role) }
            if text.escapeBytes == 0 {
                try body(text.bytes)
            } else {
                try CanonicalCursor.unescaped(text).withUnsafeBufferPointer(body)
            }
        case .b:
            let (text, count) = try binary()
            guard count > 0 else { throw emptyKey(role) }
            let bytes = Base64.decoded(text)
            try bytes.withUnsafeBufferPointer(body)
        }
    }

    private func emptyKey(_ role: Role) -> ModelError {
        ModelError(.emptyKey, "The key attribute '\(role.name)' of an item is empty.")
    }
}
