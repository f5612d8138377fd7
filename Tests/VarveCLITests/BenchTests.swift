// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Glibc
import SystemPackage
import Testing
import VarveTestKit

/// `varve bench`: what it generates, what it measures, and what it leaves behind.
@Suite struct BenchTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func generate(_ arguments: String...) throws -> [UInt8] {
        let result = try ChildProcess.run(Checkout.varve, ["bench", "data"] + arguments + ["-"], in: folder.path)
        try #require(result.exitCode == 0, "\(result)")
        return result.output
    }

    private func bench(_ arguments: String...) throws -> ProcessResult {
        try ChildProcess.run(Checkout.varve, ["bench"] + arguments, in: folder.path)
    }

    // MARK: Items

    @Test(arguments: [
        ("export", "f0464d24f7bd7a327b444fda5101a9ce0cae73f66607bd848fe5ebe0231996a2"),
        ("key", "2ed013916c32b388034382733cffb196e7c32596420cc6cd8632a6143cab33f6"),
    ])
    func `a seed writes the same bytes as ever`(order: String, digest: String) throws {
        let lines = try generate("--items", "1000", "--seed", "42", "--order", order)
        let found = SHA256.hash(data: lines).map { String(format: "%02x", $0) }.joined()
        #expect(found == digest)
    }

    @Test func `either order has the same items, and a larger table those of a smaller one`() throws {
        let export = try generate("--items", "3000")
        let key = try generate("--items", "3000", "--order", "key")
        #expect(export != key)
        #expect(Lines.difference(Lines.sorted(export), Lines.sorted(key)) == nil)
        let smaller = Set(Lines.sorted(try generate("--items", "1001")))
        #expect(smaller.count == 1001)
        #expect(smaller.isSubset(of: Set(Lines.sorted(export))))
        #expect(try generate("--items", "3000", "--seed", "2") != export)
    }

    @Test func `what is generated is canonical, has every type, a realistic size, and the expired items asked for`()
        throws
    {
        let home = try TestHome()
        let lines = try generate("--items", "4000", "--expired", "123")
        try home.run(
            "table", "create", "Bench", "--partition-key", "customer:S", "--sort-key", "placed:N", "--ttl", "expires")
        try home.run("table", "import", "Bench", "-", input: lines)
        #expect(Lines.difference(try home.export("Bench"), Lines.sorted(lines)) == nil)
        let text = String(decoding: lines, as: UTF8.self)
        for type in ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS"] {
            #expect(text.contains("{\"\(type)\":"), "\(type)")
        }
        #expect((800...900).contains(lines.count / 4000))
        let sweeps = try #require(try home.json("sweep", "Bench", "--dry-run")["sweeps"] as? [[String: Any]])
        #expect(sweeps.first?["expired"] as? Int == 123, "\(sweeps)")
    }

    @Test func `a file that is there is not written over, and the ratio is stated`() throws {
        let first = try bench("data", "--items", "20000", "lines.jsonl", "--json")
        try #require(first.exitCode == 0, "\(first)")
        let summary = try #require(try JSONText.last(first.output) as? [String: Any])
        let raw = try #require(summary["rawBytes"] as? Int)
        let compressed = try #require(summary["compressedBytes"] as? Int)
        #expect(raw == (try folder.appending("lines.jsonl").read().count))
        #expect((0.25...0.35).contains(Double(compressed) / Double(raw)))
        #expect(try bench("data", "--items", "1", "lines.jsonl").exitCode == 1)
        #expect(raw == (try folder.appending("lines.jsonl").read().count))
    }

    // MARK: Measuring

    @Test func `every stage and every command is measured, and the folder goes`() throws {
        let result = try bench("--items", "2000", "--seconds", "0.01", "--dir", "scratch", "--json")
        try #require(result.exitCode == 0, "\(result)")
        let summary = try #require(try JSONText.last(result.output) as? [String: Any])
        #expect(summary["items"] as? Int == 2000)
        let stages = try #require(summary["stages"] as? [[String: Any]])
        #expect(stages.count == 18)
        for stage in stages {
            for field in ["rawBytes", "wallSeconds", "cpuSeconds", "mebibytesPerSecond", "cpuSecondsPerGibibyte"] {
                let value = try #require((stage[field] as? NSNumber)?.doubleValue, "\(field) of \(stage)")
                #expect(value > 0, "\(field) of \(stage)")
            }
        }
        let whole = try #require(summary["whole"] as? [[String: Any]])
        #expect(whole.compactMap { $0["command"] as? String } == ["backup", "verify", "restore"])
        for command in whole {
            let name = try #require(command["command"] as? String)
            let share = try #require((command["share"] as? NSNumber)?.doubleValue)
            #expect(share > 0 && share < 1.5, "\(command)")
            // The parts that the share is made of are those that name the command.
            let perGibibyte = stages.filter { ($0["commands"] as? [String])?.contains(name) == true }
                .reduce(0) { $0 + (($1["cpuSecondsPerGibibyte"] as? NSNumber)?.doubleValue ?? 0) }
            let raw = try #require((summary["rawBytes"] as? NSNumber)?.doubleValue)
            let stated = try #require((command["stagesCpuSeconds"] as? NSNumber)?.doubleValue)
            #expect(abs(stated - perGibibyte * raw / 1_073_741_824) < 1e-6)
        }
        #expect(!folder.appending("scratch").exists)
    }

    @Test func `a folder with something in it is refused and stays as it is`() throws {
        let place = folder.appending("place")
        try place.makeFolder()
        try place.appending("mine").write("mine")
        let result = try bench("--items", "10", "--dir", "place")
        #expect(result.exitCode == 15, "\(result)")
        #expect(try place.files() == ["mine"])
        try place.appending("mine").remove()
        let empty = try bench("--items", "10", "--seconds", "0", "--dir", "place")
        #expect(empty.exitCode == 0, "\(empty)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.string) == [])
    }

    private static let itemsTooMany = 1_000_000_000
    private static let hasLessRoom: Bool = {
        var status = statvfs()
        guard statvfs(NSTemporaryDirectory(), &status) == 0 else { return false }
        return Int(status.f_bavail) * Int(status.f_frsize) < itemsTooMany * 2800
    }()

    @Test(.enabled(if: hasLessRoom, "this disk has room for everything"))
    func `a disk without room is named before anything is written`() throws {
        let result = try bench("--items", "\(Self.itemsTooMany)", "--dir", "scratch")
        #expect(result.exitCode == 1, "\(result)")
        #expect(String(decoding: result.errors, as: UTF8.self).contains("[pipeline.noScratch]"))
        #expect(!folder.appending("scratch").exists)
    }

    @Test func `asked to stop it takes its folder away`() throws {
        let process = try ChildProcess(
            Checkout.varve, ["bench", "--items", "2000", "--seconds", "60", "--dir", "scratch"], in: folder.path)
        while try process.isRunning && !String(decoding: process.errorsSoFar(), as: UTF8.self).contains("stages of") {
            usleep(5000)
        }
        process.signal(SIGTERM)
        let result = try process.wait()
        #expect(result.exitCode == 128 + SIGTERM, "\(result)")
        #expect(!folder.appending("scratch").exists)
    }

    // MARK: Benchmarks/run

    private func compare(_ arguments: String..., path: String? = nil) throws -> (ProcessResult, [String: Any]) {
        let python = try ChildProcess.run("python3", ["-c", "import sys; print(sys.executable, end='')"])
        try #require(python.exitCode == 0)
        var environment: [String: String?] = ["VARVE_BENCH_DIR": folder.path.string]
        if let path { environment["PATH"] = path }
        let result = try ChildProcess.run(
            FilePath(String(decoding: python.output, as: UTF8.self)),
            [Checkout.root.appending("Benchmarks/run").string, "--varve", Checkout.varve.string] + arguments
                + ["--pairs", "1", "--json", folder.appending("results.json").string],
            in: folder.path, environment: environment)
        try #require(result.exitCode == 0, "\(result)")
        let document = try JSONText.last(try folder.appending("results.json").read()) as? [String: Any]
        return (result, try #require(document))
    }

    @Test func `the comparisons run and print their tables`() throws {
        let (result, document) = try compare("--items", "2000", "stages", "sweep", "start")
        let text = String(decoding: result.output, as: UTF8.self)
        #expect(text.hasPrefix("Measured with varve "))
        #expect(text.contains("| sweep of 20 expired of 2,000 items |"))
        #expect(text.contains("| `varve --version`, median of 3 |"))
        #expect(text.contains("| compression (zstd) |"))
        let comparisons = try #require(document["comparisons"] as? [[String: Any]])
        #expect(comparisons.count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path.string) == ["results.json"])
    }

    @Test func `a tool that is missing is named as skipped`() throws {
        // What the script itself needs; nothing to compare with.
        let tools = try TemporaryFolder()
        let found = try ChildProcess.run("bash", ["-c", "type -P bash cp stat"])
        for path in String(decoding: found.output, as: UTF8.self).split(separator: "\n") {
            symlink(String(path), tools.appending(FilePath(String(path)).lastComponent?.string ?? "").string)
        }
        let (result, document) = try compare("--items", "1000", "backup", "verify", "restore", path: tools.path.string)
        let skipped = try #require(document["skipped"] as? [[String: String]])
        #expect(skipped.count == 6, "\(skipped)")
        #expect(
            String(decoding: result.output, as: UTF8.self).contains(
                "Skipped: backup beside borg (borgbackup is not installed)."))
    }
}
