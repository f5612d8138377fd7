// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import SystemPackage

/// The few things that verbs do with files outside stores and vaults.
enum Files {
    static func exists(_ path: FilePath) -> Bool { access(path.string, F_OK) == 0 }

    static func isFolder(_ path: FilePath) -> Bool {
        var status = stat()
        return stat(path.string, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func makeFolder(_ path: FilePath) throws {
        guard !path.isEmpty else { return }
        do {
            try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: true)
        } catch {
            throw UsageError("The folder \(path) cannot be created: \(reason(errno)).", status: .failed)
        }
    }

    /// Reads a whole file that the command line names.
    static func read(_ path: FilePath) throws -> [UInt8] {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw UsageError("\(path) cannot be read: \(reason(errno)).", status: .failed) }
        defer { close(descriptor) }
        return try read(descriptor, name: path.string)
    }

    /// Reads a descriptor to its end.
    static func read(_ descriptor: Int32, name: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw UsageError("\(name) cannot be read: \(reason(errno)).", status: .failed) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    /// Writes a new file; one that exists is never overwritten.
    static func write(_ text: String, to path: FilePath) throws {
        let descriptor = open(path.string, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw UsageError("\(path) cannot be created: \(reason(errno)).", status: .failed) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            throw UsageError("\(path) cannot be written: \(reason(errno)).", status: .failed)
        }
    }

    /// Adds a line to a file, which is made if need be, and sees it onto the disk.
    /// Writes all of `bytes` to a descriptor that is open.
    static func write(_ bytes: [UInt8], to descriptor: Int32, name: String) throws {
        var offset = 0
        while offset < bytes.count {
            let written = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + offset }, $0.count - offset)
            }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw UsageError("\(name) cannot be written: \(reason(errno)).", status: .failed) }
            offset += written
        }
    }

    static func append(_ text: String, to path: FilePath) throws {
        let descriptor = open(path.string, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw UsageError("\(path) cannot be opened: \(reason(errno)).", status: .failed) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            throw UsageError("\(path) cannot be written: \(reason(errno)).", status: .failed)
        }
    }

    static func absolute(_ path: FilePath) -> FilePath {
        if path.isAbsolute { return path.lexicallyNormalized() }
        return FilePath(FileManager.default.currentDirectoryPath).pushing(path).lexicallyNormalized()
    }

    /// The system's words for an error number.
    static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }
}
