// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import VarveModel

/// A table to be kept: its schema as CreateTable's JSON, and its items as lines to import.
struct SampleTable: CustomTestStringConvertible {
    let name: String
    let schema: String
    let lines: [String]

    var testDescription: String { name }

    init(_ name: String, keys: [(name: String, type: String)], more: String = "", _ lines: [String]) {
        self.name = name
        let kinds = ["HASH", "RANGE"]
        let attributes = keys.map { #"{"AttributeName":"\#($0.name)","AttributeType":"\#($0.type)"}"# }
        let schema = zip(keys, kinds).map { #"{"AttributeName":"\#($0.name)","KeyType":"\#($1)"}"# }
        let definitions =
            more.contains("\"AttributeDefinitions\"")
            ? "" : #","AttributeDefinitions":[\#(attributes.joined(separator: ","))]"#
        self.schema =
            #"{"TableName":"\#(name)"\#(definitions),"KeySchema":[\#(schema.joined(separator: ","))]\#(more)}"#
        self.lines = lines
    }

    /// Every line in canonical form, in the order of bytes: what an export of the table has to be.
    func canonicalLines() throws -> [[UInt8]] {
        try lines.map { line in
            let item = try Item(json: Array(line.dropFirst(8).dropLast().utf8))
            return Array(#"{"Item":"#.utf8) + item.bytes + Array("}".utf8)
        }.sorted { $0.lexicographicallyPrecedes($1) }
    }

    static let all = [
        allTypes, numbers, numberSortKeys, binaryKeys, unicode, nested, large, manySmall, empty, fullSchema,
    ]
}

// MARK: The tables

extension SampleTable {
    static let allTypes = SampleTable(
        "AllTypes", keys: [("pk", "S")],
        [
            #"{"Item":{"pk":{"S":"all"},"s":{"S":"text"},"n":{"N":"-12.50"},"b":{"B":"AAECAw=="},"t":{"BOOL":true},"f":{"BOOL":false},"z":{"NULL":true},"l":{"L":[{"S":"a"},{"N":"1"},{"NULL":true},{"L":[]}]},"m":{"M":{"x":{"S":"y"},"a":{"M":{}}}},"ss":{"SS":["b","a"]},"ns":{"NS":["2","-1","1e1"]},"bs":{"BS":["/w==","AA=="]}}}"#,
            #"{"Item":{"pk":{"S":"empty values"},"s":{"S":""},"b":{"B":""},"l":{"L":[]},"m":{"M":{}},"ss":{"SS":["","a"]},"bs":{"BS":["","AA=="]}}}"#,
            #"{"Item":{"pk":{"S":"only a key"}}}"#,
            #"{"Item":{"pk":{"S":"escapes \" \\ \/ \b \f \n \r \t \u0000 \u001f \u007f"},"a\"b\\\n":{"S":"\ud83d\ude00"}}}"#,
            #"{"Item":{"pk":{"S":"names"}," ":{"S":"a blank"},"$":{"S":"$"},"Item":{"M":{"Item":{"S":"Item"}}},"S":{"S":"S"}}}"#,
        ])

    /// Numbers of up to 38 digits, at both ends of what there is.
    static let numbers = SampleTable(
        "Numbers", keys: [("n", "N")],
        [
            "0", "-1", "1", "0.1", "99999999999999999999999999999999999999", "-99999999999999999999999999999999999999",
            "9.9999999999999999999999999999999999999E+125", "-9.9999999999999999999999999999999999999E+125", "1E-130",
            "-1E-130", "1.2345678901234567890123456789012345678", "12345678901234567890123456789012345678e-60",
            "100000000000000000000000000000000000000000000000000", "0.00000000000000000000000000000000000000000000001",
        ].map { #"{"Item":{"n":{"N":"\#($0)"},"set":{"NS":["\#($0)","7"]}}}"# })

    static let numberSortKeys = SampleTable(
        "NumberSortKeys", keys: [("pk", "S"), ("sk", "N")],
        (-200...200).map {
            #"{"Item":{"pk":{"S":"p\#(abs($0) % 3)"},"sk":{"N":"\#($0)e\#($0 / 4)"},"v":{"N":"\#($0)"}}}"#
        })

    static let binaryKeys = SampleTable(
        "BinaryKeys", keys: [("pk", "B"), ("sk", "B")],
        (0...255).map { byte in
            let partition = Data([UInt8(byte)]).base64EncodedString()
            let sort = Data([UInt8](repeating: UInt8(byte), count: byte % 5 + 1)).base64EncodedString()
            return #"{"Item":{"pk":{"B":"\#(partition)"},"sk":{"B":"\#(sort)"},"v":{"B":"\#(sort)"}}}"#
        })

    /// Keys and names that are told apart by their bytes alone: an é of one scalar and one of two, ligatures, letters of two alphabets.
    static let unicode = SampleTable(
        "Unicode", keys: [("pk", "S"), ("sk", "S")],
        [
            "\\u00e9", "e\\u0301", "\\ufb01", "fi", "A", "\\u0410", "\\u212b", "\\u00c5", "A\\u030a", "\\ud83d\\ude00",
            "\\u200b",
        ]
        .map {
            #"{"Item":{"pk":{"S":"x"},"sk":{"S":"\#($0)"},"\#($0)":{"S":"\#($0)"},"set":{"SS":["\#($0)","z\#($0)"]}}}"#
        })

    /// Values as deep as they may be.
    static let nested = SampleTable(
        "Nested", keys: [("pk", "S")],
        [("L", #"{"L":["#, "]}"), ("M", #"{"M":{"m":"#, "}}")].map { name, open, close in
            let levels = ItemLimits.nestingDepthMax - 1
            let value =
                String(repeating: open, count: levels) + #"{"S":"deep"}"# + String(repeating: close, count: levels)
            return #"{"Item":{"pk":{"S":"\#(name)"},"v":\#(value)}}"#
        })

    /// Items of 400 KB less a few bytes, enough of them for two data files of 16 MiB.
    static let large = SampleTable(
        "Large", keys: [("pk", "N")],
        (100..<145).map { number in
            let text = String(repeating: "varve \(number) ", count: 40_900)
            return #"{"Item":{"pk":{"N":"\#(number)"},"v":{"S":"\#(text.prefix(409_590))"}}}"#
        })

    static let manySmall = SampleTable(
        "ManySmall", keys: [("pk", "S"), ("sk", "N")],
        (0..<20_000).map { #"{"Item":{"pk":{"S":"p\#($0 % 700)"},"sk":{"N":"\#($0)"},"v":{"S":"value of \#($0)"}}}"# })

    static let empty = SampleTable("Empty", keys: [("pk", "S")], [])

    /// Indexes, tags, time to live, a stream, and features that this version knows nothing of.
    static let fullSchema = SampleTable(
        "FullSchema", keys: [("pk", "S"), ("sk", "N")],
        more: """
            ,"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"},\
            {"AttributeName":"g","AttributeType":"B"},{"AttributeName":"l","AttributeType":"S"}],\
            "BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6},\
            "GlobalSecondaryIndexes":[{"IndexName":"by-g","KeySchema":[{"AttributeName":"g","KeyType":"HASH"},\
            {"AttributeName":"sk","KeyType":"RANGE"}],"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["a","b"]},\
            "ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":2},"IndexFuture":{"Speed":"warm"}}],\
            "LocalSecondaryIndexes":[{"IndexName":"by-l","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},\
            {"AttributeName":"l","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}],\
            "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"},\
            "TimeToLiveSpecification":{"AttributeName":"expires","Enabled":true},\
            "Tags":[{"Key":"team","Value":"archive"},{"Key":"empty","Value":""}],\
            "DeletionProtectionEnabled":true,"TableClass":"STANDARD_INFREQUENT_ACCESS",\
            "FutureFeature":{"Levels":[1,2.5,{"Deep":null}],"Large":12345678901234567890123,"Name":"caf\\u00e9"}
            """,
        (0..<50).map {
            #"{"Item":{"pk":{"S":"a"},"sk":{"N":"\#($0)"},"g":{"B":"AA=="},"l":{"S":"l"},"expires":{"N":"4102444800"}}}"#
        })
}
