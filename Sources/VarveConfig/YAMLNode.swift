// SPDX-License-Identifier: Apache-2.0

import Yams

/// A piece of a YAML file as it stands there, with its place: before anybody knows what it should be.
struct YAMLNode {
    enum Content {
        /// Quoted or a block: a text whatever is in it.
        case text(String)
        /// Without quotes: what it is depends on its spelling.
        case plain(String)
        case list([YAMLNode])
        case mapping([(key: String, place: Place, value: YAMLNode)])
    }

    let content: Content
    let place: Place

    /// A configuration of a thousand stores stays below this; more is another file given by mistake.
    static let fileBytesMax = 1_048_576

    /// Reads one document, strictly: every key a text that stands once, no anchors, aliases or tags, no second document. An empty text is an
    /// empty mapping.
    static func read(_ text: String) throws(ConfigError) -> YAMLNode {
        // A mark that some editors leave in front; YAML allows it, and the parser trips over it.
        let text = text.hasPrefix("\u{FEFF}") ? String(text.unicodeScalars.dropFirst()) : text
        try refuseAliases(in: text)
        do {
            // Without rules every scalar stays the text that it is; `Reading` decides, by YAML's core schema.
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            guard let root = try parser.singleRoot() else { return YAMLNode(content: .mapping([]), place: .start) }
            // Anchors are held by the parser alone, so it must outlive the look at them.
            return try withExtendedLifetime(parser) { try YAMLNode(root) }
        } catch let error as ConfigError {
            throw error
        } catch let error as YamlError {
            throw ConfigError(error, in: text)
        } catch {
            throw ConfigError(.malformed, "The file is no YAML.", cause: error)
        }
    }

    private init(content: Content, place: Place) {
        self.content = content
        self.place = place
    }

    private init(_ node: Node) throws(ConfigError) {
        place = Place(node)
        if node.anchor != nil {
            throw ConfigError(
                .malformed,
                "Anchors (&name) are not read here. Write the value where it is used, or quote a text that begins with '&'."
            ).at(place)
        }
        switch node {
        case .scalar(let scalar):
            try Self.refuseTag(scalar.tag, at: place)
            content = scalar.style == .plain ? .plain(scalar.string) : .text(scalar.string)
        case .sequence(let sequence):
            try Self.refuseTag(sequence.tag, at: place)
            var members: [YAMLNode] = []
            for member in sequence { members.append(try YAMLNode(member)) }
            content = .list(members)
        case .mapping(let mapping):
            try Self.refuseTag(mapping.tag, at: place)
            var pairs: [(key: String, place: Place, value: YAMLNode)] = []
            for (key, value) in mapping {
                guard case .scalar(let name) = key else {
                    throw ConfigError(.wrongType, "A key is a text, not a list or a mapping.").at(Place(key))
                }
                pairs.append((name.string, Place(key), try YAMLNode(value)))
            }
            content = .mapping(pairs)
        case .alias:
            throw ConfigError(.malformed, Self.aliasMessage).at(place)
        }
    }

    private static func refuseTag(_ tag: Tag, at place: Place) throws(ConfigError) {
        let allowed: [Tag.Name] = [.implicit, .str, .seq, .map]
        if !allowed.contains(Tag.Name(rawValue: tag.rawValue)) {
            throw ConfigError(
                .malformed,
                "'\(tag.rawValue)' is read as a YAML tag, which means nothing here. Quote a text that begins with '!'."
            ).at(place)
        }
    }

    static let aliasMessage =
        "'*' at the beginning of a text is read as a YAML alias, which means nothing here. Quote a text that begins with '*'."

    /// Refuses a text in which an alias can refer to an anchor, before it is parsed: a few lines of them unfold to more nodes than a machine
    /// has memory. A quoted text with both ` &name` and ` *name` in it is refused too; nothing that stands in a configuration looks so.
    private static func refuseAliases(in text: String) throws(ConfigError) {
        let bytes = Array(text.utf8)
        let before = Set(" \t\n\r[{,:?-".utf8)
        var anchors: Set<ArraySlice<UInt8>> = []
        var line = 1
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "\n") { line += 1 }
            guard byte == UInt8(ascii: "&") || byte == UInt8(ascii: "*") else { continue }
            // Beyond ASCII there are three more line breaks, and a byte-order mark may begin a line.
            guard index == 0 || before.contains(bytes[index - 1]) || bytes[index - 1] >= 0x80 else { continue }
            // The parser's own characters of a name: neither mark is among them, so no byte is looked at for two names.
            let name = bytes[(index + 1)...].prefix { isASCIIAlphanumeric($0) || $0 == 0x5F || $0 == 0x2D }
            if byte == UInt8(ascii: "*"), anchors.contains(name) {
                throw ConfigError(.malformed, aliasMessage).at(Place(line: line, column: 1))
            }
            if byte == UInt8(ascii: "&"), !name.isEmpty { anchors.insert(name) }
        }
    }
}

extension Place {
    fileprivate init(_ node: Node) {
        self.init(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }
}

extension ConfigError {
    /// libyaml's own finding in a sentence, at its place.
    fileprivate init(_ error: YamlError, in text: String) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let place = Place(line: mark.line, column: mark.column)
            let around = context.map { " \($0.text) that begins at line \($0.mark.line)" } ?? ""
            if problem.contains("undefined alias") {
                self = ConfigError(.malformed, YAMLNode.aliasMessage).at(place)
            } else if let context, context.text.contains("alias") {
                let place = Place(line: context.mark.line, column: context.mark.column)
                self = ConfigError(.malformed, YAMLNode.aliasMessage).at(place)
            } else {
                self = ConfigError(.malformed, "This is no YAML\(around): \(problem).").at(place)
            }
        case .duplicatedKeysInMapping(let duplicates, let context):
            let name = duplicates.first ?? ""
            self = ConfigError(
                .duplicateKey, "The key '\(name)' stands here and once more in the same mapping. Keep one of them."
            ).at(Place(line: context.mark.line, column: context.mark.column))
        case .reader(let problem, let offset, _, _):
            let before = text.prefix(offset ?? 0)
            let line = 1 + before.count(where: \.isNewline)
            let column = 1 + (before.lastIndex(where: \.isNewline).map { before[$0...].count - 1 } ?? before.count)
            self = ConfigError(.malformed, "This is no text that YAML allows: \(problem).").at(
                Place(line: line, column: column))
        default:
            self = ConfigError(.malformed, "The file is no YAML.", cause: error)
        }
    }
}
