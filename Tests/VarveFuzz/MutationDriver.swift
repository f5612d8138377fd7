// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// Runs a target without libFuzzer: every input of the corpus, then mutations of them from a seeded generator, until the time is up.
struct MutationDriver {
    private static let usage = """
        usage: VarveFuzz TARGET --corpus DIR… --seconds S [--seed N] [--inputs N]
               VarveFuzz TARGET FILE…
        targets: \(FuzzTargets.all.map { $0.name }.joined(separator: ", "))

        """

    private struct Options {
        var corpus: [String] = []
        var files: [String] = []
        var seconds = 0.0
        var inputsMax = Int.max
        var seed = UInt64.random(in: 0...UInt64(UInt32.max))

        init?(_ arguments: [String]) {
            var rest = arguments[...]
            while let word = rest.popFirst() {
                guard word.hasPrefix("--") else {
                    files.append(word)
                    continue
                }
                guard let value = rest.popFirst() else { return nil }
                switch word {
                case "--corpus": corpus.append(value)
                case "--seconds":
                    guard let number = Double(value) else { return nil }
                    seconds = number
                case "--seed":
                    guard let number = UInt64(value) else { return nil }
                    seed = number
                case "--inputs":
                    guard let number = Int(value) else { return nil }
                    inputsMax = number
                default: return nil
                }
            }
        }
    }

    private let target: any FuzzTarget.Type
    private let guarded: GuardedInput
    private let memoryBefore: Int
    private(set) var inputs = 0

    /// Returns the exit code: 0 where every input went well, 2 for a wrong command line. Whatever goes wrong ends the process before.
    static func main(_ arguments: [String]) -> Int32 {
        guard let name = arguments.first, let target = FuzzTargets.named(name),
            let options = Options(Array(arguments.dropFirst()))
        else {
            FileOutput.errors.write(usage)
            return 2
        }
        do {
            var driver = MutationDriver(target)
            try driver.run(options)
            return 0
        } catch {
            FileOutput.errors.write("\(error)\n")
            return 2
        }
    }

    private init(_ target: any FuzzTarget.Type) {
        self.target = target
        guarded = GuardedInput(room: target.inputBytesMax)
        memoryBefore = Self.memoryHighest()
    }

    private mutating func run(_ options: Options) throws {
        // Said first: a run that ends badly can be had again.
        FileOutput.standard.write("target=\(target.name) seed=\(options.seed)\n")
        Watch.begin(target: target.name)
        let began = ContinuousClock.now
        for file in options.files { run(try Self.read(file)) }
        var corpus: [[UInt8]] = []
        for folder in options.corpus {
            // Sorted, so that a seed means the same everywhere.
            for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
                corpus.append(Array(try Self.read("\(folder)/\(name)").prefix(target.inputBytesMax)))
            }
        }
        for bytes in corpus { run(bytes) }
        let replayed = inputs

        var mutator = Mutator(
            corpus: corpus.isEmpty ? [[]] : corpus, tokens: target.tokens, bytesMax: target.inputBytesMax,
            seed: options.seed)
        var bytes: [UInt8] = []
        let end = began + .seconds(options.seconds)
        while inputs - replayed < options.inputsMax, ContinuousClock.now < end {
            mutator.next(into: &bytes)
            run(bytes)
        }
        report(replayed: replayed, took: ContinuousClock.now - began, seed: options.seed)
    }

    private mutating func run(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            let input = guarded.lend(UnsafeRawBufferPointer(rebasing: bytes.prefix(target.inputBytesMax)))
            Watch.enter(input)
            target.run(input)
        }
        inputs += 1
        // Still inside, so that the input is kept.
        let memory = Self.memoryHighest()
        if memory > FuzzTargets.memoryBytesMax, memory > memoryBefore { Watch.memoryExceeded() }
        Watch.leave()
    }

    private func report(replayed: Int, took: Duration, seed: UInt64) {
        let seconds = took / .seconds(1)
        let memory = Double(Self.memoryPeak()) / 1_048_576
        let line = String(
            format: "target=%@ inputs=%d corpus=%d seconds=%.1f perSecond=%.0f peakMiB=%.1f seed=%llu\n", target.name,
            inputs, replayed, seconds, Double(inputs) / max(seconds, 0.001), memory, seed)
        FileOutput.standard.write(line)
    }

    private static func read(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Bytes, from one cheap call; a process that was spawned may have its parent's figure to begin with.
    private static func memoryHighest() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }

    /// Bytes, of this process alone.
    private static func memoryPeak() -> Int {
        guard let status = FileManager.default.contents(atPath: "/proc/self/status") else { return memoryHighest() }
        for line in String(decoding: status, as: UTF8.self).split(separator: "\n") where line.hasPrefix("VmHWM:") {
            return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
                .map { $0 * 1024 } ?? 0
        }
        return memoryHighest()
    }
}
