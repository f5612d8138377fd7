// SPDX-License-Identifier: Apache-2.0

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
        let loads = folder.appending("loads")
        try StoreFile.makeFolder(loads)
        let path = loads.appending("\(id).lock")
        let file = try LockFile(path)
        return try file.tryLock() ? LoadLock(file, path) : nil
    }

    /// Lets go, for good.
    consuming func remove() {
        unlink(path.string)
    }
}
