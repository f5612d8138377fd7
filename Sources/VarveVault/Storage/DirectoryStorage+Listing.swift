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
        try walk(folder, depth: 0) { path, status in
            guard path.utf8.starts(with: prefix.utf8), let object = try? ObjectPath(path) else { return }
            found.append(ObjectInfo(path: object, bytes: Int(status.st_size), modified: status.modified))
        }
        return found.sorted { $0.path < $1.path }
    }

    private func walk(_ folder: String, depth: Int, _ visit: (String, stat) throws -> Void) throws {
        guard depth <= Self.depthMax else {
            throw VaultError(
                .limitExceeded,
                "Folder '\(folder)' of vault '\(location)' is nested deeper than \(Self.depthMax) levels; no vault is.")
        }
        for name in try names(in: folder) {
            if folder.isEmpty && name.hasPrefix(".") { continue }
            let path = folder.isEmpty ? name : folder + "/" + name
            // What vanished since the folder was read is not there any more.
            guard let status = try calls.status(root.appending(path)) else { continue }
            if status.isFolder {
                try walk(path, depth: depth + 1, visit)
            } else if status.isRegular {
                try visit(path, status)
            }
        }
    }

    private func names(in folder: String) throws -> [String] {
        let path = folder.isEmpty ? root : root.appending(folder)
        if let injected = calls.failpoint?(.list) { throw FileCalls.error(injected, "list folder '\(path)'") }
        guard let stream = opendir(path.string) else {
            if errno == ENOENT || errno == ENOTDIR { return [] }
            throw FileCalls.error(Errno(rawValue: errno), "list folder '\(path)'")
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw FileCalls.error(Errno(rawValue: errno), "list folder '\(path)'") }
                return names
            }
            // A name that is no UTF-8 cannot be one of ours.
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
            }
            if let name, name != ".", name != ".." { names.append(name) }
        }
    }

    package func remains(before instant: Instant) throws -> [StorageRemains] {
        var found: [StorageRemains] = []
        for name in try names(in: Self.temporaryFolder).sorted() {
            let path = temporaryPath(name)
            guard let status = try calls.status(path), status.isRegular, status.modified < instant else { continue }
            let descriptor = Glibc.open(path.string, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            // Its writer holds the lock as long as it lives.
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { continue }
            found.append(StorageRemains(name: name, bytes: Int(status.st_size), modified: status.modified))
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
