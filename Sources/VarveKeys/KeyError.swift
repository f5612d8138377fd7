// SPDX-License-Identifier: Apache-2.0

/// What went wrong with keys. Messages name files, key ids and aliases, never secrets.
package struct KeyError: Error, CustomStringConvertible {
    /// Stable: tests, JSON output and exit codes use these.
    package enum Code: String, Sendable {
        /// There is no file where the key store, the root key, the passphrase or the kit should be.
        case noKeyStore
        /// Something stands where a new file was to be made.
        case exists
        /// A secret's file can be read or changed by others.
        case permissions
        /// The passphrase or root key does not open this key store.
        case wrongSecret
        /// A passphrase or root key that cannot be one: empty, too long, not 32 bytes.
        case invalidSecret
        /// The bytes are not what was written.
        case damaged
        /// Written by a later version of Varve.
        case newerFormat
        /// No key has this id, alias or word.
        case noSuchKey
        /// The alias is another key's.
        case aliasTaken
        /// The text cannot be an alias.
        case invalidAlias
        /// A key of this class does not do this.
        case notAllowed
        /// Another process has held the key store for too long.
        case locked
        /// The recovery kit belongs to another key store.
        case notThisKit
        /// The store's file was exchanged for another store's since it was opened.
        case replaced
        /// The key is disabled: it neither seals nor opens until it is enabled.
        case keyDisabled
        /// The key waits for its deletion: it neither seals nor opens.
        case keyPendingDeletion
        /// The key's material was destroyed.
        case keyDeleted
        /// The material or the id that was to be imported is in the store already.
        case keyExists
        /// More tags than a key may have, or a tag that cannot be one.
        case invalidTag
        /// A waiting period or another setting out of its bounds.
        case outOfBounds
        /// No key at hand opens the sealed key.
        case cannotOpen
        /// The system refused to read or write.
        case io
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
