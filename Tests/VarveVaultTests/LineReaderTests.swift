// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit
import VarveVault

@Suite struct LineReaderTests {
    static func lines(_ path: FilePath, lineBytesMax: Int = LineReader.lineBytesMax) throws -> [String] {
        var lines: [String] = []
        try LineReader.forEachLine(of: path, lineBytesMax: lineBytesMax) {
            lines.append(String(decoding: $0, as: UTF8.self))
        }
        return lines
    }

    /// Stores `bytes` plain, with gzip and with zstd, by the public commands.
    static func forms(_ folder: TemporaryFolder, _ bytes: [UInt8]) throws -> [FilePath] {
        let plain = try folder.write("plain", bytes)
        for command in [["gzip", "-k", "-n", "plain"], ["zstd", "-q", "plain"]] {
            let result = try ChildProcess.run(FilePath(command[0]), Array(command.dropFirst()), in: folder.path)
            try #require(result.exitCode == 0, "\(result.errorText)")
        }
        return [plain, folder.appending("plain.gz"), folder.appending("plain.zst")]
    }

    @Test(arguments: [
        ("", []), ("\n", []), ("\n\n\n", []), ("a", ["a"]), ("a\n", ["a"]), ("a\nb", ["a", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("a\n\nb\n", ["a", "b"]), ("{\"x\": 1}\n", ["{\"x\": 1}"]),
    ])
    func `lines come out alike from plain, gzip and zstd files`(text: String, expected: [String]) throws {
        let folder = try TemporaryFolder()
        for path in try Self.forms(folder, Array(text.utf8)) { #expect(try Self.lines(path) == expected, "\(path)") }
    }

    @Test func `lines that cross blocks come out whole`() throws {
        let folder = try TemporaryFolder()
        var generator = SeededGenerator()
        let expected = (0..<400).map { number in
            String(repeating: "\(number) ", count: Int.random(in: 1...2000, using: &generator))
        }
        for path in try Self.forms(folder, Array(expected.joined(separator: "\n").utf8)) {
            #expect(try Self.lines(path) == expected, "\(path)")
        }
    }

    @Test func `several members, or frames, make one file`() throws {
        let folder = try TemporaryFolder()
        try folder.write("a", "one\n")
        try folder.write("b", "two\n")
        let command = "for c in gzip 'zstd -q'; do $c -c a > ab.$c; $c -c b >> ab.$c; done"
        try #require(
            try ChildProcess.run("sh", ["-c", command.replacing("ab.$c", with: "\"ab.$c\"")], in: folder.path).exitCode
                == 0)
        #expect(try Self.lines(folder.appending("ab.gzip")) == ["one", "two"])
        #expect(try Self.lines(folder.appending("ab.zstd -q")) == ["one", "two"])
    }

    @Test func `a line longer than the limit is refused, wherever it ends`() throws {
        let folder = try TemporaryFolder()
        for text in ["short\n" + String(repeating: "x", count: 101) + "\n", String(repeating: "x", count: 101)] {
            let inner = try TemporaryFolder(in: folder.path)
            for path in try Self.forms(inner, Array(text.utf8)) {
                #expect(code { _ = try Self.lines(path, lineBytesMax: 100) } == .limitExceeded)
            }
        }
        let long = try folder.write("zeros", [UInt8](repeating: 0x30, count: 3_000_000))
        #expect(code { _ = try Self.lines(long, lineBytesMax: 1_000_000) } == .limitExceeded)
    }

    @Test(arguments: ["plain.gz", "plain.zst"])
    func `every cut of a compressed file is an error`(name: String) throws {
        let folder = try TemporaryFolder()
        _ = try Self.forms(folder, (0..<40).flatMap { Array("line \($0)\n".utf8) })
        let bytes = try Tamper.read(folder.appending(name))
        // The first bytes alone are no compressed file, but plain text.
        for count in 20..<bytes.count {
            let cut = try folder.write("cut", bytes[..<count])
            #expect(code { _ = try Self.lines(cut) } == .damaged, "cut at \(count)")
        }
    }

    @Test func `every flip in a gzip file's content or checksum is found`() throws {
        let folder = try TemporaryFolder()
        _ = try Self.forms(folder, (0..<40).flatMap { Array("line \($0) \($0 &* 7919)\n".utf8) })
        let bytes = try Tamper.read(folder.appending("plain.gz"))
        let expected = try Self.lines(folder.appending("plain"))
        var found = 0
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x04
            let path = try folder.write("changed.gz", changed)
            // A time in the header, or the bits after the last block, may change without harm; no line may.
            if index < 10 { continue }
            let read = try? Self.lines(path)
            #expect(read == nil || read == expected, "byte \(index)")
            found += read == nil ? 1 : 0
        }
        #expect(found >= bytes.count - 12)
        #expect(try Self.lines(folder.appending("plain.gz")) == expected)
    }

    @Test func `a file that is not there is not found`() {
        #expect(code { _ = try Self.lines("/nothing/here") } == .notFound)
    }
}
