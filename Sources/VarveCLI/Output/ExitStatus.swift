// SPDX-License-Identifier: Apache-2.0

import VarveConfig
import VarveKeys
import VarveModel
import VarvePipeline
import VarveSeal
import VarveStore
import VarveVault

/// The exit codes that scripts rely on (README, "Exit codes"). A number never changes its meaning.
enum ExitStatus: Int32, CaseIterable {
    case done = 0
    case failed = 1
    case usage = 2
    case partlyDone = 3
    case damageFound = 4
    case notRestorable = 5
    case notFound = 10
    case lockedByAnother = 11
    case wrongKey = 12
    case configurationInvalid = 13
    case refused = 15

    /// The status for an error: decided by the most telling error of its chain, outermost first.
    init(for error: any Error) {
        var next: (any Error)? = error
        while let current = next {
            if let status = ExitStatus.telling(current) {
                self = status
                return
            }
            next = (current as? any Reportable)?.cause
        }
        self = .failed
    }

    /// The status for what a look at a vault found. A sound object that the keys at hand do not open, or that a newer version wrote, is no damage.
    init(for findings: [Finding]) {
        if findings.isEmpty {
            self = .done
        } else if findings.allSatisfy({ $0.code == .unreadable }) {
            self = .wrongKey
        } else if findings.allSatisfy({ $0.code == .newerFormat }) {
            self = .failed
        } else {
            self = .damageFound
        }
    }

    private static func telling(_ error: any Error) -> ExitStatus? {
        switch error {
        case let error as UsageError: error.status
        case let error as ConfigError: status(error)
        case let error as KeyError: status(error.code)
        case let error as SealError: status(error.code)
        case let error as StoreError: status(error.code)
        case let error as VaultError: status(error.code)
        // A broken file to import is no damage to anything that is kept.
        case let error as PipelineError where error.code == .badInput && error.cause is VaultError: .failed
        case let error as PipelineError: status(error.code)
        default: nil
        }
    }

    /// A mistake in a file is the file's; the same mistake in an option is the command line's.
    private static func status(_ error: ConfigError) -> ExitStatus? {
        switch error.code {
        case .unknownName: .notFound
        case .notFound: .configurationInvalid
        default: error.file == nil ? .usage : .configurationInvalid
        }
    }

    private static func status(_ code: KeyError.Code) -> ExitStatus? {
        switch code {
        case .wrongSecret, .invalidSecret, .permissions, .noSuchKey, .notThisKit, .replaced, .cannotOpen,
            .keyDisabled, .keyPendingDeletion, .keyDeleted:
            .wrongKey
        case .noKeyStore: .notFound
        case .damaged: .damageFound
        case .locked: .lockedByAnother
        case .exists, .aliasTaken, .notAllowed, .keyExists: .refused
        case .invalidAlias, .invalidTag, .outOfBounds: .usage
        case .newerFormat, .io: .failed
        }
    }

    private static func status(_ code: SealError.Code) -> ExitStatus? {
        switch code {
        case .noMatchingKey: .wrongKey
        case .unsupportedVersion, .unsupportedSuite: .failed
        default: .damageFound
        }
    }

    private static func status(_ code: StoreError.Code) -> ExitStatus? {
        switch code {
        case .noStore, .noSuchTable: .notFound
        case .busy: .lockedByAnother
        case .keyMismatch: .wrongKey
        case .damaged: .damageFound
        default: nil
        }
    }

    private static func status(_ code: VaultError.Code) -> ExitStatus? {
        switch code {
        case .noVault, .notFound: .notFound
        case .shredded, .removed: .notRestorable
        case .held: .refused
        case .locked: .lockedByAnother
        case .damaged, .missing, .manifestMismatch, .hostileName: .damageFound
        case .unreadable: .wrongKey
        default: nil
        }
    }

    private static func status(_ code: PipelineError.Code) -> ExitStatus? {
        switch code {
        case .contentMismatch, .drillFailed: .damageFound
        case .noRecoveryPoint: .notFound
        case .notCovered: .notRestorable
        case .ambiguousID, .sameVault: .usage
        case .clockBehind: .refused
        case .locked: .lockedByAnother
        default: nil
        }
    }
}
