// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import SystemPackage
import Testing
import VarveModel
import VarveTestKit
import VarveVault

@Suite struct DataFileTests {
    static func decompress(_ bytes: [UInt8], atMost limit: Int = DataFile.rawBytesMax) throws -> [UInt8] {
        var raw: [UInt8] = []
        try bytes.withUnsafeBytes { try DataFile.decompress($0, into: &raw, atMost: limit) }
        return raw
    }

    @Test(arguments: [0, 1, 1000, 65_536, 1_000_003, DataFile.rawBytesMax])
    func `what is compressed comes back, and the zstd command reads it`(count: Int) throws {
        let line = Samples.line(1, width: 800)
        let raw = (0..<count).map { line[$0 % line.count] }
        let compressed = try DataFile.compress(raw)
        #expect(try Self.decompress(compressed) == raw)
        let folder = try TemporaryFolder()
        try folder.write("x.zst", compressed)
        let result = try ChildProcess.run("zstd", ["-d", "-q", "x.zst", "-o", "x"], in: folder.path)
        #expect(result.exitCode == 0, "\(result.errorText)")
        #expect(try Tamper.read(folder.appending("x")) == raw)
    }

    @Test func `what zstd cannot compress stays within the bound`() throws {
        var generator = SeededGenerator()
        let words = (0..<DataFile.rawBytesMax / 8).map { _ in generator.next() }
        let raw = words.withUnsafeBytes { Array($0) }
        let compressed = try DataFile.compress(raw)
        #expect(compressed.count <= DataFile.compressedBytesMax)
        #expect(try Self.decompress(compressed) == raw)
    }

    @Test func `a file larger than a data file is refused`() {
        #expect(
            code {
                _ = try DataFile(
                    raw: [UInt8](repeating: 0, count: DataFile.rawBytesMax + 1), items: 1, digest: TableDigest())
            } == .limitExceeded)
    }

    @Test func `a bomb stops at the limit`() throws {
        // 1 GiB of zeros in some ten thousand bytes.
        let folder = try TemporaryFolder()
        let result = try ChildProcess.run(
            "sh", ["-c", "head -c 1073741824 /dev/zero | zstd -q -19 -o bomb.zst"], in: folder.path)
        try #require(result.exitCode == 0, "\(result.errorText)")
        let bomb = try Tamper.read(folder.appending("bomb.zst"))
        #expect(bomb.count < 1_000_000)
        var seen = 0
        let error = code {
            try bomb.withUnsafeBytes { bytes in try DataFile.decompress(bytes) { seen += $0.count } }
        }
        #expect(error == .limitExceeded)
        #expect(seen <= DataFile.rawBytesMax)
    }

    @Test(arguments: [[], [1, 2, 3], Array("plain text that is not compressed at all".utf8), [0x1F, 0x8B, 8, 0]])
    func `what is no zstd is refused`(bytes: [UInt8]) {
        #expect(code { _ = try Self.decompress(bytes) } == .damaged)
    }

    @Test func `every cut is found, and no flip is a crash`() throws {
        let raw = (0..<50).flatMap { Samples.line($0) }
        let compressed = try DataFile.compress(raw)
        for count in 0..<compressed.count {
            #expect(code { _ = try Self.decompress(Array(compressed[..<count])) } == .damaged, "cut at \(count)")
        }
        for index in compressed.indices {
            var changed = compressed
            changed[index] ^= 0x10
            // A frame without a checksum may decompress to something else; then the MD5 finds it.
            if let other = try? Self.decompress(changed) { #expect(other.count <= DataFile.rawBytesMax) }
        }
    }

    @Test func `a data file knows its name, md5 and counts`() throws {
        let file = try Samples.dataFile(0..<10)
        #expect(file.items == 10)
        #expect(file.rawBytes == (0..<10).reduce(0) { $0 + Samples.line($1).count })
        #expect(file.md5 == Array(Insecure.MD5.hash(data: file.compressed)))
        #expect(file.name.wholeMatch(of: /[a-z2-7]{26}\.json\.zst/) != nil)
    }
}
