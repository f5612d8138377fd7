// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// `Jobs/NAME.yaml`, read and checked against the configuration: a list of steps.
///
/// To add a kind of step: a table in ``KnownKeys``, a case of ``Action``, and its reading in `Job+Reading.swift`.
package struct Job: Sendable, Equatable {
    /// A job of more steps was made by a program that should have made several.
    package static let stepsMax = 1000
    /// More copies than this of one thing are a mistake in a file.
    package static let vaultsMax = 8

    package let name: String
    package let file: FilePath
    package let steps: [Step]

    package struct Step: Hashable, Sendable {
        package let action: Action
        /// Whether the job goes on when this step failed. The job has failed all the same.
        package let continueOnFailure: Bool
        /// Where it stands in the file, for messages.
        package let line: Int
    }

    /// Vaults are names that the configuration has.
    package enum Action: Hashable, Sendable {
        /// The first vault is written to; the others get copies.
        case backup(tables: TableSelection, vaults: [String])
        case verify(level: VerifyLevel, subset: VerifySubset?, vault: String, healFrom: String?)
        case drill(DrillTables, vault: String)
        case sweep(SweepTables, vault: String)
        /// The first vault is written to; the others get copies.
        case capture(tables: TableSelection, vaults: [String])
        /// nil: every table.
        case copy(tables: TableSelection?, from: String, to: [String])

        /// The key that says it in the file: `backup`, `capture`, `copy`, `verify`, `drill` or `sweep`.
        package var verb: String {
            switch self {
            case .backup: "backup"
            case .verify: "verify"
            case .drill: "drill"
            case .sweep: "sweep"
            case .capture: "capture"
            case .copy: "copy"
            }
        }
    }

    /// Which tables a sweep looks at, and how much of what has expired it takes.
    package struct SweepTables: Hashable, Sendable {
        package let tables: TableSelection
        package let grace: Duration
        /// Of each table, in one pass and in a second; nil: no limit.
        package let maxDeletions: Int?
        package let deletionsPerSecond: Int?

        package init(
            _ tables: TableSelection, grace: Duration = .zero, maxDeletions: Int? = nil, deletionsPerSecond: Int? = nil
        ) {
            self.tables = tables
            self.grace = grace
            self.maxDeletions = maxDeletions
            self.deletionsPerSecond = deletionsPerSecond
        }
    }

    /// Which tables a drill restores.
    package enum DrillTables: Hashable, Sendable {
        /// So many, picked by chance among those that have a snapshot.
        case count(Int)
        case selected(TableSelection)
    }
}
