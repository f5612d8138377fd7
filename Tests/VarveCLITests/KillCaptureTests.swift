// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

extension Torture {
    /// `kill -9` of a running capture, while others write: the vault then has every change once, and no hole.
    ///
    /// `VARVE_KILLS` says how many kills there are over all verbs (100); a fifth are these. `VARVE_SEED` says which.
    @Suite(.serialized) struct KillCaptureTests {
        private let total = max(1, Torture.count("VARVE_KILLS", default: 100) / 5)

        @Test(.timeLimit(.minutes(600)))
        func killedCapturesLoseNothingAndDoubleNothing() throws {
            var random = SeededGenerator("killedCapturesLoseNothingAndDoubleNothing")
            let home = try TestHome()
            try home.run("table", "create", "Items", "--partition-key", "id:N")
            try home.run("backup", "Items")
            let opened = try OpenDamageHome(home.path)
            let table = try opened.store.describe("Items")
            var stages: [String: Int] = [:]
            var leftovers = 0
            for trial in 0..<total {
                let writer = try ChangeWriter(opened.store, seed: random.next())
                let before = try segments(opened, table).count
                let capture = try ChildProcess(
                    Checkout.varve, ["capture", "Items", "--every", "1s", "--size", "1MiB"], in: home.path)
                // From its very beginning to its third or fourth segment.
                capture.kill(after: .milliseconds(Int64.random(in: 0...3500, using: &random)))
                let killed = try capture.wait()
                try writer.finish()
                let after = try segments(opened, table).count
                stages[after == before ? "before a commit" : "after \(min(after - before, 3)) or more", default: 0] += 1
                #expect(killed.exitCode == 128 + SIGKILL, "\(killed)")

                // Whatever stands half written is no damage that hides anything.
                let listed = try home.varve(["list", "--segments", "--json"])
                #expect(listed.exitCode == 0 || listed.exitCode == 4, "\(listed)")
                let next = try home.varve(["capture", "Items", "--once", "--json"])
                #expect(next.exitCode == 0, "trial \(trial): \(next)")
                if trial % 4 == 3 || trial == total - 1 {
                    try check(home, opened, table, trial)
                    let prune = try home.json("prune", "--leftovers", "--grace", "0s")
                    leftovers += (prune["objects"] as? [Any])?.count ?? 0
                    let verified = try home.varve(["verify", "--json"])
                    #expect(verified.exitCode == 0, "trial \(trial): \(verified)")
                }
            }
            print(
                "\(total) kills of capture: \(stages.map { "\($0.value) \($0.key)" }.sorted().joined(separator: ", ")); "
                    + "\(leftovers) leftovers pruned")
        }

        private func segments(_ home: OpenDamageHome, _ table: TableDescription) throws -> [Catalog.Entry] {
            try Catalog.read(home.vault).entries(table: table.id, kind: .log)
        }

        private func check(
            _ home: TestHome, _ opened: OpenDamageHome, _ table: TableDescription, _ trial: Int
        ) throws {
            var captured: [Int64] = []
            for entry in try segments(opened, table) {
                let reader = try SnapshotReader(opened.vault, entry, keys: opened.keys)
                let index = try reader.index()
                for bundle in reader.manifest.bundles {
                    try reader.forEachRunOfLines(in: bundle, index) { raw in
                        let before = captured.count
                        try ChangeLine.forEach(of: raw) { line, _ in
                            captured.append(line.metadata.position.number ?? -1)
                        }
                        return captured.count - before
                    }
                }
            }
            let written = try opened.store.changes(after: 0, table: table.id, limit: .max)
                .filter { $0.event.streamName != nil }.map(\.sequence)
            var all = written
            while let last = all.last {
                let more = try opened.store.changes(after: last, table: table.id, limit: .max)
                if more.isEmpty { break }
                all += more.map(\.sequence)
            }
            #expect(captured == all, "trial \(trial): \(captured.count) captured of \(all.count)")
            let result = try home.varve(["coverage", "Items", "--json"])
            #expect(result.exitCode == 0, "trial \(trial): \(result)")
            let report = try #require(try JSONText.last(result.output) as? [String: Any])
            let coverage = try #require((report["tables"] as? [[String: Any]])?.first)
            #expect((coverage["holes"] as? [Any])?.isEmpty == true)
            #expect((coverage["intervals"] as? [Any])?.count == 1)
        }
    }
}

/// Writes into a table until it is told to end.
private final class ChangeWriter {
    private let shared = Shared()
    private let thread: WorkerThread

    private final class Shared: Sendable {
        let stop = StopSignal()
        let failure = Mutex<String?>(nil)
    }

    init(_ store: EmbeddedStore, seed: UInt64) throws {
        let shared = shared
        thread = try WorkerThread {
            var random = SeededGenerator(seed: seed)
            do {
                while !shared.stop.isRaised {
                    for _ in 0..<20 {
                        let key = Int.random(in: 0..<500, using: &random)
                        let text = String(repeating: "text of a change ", count: Int.random(in: 1...60, using: &random))
                        let json = #"{"id":{"N":"\#(key)"},"r":{"N":"\#(random.next())"},"t":{"S":"\#(text)"}}"#
                        try store.put(Item(json: Array(json.utf8)), into: "Items")
                    }
                    usleep(4_000)
                }
            } catch {
                let failure = "\(error)"
                shared.failure.withLock { $0 = failure }
            }
        }
    }

    func finish() throws {
        shared.stop.raise()
        thread.join()
        if let failure = shared.failure.withLock({ $0 }) { throw DamageTestError(failure) }
    }
}
