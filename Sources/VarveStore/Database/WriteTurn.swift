// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage

/// Gives the processes and handles that write to one store their turns.
///
/// SQLite lets whoever asks first after a commit write next, and lets others sleep up to 100 ms between two tries: a process that writes
/// without pause would starve all others. Here are two files to lock. Whoever wants to write locks `next`, waits with it for `turn`, and
/// then lets `next` go: the one who has just written cannot come again before the one who waits at `next` has had its turn. Locks
/// vanish with their process.
final class WriteTurn: Sendable {
    private let next: LockFile
    private let turn: LockFile
    private let timeoutMilliseconds: Int

    init(in folder: FilePath, timeoutMilliseconds: Int) throws {
        next = try LockFile(folder.appending("next.lock"))
        turn = try LockFile(folder.appending("turn.lock"))
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    /// Runs `body` while nobody else has the turn. One thread at a time may come with one `WriteTurn`.
    func take<Result>(_ body: () throws -> Result) throws -> Result {
        let deadline = Self.now() + Int64(timeoutMilliseconds) * 1_000_000
        try Self.wait(for: next, until: deadline)
        do {
            try Self.wait(for: turn, until: deadline)
        } catch {
            next.unlock()
            throw error
        }
        next.unlock()
        defer { turn.unlock() }
        return try body()
    }

    private static func wait(for file: borrowing LockFile, until deadline: Int64) throws {
        var pause: UInt32 = 20
        while try !file.tryLock() {
            guard now() < deadline else {
                throw StoreError(
                    .busy,
                    "Another process has been writing to the store for longer than the busy timeout. Try again when it has finished."
                )
            }
            usleep(pause)
            // Turns are short; a millisecond late is nothing against the write itself.
            pause = min(pause * 2, 1000)
        }
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// A lock on a whole file. It ends with the value, and with the process.
struct LockFile: ~Copyable, Sendable {
    private let file: FileDescriptor

    init(_ path: FilePath) throws {
        do {
            file = try FileDescriptor.open(
                path, .readWrite, options: [.create, .closeOnExec], permissions: [.ownerReadWrite])
        } catch {
            throw StoreError(.io, "The lock file '\(path)' could not be opened.", cause: error)
        }
    }

    deinit { try? file.close() }

    borrowing func tryLock() throws -> Bool {
        while flock(file.rawValue, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return false }
            guard errno == EINTR else {
                throw StoreError(.io, "A lock file of the store could not be locked.", cause: Errno(rawValue: errno))
            }
        }
        return true
    }

    /// Whether the file still goes by this path.
    borrowing func isAt(_ path: FilePath) -> Bool {
        var (mine, there) = (stat(), stat())
        return fstat(file.rawValue, &mine) == 0 && lstat(path.string, &there) == 0 && mine.st_ino == there.st_ino
            && mine.st_dev == there.st_dev
    }

    borrowing func unlock() {
        flock(file.rawValue, LOCK_UN)
    }
}
