// SPDX-License-Identifier: Apache-2.0

import Glibc
package import SystemPackage

/// A file that one process at a time holds (`flock`), with the holder's number in it. The system frees it when its holder dies.
package struct ProcessLock: ~Copyable, Sendable {
    private let descriptor: Int32
    private static let attempts = 5

    /// Takes the lock at once or throws ``PipelineError/Code/locked``.
    ///
    /// - Parameters:
    ///   - path: a file in a folder that exists; it is made where need be, and stays.
    ///   - refusal: the sentence that an error says when another process, the one with that number, holds the lock.
    package init(_ path: FilePath, refusal: (_ holder: String) -> String) throws {
        let descriptor = try Self.open(path)
        do {
            try Self.take(descriptor, path, refusal)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        let text = Array("\(getpid())\n".utf8)
        // The number is for people; the lock holds without it, on a full disk too.
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.count, 0) }
    }

    /// Lets it go; as does the end of its life, which this marks.
    package consuming func release() {}

    deinit { close(descriptor) }

    /// The number of the process that holds a lock now; nil where nobody does, and 0 where the holder has not said it yet.
    package static func holder(of path: FilePath) throws -> Int32? {
        guard access(path.string, F_OK) == 0 else { return nil }
        let descriptor = try open(path)
        defer { close(descriptor) }
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
        return holder(descriptor) ?? 0
    }

    private static func take(_ descriptor: Int32, _ path: FilePath, _ refusal: (String) -> String) throws {
        var attempt = 1
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let reason = errno
            guard reason == EWOULDBLOCK else {
                throw PipelineError(.noLock, "The file '\(path)' cannot be locked: \(Errno(rawValue: reason)).")
            }
            guard attempt < attempts else {
                throw PipelineError(.locked, refusal(holder(descriptor).map { "process \($0)" } ?? "another process"))
            }
            // Who only looks at a lock holds it for a moment.
            attempt += 1
            usleep(20_000)
        }
    }

    private static func open(_ path: FilePath) throws -> Int32 {
        let descriptor = Glibc.open(path.string, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw PipelineError(
                .noLock, "The lock file '\(path)' cannot be opened: \(Errno(rawValue: errno)). Check the rights on it.")
        }
        return descriptor
    }

    private static func holder(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
}
