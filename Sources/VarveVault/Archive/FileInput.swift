// SPDX-License-Identifier: Apache-2.0

import Crypto
import Glibc
import SystemPackage

/// Reads a file's bytes as they stand, from outside the vault, and remembers of them what checks need.
final class FileInput {
    /// Read from the file at a time.
    static let chunkBytes = 256 * 1024
    /// What a gzip member begins with at least (RFC 1952, 2.3).
    private static let memberHeadBytes = 10
    /// What it ends with: CRC-32 and length.
    static let memberTailBytes = 8

    /// What errors call the input.
    let name: String
    private let descriptor: Int32
    private let ownsDescriptor: Bool
    private let calls = FileCalls(failpoint: nil)
    private let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkBytes, alignment: 64)
    private var hash: Insecure.MD5?
    private(set) var bytes = 0
    /// The last bytes of what was read.
    private(set) var tail: [UInt8] = []
    /// Whether the beginning of a gzip member stands anywhere but at the file's beginning.
    private(set) var mayHaveMembers = false

    init(_ path: FilePath, hashing: Bool = false) throws {
        hash = hashing ? Insecure.MD5() : nil
        if path == "-" {
            name = "standard input"
            descriptor = STDIN_FILENO
            ownsDescriptor = false
        } else {
            name = path.string
            descriptor = Int32(
                try calls.run(.open, "open '\(path)'") { Int(Glibc.open(path.string, O_RDONLY | O_CLOEXEC)) })
            ownsDescriptor = true
        }
    }

    deinit {
        chunk.deallocate()
        if ownsDescriptor { close(descriptor) }
    }

    /// The next bytes, valid until the next call; empty at the end.
    func next() throws -> UnsafeRawBufferPointer {
        let count = try calls.run(.read, "read '\(name)'") { Glibc.read(descriptor, chunk.baseAddress, chunk.count) }
        let part = UnsafeRawBufferPointer(rebasing: chunk[..<count])
        hash?.update(bufferPointer: part)
        if !mayHaveMembers { lookForMembers(part) }
        tail = Array((tail + Array(part.suffix(Self.memberHeadBytes - 1))).suffix(Self.memberHeadBytes - 1))
        bytes += count
        return part
    }

    /// Reads what the decompressor did not ask for.
    func drain() throws {
        while try !next().isEmpty {}
    }

    /// MD5 of everything read; empty if it was not asked for.
    func md5() -> [UInt8] { hash.map { Array($0.finalize()) } ?? [] }

    private func lookForMembers(_ part: UnsafeRawBufferPointer) {
        // Across the seam to the part before, too.
        let seam = tail + Array(part.prefix(Self.memberHeadBytes - 1))
        mayHaveMembers =
            seam.withUnsafeBytes { Self.hasMember($0, from: bytes > tail.count ? 0 : 1) }
            || Self.hasMember(part, from: bytes == 0 ? 1 : 0)
    }

    /// Magic, method, no reserved flags, and one of the usual values of the two bytes after the time: by chance once in 200 GB.
    private static func hasMember(_ bytes: UnsafeRawBufferPointer, from first: Int) -> Bool {
        guard var start = bytes.baseAddress, bytes.count >= first + memberHeadBytes else { return false }
        let end = start + bytes.count
        start += first
        while start + memberHeadBytes <= end, let found = memchr(start, 0x1F, end - start) {
            let at = UnsafeRawPointer(found)
            if at + memberHeadBytes > end { return false }
            let head = UnsafeRawBufferPointer(start: at, count: memberHeadBytes)
            if head[1] == 0x8B, head[2] == 8, head[3] < 0x20, head[8] == 0 || head[8] == 2 || head[8] == 4,
                head[9] < 14 || head[9] == 255
            {
                return true
            }
            start = at + 1
        }
        return false
    }
}
