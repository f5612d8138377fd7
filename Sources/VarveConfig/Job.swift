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

    /// How old segments are merged where a step does not say it.
    package static let compactOlderThanStandard = Duration.seconds(86_400)

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
        /// The first vault is written to; the others get copies. `synthetic`: out of the newest snapshot and the log, without reading the table.
        case backup(tables: TableSelection, vaults: [String], synthetic: Bool)
        case verify(level: VerifyLevel, subset: VerifySubset?, vault: String, healFrom: String?)
        case drill(DrillTables, at: DrillTime, vault: String)
        case sweep(SweepTables, vault: String)
        /// The first vault is written to; the others get copies.
        case capture(tables: TableSelection, vaults: [String])
        case compact(olderThan: Duration, vault: String)
        /// nil: every table.
        case copy(tables: TableSelection?, from: String, to: [String])
        /// A page and the same as JSON, into a folder.
        case report(folder: FilePath, vault: String)
        /// - retention: nil: what `varve.yaml` says.
        case prune(vault: String, grace: Duration?, retention: RetentionSetting?)

        /// The key that says it in the file: `backup`, `capture`, `compact`, `copy`, `verify`, `drill`, `sweep`, `prune` or `report`.
        package var verb: String {
            switch self {
            case .backup: "backup"
            case .verify: "verify"
            case .drill: "drill"
            case .sweep: "sweep"
            case .capture: "capture"
            case .compact: "compact"
            case .prune: "prune"
            case .report: "report"
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

    /// Which state a drill restores.
    package enum DrillTime: String, Hashable, Sendable, CaseIterable {
        /// The newest snapshot.
        case snapshot
        /// The end of the captured log.
        case latest
        /// Any instant that is covered, by chance.
        case random

        package init(text: String) throws(ConfigError) {
            guard let time = Self(rawValue: text) else {
                throw ConfigError(
                    .invalidValue,
                    "'\(text)' is no state to drill. Write snapshot, latest (the end of the log) or random.")
            }
            self = time
        }
    }

    /// Which tables a drill restores.
    package enum DrillTables: Hashable, Sendable {
        /// So many, picked by chance among those that have a snapshot.
        case count(Int)
        case selected(TableSelection)
    }
}
