// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
package import SystemPackage
import VarveModel

/// A vault's objects as files below one folder.
///
/// An object is written to `.tmp/`, synced, linked to its name (`link` fails where a rename would overwrite), unlinked from `.tmp/`, and the folders
/// that are new or changed are synced. A writer holds a lock (`flock`) on its temporary file, so that what a dead writer left can be told from what
/// a live one writes. Files have mode 0600 and folders 0700. Nothing follows a symbolic link below the root.
package final class DirectoryStorage: VaultStorage {
    static let temporaryFolder = ".tmp"
    /// Folders below folders deeper than this are no vault's; it stops a listing in a maze.
    static let depthMax = 16

    package let root: FilePath
    let calls: FileCalls
    /// Folders whose own entry this process has made durable, or found and synced once.
    private let durableFolders = Mutex<Set<String>>([])

    /// Uses the folder `root`, which must be there.
    package init(_ root: FilePath, failpoint: Failpoint? = nil, journal: FileJournal? = nil) throws {
        self.root = root
        calls = FileCalls(failpoint: failpoint, journal: journal)
        var status = stat()
        guard stat(root.string, &status) == 0, status.isFolder else {
            throw VaultError(.noVault, "There is no folder '\(root)'. Check the path; 'varve init' makes a vault.")
        }
    }

    /// Makes the folder `root` and those above it where they are missing.
    package static func create(_ root: FilePath, failpoint: Failpoint? = nil) throws -> DirectoryStorage {
        let calls = FileCalls(failpoint: failpoint)
        var made = FilePath(root: root.root, [])
        for component in root.components {
            let parent = made.isEmpty ? FilePath(".") : made
            made.append(component)
            do {
                try calls.run(.makeFolder, "make folder '\(made)'") { Int(mkdir(made.string, 0o700)) }
            } catch let error as VaultError where error.code == .exists {
                continue
            }
            try calls.syncFolder(parent)
        }
        return try DirectoryStorage(root, failpoint: failpoint)
    }

    package var location: String { root.string }

    /// What is in memory is read as fast by as many as there are processors; a disk answers several at once.
    package let readersMax = 8

    package func writer(_ path: ObjectPath) throws -> any ObjectWriter {
        try DirectoryWriter(storage: self, path: path)
    }

    package func put(_ path: ObjectPath, _ bytes: [UInt8]) throws {
        let writer = try DirectoryWriter(storage: self, path: path)
        try bytes.withUnsafeBytes { try writer.write($0) }
        try writer.commit()
    }

    package func replace(_ path: ObjectPath, _ bytes: [UInt8]) throws {
        let writer = try DirectoryWriter(storage: self, path: path)
        try bytes.withUnsafeBytes { try writer.write($0) }
        try writer.commit(overwriting: true)
    }

    package func get(_ path: ObjectPath, atMost limit: Int) throws -> [UInt8] {
        let reader = try DirectoryReader(storage: self, path: path)
        guard reader.bytes <= limit else {
            throw VaultError(
                .limitExceeded,
                "Object '\(path)' has \(reader.bytes) bytes where at most \(limit) can be. It is damaged.")
        }
        var bytes = [UInt8](repeating: 0, count: reader.bytes + 1)
        var count = 0
        while count < bytes.count {
            let got = try bytes.withUnsafeMutableBytes {
                try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[count...]))
            }
            count += got
            // One byte more was asked for: there is none.
            if got == 0 || count == reader.bytes { break }
        }
        guard count == reader.bytes else {
            throw VaultError(
                .io, "Object '\(path)' changed its size while it was read. Something else writes into the vault.")
        }
        bytes.removeLast()
        return bytes
    }

    package func reader(_ path: ObjectPath) throws -> any ObjectReader {
        try DirectoryReader(storage: self, path: path)
    }

    package func info(_ path: ObjectPath) throws -> ObjectInfo? {
        guard let status = try calls.status(file(path)), status.isRegular else { return nil }
        return ObjectInfo(path: path, bytes: Int(status.st_size), modified: status.modified)
    }

    package func delete(_ path: ObjectPath) throws {
        let file = file(path)
        do {
            try calls.run(.unlink, "delete object '\(path)'") { Int(unlink(file.string)) }
            calls.note(.unlink(file))
        } catch let error as VaultError where error.code == .notFound {
            return
        }
        try calls.syncFolder(file.removingLastComponent())
        removeEmptyFolders(above: path)
    }

    /// Folders exist only for what is in them.
    private func removeEmptyFolders(above path: ObjectPath) {
        var folder = FilePath(path.folder)
        while !folder.isEmpty {
            let gone = durableFolders.withLock { durable in
                guard rmdir(root.appending(folder.components).string) == 0 else { return false }
                calls.note(.removeFolder(root.appending(folder.components)))
                durable.remove(folder.string)
                return true
            }
            if !gone { return }
            folder.removeLastComponent()
        }
    }

    func file(_ path: ObjectPath) -> FilePath { root.appending(path.text) }

    /// Makes the folders of `folder` (relative to the root) that are missing, and makes their entries durable.
    func makeFolders(_ folder: String) throws {
        guard !folder.isEmpty else { return }
        var made = FilePath("")
        for component in FilePath(folder).components {
            let parent = root.appending(made.components)
            made.append(component)
            let name = made.string
            if durableFolders.withLock({ $0.contains(name) }) { continue }
            let path = root.appending(made.components)
            do {
                try calls.run(.makeFolder, "make folder '\(path)'") { Int(mkdir(path.string, 0o700)) }
                calls.note(.makeFolder(path))
            } catch let error as VaultError where error.code == .exists {
                // Another writer made it, perhaps a moment ago, and may not have synced it yet: sync it all the same.
            }
            try calls.syncFolder(parent)
            durableFolders.withLock { _ = $0.insert(name) }
        }
    }

    /// Another process removed a folder that this one took for durable.
    func forgetFolders(_ folder: String) {
        durableFolders.withLock { durable in
            var path = FilePath(folder)
            while !path.isEmpty {
                durable.remove(path.string)
                path.removeLastComponent()
            }
        }
    }
}
