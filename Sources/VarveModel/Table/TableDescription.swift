// SPDX-License-Identifier: Apache-2.0

/// What a table is, apart from its items: what `CreateTable` takes and `DescribeTable` tells.
///
/// It is read from either spelling and written in that of `CreateTable`. Members that are not understood are kept and written out again,
/// so that no feature of a table is lost in its archive. Source of the rules: the DynamoDB API reference, 2012-08-10.
package struct TableDescription: Sendable, Hashable {
    package var name: String
    /// A dropped and recreated table has another id. Empty until a store has given one.
    package var id: String
    package var keySchema: KeySchema
    /// The attributes that are part of the table's or an index's key.
    package var attributeDefinitions: [KeyAttribute]
    package var globalIndexes: [TableIndex]
    package var localIndexes: [TableIndex]
    package var timeToLive: TimeToLive?
    package var stream: StreamSettings?
    package var billing: Billing
    package var tags: [Tag]
    package var encryption: TableEncryption
    package var createdAt: Instant?
    /// Members that are not understood, verbatim, and the spellings of `DescribeTable` for those that are.
    package var unknown: [JSON.Member]
    /// The same for members of the objects that are understood, by the name of the object.
    var unknownWithin: [String: [JSON.Member]] = [:]

    /// A table with the key alone; everything else can be set after.
    package init(
        name: String, id: String = "", keySchema: KeySchema, attributeDefinitions: [KeyAttribute]? = nil,
        globalIndexes: [TableIndex] = [], localIndexes: [TableIndex] = [], timeToLive: TimeToLive? = nil,
        stream: StreamSettings? = nil, billing: Billing = .onDemand, tags: [Tag] = [],
        encryption: TableEncryption = .owned, createdAt: Instant? = nil, unknown: [JSON.Member] = []
    ) {
        self.name = name
        self.id = id
        self.keySchema = keySchema
        self.attributeDefinitions = attributeDefinitions ?? [keySchema.partition] + (keySchema.sort.map { [$0] } ?? [])
        self.globalIndexes = globalIndexes
        self.localIndexes = localIndexes
        self.timeToLive = timeToLive
        self.stream = stream
        self.billing = billing
        self.tags = tags
        self.encryption = encryption
        self.createdAt = createdAt
        self.unknown = unknown
    }

    /// The attribute that says when an item expires, while time to live is on.
    package var timeToLiveAttribute: String? {
        guard let timeToLive, timeToLive.enabled else { return nil }
        return timeToLive.attribute
    }

    /// A scanner for this table's items.
    package var scanner: ItemScanner { ItemScanner(schema: keySchema, timeToLive: timeToLiveAttribute) }
}

/// A global or local secondary index.
package struct TableIndex: Sendable, Hashable {
    package var name: String
    package var keySchema: KeySchema
    package var projection: Projection
    /// The index's own capacity; always `nil` for a local one and for a table on demand.
    package var throughput: Throughput?
    package var unknown: [JSON.Member]
    var unknownWithin: [String: [JSON.Member]] = [:]

    package init(
        name: String, keySchema: KeySchema, projection: Projection, throughput: Throughput? = nil,
        unknown: [JSON.Member] = []
    ) {
        self.name = name
        self.keySchema = keySchema
        self.projection = projection
        self.throughput = throughput
        self.unknown = unknown
    }
}

/// Which attributes an index carries.
package enum Projection: Sendable, Hashable {
    case all
    case keysOnly
    case include([String])
}

package struct TimeToLive: Sendable, Hashable {
    package var attribute: String
    package var enabled: Bool

    package init(attribute: String, enabled: Bool) {
        self.attribute = attribute
        self.enabled = enabled
    }
}

package struct StreamSettings: Sendable, Hashable {
    package enum View: String, Sendable, Hashable, CaseIterable {
        case newImage = "NEW_IMAGE"
        case oldImage = "OLD_IMAGE"
        case newAndOldImages = "NEW_AND_OLD_IMAGES"
        case keysOnly = "KEYS_ONLY"
    }

    package var enabled: Bool
    package var view: View?

    package init(enabled: Bool, view: View?) {
        self.enabled = enabled
        self.view = view
    }
}

/// Provisioned capacity, in units a second.
package struct Throughput: Sendable, Hashable {
    package var read: Int
    package var write: Int

    package init(read: Int, write: Int) {
        self.read = read
        self.write = write
    }
}

package enum Billing: Sendable, Hashable {
    case onDemand
    case provisioned(Throughput)
}

/// The key class under which a table is encrypted at rest.
package struct TableEncryption: Sendable, Hashable {
    package enum Class: String, Sendable, Hashable, CaseIterable {
        case owned
        case managed
        case customer
    }

    package var `class`: Class
    /// The wrapping key's id, ARN or alias, as it was given.
    package var key: String?

    package init(class: Class, key: String? = nil) {
        self.class = `class`
        self.key = key
    }

    package static let owned = TableEncryption(class: .owned)
}

package struct Tag: Sendable, Hashable {
    package var key: String
    package var value: String

    package init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}
