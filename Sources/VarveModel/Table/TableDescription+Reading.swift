// SPDX-License-Identifier: Apache-2.0

extension TableDescription {
    /// Reads the input of `CreateTable` or the output of `DescribeTable`, bare or wrapped as `{"Table":{…}}` or `{"TableDescription":{…}}`.
    package init(createTable text: [UInt8]) throws {
        try self.init(json: try JSON(text: text))
    }

    /// The same from a tree. The result has been validated.
    package init(json: JSON) throws {
        let table = json["Table"] ?? json["TableDescription"] ?? json
        var reader = try ObjectReader(table, what: "table description")
        let name = try reader.string("TableName", required: true)
        var definitions: [KeyAttribute] = []
        for element in try reader.array("AttributeDefinitions") ?? [] {
            var definition = try ObjectReader(element, what: "attribute definition")
            let attribute = try definition.string("AttributeName", required: true)
            let type = try definition.string("AttributeType", required: true)
            guard let keyType = KeyType(rawValue: type) else {
                throw ModelError(
                    .invalidTable,
                    "Attribute '\(attribute)' is defined with type '\(type)'. A key is of type S, N or B.")
            }
            try definition.end()
            definitions.append(KeyAttribute(name: attribute, type: keyType))
        }
        let schema = try reader.keySchema(definitions, owner: "the table")
        self.init(name: name, keySchema: schema, attributeDefinitions: definitions)
        id = try reader.string("TableId", required: false)
        globalIndexes = try reader.indexes("GlobalSecondaryIndexes", definitions)
        localIndexes = try reader.indexes("LocalSecondaryIndexes", definitions)
        billing = try reader.billing()
        timeToLive = try reader.timeToLive()
        stream = try reader.stream()
        encryption = try reader.encryption()
        tags = try reader.tags()
        createdAt = try reader.createdAt()
        unknown = reader.rest
        unknownWithin = reader.restWithin
        try validate()
    }
}

/// Takes members out of an object; what has not been taken at the end is unknown and kept.
private struct ObjectReader {
    private(set) var rest: [JSON.Member]
    private(set) var restWithin: [String: [JSON.Member]] = [:]
    let what: String

    init(_ json: JSON, what: String) throws {
        guard let members = json.members else {
            throw ModelError(.invalidTable, "A \(what) must be a JSON object.")
        }
        rest = members
        self.what = what
    }

    func peek(_ name: String) -> JSON? {
        rest.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
    }

    /// A member that is there and not null.
    mutating func take(_ name: String) -> JSON? {
        guard let index = rest.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { return nil }
        let value = rest.remove(at: index).value
        return value == .null ? nil : value
    }

    /// Keeps what is left of an object that was read by `reader`.
    mutating func keep(_ reader: ObjectReader, as name: String) {
        if !reader.rest.isEmpty { restWithin[name] = reader.rest }
    }

    /// Elements of lists have nothing unknown: what could not be kept must not be dropped.
    func end() throws {
        guard let member = rest.first else { return }
        throw ModelError(
            .invalidTable, "Member '\(member.name)' of a \(what) is not known to this version, which could lose it.")
    }

    func wrong(_ name: String, _ should: String) -> ModelError {
        ModelError(.invalidTable, "Member '\(name)' of a \(what) must be \(should).")
    }

    mutating func string(_ name: String, required: Bool) throws -> String {
        guard let value = take(name) else {
            if required { throw ModelError(.invalidTable, "A \(what) lacks the member '\(name)'.") }
            return ""
        }
        guard let text = value.string else { throw wrong(name, "a string") }
        return text
    }

    mutating func array(_ name: String) throws -> [JSON]? {
        guard let value = take(name) else { return nil }
        guard let elements = value.array else { throw wrong(name, "an array") }
        return elements
    }

    /// A flag of a nested object; `missing` where it is left out.
    mutating func flag(_ name: String, missing: Bool) throws -> Bool {
        guard let value = take(name) else { return missing }
        guard let flag = value.bool else { throw wrong(name, "true or false") }
        return flag
    }
}

// MARK: - Keys and indexes

extension ObjectReader {
    mutating func keySchema(_ definitions: [KeyAttribute], owner: String) throws -> KeySchema {
        guard let elements = try array("KeySchema"), (1...2).contains(elements.count) else {
            throw ModelError(
                .invalidTable, "The key schema of \(owner) must have one HASH and at most one RANGE element.")
        }
        var attributes: [KeyAttribute] = []
        for (element, expected) in zip(elements, ["HASH", "RANGE"]) {
            var member = try ObjectReader(element, what: "key schema element")
            let name = try member.string("AttributeName", required: true)
            guard try member.string("KeyType", required: true) == expected else {
                throw ModelError(
                    .invalidTable,
                    "The key schema of \(owner) must have its HASH element first and then its RANGE element.")
            }
            guard let attribute = definitions.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
                throw ModelError(
                    .invalidTable,
                    "Attribute '\(name)' is a key of \(owner) but is not defined. Add it to AttributeDefinitions with its type."
                )
            }
            try member.end()
            attributes.append(attribute)
        }
        return KeySchema(partition: attributes[0], sort: attributes.count > 1 ? attributes[1] : nil)
    }

    mutating func indexes(_ name: String, _ definitions: [KeyAttribute]) throws -> [TableIndex] {
        try (try array(name) ?? []).map { element in
            var reader = try ObjectReader(element, what: "secondary index")
            let indexName = try reader.string("IndexName", required: true)
            var index = TableIndex(
                name: indexName,
                keySchema: try reader.keySchema(definitions, owner: "index '\(indexName)'"),
                projection: try reader.projection(indexName),
                throughput: try reader.throughput())
            index.unknown = reader.rest
            index.unknownWithin = reader.restWithin
            return index
        }
    }

    private mutating func projection(_ index: String) throws -> Projection {
        guard let value = take("Projection") else {
            throw ModelError(.invalidTable, "Index '\(index)' has no projection. Give ALL, KEYS_ONLY or INCLUDE.")
        }
        var reader = try ObjectReader(value, what: "projection")
        let type = try reader.string("ProjectionType", required: true)
        let names = try reader.array("NonKeyAttributes")
        keep(reader, as: "Projection")
        switch type {
        case "INCLUDE":
            guard let names, !names.isEmpty else {
                throw ModelError(.invalidTable, "Index '\(index)' includes attributes but names none.")
            }
            return .include(
                try names.map { element in
                    guard let name = element.string else {
                        throw reader.wrong("NonKeyAttributes", "an array of strings")
                    }
                    return name
                })
        case "ALL" where names?.isEmpty != false:
            return .all
        case "KEYS_ONLY" where names?.isEmpty != false:
            return .keysOnly
        default:
            throw ModelError(
                .invalidTable,
                "Index '\(index)' has projection '\(type)'. Give ALL or KEYS_ONLY, or INCLUDE with the attributes' names."
            )
        }
    }

    /// Capacity of a table or an index; `nil` where `DescribeTable` tells zeros, as it does on demand.
    mutating func throughput() throws -> Throughput? {
        guard let value = take("ProvisionedThroughput") else { return nil }
        var reader = try ObjectReader(value, what: "ProvisionedThroughput")
        guard let read = reader.take("ReadCapacityUnits")?.integer,
            let write = reader.take("WriteCapacityUnits")?.integer
        else {
            throw wrong("ProvisionedThroughput", "an object with whole ReadCapacityUnits and WriteCapacityUnits")
        }
        keep(reader, as: "ProvisionedThroughput")
        return read == 0 && write == 0 ? nil : Throughput(read: read, write: write)
    }
}

// MARK: - Settings

extension ObjectReader {
    mutating func billing() throws -> Billing {
        let given = try string("BillingMode", required: false)
        let mode = given.isEmpty ? peek("BillingModeSummary")?["BillingMode"]?.string ?? "" : given
        let throughput = try throughput()
        switch mode {
        case "PAY_PER_REQUEST":
            guard throughput == nil || given.isEmpty else {
                throw ModelError(
                    .invalidTable,
                    "A table with BillingMode PAY_PER_REQUEST has no ProvisionedThroughput. Leave one of them out.")
            }
            return .onDemand
        case "PROVISIONED", "":
            // A description from which both were left out is one that was never asked for capacity: an embedded table.
            guard let throughput else {
                if mode.isEmpty { return .onDemand }
                throw ModelError(
                    .invalidTable,
                    "A table with BillingMode PROVISIONED needs ProvisionedThroughput of at least 1 and 1.")
            }
            return .provisioned(throughput)
        default:
            throw ModelError(.invalidTable, "BillingMode '\(mode)' is unknown. Give PAY_PER_REQUEST or PROVISIONED.")
        }
    }

    mutating func timeToLive() throws -> TimeToLive? {
        if let value = take("TimeToLiveSpecification") {
            var reader = try ObjectReader(value, what: "TimeToLiveSpecification")
            let attribute = try reader.string("AttributeName", required: true)
            let enabled = try reader.flag("Enabled", missing: true)
            keep(reader, as: "TimeToLiveSpecification")
            return TimeToLive(attribute: attribute, enabled: enabled)
        }
        guard let described = peek("TimeToLiveDescription"), let attribute = described["AttributeName"]?.string else {
            return nil
        }
        let status = described["TimeToLiveStatus"]?.string
        return TimeToLive(attribute: attribute, enabled: status == "ENABLED" || status == "ENABLING")
    }

    mutating func stream() throws -> StreamSettings? {
        guard let value = take("StreamSpecification") else { return nil }
        var reader = try ObjectReader(value, what: "StreamSpecification")
        let enabled = try reader.flag("StreamEnabled", missing: false)
        let text = try reader.string("StreamViewType", required: false)
        keep(reader, as: "StreamSpecification")
        let view = StreamSettings.View(rawValue: text)
        guard view != nil || (text.isEmpty && !enabled) else {
            throw ModelError(
                .invalidTable,
                "StreamViewType '\(text)' is unknown. Give NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES or KEYS_ONLY.")
        }
        return StreamSettings(enabled: enabled, view: view)
    }

    mutating func encryption() throws -> TableEncryption {
        if let value = take("SSESpecification") {
            var reader = try ObjectReader(value, what: "SSESpecification")
            let enabled = try reader.flag("Enabled", missing: false)
            let type = try reader.string("SSEType", required: false)
            guard type.isEmpty || type == "KMS" || type == "AES256" else {
                throw ModelError(.invalidTable, "SSEType '\(type)' is unknown. Give KMS.")
            }
            let key = try reader.string("KMSMasterKeyId", required: false)
            keep(reader, as: "SSESpecification")
            guard enabled || key.isEmpty else {
                throw ModelError(
                    .invalidTable, "An SSESpecification names a key but is not enabled. Set Enabled to true.")
            }
            return enabled ? ObjectReader.encryption(under: key) : .owned
        }
        guard let described = peek("SSEDescription"), described["SSEType"]?.string == "KMS" else { return .owned }
        return ObjectReader.encryption(under: described["KMSMasterKeyArn"]?.string ?? "")
    }

    /// Without a key, or with the alias that DynamoDB made itself, the key is a managed one.
    private static func encryption(under key: String) -> TableEncryption {
        if key.isEmpty { return TableEncryption(class: .managed) }
        let managed = key.utf8.elementsEqual("alias/aws/dynamodb".utf8) || key.hasSuffix(":alias/aws/dynamodb")
        return TableEncryption(class: managed ? .managed : .customer, key: key)
    }

    mutating func tags() throws -> [Tag] {
        try (try array("Tags") ?? []).map { element in
            var reader = try ObjectReader(element, what: "tag")
            let tag = Tag(
                key: try reader.string("Key", required: true), value: try reader.string("Value", required: true))
            try reader.end()
            return tag
        }
    }

    /// Seconds since 1970 as a number, as the API sends it, or RFC 3339 text, as the AWS command line prints it.
    mutating func createdAt() throws -> Instant? {
        switch take("CreationDateTime") {
        case nil: return nil
        case .string(let text):
            guard let instant = Instant(rfc3339: text) else { throw wrong("CreationDateTime", "a time") }
            return instant
        case .number(let text):
            guard let instant = Instant(epochSeconds: text) else { throw wrong("CreationDateTime", "a time") }
            return instant
        default: throw wrong("CreationDateTime", "a time")
        }
    }
}
