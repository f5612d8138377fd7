// SPDX-License-Identifier: Apache-2.0

extension TableDescription {
    /// The description in the spelling of `CreateTable`, with `TableId`, `CreationDateTime` and `TimeToLiveSpecification` besides.
    package func json() -> JSON {
        var members: [JSON.Member] = [
            .init("TableName", .string(name)),
            .init(
                "AttributeDefinitions",
                .array(
                    attributeDefinitions.map { attribute in
                        .object([
                            .init("AttributeName", .string(attribute.name)),
                            .init("AttributeType", .string(attribute.type.rawValue)),
                        ])
                    })),
            .init("KeySchema", keySchema.json),
        ]
        if !id.isEmpty { members.append(.init("TableId", .string(id))) }
        if let createdAt { members.append(.init("CreationDateTime", .number(createdAt.epochSeconds))) }
        if !globalIndexes.isEmpty { members.append(.init("GlobalSecondaryIndexes", .array(globalIndexes.map(\.json)))) }
        if !localIndexes.isEmpty { members.append(.init("LocalSecondaryIndexes", .array(localIndexes.map(\.json)))) }
        switch billing {
        case .onDemand:
            members.append(.init("BillingMode", .string("PAY_PER_REQUEST")))
            if let described = unknownWithin.describedThroughput { members.append(described) }
        case .provisioned(let throughput):
            members.append(.init("BillingMode", .string("PROVISIONED")))
            members.append(.init("ProvisionedThroughput", throughput.json))
        }
        if let timeToLive {
            members.append(
                .init(
                    "TimeToLiveSpecification",
                    .object([
                        .init("AttributeName", .string(timeToLive.attribute)),
                        .init("Enabled", .bool(timeToLive.enabled)),
                    ])))
        }
        if let stream {
            var specification: [JSON.Member] = [.init("StreamEnabled", .bool(stream.enabled))]
            if let view = stream.view { specification.append(.init("StreamViewType", .string(view.rawValue))) }
            members.append(.init("StreamSpecification", .object(specification)))
        }
        members.append(.init("SSESpecification", encryption.json))
        if !tags.isEmpty {
            let list = tags.map { JSON.object([.init("Key", .string($0.key)), .init("Value", .string($0.value))]) }
            members.append(.init("Tags", .array(list)))
        }
        return .object(members.map { $0.adding(unknownWithin[$0.name]) } + unknown)
    }
}

extension [String: [JSON.Member]] {
    /// On demand there is no throughput to write, unless as a place for what `DescribeTable` told besides its zeros.
    fileprivate var describedThroughput: JSON.Member? {
        self["ProvisionedThroughput"].map { _ in .init("ProvisionedThroughput", Throughput(read: 0, write: 0).json) }
    }
}

extension JSON.Member {
    /// The object with more members.
    fileprivate func adding(_ more: [JSON.Member]?) -> JSON.Member {
        guard let more, let members = value.members else { return self }
        return JSON.Member(name, .object(members + more))
    }
}

extension KeySchema {
    fileprivate var json: JSON {
        var elements = [KeySchema.element(partition.name, "HASH")]
        if let sort { elements.append(KeySchema.element(sort.name, "RANGE")) }
        return .array(elements)
    }

    private static func element(_ name: String, _ type: String) -> JSON {
        .object([.init("AttributeName", .string(name)), .init("KeyType", .string(type))])
    }
}

extension TableIndex {
    fileprivate var json: JSON {
        var members: [JSON.Member] = [
            .init("IndexName", .string(name)), .init("KeySchema", keySchema.json), .init("Projection", projection.json),
        ]
        if let throughput {
            members.append(.init("ProvisionedThroughput", throughput.json))
        } else if let described = unknownWithin.describedThroughput {
            members.append(described)
        }
        return .object(members.map { $0.adding(unknownWithin[$0.name]) } + unknown)
    }
}

extension Projection {
    fileprivate var json: JSON {
        switch self {
        case .all: .object([.init("ProjectionType", .string("ALL"))])
        case .keysOnly: .object([.init("ProjectionType", .string("KEYS_ONLY"))])
        case .include(let names):
            .object([
                .init("ProjectionType", .string("INCLUDE")),
                .init("NonKeyAttributes", .array(names.map { .string($0) })),
            ])
        }
    }
}

extension Throughput {
    fileprivate var json: JSON {
        .object([.init("ReadCapacityUnits", .integer(read)), .init("WriteCapacityUnits", .integer(write))])
    }
}

extension TableEncryption {
    fileprivate var json: JSON {
        var members: [JSON.Member] = [.init("Enabled", .bool(`class` != .owned))]
        if `class` != .owned { members.append(.init("SSEType", .string("KMS"))) }
        if let key { members.append(.init("KMSMasterKeyId", .string(key))) }
        return .object(members)
    }
}
