// SPDX-License-Identifier: Apache-2.0

/// What is wrong with an item, a key or a table description.
///
/// A message says where (a byte offset, an attribute definition), never which key or value.
package struct ModelError: Error, CustomStringConvertible, Sendable {
    package enum Code: String, Sendable {
        /// The bytes are not JSON at all.
        case malformedJSON
        /// The bytes may be a valid item, but not in the one canonical spelling.
        case notCanonical
        /// JSON that is no attribute value: an unknown type tag, two tags, bad base64, `"NULL":false`.
        case invalidValue
        /// Not a decimal number, or beyond 38 digits or the range of DynamoDB.
        case invalidNumber
        case duplicateName
        case emptySet
        /// A set holds the same member twice.
        case duplicateMember
        case tooDeep
        case tooLarge
        case missingKey
        case wrongKeyType
        case emptyKey
        case keyTooLong
        case invalidTableName
        case invalidTable
        /// The text of a condition is not in its grammar, says what cannot be, or is beyond a limit.
        case invalidCondition
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { message }
}
