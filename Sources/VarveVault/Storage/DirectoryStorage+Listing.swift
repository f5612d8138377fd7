// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage
package import VarveModel

extension DirectoryStorage {
    package func list(_ prefix: String) throws -> [ObjectInfo] {
        try list(prefix, sized: true) { path, size in
            size.map { ObjectInfo(path: path, bytes: $0.bytes, modified: $0.modified) }
        }
    }

    package func paths(_ prefix: String) throws -> [ObjectPath] {
        try list(prefix, sized: false) { path, _ in path }
    }

    private func list<Found>(
        _ prefix: String, sized: Bool, _ make: (ObjectPath, FolderEntry.Size?) -> Found?
    ) throws -> [Found] {
        // The folder part of the prefix is walked; what follows its last slash filters names.
        let slash = prefix.utf8.lastIndex(of: UInt8(ascii: "/"))
        let folder = slash.map { String(prefix[..<$0]) } ?? ""
        guard folder.isEmpty || ObjectPath.isValid(folder) else { return [] }
        func object(_ folder: String, _ entry: FolderEntry) -> Found? {
            let path = folder + entry.part
            guard path.utf8.starts(with: prefix.utf8), let path = try? ObjectPath(path) else { return nil }
            return make(path, entry.size)
        }
        if !folder.isEmpty { return try walk(folder + "/", depth: 0, sized: sized, object) }
        // One after the other: what is committed last comes first in this order, so that nothing of it is missed behind it.
        return try entries(of: "", sized: sized).filter { !$0.part.hasPrefix(".") }.flatMap { entry in
            entry.isFolder
                ? try walk(entry.part, depth: 1, sized: sized, object) : [object("", entry)].compactMap(\.self)
        }
    }

    package func folders(_ folder: String) throws -> [String] {
        guard folder.isEmpty || folder.hasSuffix("/") && ObjectPath.isValid(String(folder.dropLast())) else {
            return []
        }
        return try entries(of: folder, sized: false).filter(\.isFolder).map(\.name)
    }

    /// What `object` makes of the files in `folder` (its path with a slash at its end) and below, in order.
    ///
    /// One level after the other, the folders of a level at the same time.
    private func walk<Found>(
        _ folder: String, depth: Int, sized: Bool, _ object: (_ folder: String, FolderEntry) -> Found?
    ) throws -> [Found] {
        var levels: [[[FolderEntry]]] = []
        var folders = [folder]
        while let first = folders.first {
            guard depth + levels.count <= Self.depthMax else {
                throw VaultError(
                    .limitExceeded,
                    "Folder '\(first)' of vault '\(location)' is nested deeper than \(Self.depthMax) levels; no vault is."
                )
            }
            let level = try Parallel.map(folders.count, threads: readersMax) { [folders] index in
                try self.entries(of: folders[index], sized: sized)
            }
            levels.append(level)
            folders = zip(folders, level).flatMap { folder, entries in
                entries.filter(\.isFolder).map { folder + $0.part }
            }
        }
        var found: [Found] = []
        /// The next folder of each level.
        var next = levels.map { _ in 0 }
        func add(_ folder: String, _ level: Int) {
            next[level] += 1
            for entry in levels[level][next[level] - 1] {
                if entry.isFolder {
                    add(folder + entry.part, level + 1)
                } else if let object = object(folder, entry) {
                    found.append(object)
                }
            }
        }
        add(folder, 0)
        return found
    }

    /// A file or a folder in a folder.
    private struct FolderEntry {
        typealias Size = (bytes: Int, modified: Instant)

        /// The name as it stands in the paths of objects: a folder's with a slash at its end.
        let part: String
        let isFolder: Bool
        /// Of a file, where it was asked for.
        let size: Size?
        var name: String { isFolder ? String(part.dropLast()) : part }

        init(folder name: String) {
            part = name + "/"
            isFolder = true
            size = nil
        }

        init(file name: String, _ status: stat?) {
            part = name
            isFolder = false
            size = status.map { (Int($0.st_size), $0.modified) }
        }
    }

    /// A folder is read again where a file vanished while it was: what took its place may have come behind what was read.
    private static let readingsMax = 4

    /// The folders and regular files in a folder (its path with a slash at its end; empty for the root), in the order of their objects' paths.
    private func entries(of folder: String, sized: Bool) throws -> [FolderEntry] {
        let path = folder.isEmpty ? root : root.appending(folder)
        if let injected = calls.failpoint?(.list) { throw FileCalls.error(injected, "list folder '\(path)'") }
        guard let stream = opendir(path.string) else {
            if errno == ENOENT || errno == ENOTDIR { return [] }
            throw FileCalls.error(Errno(rawValue: errno), "list folder '\(path)'")
        }
        defer { closedir(stream) }
        var (entries, hasVanished) = try entries(of: stream, path, sized: sized)
        for _ in 1..<Self.readingsMax where hasVanished {
            rewinddir(stream)
            (entries, hasVanished) = try self.entries(of: stream, path, sized: sized)
        }
        return entries.sorted { ObjectPath.precedes($0.part, $1.part) }
    }

    /// What an open folder has, in no order.
    private func entries(
        of stream: OpaquePointer, _ path: FilePath, sized: Bool
    ) throws -> (entries: [FolderEntry], hasVanished: Bool) {
        var entries: [FolderEntry] = []
        var hasVanished = false
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw FileCalls.error(Errno(rawValue: errno), "list folder '\(path)'") }
                return (entries, hasVanished)
            }
            // A name that is no UTF-8 cannot be one of ours.
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
            }
            guard let name, name != ".", name != ".." else { continue }
            if entry.pointee.d_type == UInt8(DT_DIR) {
                entries.append(FolderEntry(folder: name))
                continue
            }
            if !sized && entry.pointee.d_type == UInt8(DT_REG) {
                entries.append(FolderEntry(file: name, nil))
                continue
            }
            // Not every file system tells folders from files before.
            guard let status = try calls.status(name, in: dirfd(stream)) else {
                hasVanished = true
                continue
            }
            if status.isFolder {
                entries.append(FolderEntry(folder: name))
            } else if status.isRegular {
                entries.append(FolderEntry(file: name, status))
            }
        }
    }

    package func remains(before instant: Instant) throws -> [StorageRemains] {
        var found: [StorageRemains] = []
        for entry in try entries(of: Self.temporaryFolder + "/", sized: true) {
            let path = temporaryPath(entry.name)
            guard let size = entry.size, size.modified < instant else { continue }
            let descriptor = Glibc.open(path.string, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            // Its writer holds the lock as long as it lives.
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { continue }
            found.append(StorageRemains(name: entry.name, bytes: size.bytes, modified: size.modified))
        }
        return found
    }

    package func remove(_ remains: StorageRemains) throws {
        guard !remains.name.contains("/"), remains.name != "..", remains.name != "." else { return }
        do {
            try calls.run(.unlink, "delete temporary file '\(remains.name)'") {
                Int(unlink(temporaryPath(remains.name).string))
            }
        } catch let error as VaultError where error.code == .notFound {
            return
        }
    }

    func temporaryPath(_ name: String) -> FilePath {
        root.appending(Self.temporaryFolder).appending(name)
    }
}
