// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit

extension Torture {
    /// A capture that follows a table into which 2,000 items a second are written, whatever the capture does.
    ///
    /// `VARVE_CAPTURE_SECONDS` says for how long (180; an hour in torture).
    struct CaptureSoakTests {
        private static let writesPerSecond = 2000
        private static let batch = 25

        @Test(.timeLimit(.minutes(120)))
        func aSteadyLoadIsFollowed() throws {
            let seconds = Torture.count("VARVE_CAPTURE_SECONDS", default: 180)
            let home = try TestHome()
            try home.run("table", "create", "Items", "--partition-key", "id:N")
            _ = try home.backup("Items")
            let opened = try OpenDamageHome(home.path)
            let capture = try ChildProcess(Checkout.varve, ["capture", "Items", "--every", "10s"], in: home.path)
            let began = ContinuousClock.now
            var random = SeededGenerator("aSteadyLoadIsFollowed")
            var written = 0
            var lags: [Double] = []
            var memory: [Int] = []
            var descriptors: [Int] = []
            var nextLook = began + .seconds(10)
            while ContinuousClock.now - began < .seconds(seconds) {
                let due = Int((ContinuousClock.now - began) / .seconds(1) * Double(Self.writesPerSecond))
                if written + Self.batch > due {
                    usleep(2000)
                } else {
                    try opened.store.batchWrite(Self.writes(&random))
                    written += Self.batch
                }
                if ContinuousClock.now >= nextLook {
                    nextLook += .seconds(5)
                    lags.append(try lag(home))
                    memory.append(try Self.residentKibibytes(capture.id))
                    descriptors.append(
                        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(capture.id)/fd").count)
                }
            }
            let offered = Double(written) / Double(seconds)
            capture.signal(SIGTERM)
            let ended = try capture.wait(timeLimit: .seconds(seconds) + ChildProcess.timeLimit)
            #expect(ended.ending == .exit(0), "\(ended.errorText)")
            let half = memory.count / 2
            let (early, late) = (memory.prefix(half).max() ?? 0, memory.suffix(half).max() ?? 0)
            print(
                "\(seconds) s of \(Int(offered)) writes/s: lag at most \(Int(lags.max() ?? 0)) s, memory \(early / 1024) then \(late / 1024) MiB, "
                    + "\(Set(descriptors).sorted()) descriptors")
            #expect(offered >= Double(Self.writesPerSecond) * 0.98, "the load was not offered")
            #expect(lags.allSatisfy { $0 < 120 })
            #expect(late <= early * 115 / 100 + 8 * 1024, "memory grows: \(memory)")
            #expect((descriptors.max() ?? 0) - (descriptors.min() ?? 0) <= 4, "\(descriptors)")
            let report = try home.json("coverage", "Items")
            let table = try #require((report["tables"] as? [[String: Any]])?.first)
            #expect((table["holes"] as? [Any])?.isEmpty == true)
            #expect((table["log"] as? [String: Any])?["changes"] as? Int == written)
        }

        private static func writes(_ random: inout SeededGenerator) throws -> [BatchWrite] {
            let text = String(repeating: "x", count: 300)
            var keys: Set<Int> = []
            while keys.count < batch { keys.insert(Int.random(in: 0..<1_000_000, using: &random)) }
            return try keys.map { key in
                let json = #"{"id":{"N":"\#(key)"},"t":{"S":"\#(text)"},"v":{"N":"\#(random.next())"}}"#
                return BatchWrite(table: "Items", .put(try Item(json: Array(json.utf8))))
            }
        }

        /// Seconds that the vault is behind.
        private func lag(_ home: TestHome) throws -> Double {
            let report = try home.json("coverage", "Items")
            let table = (report["tables"] as? [[String: Any]])?.first
            guard let through = (table?["log"] as? [String: Any])?["through"] as? String,
                let instant = Instant(rfc3339: through)
            else { return 0 }
            return Double(Instant.now().microseconds - instant.microseconds) / 1e6
        }

        private static func residentKibibytes(_ process: Int32) throws -> Int {
            let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
            return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        }
    }
}
