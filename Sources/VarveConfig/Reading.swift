// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// A value of a file that fits its ``Shape``: what the typed configuration is made from.
///
/// Asking for a key that the shape does not have is a mistake in our own code and stops the program, so that the table of known keys and the code
/// that honours them cannot drift apart.
struct Reading {
    /// A member under a name that the user chose.
    struct Member {
        let name: String
        let place: Place
        let value: Reading
    }

    private enum Value {
        case keys(KeyTable, [String: Reading])
        case named([Member])
        case list([Reading])
        case text(String)
        case integer(Int)
        case boolean(Bool)
    }

    private let value: Value
    let place: Place

    /// Reads a whole file's text. Its version is looked at before anything else, because a later version may know other keys.
    static func read(_ text: String, as table: KeyTable) throws(ConfigError) -> Reading {
        let root = try YAMLNode.read(text)
        if case .mapping(let pairs) = root.content {
            try checkVersion(pairs)
        }
        return try Reading(root, as: .keys(table))
    }

    private static func checkVersion(_ pairs: [(key: String, place: Place, value: YAMLNode)]) throws(ConfigError) {
        guard let pair = pairs.first(where: { $0.key == "version" }) else {
            throw ConfigError(
                .missingKey,
                "The file does not say which version it is of. Write 'version: \(KnownKeys.version)' as its first line."
            ).at(pairs.first?.place ?? .start)
        }
        if case .plain(let text) = pair.value.content, let version = Int(text), version != KnownKeys.version {
            throw ConfigError(
                .unsupportedVersion,
                "The file is of version \(version), and this release of Varve reads version \(KnownKeys.version) only."
            ).at(pair.value.place)
        }
    }

    // MARK: Checking

    private init(_ node: YAMLNode, as shape: Shape) throws(ConfigError) {
        place = node.place
        switch shape {
        case .keys(let table):
            value = .keys(table, try Self.keys(of: node, table))
        case .named(let name, let shape):
            var members: [Member] = []
            for pair in try Self.pairs(of: node) {
                try Self.check(pair.key, isName: name, at: pair.place)
                members.append(
                    Member(name: pair.key, place: pair.place, value: try Reading(pair.value, as: shape)))
            }
            value = .named(members)
        case .list(let shape, let countMax):
            guard case .list(let nodes) = node.content else {
                throw Self.wrongType(node, expected: "a list")
            }
            guard !nodes.isEmpty else {
                throw ConfigError(.invalidValue, "The list is empty; it needs one member at least.").at(place)
            }
            guard nodes.count <= countMax else {
                throw ConfigError(
                    .invalidValue,
                    countMax == 1
                        ? "The list has \(nodes.count) members, and this release takes one."
                        : "The list has \(nodes.count) members; at most \(countMax) are allowed."
                ).at(place)
            }
            var members: [Reading] = []
            for node in nodes { members.append(try Reading(node, as: shape)) }
            value = .list(members)
        case .either(let shapes):
            guard let shape = shapes.first(where: { node.couldBe($0) }) else {
                throw Self.wrongType(node, expected: shapes.map(\.expectation).joined(separator: " or "))
            }
            value = try Reading(node, as: shape).value
        case .scalar(let scalar):
            value = try Self.scalar(node, scalar)
        }
    }

    private static func pairs(
        of node: YAMLNode
    ) throws(ConfigError) -> [(key: String, place: Place, value: YAMLNode)] {
        guard case .mapping(let pairs) = node.content else {
            throw wrongType(node, expected: "a mapping with keys")
        }
        return pairs
    }

    private static func keys(of node: YAMLNode, _ table: KeyTable) throws(ConfigError) -> [String: Reading] {
        var found: [String: Reading] = [:]
        for pair in try pairs(of: node) {
            guard let key = table[pair.key] else {
                let known = table.keys.map(\.name)
                let nearest = nearest(to: pair.key, among: known).map { "The nearest known key is '\($0)'. " } ?? ""
                throw ConfigError(
                    .unknownKey,
                    "Unknown key '\(pair.key)'. \(nearest)Known here: \(known.sorted().joined(separator: ", "))."
                ).at(pair.place)
            }
            found[pair.key] = try Reading(pair.value, as: key.shape)
        }
        for key in table.keys where key.isRequired && found[key.name] == nil {
            throw ConfigError(.missingKey, "The key '\(key.name)' is missing. \(key.summary)").at(node.place)
        }
        let present = table.exactlyOne.filter { found[$0] != nil }
        if !table.exactlyOne.isEmpty, present.count != 1 {
            let names = table.exactlyOne.map { "'\($0)'" }.joined(separator: ", ")
            throw present.isEmpty
                ? ConfigError(.missingKey, "One of the keys \(names) is needed here.").at(node.place)
                : ConfigError(.conflict, "Of the keys \(names) only one may stand here.").at(node.place)
        }
        return found
    }

    private static func check(_ name: String, isName shape: ScalarShape, at place: Place) throws(ConfigError) {
        if !isName(name) {
            throw ConfigError(
                .invalidValue,
                "'\(name)' is no name here. Names have up to 64 letters, digits, '_', '-' and '.', and begin with a letter or digit."
            ).at(place)
        }
    }

    /// Whether a text fits ``ScalarShape/name``.
    static func isName(_ name: String) -> Bool {
        name.utf8.first.map { isNameByte($0) && !"_.-".utf8.contains($0) } ?? false
            && name.utf8.count <= 64 && name.utf8.allSatisfy(isNameByte)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        Character(UnicodeScalar(byte)).isASCIIAlphanumeric || "_.-".utf8.contains(byte)
    }

    private static func scalar(_ node: YAMLNode, _ shape: ScalarShape) throws(ConfigError) -> Value {
        switch (shape.kind, node.content) {
        case (.text, .text(let text)):
            return .text(try notEmpty(text, node, shape))
        case (.text, .plain(let text)) where PlainType(text) == .text:
            return .text(text)
        case (.integer(let range), .plain(let text)) where PlainType(text) == .integer:
            guard let number = Int(text), range.contains(number) else {
                throw ConfigError(.invalidValue, "\(text) is not \(shape.expectation).").at(node.place)
            }
            return .integer(number)
        case (.boolean, .plain(let text)) where PlainType(text) == .boolean:
            return .boolean(text.lowercased() == "true")
        default:
            throw wrongType(node, expected: shape.expectation)
        }
    }

    private static func notEmpty(_ text: String, _ node: YAMLNode, _ shape: ScalarShape) throws(ConfigError) -> String {
        guard !text.isEmpty else {
            throw ConfigError(.invalidValue, "The text is empty; \(shape.expectation) is expected.").at(node.place)
        }
        return text
    }

    private static func wrongType(_ node: YAMLNode, expected: String) -> ConfigError {
        ConfigError(.wrongType, "Expected \(expected), found \(node.typeName).").at(node.place)
    }

    // MARK: Asking

    /// The value of a key, nil where the file leaves it out.
    subscript(name: String) -> Reading? {
        guard case .keys(let table, let found) = value else {
            preconditionFailure("A value without keys was asked for '\(name)'.")
        }
        precondition(table[name] != nil, "'\(name)' is no known key.")
        return found[name]
    }

    /// The value of a key that the shape requires.
    func required(_ name: String) throws(ConfigError) -> Reading {
        guard let reading = self[name] else {
            throw ConfigError(.missingKey, "The key '\(name)' is missing.").at(place)
        }
        return reading
    }

    var members: [Member] {
        if case .named(let members) = value { return members }
        return []
    }

    var list: [Reading]? {
        if case .list(let readings) = value { return readings }
        return nil
    }

    var integer: Int? {
        if case .integer(let number) = value { return number }
        return nil
    }

    var boolean: Bool? {
        if case .boolean(let flag) = value { return flag }
        return nil
    }

    /// The text of a scalar; a number as its digits.
    var text: String {
        switch value {
        case .text(let text): text
        case .integer(let number): String(number)
        default: preconditionFailure("A value that is no scalar was asked for its text.")
        }
    }

    /// Makes a typed value from the text, and gives its error this place.
    func parse<Parsed>(_ make: (String) throws(ConfigError) -> Parsed) throws(ConfigError) -> Parsed {
        do {
            return try make(text)
        } catch {
            throw error.at(place)
        }
    }

    /// A path, absolute: a relative one counts from the file's folder.
    func path(from folder: FilePath) throws(ConfigError) -> FilePath {
        guard !text.hasPrefix("~") else {
            throw ConfigError(.invalidValue, "'~' is not expanded in a path. Write the whole path.").at(place)
        }
        guard !text.utf8.contains(0) else {
            throw ConfigError(.invalidValue, "A path cannot hold a zero byte.").at(place)
        }
        return folder.pushing(FilePath(text)).lexicallyNormalized()
    }
}

/// What YAML's core schema takes an unquoted text for.
enum PlainType: String {
    case empty = "nothing"
    case boolean = "true or false"
    case integer = "a number"
    case fraction = "a fraction"
    case text = "a text"

    init(_ text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .empty
        case "true", "True", "TRUE", "false", "False", "FALSE": self = .boolean
        case ".inf", ".Inf", ".INF", "-.inf", "+.inf", ".nan", ".NaN", ".NAN": self = .fraction
        default:
            let digits = text.drop { $0 == "-" || $0 == "+" }
            if text.count - digits.count <= 1, !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
                self = .integer
            } else if digits.first?.isASCIIAlphanumeric == true || digits.first == ".", Double(text) != nil {
                self = .fraction
            } else {
                self = .text
            }
        }
    }
}

extension Character {
    fileprivate var isASCIIAlphanumeric: Bool { isASCII && (isLetter || isNumber) }
}

extension YAMLNode {
    fileprivate func couldBe(_ shape: Shape) -> Bool {
        switch (content, shape) {
        case (.mapping, .keys), (.mapping, .named), (.list, .list): true
        case (.text, .scalar(let scalar)):
            if case .text = scalar.kind { true } else { false }
        case (.plain(let text), .scalar(let scalar)):
            switch (scalar.kind, PlainType(text)) {
            case (.text, .text), (.integer, .integer), (.boolean, .boolean): true
            default: false
            }
        default: false
        }
    }

    fileprivate var typeName: String {
        switch content {
        case .text: "a quoted text"
        case .plain(let text):
            switch PlainType(text) {
            case .text: "the text '\(text)'"
            case .empty: "nothing"
            case .boolean: "'\(text)' (quote it if it is a text)"
            case .integer, .fraction: "the number \(text) (quote it if it is a text)"
            }
        case .list: "a list"
        case .mapping: "a mapping"
        }
    }
}

extension Shape {
    fileprivate var expectation: String {
        switch self {
        case .keys, .named: "a mapping with keys"
        case .list: "a list"
        case .either(let shapes): shapes.map(\.expectation).joined(separator: " or ")
        case .scalar(let scalar): scalar.expectation
        }
    }
}
