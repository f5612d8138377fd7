// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit

extension Torture {
    /// The disk fails a random write or sync of a backup, a sweep and a key change with EIO: a clear error, or it did not matter; nothing lost, and
    /// the next run succeeds.
    ///
    /// strace puts the error in the place of the call. `VARVE_DISK_ERRORS` says how many times for each change and each kind of call (3).
    struct DiskErrorTests {
        private static let trials = Torture.count("VARVE_DISK_ERRORS", default: 3)

        enum Kind: String, CaseIterable, CustomTestStringConvertible {
            case write, sync
            var testDescription: String { rawValue }
            var calls: String { self == .write ? "write,pwrite64,writev,pwritev" : "fsync,fdatasync" }
        }

        @Test(.timeLimit(.minutes(60)), arguments: DiskChange.allCases, Kind.allCases)
        func aFailingDiskLosesNothing(_ change: DiskChange, _ kind: Kind) throws {
            var random = SeededGenerator("aFailingDiskLosesNothing(\(change), \(kind))")
            let folder = try TemporaryFolder()
            let pristine = folder.appending("pristine")
            try change.makeHome(pristine, &random)
            let home = folder.appending("home")
            try DamageHome.copy(pristine, to: home)
            let tracer = Tracer(kind: kind, home: home, log: folder.appending("log"))
            let whole = try change.run { try tracer.run($0, failing: nil) }
            guard try tracer.calls(injected: false) > 0 else { try Test.cancel("strace cannot trace here: \(whole)") }
            try #require(whole.exitCode == 0, "\(whole)")
            let calls = try tracer.callsMax()

            var (fired, failed) = (0, 0)
            for _ in 0..<Self.trials * 8 where fired < Self.trials {
                try FileManager.default.removeItem(atPath: home.string)
                try DamageHome.copy(pristine, to: home)
                try tracer.forget()
                let aftermath = try DiskAftermath(change, home)
                let number = Int.random(in: 1...calls, using: &random)
                let run = try change.run { try tracer.run($0, failing: number) }
                // Nothing of the home's: standard output, or a thread had fewer calls than last time.
                if try tracer.calls(injected: true) == 0 { continue }
                fired += 1
                let what: Comment = "\(change) with EIO from \(kind) \(number): \(run)"
                guard case .exit(let code) = run.ending else {
                    Issue.record(what)
                    continue
                }
                if code != 0 {
                    failed += 1
                    #expect(run.errorText.contains("["), what)
                    #expect(!run.errorText.contains("Fatal error"), what)
                }
                try aftermath.check(what)
            }
            print("\(change): EIO from \(kind) in \(fired) runs, of which \(failed) failed.")
            #expect(fired == Self.trials)
            // What matters to nobody (a lease's removal) is seldom met.
            #expect(failed * 2 > fired)
        }

        /// Runs commands under strace.
        private struct Tracer {
            let kind: Kind
            let home: FilePath
            let log: FilePath

            /// - Parameter number: The call that fails, counted in each thread alone; nil: none.
            func run(_ arguments: [String], failing number: Int?) throws -> ProcessResult {
                let inject = number.map { ["-e", "inject=\(kind.calls):error=EIO:when=\($0)"] } ?? []
                return try ChildProcess.run(
                    "strace",
                    ["-f", "-q", "-y", "-A", "-o", log.string, "-e", "trace=\(kind.calls)"] + inject
                        + [Checkout.varve.string] + arguments, in: home)
            }

            func forget() throws { try Data().write(to: URL(fileURLWithPath: log.string)) }

            private func lines() throws -> [Substring] {
                let log = (try? Data(contentsOf: URL(fileURLWithPath: log.string))) ?? Data()
                return String(decoding: log, as: UTF8.self).split(separator: "\n").filter { $0.contains(home.string) }
            }

            /// How many calls went to files of the home.
            func calls(injected: Bool) throws -> Int {
                try lines().count { !injected || $0.contains("(INJECTED)") }
            }

            /// The most that one thread made.
            func callsMax() throws -> Int {
                let threads = try lines().map { $0.prefix { $0 != " " } }
                return Dictionary(grouping: threads) { $0 }.values.map(\.count).max() ?? 1
            }
        }
    }
}
