// SPDX-License-Identifier: Apache-2.0

/// What went wrong in a store. Messages name stores, tables and row numbers, never keys or values of items.
package struct StoreError: Error, CustomStringConvertible {
    /// Stable: tests, JSON output and exit codes use these.
    package enum Code: String, Sendable {
        /// There is no store in the folder.
        case noStore
        /// There is a store in the folder already.
        case exists
        /// A table of that name is there already.
        case tableExists
        /// No table has that name.
        case noSuchTable
        /// The condition of a write did not hold; nothing was written.
        case conditionFailed
        /// A transaction was given up as a whole; ``StoreError/reasons`` says why, item by item.
        case transactionCancelled
        /// A batch or transaction breaks the rules for batches; nothing was written.
        case invalidBatch
        /// The call asks for something that is not possible on this table.
        case invalidRequest
        /// The key store does not open what this store's keys are sealed under.
        case keyMismatch
        /// A snapshot gave way because the write-ahead log grew past its bound.
        case snapshotExpired
        /// Another process held the store for longer than the busy timeout.
        case busy
        /// The disk is full.
        case full
        /// The operating system reported another failure.
        case io
        /// What is stored is not what was written.
        case damaged
        /// The store was written by a newer version of Varve.
        case newerFormat
        /// The table that should be loaded has items.
        case notEmpty
        /// A load brought two items with one key.
        case duplicateKey
        /// The change log no longer reaches back to where the reader wants to begin.
        case changesTrimmed
        /// The store, snapshot or load was closed before.
        case closed
    }

    /// Why one item of a transaction was not written.
    package enum CancellationReason: String, Sendable {
        /// Nothing was wrong with this one.
        case none
        case conditionFailed
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?
    /// For `.transactionCancelled`: one for each item, in the order of the request. Otherwise empty.
    package let reasons: [CancellationReason]

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.init(code, message, cause: cause, reasons: [])
    }

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil, reasons: [CancellationReason]) {
        self.code = code
        self.message = message
        self.cause = cause
        self.reasons = reasons
    }

    package var description: String { message }
}
