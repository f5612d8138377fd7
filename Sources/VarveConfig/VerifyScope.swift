// SPDX-License-Identifier: Apache-2.0

/// How deep a verify looks. Each level does all that the ones below it do.
package enum VerifyLevel: Int, CaseIterable, Comparable, Sendable, CustomStringConvertible {
    /// What is listed is there, and what is there is known.
    case listing
    /// Manifests prove themselves and their chain is whole.
    case manifests
    /// Every bundle has the size and the SHA-256 that its manifest says.
    case objects
    /// Every bundle opens, and what is in it has the counts and the digest that were sealed.
    case content

    /// Takes the name or the number, `content` or `3`.
    package init(text: String) throws(ConfigError) {
        guard let level = Self.allCases.first(where: { $0.description == text || String($0.rawValue) == text }) else {
            let known = Self.allCases.map { "\($0) (\($0.rawValue))" }.joined(separator: ", ")
            throw ConfigError(.invalidValue, "'\(text)' is no level of verify. The levels are \(known).")
        }
        self = level
    }

    package var description: String {
        switch self {
        case .listing: "listing"
        case .manifests: "manifests"
        case .objects: "objects"
        case .content: "content"
        }
    }

    package static func < (left: VerifyLevel, right: VerifyLevel) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// One of several equal parts of a vault, `2/30`: what one run verifies where all would take too long.
package struct VerifySubset: Hashable, Sendable, CustomStringConvertible {
    /// A part smaller than one in ten thousand is a mistake: nobody runs the ten thousand jobs.
    package static let partsMax = 10_000

    /// From 1 to ``parts``.
    package let part: Int
    package let parts: Int

    package init(text: String) throws(ConfigError) {
        let numbers = text.split(separator: "/", omittingEmptySubsequences: false).map { wholeNumber($0) }
        guard numbers.count == 2, let part = numbers[0], let parts = numbers[1],
            part >= 1, part <= parts, parts <= Self.partsMax
        else {
            throw ConfigError(
                .invalidValue,
                "'\(text)' is no subset. Write which part of how many, as in 1/30; at most \(Self.partsMax) parts.")
        }
        self.part = Int(part)
        self.parts = Int(parts)
    }

    package var description: String { "\(part)/\(parts)" }
}
