// SPDX-License-Identifier: Apache-2.0

/// What may stand at one place of a file: the single description that ``Reading`` checks files against and ``JSONSchema`` publishes.
indirect enum Shape: Sendable {
    /// A mapping with these keys and no others.
    case keys(KeyTable)
    /// A mapping from names that the user chooses.
    case named(ScalarShape, Shape)
    /// One member at least, at most so many.
    case list(Shape, countMax: Int)
    /// One of several, told apart by their YAML type.
    case either([Shape])
    case scalar(ScalarShape)

    /// `tables:` and the like. The bound is the selection's own.
    static let tablePatterns = Shape.list(.scalar(.tablePattern), countMax: TableSelection.patternsMax)
}

/// The keys of one mapping.
struct KeyTable: Sendable {
    struct Key: Sendable {
        let name: String
        let shape: Shape
        let isRequired: Bool
        /// One sentence, shown by editors that read the schema.
        let summary: String

        init(_ name: String, _ shape: Shape, required: Bool = false, _ summary: String) {
            self.name = name
            self.shape = shape
            isRequired = required
            self.summary = summary
        }
    }

    let keys: [Key]
    /// Of these keys exactly one stands in the mapping; empty where there is no such rule.
    let exactlyOne: [String]

    init(exactlyOne: [String] = [], _ keys: [Key]) {
        self.keys = keys
        self.exactlyOne = exactlyOne
    }

    subscript(name: String) -> Key? { keys.first { $0.name == name } }
}

/// A single value: its YAML type, and what its text looks like.
struct ScalarShape: Sendable {
    enum Kind: Sendable {
        case text
        case integer(ClosedRange<Int>)
        case boolean
    }

    let kind: Kind
    /// What is expected, as an error says it: "a length of time such as 7d".
    let expectation: String
    /// A regular expression for editors (ECMA 262, anchored); the reader's own check is the type's initializer, which is at least as strict.
    let pattern: String?

    init(_ expectation: String, pattern: String? = nil) {
        self.init(.text, expectation, pattern: pattern)
    }

    init(_ kind: Kind, _ expectation: String, pattern: String? = nil) {
        self.kind = kind
        self.expectation = expectation
        self.pattern = pattern
    }

    static let path = ScalarShape("a path", pattern: "^[^~]")
    static let word = ScalarShape("a text")
    static let boolean = ScalarShape(.boolean, "true or false")
    static let duration = ScalarShape("a length of time such as 60s, 10m, 24h or 7d", pattern: "^[0-9]+[smhdw]$")
    static let age = ScalarShape("an age such as 24h, 35d or 10y", pattern: "^[0-9]+[smhdwy]$")
    static let byteCount = ScalarShape("a size such as 64KiB, 16MiB or 4GiB", pattern: "^[0-9]+(B|KiB|MiB|GiB|TiB)$")
    static let compression = ScalarShape("zstd:1 to zstd:19", pattern: "^zstd:(1[0-9]|[1-9])$")
    static let level = ScalarShape(
        "a level: listing, manifests, objects or content", pattern: "^(listing|manifests|objects|content)$")
    static let drillTime = ScalarShape("snapshot, latest or random", pattern: "^(snapshot|latest|random)$")
    static let levelNumber = ScalarShape(.integer(0...3), "a level from 0 (listing) to 3 (content)")
    static let subset = ScalarShape("a subset such as 1/30", pattern: "^[1-9][0-9]*/[1-9][0-9]*$")
    static let environmentName = ScalarShape("the name of an environment variable", pattern: "^[A-Za-z_][A-Za-z0-9_]*$")
    static let tablePattern = ScalarShape(
        "a table or a pattern of tables such as local/*", pattern: "^!?([A-Za-z0-9_.*?-]+/)?[A-Za-z0-9_.*?-]+$")
    static let tableNamePattern = ScalarShape(
        "a table or a pattern of tables such as Orders_*", pattern: "^!?[A-Za-z0-9_.*?-]+$")
    static let wrappingKey = ScalarShape(
        "a key: owned, managed or alias/NAME", pattern: "^(owned|managed|alias/[A-Za-z0-9/_-]{1,250})$")
    /// Names of stores and vaults: no `/`, which parts store and table, and nothing that a shell or YAML reads as its own.
    static let name = ScalarShape("a name", pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")

    static let cron = ScalarShape(
        "a cron expression such as '0 2 * * *'",
        pattern: "^(@[A-Za-z]+|[ \\t]*[0-9A-Za-z*,/-]+([ \\t]+[0-9A-Za-z*,/-]+){4}[ \\t]*)$")
    static let zone = ScalarShape(
        "a time zone such as Europe/Berlin",
        pattern: "^[A-Za-z0-9_+-][A-Za-z0-9_+.-]*(/[A-Za-z0-9_+-][A-Za-z0-9_+.-]*)*$")

    /// One word and no other.
    static func exactly(_ word: String) -> ScalarShape { ScalarShape("the word '\(word)'", pattern: "^\(word)$") }

    static func integer(_ range: ClosedRange<Int>) -> ScalarShape {
        ScalarShape(.integer(range), "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
}
