// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage
import VarveModel

/// Files that hold secrets: mode 0600, owned by this user or root, small, replaced as a whole or not at all.
enum PrivateFile {
    /// What tells one state of a file from the next: it is only ever replaced, so a change has another inode or another
    /// time.
    struct Stamp: Equatable, Sendable {
        var device: UInt64
        var inode: UInt64
        var bytes: Int64
        var changedSeconds: Int
        var changedNanoseconds: Int

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            bytes = Int64(status.st_size)
            changedSeconds = status.st_ctim.tv_sec
            changedNanoseconds = status.st_ctim.tv_nsec
        }
    }

    /// Reads a whole file after checking who else could have read or changed it.
    static func read(_ path: FilePath, what: String, atMost: Int) throws -> (bytes: [UInt8], stamp: Stamp) {
        let descriptor = try open(path, what: what, flags: O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failed("look at", what, path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw KeyError(.io, "The \(what) '\(path)' is not a file.") }
        guard status.st_mode & 0o077 == 0 else {
            throw KeyError(
                .permissions,
                "The \(what) '\(path)' can be used by others (mode "
                    + "0\(String(status.st_mode & 0o777, radix: 8))). Run: chmod 600 '\(path)'"
            )
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw KeyError(
                .permissions,
                "The \(what) '\(path)' belongs to user \(status.st_uid), who can change it, while Varve runs as "
                    + "user \(geteuid()). Run Varve as "
                    + "its owner, or change the owner.")
        }
        guard status.st_size <= atMost else {
            throw KeyError(
                .damaged,
                "The \(what) '\(path)' has \(status.st_size) bytes, more than such a file can have (\(atMost)).")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failed("read", what, path) }
            if count == 0 { break }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= atMost else {
                throw KeyError(.damaged, "The \(what) '\(path)' grew while it was read.")
            }
        }
        return (bytes, Stamp(status))
    }

    static func stamp(of path: FilePath, what: String) throws -> Stamp {
        var status = stat()
        guard stat(path.string, &status) == 0 else { throw failed("look at", what, path) }
        return Stamp(status)
    }

    /// Makes a file that did not exist, complete and durable, or makes nothing.
    static func create(_ path: FilePath, _ bytes: [UInt8], what: String) throws {
        let temporary = try writeTemporary(beside: path, bytes, what: what, name: ".\(RandomID.make())")
        defer { unlink(temporary.string) }
        // A plain rename would overwrite; a link does not.
        guard link(temporary.string, path.string) == 0 else {
            if errno == EEXIST { throw exists(path, what) }
            throw failed("create", what, path)
        }
        try syncFolder(of: path, what: what)
    }

    /// Replaces a file as a whole. The caller holds the lock that keeps other writers away.
    static func replace(_ path: FilePath, _ bytes: [UInt8], what: String) throws -> Stamp {
        let temporary = try writeTemporary(beside: path, bytes, what: what, name: ".new")
        guard rename(temporary.string, path.string) == 0 else {
            let error = failed("replace", what, path)
            unlink(temporary.string)
            throw error
        }
        try syncFolder(of: path, what: what)
        return try stamp(of: path, what: what)
    }

    static func exists(_ path: FilePath, _ what: String) -> KeyError {
        KeyError(
            .exists,
            "The \(what) '\(path)' exists already. Varve does not overwrite it; move it away first, or use "
                + "another name."
        )
    }

    private static func writeTemporary(
        beside path: FilePath, _ bytes: [UInt8], what: String, name suffix: String
    ) throws -> FilePath {
        let temporary = FilePath(path.string + suffix)
        unlink(temporary.string)
        let descriptor = try open(temporary, what: what, flags: O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC)
        do {
            defer { close(descriptor) }
            try bytes.withUnsafeBytes { raw in
                var rest = raw[...]
                while !rest.isEmpty {
                    let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else { throw failed("write", what, temporary) }
                    rest = rest.dropFirst(count)
                }
            }
            guard fsync(descriptor) == 0 else { throw failed("make durable", what, temporary) }
        } catch {
            unlink(temporary.string)
            throw error
        }
        return temporary
    }

    private static func syncFolder(of path: FilePath, what: String) throws {
        let parent = path.removingLastComponent()
        let descriptor = try open(
            parent.isEmpty ? "." : parent, what: "folder of the \(what)", flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failed("make durable", "folder of the \(what)", parent) }
    }

    static func open(_ path: FilePath, what: String, flags: CInt) throws -> CInt {
        while true {
            let descriptor = Glibc.open(path.string, flags, 0o600)
            if descriptor >= 0 { return descriptor }
            if errno == EINTR { continue }
            throw failed("open", what, path)
        }
    }

    static func failed(_ verb: String, _ what: String, _ path: FilePath) -> KeyError {
        let number = errno
        let reason = String(cString: strerror(number))
        if number == ENOENT {
            return KeyError(.noKeyStore, "There is no \(what) at '\(path)'. Create it first, or correct the path.")
        }
        if number == EACCES || number == EPERM {
            return KeyError(
                .permissions, "Varve may not \(verb) the \(what) '\(path)': \(reason). Run it as the file's owner.")
        }
        return KeyError(.io, "Varve could not \(verb) the \(what) '\(path)': \(reason).")
    }
}
