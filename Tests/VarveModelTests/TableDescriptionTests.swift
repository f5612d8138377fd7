// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing
import VarveModel

private func table(_ json: String) throws -> TableDescription {
    try TableDescription(createTable: Array(json.utf8))
}

/// A valid table of which one member is replaced or added.
private func variant(_ members: [String: String?]) -> String {
    var all: [String: String] = [
        "TableName": #""orders""#,
        "AttributeDefinitions":
            #"[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"}]"#,
        "KeySchema": #"[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]"#,
    ]
    for (name, value) in members { all[name] = value }
    return "{" + all.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
}

private func definitions(_ pairs: [(String, String)]) -> String {
    "[" + pairs.map { #"{"AttributeName":"\#($0.0)","AttributeType":"\#($0.1)"}"# }.joined(separator: ",") + "]"
}

private func index(_ name: String, hash: String, range: String? = nil, more: String = "") -> String {
    let sort = range.map { #",{"AttributeName":"\#($0)","KeyType":"RANGE"}"# } ?? ""
    return #"{"IndexName":"\#(name)","KeySchema":[{"AttributeName":"\#(hash)","KeyType":"HASH"}\#(sort)],"#
        + #""Projection":{"ProjectionType":"ALL"}\#(more)}"#
}

@Suite struct TableDescriptionTests {
    static let created = #"""
        {"TableName":"orders","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"},
        {"AttributeName":"g","AttributeType":"B"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
        "BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6},
        "GlobalSecondaryIndexes":[{"IndexName":"by-g","KeySchema":[{"AttributeName":"g","KeyType":"HASH"}],
        "Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["x","y"]},"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":2},
        "WarmThroughput":{"ReadUnitsPerSecond":12000}}],
        "LocalSecondaryIndexes":[{"IndexName":"by.l","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"g","KeyType":"RANGE"}],
        "Projection":{"ProjectionType":"KEYS_ONLY"}}],
        "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES","Future":1},
        "SSESpecification":{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"alias/orders"},"Tags":[{"Key":"team","Value":"shop"}],
        "TimeToLiveSpecification":{"AttributeName":"expires","Enabled":true},"DeletionProtectionEnabled":true,"TableClass":"STANDARD",
        "VectorIndexes":[{"IndexName":"v","Numbers":[1.50,1e3]}]}
        """#

    @Test func `the input of CreateTable is read whole`() throws {
        let orders = try table(Self.created)
        let pk = KeyAttribute(name: "pk", type: .s)
        let sk = KeyAttribute(name: "sk", type: .n)
        let g = KeyAttribute(name: "g", type: .b)
        #expect(orders.name == "orders")
        #expect(orders.id.isEmpty)
        #expect(orders.keySchema == KeySchema(partition: pk, sort: sk))
        #expect(orders.attributeDefinitions == [pk, sk, g])
        #expect(orders.billing == .provisioned(Throughput(read: 5, write: 6)))
        #expect(orders.globalIndexes.map(\.projection) == [.include(["x", "y"])])
        #expect(orders.globalIndexes.map(\.throughput) == [Throughput(read: 1, write: 2)])
        #expect(
            orders.globalIndexes.map(\.unknown) == [
                [.init("WarmThroughput", .object([.init("ReadUnitsPerSecond", .number("12000"))]))]
            ])
        #expect(orders.localIndexes.map(\.keySchema) == [KeySchema(partition: pk, sort: g)])
        #expect(orders.localIndexes.map(\.projection) == [.keysOnly])
        #expect(orders.stream == StreamSettings(enabled: true, view: .newAndOldImages))
        #expect(orders.encryption == TableEncryption(class: .customer, key: "alias/orders"))
        #expect(orders.tags == [Tag(key: "team", value: "shop")])
        #expect(orders.timeToLiveAttribute == "expires")
        #expect(orders.unknown.map(\.name) == ["DeletionProtectionEnabled", "TableClass", "VectorIndexes"])
    }

    @Test func `what is written says the same as what was read`() throws {
        let orders = try table(Self.created)
        #expect(orders.json() == (try JSON(text: Array(Self.created.utf8))))
        #expect(try TableDescription(json: orders.json()) == orders)
        #expect(String(decoding: orders.json().text(), as: UTF8.self).contains(#""Numbers":[1.50,1e3]"#))
        // And through a manifest, where Codable loses the order of members and the spelling of numbers.
        let coded = try JSONEncoder().encode(orders.json())
        let back = try TableDescription(json: JSONDecoder().decode(JSON.self, from: coded))
        #expect(back.globalIndexes == orders.globalIndexes)
        #expect(back.keySchema == orders.keySchema)
    }

    @Test(arguments: ["{\"Table\":%}", "{\"TableDescription\":%}", "%"])
    func `the output of DescribeTable is read, wrapped or not`(wrapper: String) throws {
        let described = #"""
            {"TableName":"orders","TableId":"7d0bd5d7-cd9f-4ad3-bff5-2f2cf3a3f9ad","TableArn":"arn:aws:dynamodb:eu-west-1:1:table/orders",
            "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],
            "TableStatus":"ACTIVE","CreationDateTime":1763892484.123456,"TableSizeBytes":0,"ItemCount":0,
            "ProvisionedThroughput":{"NumberOfDecreasesToday":0,"ReadCapacityUnits":0,"WriteCapacityUnits":0},
            "BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST","LastUpdateToPayPerRequestDateTime":1763892484.0},
            "SSEDescription":{"Status":"ENABLED","SSEType":"KMS","KMSMasterKeyArn":"arn:aws:kms:eu-west-1:1:key/k"},
            "TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"t"},"Future":null}
            """#
        let orders = try table(
            wrapper.split(separator: "%", omittingEmptySubsequences: false).joined(separator: described))
        #expect(orders.id == "7d0bd5d7-cd9f-4ad3-bff5-2f2cf3a3f9ad")
        #expect(orders.createdAt == Instant(microseconds: 1_763_892_484_123_456))
        #expect(orders.billing == .onDemand)
        #expect(orders.encryption == TableEncryption(class: .customer, key: "arn:aws:kms:eu-west-1:1:key/k"))
        #expect(orders.timeToLive == TimeToLive(attribute: "t", enabled: true))
        #expect(orders.unknown.contains(.init("TableSizeBytes", .number("0"))))
        #expect(orders.unknown.contains(.init("Future", .null)))
        #expect(try TableDescription(json: orders.json()) == orders)
        #expect(orders.json()["ProvisionedThroughput"]?["NumberOfDecreasesToday"] == .number("0"))
        // What is set later beats what was described then.
        var changed = orders
        changed.timeToLive = TimeToLive(attribute: "u", enabled: false)
        changed.encryption = .owned
        changed.billing = .provisioned(Throughput(read: 1, write: 1))
        let back = try TableDescription(json: changed.json())
        #expect(back.timeToLive == changed.timeToLive)
        #expect(back.encryption == .owned)
        #expect(back.billing == changed.billing)
    }

    @Test(arguments: [
        ("abc", true), (String(repeating: "a", count: 255), true), ("a_b-c.D9", true), ("ab", false), ("", false),
        (String(repeating: "a", count: 256), false), ("a b", false), ("a/b", false), ("é12", false), ("...", false),
        ("a~b", false),
    ])
    func `table names follow DynamoDB's rule`(name: String, valid: Bool) throws {
        let json = variant(["TableName": "\"\(name)\""])
        if valid {
            #expect(try table(json).name == name)
        } else {
            let error = #expect(throws: ModelError.self) { try table(json) }
            #expect(error?.code == .invalidTableName)
        }
    }

    static let invalid: [(String, String)] = [
        ("no name", variant(["TableName": nil])),
        ("no keys", variant(["KeySchema": nil])),
        ("no definitions", variant(["AttributeDefinitions": nil])),
        (
            "three keys",
            variant([
                "KeySchema":
                    #"[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"},{"AttributeName":"sk","KeyType":"RANGE"}]"#
            ])
        ),
        (
            "range first",
            variant([
                "KeySchema": #"[{"AttributeName":"sk","KeyType":"RANGE"},{"AttributeName":"pk","KeyType":"HASH"}]"#
            ])
        ),
        (
            "hash twice",
            variant(["KeySchema": #"[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"HASH"}]"#]
            )
        ),
        (
            "same attribute twice",
            variant([
                "KeySchema": #"[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"pk","KeyType":"RANGE"}]"#
            ])
        ),
        (
            "unknown member of a key",
            variant([
                "KeySchema":
                    #"[{"AttributeName":"pk","KeyType":"HASH","X":1},{"AttributeName":"sk","KeyType":"RANGE"}]"#
            ])
        ),
        ("key of a wrong type", variant(["AttributeDefinitions": definitions([("pk", "SS"), ("sk", "N")])])),
        ("key not defined", variant(["AttributeDefinitions": definitions([("pk", "S")])])),
        (
            "attribute defined twice",
            variant(["AttributeDefinitions": definitions([("pk", "S"), ("sk", "N"), ("sk", "S")])])
        ),
        ("attribute not used", variant(["AttributeDefinitions": definitions([("pk", "S"), ("sk", "N"), ("x", "S")])])),
        (
            "long key name",
            variant([
                "AttributeDefinitions": definitions([(String(repeating: "k", count: 256), "S")]),
                "KeySchema": #"[{"AttributeName":"\#(String(repeating: "k", count: 256))","KeyType":"HASH"}]"#,
            ])
        ),
        ("index key not defined", variant(["GlobalSecondaryIndexes": "[\(index("abc", hash: "x"))]"])),
        (
            "index twice",
            variant(["GlobalSecondaryIndexes": "[\(index("abc", hash: "pk")),\(index("abc", hash: "sk"))]"])
        ),
        ("index name", variant(["GlobalSecondaryIndexes": "[\(index("a!c", hash: "pk"))]"])),
        (
            "21 global indexes",
            variant([
                "GlobalSecondaryIndexes": "[" + (0..<21).map { index("index\($0)", hash: "pk") }.joined(separator: ",")
                    + "]"
            ])
        ),
        (
            "6 local indexes",
            variant([
                "LocalSecondaryIndexes": "["
                    + (0..<6).map { index("index\($0)", hash: "pk", range: "sk") }.joined(separator: ",") + "]"
            ])
        ),
        (
            "local index with another partition",
            variant(["LocalSecondaryIndexes": "[\(index("abc", hash: "sk", range: "pk"))]"])
        ),
        ("local index without sort key", variant(["LocalSecondaryIndexes": "[\(index("abc", hash: "pk"))]"])),
        (
            "local index of a table without sort key",
            variant([
                "KeySchema": #"[{"AttributeName":"pk","KeyType":"HASH"}]"#,
                "LocalSecondaryIndexes": "[\(index("abc", hash: "pk", range: "sk"))]",
            ])
        ),
        (
            "local index with throughput",
            variant([
                "BillingMode": #""PROVISIONED""#,
                "ProvisionedThroughput": #"{"ReadCapacityUnits":1,"WriteCapacityUnits":1}"#,
                "LocalSecondaryIndexes":
                    "[\(index("abc", hash: "pk", range: "sk", more: #","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}"#))]",
            ])
        ),
        (
            "index throughput on demand",
            variant([
                "GlobalSecondaryIndexes":
                    "[\(index("abc", hash: "pk", more: #","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}"#))]"
            ])
        ),
        (
            "index without projection",
            variant([
                "GlobalSecondaryIndexes":
                    #"[{"IndexName":"abc","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}]"#
            ])
        ),
        (
            "include nothing",
            variant([
                "GlobalSecondaryIndexes":
                    #"[{"IndexName":"abc","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"Projection":{"ProjectionType":"INCLUDE"}}]"#
            ])
        ),
        ("billing mode", variant(["BillingMode": #""FREE""#])),
        ("provisioned without throughput", variant(["BillingMode": #""PROVISIONED""#])),
        ("throughput of zero", variant(["ProvisionedThroughput": #"{"ReadCapacityUnits":0,"WriteCapacityUnits":1}"#])),
        (
            "throughput on demand",
            variant([
                "BillingMode": #""PAY_PER_REQUEST""#,
                "ProvisionedThroughput": #"{"ReadCapacityUnits":1,"WriteCapacityUnits":1}"#,
            ])
        ),
        ("stream without view", variant(["StreamSpecification": #"{"StreamEnabled":true}"#])),
        ("stream view", variant(["StreamSpecification": #"{"StreamEnabled":true,"StreamViewType":"ALL"}"#])),
        (
            "view without stream",
            variant(["StreamSpecification": #"{"StreamEnabled":false,"StreamViewType":"NEW_IMAGE"}"#])
        ),
        ("encryption type", variant(["SSESpecification": #"{"Enabled":true,"SSEType":"ROT13"}"#])),
        ("key without encryption", variant(["SSESpecification": #"{"Enabled":false,"KMSMasterKeyId":"k"}"#])),
        ("time to live without name", variant(["TimeToLiveSpecification": #"{"AttributeName":"","Enabled":true}"#])),
        ("tag without value", variant(["Tags": #"[{"Key":"a"}]"#])),
        ("tag twice", variant(["Tags": #"[{"Key":"a","Value":""},{"Key":"a","Value":"b"}]"#])),
        (
            "51 tags",
            variant(["Tags": "[" + (0..<51).map { #"{"Key":"k\#($0)","Value":""}"# }.joined(separator: ",") + "]"])
        ),
        ("creation time", variant(["CreationDateTime": #""yesterday""#])),
        ("not an object", "[]"),
    ]

    @Test(arguments: invalid)
    func `what CreateTable refuses is refused`(what: String, json: String) {
        let error = #expect(throws: ModelError.self) { try table(json) }
        #expect(error?.code == .invalidTable, "\(what)")
    }

    @Test func `limits are reached but not passed`() throws {
        let global = (0..<20).map { index("global\($0)", hash: "pk") }.joined(separator: ",")
        let local = (0..<5).map { index("local\($0)", hash: "pk", range: "sk") }.joined(separator: ",")
        let full = try table(variant(["GlobalSecondaryIndexes": "[\(global)]", "LocalSecondaryIndexes": "[\(local)]"]))
        #expect(full.globalIndexes.count == 20)
        #expect(full.localIndexes.count == 5)
    }

    @Test(
        arguments: [
            (nil, TableEncryption.owned), (#"{"Enabled":false}"#, .owned),
            (#"{"Enabled":true}"#, TableEncryption(class: .managed)),
            (
                #"{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"alias/aws/dynamodb"}"#,
                TableEncryption(class: .managed, key: "alias/aws/dynamodb")
            ),
            (
                #"{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"1234"}"#,
                TableEncryption(class: .customer, key: "1234")
            ),
        ] as [(String?, TableEncryption)])
    func `the three key classes are told apart`(specification: String?, encryption: TableEncryption) throws {
        #expect(try table(variant(["SSESpecification": specification])).encryption == encryption)
    }

    @Test func `names that merely look alike are two attributes`() throws {
        let description = try table(
            #"{"TableName":"abc","AttributeDefinitions":[{"AttributeName":"\u00e9","AttributeType":"S"},{"AttributeName":"e\u0301","AttributeType":"N"}],"#
                + #""KeySchema":[{"AttributeName":"\u00e9","KeyType":"HASH"},{"AttributeName":"e\u0301","KeyType":"RANGE"}]}"#
        )
        #expect(description.keySchema.sort?.type == .n)
    }
}
