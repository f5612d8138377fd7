// SPDX-License-Identifier: Apache-2.0

/// Which tables a command or a step means: patterns of `STORE/TABLE`, and `!` before those that are left out.
///
/// `*` stands for any number of characters and `?` for one, in a store's name or a table's, never across the `/`. The store may be left out; the pattern
/// then means tables of every store. The last pattern that matches a table decides: `local/*`, `!local/tmp_*`, `local/tmp_orders` takes that
/// one temporary table and no other.
package struct TableSelection: Hashable, Sendable, CustomStringConvertible {
    package struct Pattern: Hashable, Sendable, CustomStringConvertible {
        package let isNegated: Bool
        /// nil where the pattern names no store.
        package let store: String?
        package let table: String

        package init(text: String) throws(ConfigError) {
            isNegated = text.hasPrefix("!")
            let rest = text.dropFirst(isNegated ? 1 : 0)
            let parts = rest.split(separator: "/", omittingEmptySubsequences: false)
            let isFit = parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(Self.isAllowed) }
            guard isFit, parts.count <= 2, let table = parts.last else {
                throw ConfigError(
                    .invalidValue,
                    """
                    '\(text)' names no table. Write STORE/TABLE or TABLE, of letters, digits, '_', '-' and '.', with '*' for any characters, '?' for \
                    one, and '!' in front to leave tables out.
                    """)
            }
            self.table = String(table)
            store = parts.count == 2 ? String(parts[0]) : nil
        }

        package func matches(store: String, table: String) -> Bool {
            (self.store.map { Self.matches($0.utf8, store.utf8) } ?? true) && Self.matches(self.table.utf8, table.utf8)
        }

        /// The same where the store is not known: what is in a vault tells its table and no store.
        package func matches(table: String) -> Bool { Self.matches(self.table.utf8, table.utf8) }

        /// Whether it can mean one table only.
        package var isExact: Bool {
            !table.contains(where: Self.isWild) && !(store?.contains(where: Self.isWild) ?? false)
        }

        package var description: String { (isNegated ? "!" : "") + (store.map { $0 + "/" } ?? "") + table }

        static func isWild(_ character: Character) -> Bool { character == "*" || character == "?" }

        /// DynamoDB's characters of a table's name, and the two wild ones.
        private static func isAllowed(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "*"), UInt8(ascii: "?"):
                true
            default: false
            }
        }

        /// Goes back only to the last star, so that the cost stays pattern times text whatever the pattern.
        private static func matches(_ pattern: String.UTF8View, _ text: String.UTF8View) -> Bool {
            var (p, t) = (pattern.startIndex, text.startIndex)
            var star: (pattern: String.Index, text: String.Index)?
            while t < text.endIndex {
                if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
                    p = pattern.index(after: p)
                    star = (p, t)
                } else if p < pattern.endIndex, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
                    p = pattern.index(after: p)
                    t = text.index(after: t)
                } else if let last = star {
                    p = last.pattern
                    t = text.index(after: last.text)
                    star = (p, t)
                } else {
                    return false
                }
            }
            return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
        }
    }

    /// A list longer than this was made by a program that should have written a pattern.
    package static let patternsMax = 1000

    package let patterns: [Pattern]

    package init(patterns texts: [String]) throws(ConfigError) {
        var patterns: [Pattern] = []
        for text in texts { patterns.append(try Pattern(text: text)) }
        try self.init(patterns)
    }

    init(_ patterns: [Pattern]) throws(ConfigError) {
        guard patterns.count <= Self.patternsMax else {
            throw ConfigError(
                .invalidValue,
                "\(patterns.count) patterns are more than the \(Self.patternsMax) that one selection may have.")
        }
        guard patterns.contains(where: { !$0.isNegated }) else {
            throw ConfigError(
                .invalidValue,
                "The selection only leaves tables out, so it means none. Say first which ones it means, as in '*'.")
        }
        self.patterns = patterns
    }

    package func includes(store: String, table: String) -> Bool {
        let last = patterns.last { $0.matches(store: store, table: table) }
        return last.map { !$0.isNegated } ?? false
    }

    /// The same where the store is not known: what is in a vault tells its table and no store.
    package func includes(table: String) -> Bool {
        let last = patterns.last { $0.matches(table: table) }
        return last.map { !$0.isNegated } ?? false
    }

    /// The tables that are meant, in their given order, and the patterns that match none of them.
    ///
    /// A pattern without `!` that matches nothing is usually a misspelt name, and a backup that passes over it in silence is none: callers report
    /// `unmatched`, and fail where a pattern ``Pattern/isExact``.
    package func select<Table>(
        from tables: [Table], store: (Table) -> String, table: (Table) -> String
    ) -> (selected: [Table], unmatched: [Pattern]) {
        let unmatched = patterns.filter { pattern in
            !pattern.isNegated && !tables.contains { pattern.matches(store: store($0), table: table($0)) }
        }
        return (tables.filter { includes(store: store($0), table: table($0)) }, unmatched)
    }

    package var description: String { patterns.map(\.description).joined(separator: ", ") }
}
