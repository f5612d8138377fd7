// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
package import VarveModel

/// One data file of an export: lines of `{"Item":…}`, compressed on its own, so that it can be read on its own.
package struct DataFile: Sendable {
    /// What one data file holds before compression, at most. Small enough that several threads hold one each, large enough that zstd finds what repeats.
    package static let rawBytesMax = 16 * 1024 * 1024
    /// What a data file can have after compression: zstd grows what it cannot compress by less than a hundredth.
    package static let compressedBytesMax = rawBytesMax + rawBytesMax / 64
    /// The level at which zstd runs at 200 MB/s and typical items shrink well.
    package static let levelDefault = 3
    package static let suffix = ".json.zst"
    /// Characters of a name before the suffix, as native exports have.
    static let stemCharacters = 26

    /// The file's name in the export's `data/` folder.
    package let name: String
    package let items: Int
    package let rawBytes: Int
    package let compressed: [UInt8]
    /// Order-independent digest of the items.
    package let digest: TableDigest
    /// MD5 of the compressed bytes, as native exports state it.
    package let md5: [UInt8]

    /// Compresses `raw`, which holds `items` lines whose digest is `digest`.
    package init(raw: [UInt8], items: Int, digest: TableDigest, level: Int = levelDefault) throws {
        guard raw.count <= Self.rawBytesMax else {
            throw VaultError(.limitExceeded, "A data file of \(raw.count) bytes is larger than \(Self.rawBytesMax).")
        }
        name = Self.makeName()
        self.items = items
        rawBytes = raw.count
        compressed = try Self.compress(raw, level: level)
        self.digest = digest
        md5 = compressed.withUnsafeBytes { Self.md5($0) }
    }

    package static func md5(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var hash = Insecure.MD5()
        hash.update(bufferPointer: bytes)
        return Array(hash.finalize())
    }

    /// Base64 of the MD5, as exports state it.
    static func md5Text(_ bytes: UnsafeRawBufferPointer) -> String { Data(md5(bytes)).base64EncodedString() }

    static func makeName() -> String { (RandomID.make() + RandomID.make()).prefix(stemCharacters) + suffix }

    /// Whether `name` is one that ``makeName()`` could have made.
    static func isName(_ name: some StringProtocol) -> Bool {
        let bytes = name.utf8
        guard bytes.count == stemCharacters + suffix.utf8.count, name.hasSuffix(suffix) else { return false }
        return bytes.prefix(stemCharacters).allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "2")...UInt8(ascii: "7") ~= byte
        }
    }

    /// Compresses with zstd, through libarchive.
    package static func compress(_ raw: [UInt8], level: Int = levelDefault) throws -> [UInt8] {
        let collector = ByteCollector(capacity: raw.count / 4 + 1024)
        var writer = try ArchiveWriter(.zstd(level: level)) { collector.bytes.append(contentsOf: $0) }
        try raw.withUnsafeBytes { try writer.add(name: "data", modified: Instant(microseconds: 0), $0) }
        try writer.finish()
        return collector.bytes
    }

    /// Decompresses zstd, part by part; stops with `.limitExceeded` when more than `limit` bytes come out.
    package static func decompress(
        _ compressed: UnsafeRawBufferPointer, atMost limit: Int = rawBytesMax, name: String = "A data file",
        _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let input = OneBuffer(compressed)
        var reader = try ArchiveReader(.stream([.zstd]), what: name, input.take)
        // Nothing compressed is still a zstd frame, and libarchive finds no entry in it.
        let isEmpty = try reader.next() == nil
        guard reader.filter == .zstd else {
            throw VaultError(.damaged, "\(name) is not compressed with zstd. It is damaged.")
        }
        if isEmpty { return }
        var count = 0
        while try reader.withNextBlock(
            at: count,
            { block in
                guard count + block.count <= limit else {
                    throw VaultError(
                        .limitExceeded,
                        "\(name) grows beyond \(limit) bytes when decompressed. Varve never writes such.")
                }
                try body(block)
                count += block.count
            })
        {}
    }

    /// Decompresses into `raw`, whose memory is used again.
    package static func decompress(
        _ compressed: UnsafeRawBufferPointer, into raw: inout [UInt8], atMost limit: Int = rawBytesMax,
        name: String = "A data file"
    ) throws {
        raw.removeAll(keepingCapacity: true)
        try decompress(compressed, atMost: limit, name: name) { raw.append(contentsOf: $0) }
    }
}

/// Receives bytes from a closure that escapes.
final class ByteCollector {
    var bytes: [UInt8] = []

    init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }
}

/// Lends one buffer to a reader, once. The reader ends before the buffer does.
private final class OneBuffer {
    private var rest: UnsafeRawBufferPointer

    init(_ buffer: UnsafeRawBufferPointer) { rest = buffer }

    func take() -> UnsafeRawBufferPointer {
        defer { rest = UnsafeRawBufferPointer(start: nil, count: 0) }
        return rest
    }
}
