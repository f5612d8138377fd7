// SPDX-License-Identifier: Apache-2.0

extension JSONText {
    /// Makes a value of the text, as `JSONDecoder` would, at a small part of its cost: a vault has a hundred thousand documents.
    ///
    /// - Throws: `DecodingError`, which names members and never what they hold.
    package func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try Value(from: TextDecoder(text: self, node: 0, parents: [], key: nil))
    }
}

/// Decodes from a text that was read before. A class: a structure would be put on the heap anew wherever a coder passes it on.
final class TextDecoder: Decoder {
    private let text: JSONText
    private let node: Int
    private let parents: [any CodingKey]
    private let key: (any CodingKey)?

    init(text: JSONText, node: Int, parents: [any CodingKey], key: (any CodingKey)?) {
        self.text = text
        self.node = node
        self.parents = parents
        self.key = key
    }

    private var kind: JSONText.Kind { text[node].kind }
    /// The tree of what it decodes.
    var tree: JSON { text.tree(node) }
    /// Only made for what needs it: most values are decoded without an error.
    var codingPath: [any CodingKey] { key.map { parents + [$0] } ?? parents }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard kind == .object else { throw mismatch([String: JSON].self, "an object") }
        return KeyedDecodingContainer(TextMembers<Key>(text: text, node: node, codingPath: codingPath))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard kind == .array else { throw mismatch([JSON].self, "an array") }
        return TextElements(text: text, elements: text.children(of: node), codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    func mismatch(_ type: Any.Type, _ what: String) -> DecodingError {
        .typeMismatch(type, .init(codingPath: codingPath, debugDescription: "Here \(what) is expected."))
    }
}

extension TextDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool { kind == .null }

    func decode(_ type: Bool.Type) throws -> Bool {
        guard kind == .bool else { throw mismatch(type, "true or false") }
        return text.bool(node)
    }

    func decode(_ type: String.Type) throws -> String {
        guard kind == .string else { throw mismatch(type, "a string") }
        return text.string(node)
    }

    func decode(_ type: Double.Type) throws -> Double { try number() }
    func decode(_ type: Float.Type) throws -> Float { try number() }
    func decode(_ type: Int.Type) throws -> Int { try number() }
    func decode(_ type: Int8.Type) throws -> Int8 { try number() }
    func decode(_ type: Int16.Type) throws -> Int16 { try number() }
    func decode(_ type: Int32.Type) throws -> Int32 { try number() }
    func decode(_ type: Int64.Type) throws -> Int64 { try number() }
    func decode(_ type: UInt.Type) throws -> UInt { try number() }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try number() }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try number() }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try number() }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try number() }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try Value(from: self) }

    private func number<Number: LosslessStringConvertible>() throws -> Number {
        guard kind == .number, let number = Number(text.string(node)) else {
            throw mismatch(Number.self, "a number of type \(Number.self)")
        }
        return number
    }
}

/// The members of an object.
private struct TextMembers<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let text: JSONText
    let node: Int
    let codingPath: [any CodingKey]

    var allKeys: [Key] { text.children(of: node).compactMap { Key(stringValue: text.string($0 - 1)) } }

    func contains(_ key: Key) -> Bool { text.member(key.stringValue, of: node) != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try decoder(key).decodeNil() }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try decoder(key).decode(type) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try decoder(key).decode(type) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try decoder(key).decode(type) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try decoder(key).decode(type) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try decoder(key).decode(type) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try decoder(key).decode(type) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try decoder(key).decode(type) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try decoder(key).decode(type) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try decoder(key).decode(type) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try decoder(key).decode(type) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try decoder(key).decode(type) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try decoder(key).decode(type) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try decoder(key).decode(type) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try decoder(key).decode(type) }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try Value(from: decoder(key))
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try decoder(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try decoder(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder {
        throw DecodingError.dataCorrupted(
            .init(codingPath: codingPath, debugDescription: "A document's content has no super class."))
    }

    func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(key) }

    private func decoder(_ key: Key) throws -> TextDecoder {
        guard let value = text.member(key.stringValue, of: node) else {
            throw DecodingError.keyNotFound(
                key, .init(codingPath: codingPath, debugDescription: "The member '\(key.stringValue)' is missing."))
        }
        return TextDecoder(text: text, node: value, parents: codingPath, key: key)
    }
}

/// The elements of an array, from the first on.
private struct TextElements: UnkeyedDecodingContainer {
    private let text: JSONText
    /// Their nodes.
    private let elements: [Int]
    let codingPath: [any CodingKey]
    private(set) var currentIndex = 0

    init(text: JSONText, elements: [Int], codingPath: [any CodingKey]) {
        self.text = text
        self.elements = elements
        self.codingPath = codingPath
    }

    private struct Place: CodingKey {
        let index: Int
        var stringValue: String { "element \(index)" }
        var intValue: Int? { index }

        init(_ index: Int) { self.index = index }
        init?(stringValue: String) { nil }
        init?(intValue: Int) { index = intValue }
    }

    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex == elements.count }

    private func current() throws -> TextDecoder {
        let place = Place(currentIndex)
        guard currentIndex < elements.count else {
            throw DecodingError.valueNotFound(
                JSON.self,
                .init(
                    codingPath: codingPath + [place],
                    debugDescription: "The array has only \(elements.count) elements."))
        }
        return TextDecoder(text: text, node: elements[currentIndex], parents: codingPath, key: place)
    }

    mutating func decodeNil() throws -> Bool {
        guard try current().decodeNil() else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let value = try Value(from: current())
        currentIndex += 1
        return value
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        let container = try current().container(keyedBy: type)
        currentIndex += 1
        return container
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let container = try current().unkeyedContainer()
        currentIndex += 1
        return container
    }

    mutating func superDecoder() throws -> any Decoder {
        let decoder = try current()
        currentIndex += 1
        return decoder
    }
}
