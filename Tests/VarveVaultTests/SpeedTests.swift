// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Glibc
import SystemPackage
import Testing
import VarveModel
import VarveSeal
import VarveTestKit
import VarveVault

/// Figures, not verdicts: run with VARVE_BENCH=1 and in release mode.
@Suite(
    .enabled(if: ProcessInfo.processInfo.environment["VARVE_BENCH"] == "1", "set VARVE_BENCH=1 to measure"), .serialized
)
struct SpeedTests {
    /// Runs `body` three times; the best counts.
    @discardableResult
    static func best(_ name: String, bytes: Int, _ body: () throws -> Void) rethrows -> Double {
        var best = Double.infinity
        for _ in 0..<3 {
            let start = ContinuousClock.now
            try body()
            best = min(best, (ContinuousClock.now - start) / .seconds(1))
        }
        let rate = Double(bytes) / best / 1e6
        print("speed: \(name): \(Int(rate)) MB/s")
        return rate
    }

    /// 16 MiB of lines of about 850 bytes, whose words repeat as those of real items do.
    static let raw: [UInt8] = {
        var generator = SeededGenerator(seed: 42)
        let words = (0..<4000).map { _ in
            String(generator.next(), radix: 36).prefix(Int.random(in: 3...9, using: &generator))
        }
        var raw: [UInt8] = []
        while true {
            var item = #"{"Item":{"Artist":{"S":"\#(generator.next())"},"Tags":{"SS":["#
            item += (0..<6).map { _ in "\"\(words[Int.random(in: 0..<4000, using: &generator)])\"" }.joined(
                separator: ",")
            item += #"]},"Text":{"S":""#
            item += (0..<95).map { _ in String(words[Int.random(in: 0..<4000, using: &generator)]) }.joined(
                separator: " ")
            item += #""},"Year":{"N":"\#(1900 + Int.random(in: 0..<120, using: &generator))"}}}"# + "\n"
            if raw.count + item.utf8.count > DataFile.rawBytesMax { return raw }
            raw += Array(item.utf8)
        }
    }()

    @Test func `compressing and decompressing data files, beside the zstd command`() throws {
        let raw = Self.raw
        var compressed: [UInt8] = []
        try Self.best("DataFile.compress, level 3", bytes: 4 * raw.count) {
            for _ in 0..<4 { compressed = try DataFile.compress(raw) }
        }
        print("speed: ratio \(Double(raw.count) / Double(compressed.count))")
        var out: [UInt8] = []
        try Self.best("DataFile.decompress", bytes: 4 * raw.count) {
            for _ in 0..<4 { try compressed.withUnsafeBytes { try DataFile.decompress($0, into: &out) } }
        }
        #expect(out == raw)
        let folder = try TemporaryFolder(in: "/dev/shm")
        for number in 0..<4 { try folder.write("raw\(number)", raw) }
        try Self.best("the command zstd -3, one thread", bytes: 4 * raw.count) {
            let result = try ChildProcess.run(
                "zstd", ["-3", "-q", "-f", "--single-thread", "raw0", "raw1", "raw2", "raw3"], in: folder.path)
            try #require(result.exitCode == 0)
        }
        try Self.best("the command zstd -d", bytes: 4 * raw.count) {
            let result = try ChildProcess.run(
                "zstd", ["-d", "-q", "-f", "raw0.zst", "raw1.zst", "raw2.zst", "raw3.zst"], in: folder.path)
            try #require(result.exitCode == 0)
        }
    }

    @Test(arguments: ["/dev/shm", "/tmp"])
    func `writing, checking and reading bundles`(place: String) throws {
        let folder = try TemporaryFolder(in: FilePath(place))
        let vault = try Samples.vault(folder)
        let count = 16
        let files = try (0..<count).map { _ in try DataFile(raw: Self.raw, items: 1, digest: TableDigest()) }
        let bytes = files.reduce(0) { $0 + $1.compressed.count }
        var reader: SnapshotReader?
        try Self.best("BundleWriter, compressed bytes, fsync included, \(place)", bytes: bytes) {
            let writer = try SnapshotWriter(vault, Samples.plan(), keys: FixedKeys(), record: nil)
            let bundle = try writer.bundle()
            for file in files { try bundle.add(file) }
            try bundle.finish()
            reader = try writer.commit(consistency: Samples.consistency(writer.started))
        }
        let sealed = try #require(reader)
        let bundle = sealed.manifest.bundles[0]
        Self.best("Vault.checkBundle (SHA-256), \(place)", bytes: bytes) {
            #expect(vault.checkBundle(sealed.manifest, bundle) == [])
        }
        try Self.best("BundleReader, compressed bytes, \(place)", bytes: bytes) {
            var seen = 0
            try sealed.reader(bundle).forEachEntry { seen += $0.bytes.count }
            #expect(seen == bytes)
        }
        let index = try sealed.index()
        try Self.best(
            "forEachRunOfLines (MD5 and decompressed too), raw bytes, \(place)", bytes: count * Self.raw.count
        ) {
            var seen = 0
            try sealed.forEachRunOfLines(in: bundle, index) {
                seen += $0.count
                return $0.count { $0 == 0x0A }
            }
            #expect(seen == count * Self.raw.count)
        }
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        print("speed: memory peak \(usage.ru_maxrss / 1024) MiB")
    }

    @Test func `reading lines`() throws {
        let folder = try TemporaryFolder(in: "/dev/shm")
        let path = try folder.write("raw", (0..<8).flatMap { _ in Self.raw })
        for command in [["gzip", "-k", "raw"], ["zstd", "-q", "raw"]] {
            try #require(
                try ChildProcess.run(FilePath(command[0]), Array(command.dropFirst()), in: folder.path).exitCode == 0)
        }
        for suffix in ["", ".gz", ".zst"] {
            try Self.best("LineReader, 'raw\(suffix)', raw bytes", bytes: 8 * Self.raw.count) {
                var seen = 0
                try LineReader.forEachLine(of: FilePath(path.string + suffix)) { seen += $0.count + 1 }
                #expect(seen == 8 * Self.raw.count)
            }
        }
    }
}
