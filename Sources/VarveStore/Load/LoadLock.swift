// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import SystemPackage

/// Says that a load is alive: a lock on `loads/<id>.lock` that ends with its process.
struct LoadLock: ~Copyable {
    private let file: LockFile
    private let path: FilePath

    private init(_ file: consuming LockFile, _ path: FilePath) {
        self.file = file
        self.path = path
    }

    /// Takes the lock; `nil` when somebody has it.
    static func claim(_ id: String, in folder: FilePath) throws -> LoadLock? {
        let loads = Self.loads(in: folder)
        try StoreFile.makeFolder(loads)
        let path = loads.appending(id + suffix)
        while true {
            let file = try LockFile(path)
            guard try file.tryLock() else { return nil }
            // Whoever had it may have removed it between the two calls: then this is the lock of a file without a name.
            if file.isAt(path) { return LoadLock(file, path) }
        }
    }

    /// Removes the files of locks that nobody holds, but for those of `loads`: what a process leaves that dies right after its load was published.
    static func removeUnheld(but loads: Set<String>, in folder: FilePath) throws {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: Self.loads(in: folder).string)) ?? []
        for name in names where name.hasSuffix(suffix) {
            let id = String(name.dropLast(suffix.count))
            if !loads.contains(id), let lock = try claim(id, in: folder) { lock.remove() }
        }
    }

    private static let suffix = ".lock"
    private static func loads(in folder: FilePath) -> FilePath { folder.appending("loads") }

    /// Lets go, for good.
    consuming func remove() {
        unlink(path.string)
    }
}
