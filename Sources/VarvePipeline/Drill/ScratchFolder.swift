// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import SystemPackage
import VarveModel

/// A folder that lives as long as the work in it: removed at its end, or, where the process was killed, by the next one that needs a folder.
///
/// Beside each folder lies a lock file that its process holds (`flock`); a folder whose lock is free belongs to nobody.
struct ScratchFolder: ~Copyable {
    let path: FilePath
    private let lock: Int32

    /// Makes a folder below `parent`, after removing those that dead processes left there.
    static func make(in parent: FilePath) throws -> ScratchFolder {
        do {
            try FileManager.default.createDirectory(atPath: parent.string, withIntermediateDirectories: true)
        } catch {
            throw PipelineError(.noScratch, "The folder '\(parent)' for scratch tables cannot be made.", cause: error)
        }
        removeAbandoned(in: parent)
        let path = parent.appending(RandomID.make())
        return ScratchFolder(path: path, lock: try makeLock(for: path))
    }

    private init(path: FilePath, lock: Int32) {
        self.path = path
        self.lock = lock
    }

    deinit {
        Self.remove(path)
        close(lock)
    }

    private static func lockFile(of folder: FilePath) -> FilePath { FilePath(folder.string + ".lock") }

    private static func makeLock(for folder: FilePath) throws -> Int32 {
        let descriptor = Glibc.open(lockFile(of: folder).string, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        var status = stat()
        // Somebody who looks for abandoned folders may come between making the file and locking it, and takes it away.
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &status) == 0,
            status.st_nlink > 0
        else {
            let reason = String(cString: strerror(errno))
            if descriptor >= 0 { close(descriptor) }
            throw PipelineError(
                .noScratch,
                "A folder for a scratch table cannot be made beside '\(folder)': \(reason). Try again, or make room there."
            )
        }
        return descriptor
    }

    private static func remove(_ folder: FilePath) {
        try? FileManager.default.removeItem(atPath: folder.string)
        // The lock goes last: as long as it is there, somebody will come back for the folder.
        unlink(lockFile(of: folder).string)
    }

    private static func removeAbandoned(in parent: FilePath) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent.string)) ?? []
        for name in names where name.hasSuffix(".lock") {
            let folder = parent.appending(String(name.dropLast(5)))
            let descriptor = Glibc.open(lockFile(of: folder).string, O_RDWR | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { remove(folder) }
            close(descriptor)
        }
    }
}
