// SPDX-License-Identifier: Apache-2.0

/// What went wrong in a stage of the pipeline itself; errors of the rooms below travel through unchanged or as `cause`.
package struct PipelineError: Error, Sendable, CustomStringConvertible {
    /// Stable names: JSON output, exit codes and tests use them, and none ever changes its meaning.
    package enum Code: String, Sendable {
        /// The run was told to stop (a signal); what it had begun was taken back.
        case stopped
        /// What came back from the vault is not what its manifest says.
        case contentMismatch
        /// There is no recovery point that fits what was asked.
        case noRecoveryPoint
        /// The vault does not hold all that a state of a table is made of.
        case notCovered
        /// A prefix of an id names several recovery points.
        case ambiguousID
        /// Expiry is off for the table, or it has no time-to-live attribute.
        case timeToLiveOff
        /// A drill restored a table that is not equal to its snapshot.
        case drillFailed
        /// A file to import cannot be taken as it is.
        case badInput
        /// There is no place for a scratch table.
        case noScratch
        /// The clock lies before something that the vault holds, so ages cannot be told.
        case clockBehind
        /// Another process does what only one may do at a time.
        case locked
        /// A vault was to be copied into itself, or healed from itself.
        case sameVault
        /// A lock file cannot be made or used.
        case noLock
        /// A program could not be started.
        case noProcess
        /// A thread could not be started.
        case noThread
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
