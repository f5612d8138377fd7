// SPDX-License-Identifier: Apache-2.0

/// What went wrong while a message was sealed or opened. Messages name places, never plaintext or keys.
package struct SealError: Error, CustomStringConvertible {
    /// Stable: tests, JSON output and exit codes use these.
    package enum Code: String, Sendable {
        /// The bytes are not a message of the format, or what was asked for cannot be written as one.
        case malformed
        /// The first byte names another version of the format.
        case unsupportedVersion
        /// The message was sealed with another algorithm suite.
        case unsupportedSuite
        /// A length or count is beyond ``MessageLimits``.
        case limitExceeded
        /// None of the keys at hand opens any of the message's data keys.
        case noMatchingKey
        /// A wrapped data key names a key at hand, but does not authenticate under it.
        case dataKeyAuthentication
        /// The data key is not the one that the message commits to.
        case commitmentMismatch
        /// The header was changed.
        case headerAuthentication
        /// A frame was changed, moved or exchanged.
        case frameAuthentication
        /// The message ends before its final frame does.
        case truncated
        /// Something follows the final frame.
        case trailingBytes
        /// The message is sound, but is not the one that was expected.
        case contextMismatch
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
