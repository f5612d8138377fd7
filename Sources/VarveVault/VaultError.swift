// SPDX-License-Identifier: Apache-2.0

/// What went wrong in the vault. `code` never changes its meaning: JSON output, exit codes and tests use it.
package struct VaultError: Error, CustomStringConvertible, Sendable {
    package enum Code: String, Sendable, Codable, CaseIterable {
        /// There is no vault at the place named.
        case noVault
        /// An object of that name is there already; the vault is write-once.
        case exists
        /// An object that was asked for is not there.
        case notFound
        /// The operating system could not read or write.
        case io
        /// No space is left where the vault lives.
        case full
        /// An object's bytes are not those that were written.
        case damaged
        /// An object is missing that a manifest, the chain or the home's record of commits names.
        case missing
        /// A newer Varve wrote this.
        case newerFormat
        /// A bundle does not hold what its manifest says.
        case manifestMismatch
        /// An object is whole but could not be opened with the keys at hand.
        case unreadable
        /// A recovery point's keys were destroyed on purpose.
        case shredded
        /// Retention removed a recovery point or segment.
        case removed
        /// A hold or a lock forbids it.
        case held
        /// Something that was begun on purpose was not brought to its end: a shredding whose keys are still there.
        case unfinished
        /// Somebody else is at work on this, or was faster.
        case locked
        /// An archive holds a name or a kind of entry that Varve never writes.
        case hostileName
        /// Input is larger than a named limit.
        case limitExceeded
        /// Not a path that an object of a vault may have.
        case invalidPath
        /// A folder is no native export, or one that cannot be imported.
        case notAnExport
        /// The caller used a writer after it ended, or committed with bundles open.
        case misuse
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String {
        if let cause { return "\(message) (\(code.rawValue)) Cause: \(cause)" }
        return "\(message) (\(code.rawValue))"
    }
}
