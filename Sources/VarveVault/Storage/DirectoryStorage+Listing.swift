// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage
package import VarveModel

extension DirectoryStorage {
    package func list(_ prefix: String) throws -> [ObjectInfo] {
        // The folder part of the prefix is walked; what follows its last slash filters names.
        let slash = prefix.utf8.lastIndex(of: UInt8(ascii: "/"))
        let folder = slash.map { String(prefix[..<$0]) } ?? ""
        guard folder.isEmpty || ObjectPath.isValid(folder) else { return [] }
        var found: [ObjectInfo] = []
        try walk(folder.isEmpty ? "" : folder + "/", depth: 0, prefix, into: &found)
        return found
    }

    package func folders(_ folder: String) throws -> [String] {
        guard folder.isEmpty || folder.hasSuffix("/") && ObjectPath.isValid(String(folder.dropLast())) else {
            return []
        }
        return try entries(of: folder).filter(\.isFolder).map(\.name)
    }

    /// Appends what lies in `folder` (its path with a slash at its end; empty for the root) and below and has the prefix, in order.
    private func walk(_ folder: String, depth: Int, _ prefix: String, into found: inout [ObjectInfo]) throws {
        guard depth <= Self.depthMax else {
            throw VaultError(
                .limitExceeded,
                "Folder '\(folder)' of vault '\(location)' is nested deeper than \(Self.depthMax) levels; no vault is.")
        }
        for entry in try entries(of: folder) {
            if folder.isEmpty && entry.part.hasPrefix(".") { continue }
            let path = folder + entry.part
            if entry.isFolder {
                try walk(path, depth: depth + 1, prefix, into: &found)
            } else if let status = entry.status, path.utf8.starts(with: prefix.utf8), let object = try? ObjectPath(path)
            {
                found.append(ObjectInfo(path: object, bytes: Int(status.st_size), modified: status.modified))
            }
        }
    }

    /// A file or a folder in a folder.
    private struct FolderEntry {
        let name: String
        /// The name as it stands in the paths of objects: a folder's with a slash at its end.
        let part: String
        /// Of a file; nil for a folder.
        let status: stat?
        var isFolder: Bool { status == nil }

        init(folder name: String) {
            self.name = name
            part = name + "/"
            status = nil
        }

        init(file name: String, _ status: stat) {
            self.name = name
            part = name
            self.status = status
        }
    }

    /// The folders and regular files in a folder (its path with a slash at its end; empty for the root), in the order of their objects' paths.
    private func entries(of folder: String) throws -> [FolderEntry] {
        let path = folder.isEmpty ? root : root.appending(folder)
        if let injected = calls.failpoint?(.list) { throw FileCalls.error(injected, "list folder '\(path)'") }
        guard let stream = opendir(path.string) else {
            if errno == ENOENT || errno == ENOTDIR { return [] }
            throw FileCalls.error(Errno(rawValue: errno), "list folder '\(path)'")
        }
        defer { closedir(stream) }
        var entries: [FolderEntry] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw FileCalls.error(Errno(rawValue: errno), "list folder '\(path)'") }
                return entries.sorted { ObjectPath.precedes($0.part, $1.part) }
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
            // What vanished since the folder was read is not there any more. Not every file system tells folders from files before.
            guard let status = try calls.status(name, in: dirfd(stream)) else { continue }
            if status.isFolder {
                entries.append(FolderEntry(folder: name))
            } else if status.isRegular {
                entries.append(FolderEntry(file: name, status))
            }
        }
    }

    package func remains(before instant: Instant) throws -> [StorageRemains] {
        var found: [StorageRemains] = []
        for entry in try entries(of: Self.temporaryFolder + "/") {
            let path = temporaryPath(entry.name)
            guard let status = entry.status, status.modified < instant else { continue }
            let descriptor = Glibc.open(path.string, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            // Its writer holds the lock as long as it lives.
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { continue }
            found.append(StorageRemains(name: entry.name, bytes: Int(status.st_size), modified: status.modified))
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
