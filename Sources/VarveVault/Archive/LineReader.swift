// SPDX-License-Identifier: Apache-2.0

import Glibc
package import SystemPackage

/// Reads the lines of a file, or of standard input, that may be compressed with gzip or zstd: what the bytes say counts, not the name.
///
/// Streams: memory is bounded by the longest line, whatever the file's length. A damaged or truncated compressed file is an error, after the lines that
/// came before the damage; so keep what was read only when the end is reached.
package enum LineReader {
    /// An item has at most 400 KB by DynamoDB's count; escapes and loose spelling make its line longer, but never by so much.
    package static let lineBytesMax = 8 * 1024 * 1024

    /// Hands out each line of the file at `path` (`-` is standard input) without its line feed, and without a carriage return before that.
    /// Empty lines are passed over.
    package static func forEachLine(
        of path: FilePath, lineBytesMax: Int = lineBytesMax, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try forEachLine(of: try FileInput(path), lineBytesMax: lineBytesMax, body)
    }

    static func forEachLine(
        of input: FileInput, lineBytesMax: Int = lineBytesMax, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var lines = LineSplitter(name: input.name, lineBytesMax: lineBytesMax)
        try forEachBlock(of: input) { try lines.split($0, body) }
        try lines.finish(body)
    }

    /// Hands out the decompressed bytes of the file at `path` (`-` is standard input) as they come.
    package static func forEachBlock(of path: FilePath, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try forEachBlock(of: try FileInput(path), body)
    }

    private static func forEachBlock(of input: FileInput, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        var archive = try ArchiveReader(.stream([.gzip, .zstd]), what: "'\(input.name)'", input.next)
        if try archive.next() != nil {
            let isGzip = archive.filter == .gzip
            var checksum = GzipChecksum()
            var position = 0
            while try archive.withNextBlock(
                at: position,
                { block in
                    position += block.count
                    if isGzip { checksum.update(block) }
                    try body(block)
                })
            {}
            try input.drain()
            if isGzip { try checksum.check(input) }
        }
    }
}

/// Cuts blocks into lines; keeps only the beginning of a line whose end has not come yet.
struct LineSplitter {
    private let name: String
    private let lineBytesMax: Int
    private var begun: [UInt8] = []
    private var number = 1

    init(name: String, lineBytesMax: Int) {
        self.name = name
        self.lineBytesMax = lineBytesMax
    }

    mutating func split(_ block: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        var rest = block
        while let start = rest.baseAddress, !rest.isEmpty {
            guard let feed = memchr(start, 0x0A, rest.count) else {
                try keep(rest)
                return
            }
            let count = UnsafeRawPointer(feed) - start
            let line = UnsafeRawBufferPointer(rebasing: rest[..<count])
            if begun.isEmpty {
                guard count <= lineBytesMax else { throw tooLong }
                try hand(line, body)
            } else {
                try keep(line)
                try begun.withUnsafeBytes { try hand($0, body) }
                begun.removeAll(keepingCapacity: true)
            }
            number += 1
            rest = UnsafeRawBufferPointer(rebasing: rest[(count + 1)...])
        }
    }

    /// A last line without a line feed is a line.
    mutating func finish(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        if !begun.isEmpty { try begun.withUnsafeBytes { try hand($0, body) } }
        begun = []
    }

    private mutating func keep(_ part: UnsafeRawBufferPointer) throws {
        guard begun.count + part.count <= lineBytesMax else { throw tooLong }
        begun.append(contentsOf: part)
    }

    private func hand(_ line: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let line = line.last == 0x0D ? UnsafeRawBufferPointer(rebasing: line.dropLast()) : line
        if !line.isEmpty { try body(line) }
    }

    private var tooLong: VaultError {
        VaultError(
            .limitExceeded,
            "Line \(number) of '\(name)' is longer than \(lineBytesMax) bytes; no item is. Is this a file of DynamoDB JSON lines?"
        )
    }
}
