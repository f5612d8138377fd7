// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit

/// Feeds every reader of outside bytes with mutations of a corpus: no crash, no hang, no broken invariant, bounded memory.
///
/// `.ci/fuzz` runs the same targets under libFuzzer, for longer. VARVE_FUZZ_SECONDS sets the time for each target.
@Suite(.serialized) struct FuzzTests {
    private static let fuzzer = Checkout.products.appending("VarveFuzz")
    private static let corpus = Checkout.root.appending("Tests/VarveFuzz/Corpus")
    private static let memoryMax = 512.0
    private static let seconds = ProcessInfo.processInfo.environment["VARVE_FUZZ_SECONDS"].flatMap { Int($0) } ?? 3

    /// What a run says of itself: `key=value` in its last line.
    private static func figures(_ result: ProcessResult) -> [String: String] {
        let words = result.outputText.split(separator: "\n").last?.split(separator: " ") ?? []
        return words.reduce(into: [:]) { figures, word in
            let halves = word.split(separator: "=", maxSplits: 1)
            if halves.count == 2 { figures[String(halves[0])] = String(halves[1]) }
        }
    }

    /// How many inputs each target takes at least in a second, on a machine that is busy with others.
    @Test(arguments: [("item", 500), ("manifest", 50), ("yaml", 50), ("cron", 20), ("envelope", 50), ("tar", 50)])
    func `whatever is read, nothing breaks`(target: String, perSecond: Int) throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        var seeds = SeededGenerator()
        let seed = UInt64.random(in: 0...UInt64(UInt32.max), using: &seeds)
        let result = try ChildProcess.run(
            Self.fuzzer,
            [
                target, "--corpus", Self.corpus.appending(target).string, "--seconds", "\(Self.seconds)", "--seed",
                "\(seed)",
            ], in: folder.path, timeLimit: .seconds(120 + 2 * Self.seconds))
        try #require(result.exitCode == 0, "\(result)\n\(Self.input(folder))")
        let figures = Self.figures(result)
        print(result.outputText.split(separator: "\n").last.map(String.init) ?? "")
        let inputs = try #require(figures["inputs"].flatMap { Int($0) })
        let memory = try #require(figures["peakMiB"].flatMap { Double($0) })
        #expect(inputs >= perSecond * Self.seconds, "\(result)")
        #expect(memory <= Self.memoryMax, "\(result)")
        #expect(figures["seed"] == "\(seed)")
    }

    /// The input that a run broke on, to be kept: the folder goes with the test.
    private static func input(_ folder: TemporaryFolder) -> String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path.string)) ?? []
        return names.filter { $0.hasPrefix("crash-") }.map { name in
            let bytes = FileManager.default.contents(atPath: folder.appending(name).string) ?? Data()
            return "\(name): \(bytes.count) bytes, base64 \(bytes.prefix(65_536).base64EncodedString())"
        }.joined(separator: "\n")
    }

    // MARK: The trial tries itself

    @Test(arguments: [
        ("trap here", "crash"), ("violate", "crash"), ("over", "crash"), ("deep", "crash"), ("hang", "hang"),
        ("memory", "memory"),
    ])
    func `what goes wrong is found, and its input is kept`(input: String, finding: String) throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        try folder.write("corpus/input", input)
        let process = try ChildProcess(
            Self.fuzzer, ["selftest", "--corpus", "corpus", "--seconds", "1"], in: folder.path)
        let result = try process.wait(timeLimit: .seconds(60))
        #expect(result.ending != .exit(0) && result.ending != .timedOut, "\(result)")
        #expect(result.errorText.contains("\(finding): the input is in crash-selftest-\(process.id)"), "\(result)")
        let kept = FileManager.default.contents(atPath: folder.appending("crash-selftest-\(process.id)").string)
        #expect(kept.map { Array($0) } == Array(input.utf8))
    }

    @Test func `what no input of the corpus does, a mutation finds`() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        try folder.write("corpus/input", "sound")
        let result = try ChildProcess.run(
            Self.fuzzer, ["selftest", "--corpus", "corpus", "--seconds", "30", "--seed", "1"], in: folder.path)
        #expect(result.errorText.contains("crash: the input is in"), "\(result)")
    }

    @Test func `a sound run reports itself, and its seed gives it back`() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let arguments = ["item", "--seconds", "60", "--inputs", "100", "--seed", "7"]
        let figures = try (0..<2).map { _ in
            let result = try ChildProcess.run(Self.fuzzer, arguments, in: folder.path)
            #expect(result.exitCode == 0, "\(result)")
            return Self.figures(result)
        }
        #expect(figures.allSatisfy { $0["inputs"] == "100" && $0["seed"] == "7" && $0["target"] == "item" })
    }

    @Test func `a command line that is wrong runs nothing`() throws {
        for arguments in [[], ["nothing"], ["item", "--corpus"], ["item", "--seconds", "soon"]] {
            #expect(try ChildProcess.run(Self.fuzzer, arguments).exitCode == 2)
        }
    }
}
