// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import SystemPackage
import Testing
import VarveTestKit

/// The kit that other tests stand on.
@Suite struct TestKitTests {
    @Test func `a process's output, errors and exit code are caught`() throws {
        let result = try ChildProcess.run(
            "/bin/sh", ["-c", "cat; echo $WORD; echo no >&2; exit 7"], environment: ["WORD": "yes"],
            input: Array("in\n".utf8))
        #expect(result.ending == .exit(7))
        #expect(result.exitCode == 7)
        #expect(result.outputText == "in\nyes\n")
        #expect(result.errorText == "no\n")
    }

    @Test func `output larger than any pipe is caught whole, and memory is measured`() throws {
        let script = "x=$(head -c 20000000 /dev/zero | tr '\\0' a); echo $x; sleep 0.1"
        let result = try ChildProcess.run("/bin/bash", ["-c", script])
        #expect(result.output.count == 20_000_001)
        #expect(result.memoryPeak > 20_000_000 && result.memoryPeak < 400_000_000)
    }

    @Test func `a process runs in its folder and without the variables taken from it`() throws {
        let folder = try TemporaryFolder()
        let result = try ChildProcess.run(
            "/bin/sh", ["-c", "pwd; echo [$HOME]"], in: folder.path, environment: ["HOME": nil])
        #expect(result.outputText == "\(folder.path)\n[]\n")
    }

    @Test func `a process that takes too long is killed with its children`() throws {
        let result = try ChildProcess.run(
            "/bin/sh", ["-c", "sleep 100 & echo $!; wait"], timeLimit: .milliseconds(300))
        #expect(result.ending == .timedOut)
        #expect(result.exitCode == nil)
        let child = try #require(Int32(result.outputText.trimmingCharacters(in: .whitespacesAndNewlines)))
        // Whoever adopts the orphan may take a moment to bury it.
        #expect(eventually { kill(child, 0) != 0 || isZombie(child) })
    }

    private func isZombie(_ id: Int32) -> Bool {
        let stat = FileManager.default.contents(atPath: "/proc/\(id)/stat").map { String(decoding: $0, as: UTF8.self) }
        return stat?.split(separator: ")").last?.hasPrefix(" Z") ?? true
    }

    @Test func `a process is killed at its time, and one that ended before is not`() throws {
        let long = try ChildProcess("/bin/sleep", ["100"])
        #expect(long.kill(after: .milliseconds(50)))
        let result = try long.wait()
        #expect(result.ending == .signal(SIGKILL))
        #expect(result.exitCode == 137)
        #expect(result.took >= .milliseconds(50) && result.took < .seconds(60))
        let short = try ChildProcess("/bin/true")
        #expect(!short.kill(after: .seconds(30)))
        #expect(try short.wait().ending == .exit(0))
    }

    @Test func `a program that is not there is an error`() {
        #expect(throws: TestKitError.self) { try ChildProcess.run("/nowhere/program") }
    }

    @Test func `many processes run at once without holding each other's files`() throws {
        let processes = try (0..<20).map {
            try ChildProcess("/bin/sh", ["-c", "ls /proc/self/fd | wc -l; exit \($0)"])
        }
        for (index, process) in processes.enumerated() {
            let result = try process.wait()
            #expect(result.exitCode == Int32(index))
            // Its three, and the folder that ls has open.
            #expect(result.outputText == "4\n")
        }
    }

    @Test func `a temporary folder goes with its owner`() throws {
        var folder: TemporaryFolder? = try TemporaryFolder()
        let path = try #require(folder?.path)
        try folder?.write("a/b/c.txt", "text")
        #expect(FileManager.default.fileExists(atPath: path.appending("a/b/c.txt").string))
        folder = nil
        #expect(!FileManager.default.fileExists(atPath: path.string))
    }

    @Test func `a seed gives the same numbers again`() {
        var first = SeededGenerator(seed: 42)
        var second = SeededGenerator(seed: 42)
        #expect((0..<100).map { _ in first.next() } == (0..<100).map { _ in second.next() })
        // The first numbers of SplitMix64 with seed 1234567, from its published test.
        var published = SeededGenerator(seed: 1_234_567)
        #expect([published.next(), published.next()] == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973])
    }

    @Test func `the products of this build are found`() {
        #expect(FileManager.default.fileExists(atPath: Checkout.root.appending("Package.swift").string))
        #expect(Checkout.products.string.contains(".build"))
        #expect(FileManager.default.fileExists(atPath: Checkout.products.string))
    }
}
