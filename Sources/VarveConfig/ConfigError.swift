// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// A configuration or job file cannot be honoured as it stands, or an option like those in it cannot.
///
/// Printed as `varve.yaml:7:3: Unknown key …`, the form in which editors and terminals find the place.
package struct ConfigError: Error, CustomStringConvertible, Sendable {
    package enum Code: String, Sendable {
        /// No such file, in any of the places that were looked at.
        case notFound
        /// The file is there and cannot be read, or is no text.
        case unreadable
        /// The text is not YAML, or uses a part of YAML that is not read here (anchors, tags, several documents).
        case malformed
        case duplicateKey
        case unknownKey
        case missingKey
        /// A text where a list should be, a number where a text should be, and the like.
        case wrongType
        /// The right type and an impossible value.
        case invalidValue
        case unsupportedVersion
        /// Two settings, each right, that exclude each other.
        case conflict
        /// A store or vault that `varve.yaml` does not define.
        case unknownName
    }

    package let code: Code
    /// Full sentences: what is wrong, and what to write instead. No place; ``description`` puts it in front.
    package let message: String
    package let cause: (any Error)?
    /// The file, where the error has one; options of a command line have none.
    package internal(set) var file: FilePath?
    /// From 1, in the file.
    package internal(set) var line: Int?
    /// From 1, in Unicode scalars.
    package internal(set) var column: Int?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String {
        let place = [file?.string, line.map(String.init), column.map(String.init)].compactMap(\.self)
        return place.isEmpty ? message : place.joined(separator: ":") + ": " + message
    }

    func at(_ place: Place) -> ConfigError {
        var error = self
        error.line = place.line
        error.column = place.column
        return error
    }

    func `in`(_ file: FilePath) -> ConfigError {
        var error = self
        error.file = file
        return error
    }
}

/// Where something stands in a file: line and column, both from 1.
struct Place: Hashable, Sendable {
    let line: Int
    let column: Int

    static let start = Place(line: 1, column: 1)
}
