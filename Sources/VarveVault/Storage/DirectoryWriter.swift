// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage
import VarveModel

/// Writes one object of a ``DirectoryStorage``.
final class DirectoryWriter: ObjectWriter {
    /// Small writes gather to this, so that a frame's parts do not cost a system call each.
    static let bufferBytes = 256 * 1024

    private enum State { case open, committed, abandoned }

    private let storage: DirectoryStorage
    private let path: ObjectPath
    private let temporary: FilePath
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var state = State.open
    private var written = 0

    init(storage: DirectoryStorage, path: ObjectPath) throws {
        self.storage = storage
        self.path = path
        temporary = storage.temporaryPath(RandomID.make())
        let temporary = temporary
        func open() throws -> Int32 {
            Int32(
                try storage.calls.run(.openTemporary, "make a temporary file for object '\(path)'") {
                    Int(Glibc.open(temporary.string, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600))
                })
        }
        do {
            descriptor = try open()
        } catch let error as VaultError where error.code == .notFound {
            storage.forgetFolders(DirectoryStorage.temporaryFolder)
            try storage.makeFolders(DirectoryStorage.temporaryFolder)
            descriptor = try open()
        }
        storage.calls.note(.create(temporary))
        // Nobody else knows the name yet. A file system without locks makes leftovers depend on their age alone.
        _ = flock(descriptor, LOCK_EX | LOCK_NB)
    }

    deinit { abandon() }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        guard state == .open else { throw VaultError(.misuse, "Object '\(path)' was written to after its end.") }
        if bytes.count + buffer.count < Self.bufferBytes {
            buffer.append(contentsOf: bytes)
            return
        }
        try flush()
        if bytes.count < Self.bufferBytes {
            buffer.append(contentsOf: bytes)
        } else {
            try writeAll(bytes)
        }
    }

    private func flush() throws {
        if buffer.isEmpty {
            buffer.reserveCapacity(Self.bufferBytes)
            return
        }
        try buffer.withUnsafeBytes { try writeAll($0) }
        buffer.removeAll(keepingCapacity: true)
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = try failing {
                try storage.calls.run(.write, "write object '\(path)'") {
                    Glibc.write(descriptor, rest.baseAddress, rest.count)
                }
            }
            storage.calls.note(.write(temporary, offset: written, bytes: Array(rest[..<count])))
            written += count
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    func commit() throws { try commit(overwriting: false) }

    func commit(overwriting: Bool) throws {
        guard state == .open else { throw VaultError(.misuse, "Object '\(path)' was committed after its end.") }
        try flush()
        try failing {
            try storage.calls.run(.sync, "make object '\(path)' durable") { Int(fsync(descriptor)) }
            storage.calls.note(.sync(temporary))
            do {
                try name(overwriting)
            } catch let error as VaultError where error.code == .notFound {
                // Another process emptied and removed the folder just now.
                storage.forgetFolders(path.folder)
                try name(overwriting)
            }
        }
        state = .committed
        close(descriptor)
        buffer = []
    }

    /// Gives the file its name and makes the name durable; if that fails, takes the name away again.
    private func name(_ overwriting: Bool) throws {
        let target = storage.file(path)
        try storage.makeFolders(path.folder)
        if overwriting {
            try storage.calls.run(.rename, "replace object '\(path)'") { Int(rename(temporary.string, target.string)) }
            storage.calls.note(.rename(temporary, to: target))
        } else {
            try storage.calls.run(.link, "write object '\(path)'") { Int(link(temporary.string, target.string)) }
            storage.calls.note(.link(temporary, to: target))
        }
        do {
            try storage.calls.syncFolder(target.removingLastComponent())
        } catch {
            if !overwriting { unlink(target.string) }
            throw error
        }
        // Left behind, it is a second name of a committed object, and found with the other remains.
        if unlink(temporary.string) == 0 { storage.calls.note(.unlink(temporary)) }
    }

    private func failing<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            abandon()
            throw error
        }
    }

    func abandon() {
        guard state == .open else { return }
        state = .abandoned
        if unlink(temporary.string) == 0 { storage.calls.note(.unlink(temporary)) }
        close(descriptor)
        buffer = []
    }
}

/// Reads one object of a ``DirectoryStorage``.
final class DirectoryReader: ObjectReader {
    /// Reads smaller than this are served from a buffer.
    static let bufferBytes = 128 * 1024

    let bytes: Int
    private let calls: FileCalls
    private let path: ObjectPath
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var position = 0
    private var filled = 0

    init(storage: DirectoryStorage, path: ObjectPath) throws {
        self.path = path
        calls = storage.calls
        let file = storage.file(path).string
        // Without O_NONBLOCK a pipe in an object's place would stop us for ever.
        let opened = Int32(
            try calls.run(.open, "open object '\(path)'") {
                Int(Glibc.open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK))
            })
        var status = stat()
        guard fstat(opened, &status) == 0, status.isRegular else {
            close(opened)
            throw VaultError(.damaged, "Object '\(path)' is not a file; something else stands in its place.")
        }
        descriptor = opened
        bytes = Int(status.st_size)
        if bytes > Self.bufferBytes { posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL) }
    }

    deinit { close(descriptor) }

    func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !target.isEmpty else { return 0 }
        if position == filled {
            // A document is read whole, and there are many: none of them is worth a buffer.
            if target.count >= Self.bufferBytes || target.count > bytes { return try readDirectly(into: target) }
            if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: min(bytes + 1, Self.bufferBytes)) }
            position = 0
            filled = 0
            filled = try buffer.withUnsafeMutableBytes { try readDirectly(into: $0) }
        }
        let count = min(target.count, filled - position)
        buffer.withUnsafeBytes {
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count]))
        }
        position += count
        return count
    }

    private func readDirectly(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        try calls.run(.read, "read object '\(path)'") { Glibc.read(descriptor, target.baseAddress, target.count) }
    }
}
