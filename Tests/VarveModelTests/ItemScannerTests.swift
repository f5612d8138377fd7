// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarveTestKit

private let schema = KeySchema(partition: KeyAttribute(name: "pk", type: .s), sort: KeyAttribute(name: "sk", type: .n))

private func scan(_ json: String, _ schema: KeySchema, timeToLive: String? = nil) throws -> ScannedItem {
    try Array(json.utf8).withUnsafeBytes { try ItemScanner(schema: schema, timeToLive: timeToLive).scan($0) }
}

private func schema(_ partition: KeyType, _ sort: KeyType? = nil) -> KeySchema {
    KeySchema(
        partition: KeyAttribute(name: "pk", type: partition), sort: sort.map { KeyAttribute(name: "sk", type: $0) })
}

@Suite struct ItemScannerTests {
    @Test func `a scan takes out keys, expiry and size`() throws {
        let json = #"{"pk":{"S":"a\"é"},"sk":{"N":"12"},"ttl":{"N":"1700000000.9"}}"#
        let scanned = try scan(json, schema, timeToLive: "ttl")
        #expect(scanned.partition == Array("Sa\"é".utf8))
        #expect(scanned.sort == [2, 131, 13])
        #expect(scanned.timeToLive == 1_700_000_000)
        // pk 2 + 4, sk 2 + 2, ttl 3 + 7.
        #expect(scanned.size == 20)
        #expect(scanned.key == ItemKey(partition: scanned.partition, sort: scanned.sort))
    }

    @Test func `identities of partition keys tell their types apart`() throws {
        #expect(try scan(#"{"pk":{"N":"1.5"}}"#, schema(.n)).partition == Array("N1.5".utf8))
        #expect(try scan(#"{"pk":{"B":"AAEC"}}"#, schema(.b)).partition == Array("B".utf8) + [0, 1, 2])
        #expect(try scan(#"{"pk":{"S":"1.5"}}"#, schema(.s)).sort.isEmpty)
    }

    @Test(arguments: [
        (#"{"sk":{"N":"1"}}"#, ModelError.Code.missingKey), (#"{"pk":{"S":"a"}}"#, .missingKey), ("{}", .missingKey),
        (#"{"m":{"M":{"pk":{"S":"a"},"sk":{"N":"1"}}}}"#, .missingKey),
        (#"{"pk":{"N":"1"},"sk":{"N":"1"}}"#, .wrongKeyType),
        (#"{"pk":{"S":"a"},"sk":{"NS":["1"]}}"#, .wrongKeyType),
        (#"{"pk":{"SS":["a"]},"sk":{"N":"1"}}"#, .wrongKeyType),
        (#"{"pk":{"NULL":true},"sk":{"N":"1"}}"#, .wrongKeyType), (#"{"pk":{"S":""},"sk":{"N":"1"}}"#, .emptyKey),
        (#"{"sk":{"N":"1"},"pk":{"S":"a"}}"#, .notCanonical), (#"{"pk":{"S":"a"},"sk":{"N":"01"}}"#, .notCanonical),
        ("", .notCanonical),
    ])
    func `an item with a wrong key is refused with its reason`(json: String, code: ModelError.Code) {
        let error = #expect(throws: ModelError.self) { try scan(json, schema) }
        #expect(error?.code == code)
    }

    @Test func `an empty binary is no key`() {
        let error = #expect(throws: ModelError.self) { try scan(#"{"pk":{"B":""}}"#, schema(.b)) }
        #expect(error?.code == .emptyKey)
    }

    @Test(arguments: [(KeyType.s, 2048, 1024), (.b, 2048, 1024)])
    func `keys are taken up to their limits`(type: KeyType, partitionMax: Int, sortMax: Int) throws {
        func item(_ partition: Int, _ sort: Int) throws -> Item {
            func value(_ count: Int) -> AttributeValue {
                let bytes = [UInt8](repeating: 0x61, count: count)
                return type == .s ? .string(bytes) : .binary(bytes)
            }
            return try Item(attributes: [("pk", value(partition)), ("sk", value(sort))])
        }
        let scanner = ItemScanner(schema: schema(type, type))
        let scanned = try item(partitionMax, sortMax).bytes.withUnsafeBytes { try scanner.scan($0) }
        #expect(scanned.partition.count == partitionMax + 1)
        #expect(scanned.sort.count == sortMax)
        for (partition, sort) in [(partitionMax + 1, 1), (1, sortMax + 1)] {
            let bytes = try item(partition, sort).bytes
            let error = #expect(throws: ModelError.self) { try bytes.withUnsafeBytes { try scanner.scan($0) } }
            #expect(error?.code == .keyTooLong)
        }
    }

    @Test(
        arguments: [
            (#"{"N":"0"}"#, 0), (#"{"N":"12345678.123"}"#, 12_345_678), (#"{"N":"-0.5"}"#, -1),
            (#"{"N":"-12.1"}"#, -13), (#"{"N":"-12"}"#, -12),
            (#"{"N":"9223372036854775807"}"#, .max), (#"{"N":"9223372036854775808"}"#, .max),
            (#"{"N":"-9223372036854775808"}"#, .min),
            (#"{"N":"-9223372036854775808.5"}"#, .min), (#"{"N":"-9223372036854775809"}"#, .min),
            (#"{"N":"1000000000000000000000000000000000000000000000000"}"#, .max), (#"{"S":"1700000000"}"#, nil),
            (#"{"NS":["1"]}"#, nil),
            (#"{"NULL":true}"#, nil), (#"{"M":{"ttl":{"N":"5"}}}"#, nil),
        ] as [(String, Int64?)])
    func `expiry is whole seconds of a top-level number`(value: String, seconds: Int64?) throws {
        #expect(try scan(#"{"pk":{"S":"a"},"ttl":\#(value)}"#, schema(.s), timeToLive: "ttl").timeToLive == seconds)
        #expect(try scan(#"{"pk":{"S":"a"},"ttl":\#(value)}"#, schema(.s)).timeToLive == nil)
    }

    @Test func `expiry may be the sort key`() throws {
        let scanned = try scan(#"{"pk":{"S":"a"},"sk":{"N":"7"}}"#, schema, timeToLive: "sk")
        #expect(scanned.timeToLive == 7)
        #expect(scanned.sort == [2, 130, 71])
    }

    @Test(arguments: [
        (#"{"S":"é😀"}"#, 6), (#"{"S":"\n"}"#, 1), (#"{"N":"0"}"#, 1), (#"{"N":"1"}"#, 2), (#"{"N":"-1"}"#, 3),
        (#"{"N":"123"}"#, 3),
        (#"{"N":"12000"}"#, 2), (#"{"N":"0.0012"}"#, 2), (#"{"N":"12.34"}"#, 3), (#"{"B":"AAEC"}"#, 3),
        (#"{"BOOL":true}"#, 1),
        (#"{"NULL":true}"#, 1), (#"{"L":[]}"#, 3), (#"{"M":{}}"#, 3), (#"{"L":[{"S":"xy"}]}"#, 6),
        (#"{"M":{"ab":{"S":"xy"}}}"#, 8),
        (#"{"SS":["a","bc"]}"#, 3), (#"{"NS":["1","123"]}"#, 5), (#"{"BS":["AA==","AAA="]}"#, 3),
    ])
    func `sizes follow DynamoDB's rule`(value: String, size: Int) throws {
        // The attribute's name and the key take 1 + 3 bytes.
        let json = #"{"a":\#(value),"pk":{"S":"k"}}"#
        #expect(try scan(json, schema(.s)).size == size + 4)
        #expect(try Item(json: Array(json.utf8)).size() == size + 4)
    }

    @Test func `names that need escapes or are long are found`() throws {
        for name in ["q\"\\\n", "é", String(repeating: "n", count: 255), "12345678", "123456789", "1234567"] {
            let item = try Item(attributes: [
                (name, .string("v")), ("x", .null), (name + "x", .string("w")), ("1234567890", .null),
            ])
            let scanner = ItemScanner(schema: KeySchema(partition: KeyAttribute(name: name, type: .s)))
            #expect(try item.bytes.withUnsafeBytes { try scanner.scan($0) }.partition == Array("Sv".utf8))
            #expect(try Item(json: scanner.keys(of: item.bytes)).decode().attributes == [Attribute(name, .string("v"))])
        }
    }

    @Test func `a key item is the key attributes alone`() throws {
        let scanner = ItemScanner(schema: schema)
        let item = Array(#"{"a":{"S":"x"},"pk":{"S":"p"},"sk":{"N":"1"},"z":{"NULL":true}}"#.utf8)
        let keys = try scanner.keys(of: item)
        #expect(keys == Array(#"{"pk":{"S":"p"},"sk":{"N":"1"}}"#.utf8))
        let scanned = try item.withUnsafeBytes { try scanner.scan($0) }
        #expect(
            try ItemKey(json: Array(#"{ "sk": {"N":"1.0"}, "pk": {"S":"p"} }"#.utf8), schema: schema) == scanned.key)
        let error = #expect(throws: ModelError.self) { try ItemKey(json: item, schema: schema) }
        #expect(error?.code == .invalidValue)
        #expect(throws: ModelError.self) { try scanner.keys(of: Array(#"{"pk":{"S":"p"}}"#.utf8)) }
    }

    @Test func `every damaged item is refused or read the same`() throws {
        let item = Array(#"{"pk":{"S":"p\n"},"sk":{"N":"-1.5"},"t":{"N":"12"}}"#.utf8)
        let scanner = ItemScanner(schema: schema, timeToLive: "t")
        for index in item.indices {
            #expect(throws: ModelError.self) { try Array(item[..<index]).withUnsafeBytes { try scanner.scan($0) } }
            for bit in 0..<8 {
                var changed = item
                changed[index] ^= 1 << bit
                guard let scanned = try? changed.withUnsafeBytes({ try scanner.scan($0) }) else { continue }
                #expect(try Item(json: changed).bytes == changed)
                #expect(try ItemKey(json: scanner.keys(of: changed), schema: schema) == scanned.key)
            }
        }
    }
}

@Suite struct SortKeyOrderTests {
    private func order(_ value: AttributeValue, _ type: KeyType) throws -> [UInt8] {
        let item = try Item(attributes: [("pk", .string("p")), ("sk", value)])
        return try item.bytes.withUnsafeBytes { try ItemScanner(schema: schema(.s, type)).scan($0) }.sort
    }

    @Test func `bytes of numbers are in the numbers' order`() throws {
        var items = RandomItems(random: SeededGenerator())
        let fixed = [
            "-9999999999999999999999999999999999999900000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
            "-10", "-9.99", "-9.9", "-1.25", "-1.2", "-1", "-0.5", "0", "0.5", "1", "1.2", "1.25", "9.9", "9.99", "10",
            "12", "120",
        ].map { Array($0.utf8) }
        let numbers = fixed + (0..<400).map { _ in items.number() }
        let encoded = try numbers.map { try order(.number($0), .n) }
        for left in numbers.indices {
            for right in numbers.indices {
                #expect(
                    encoded[left].lexicographicallyPrecedes(encoded[right])
                        == DecimalReference.isLess(numbers[left], numbers[right]))
                #expect((encoded[left] == encoded[right]) == (numbers[left] == numbers[right]))
            }
        }
    }

    @Test func `bytes of strings and binaries are the values themselves`() throws {
        var items = RandomItems(random: SeededGenerator())
        for _ in 0..<300 {
            let text = items.text(1...30)
            #expect(try order(.string(text), .s) == text)
            let bytes = items.random.bytes(Int.random(in: 1...30, using: &items.random))
            #expect(try order(.binary(bytes), .b) == bytes)
        }
    }
}
