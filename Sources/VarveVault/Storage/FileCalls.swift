// SPDX-License-Identifier: Apache-2.0

import Glibc
package import SystemPackage
import VarveModel

/// The places at which a directory storage asks the operating system for something that can fail.
package enum FilePoint: String, Sendable, CaseIterable {
    case openTemporary, write, sync, link, syncFolder, unlink, makeFolder, rename, open, read, list
}

/// Tests make the operating system fail with this: a non-nil answer stands for the call's error.
package typealias Failpoint = @Sendable (FilePoint) -> Errno?

/// System calls with one sentence each for what failed, on what, and what to do.
struct FileCalls: Sendable {
    let failpoint: Failpoint?
    let journal: FileJournal?

    init(failpoint: Failpoint? = nil, journal: FileJournal? = nil) {
        self.failpoint = failpoint
        self.journal = journal
    }

    /// Tells the journal, if there is one.
    func note(_ event: @autoclosure () -> FileEvent) {
        if let journal { journal(event()) }
    }

    /// Runs `call` until no signal interrupts it.
    @discardableResult
    func run(_ point: FilePoint, _ what: @autoclosure () -> String, _ call: () -> Int) throws -> Int {
        if let injected = failpoint?(point) { throw Self.error(injected, what()) }
        while true {
            let result = call()
            if result >= 0 { return result }
            let code = errno
            if code == EINTR { continue }
            throw Self.error(Errno(rawValue: code), what())
        }
    }

    static func error(_ code: Errno, _ what: String) -> VaultError {
        switch code {
        case .noSpace, .diskQuotaExceeded, .fileTooLarge:
            VaultError(.full, "No space is left to \(what). Free some or move the vault, then run again.", cause: code)
        case .fileExists:
            VaultError(.exists, "Could not \(what): it exists already, and a vault never overwrites.", cause: code)
        case .noSuchFileOrDirectory, .notDirectory:
            VaultError(.notFound, "Could not \(what): it is not there.", cause: code)
        case .tooManySymbolicLinkLevels:
            VaultError(.damaged, "Could not \(what): a symbolic link stands in its place.", cause: code)
        default:
            VaultError(.io, "Could not \(what): \(code). Check the disk and the rights on it.", cause: code)
        }
    }

    func syncFolder(_ path: FilePath) throws {
        let descriptor = try run(.open, "open folder '\(path)'") {
            Int(Glibc.open(path.string, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        }
        defer { close(Int32(descriptor)) }
        try run(.syncFolder, "make folder '\(path)' durable") { Int(fsync(Int32(descriptor))) }
        note(.syncFolder(path))
    }

    func status(_ path: FilePath) throws -> stat? { try status(path.string, in: AT_FDCWD) }

    /// Of one entry of an open folder.
    func status(_ name: String, in folder: Int32) throws -> stat? {
        var status = stat()
        do {
            try run(.open, "look at '\(name)'") { Int(fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW)) }
        } catch let error as VaultError where error.code == .notFound {
            return nil
        }
        return status
    }
}

extension stat {
    var isRegular: Bool { st_mode & S_IFMT == S_IFREG }
    var isFolder: Bool { st_mode & S_IFMT == S_IFDIR }
    var modified: Instant {
        Instant(microseconds: Int64(st_mtim.tv_sec) * 1_000_000 + Int64(st_mtim.tv_nsec) / 1000)
    }
}
