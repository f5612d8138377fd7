// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization
import SystemPackage
import VarveKeys
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

/// What a table must hold when a sweep is over, wherever it was killed: each item in its last version, or that very version in an archive.
struct KillExpectation: Sendable {
    /// The last version that was written of each item.
    var items: KillItems
    /// Items that have not expired: they must be there.
    var live: Set<Int>
    /// How many versions were written while the sweep ran.
    var written = 0
}

/// Writes into the table while it is swept: items that have expired get a new version, every other of them one that has not expired.
///
/// Between archive and deletion thousands of versions change; a sweep that deletes another version than it archived loses one of these.
final class KillWriter {
    private let shared: Shared
    private let thread: WorkerThread

    private final class Shared: Sendable {
        let stop = StopSignal()
        let state: Mutex<State>
        init(_ expectation: KillExpectation) { state = Mutex(State(expectation: expectation)) }
    }

    private struct State {
        var expectation: KillExpectation
        /// What stopped the writer before its time.
        var failure: String?
    }

    /// Between two batches: enough that the sweep gets its turns.
    private static let pauseMicroseconds: UInt32 = 4_000

    init(_ home: KillHome, seed: UInt64) throws {
        let live = Set((0..<KillHome.items).filter { !Self.hasExpired($0) })
        let shared = Shared(KillExpectation(items: home.source, live: live))
        let store = try KillHome.open(home.home)
        self.shared = shared
        thread = try WorkerThread {
            var random = SeededGenerator(seed: seed)
            do {
                while !shared.stop.isRaised {
                    try Self.write(store, shared, &random)
                    usleep(Self.pauseMicroseconds)
                }
            } catch {
                let failure = "\(error)"
                shared.state.withLock { $0.failure = failure }
            }
            store.close()
        }
    }

    static func hasExpired(_ number: Int) -> Bool { number % 4 == 0 }

    private static func write(_ store: EmbeddedStore, _ shared: Shared, _ random: inout SeededGenerator) throws {
        let now = Int(Instant.now().seconds)
        var numbers: Set<Int> = []
        while numbers.count < 20 {
            let number = Int.random(in: 0..<KillHome.items, using: &random)
            if hasExpired(number) { numbers.insert(number) }
        }
        var writes: [BatchWrite] = []
        var versions: [(number: Int, fingerprint: UInt64, isLive: Bool)] = []
        for number in numbers {
            let isLive = random.next() % 2 == 0
            let expires = isLive ? now + 864_000 : now - 1_800
            let item = try Item(
                json: Array(
                    #"{"expires":{"N":"\#(expires)"},"id":{"S":"\#(KillItems.id(number))"},"v":{"N":"\#(random.next())"}}"#
                        .utf8))
            writes.append(BatchWrite(table: "Items", .put(item)))
            versions.append((number, item.bytes.withUnsafeBytes(KillItems.fingerprint), isLive))
        }
        try store.batchWrite(writes)
        shared.state.withLock { state in
            for version in versions {
                state.expectation.items.fingerprints[version.number] = version.fingerprint
                if version.isLive {
                    state.expectation.live.insert(version.number)
                } else {
                    state.expectation.live.remove(version.number)
                }
            }
            state.expectation.written += versions.count
        }
    }

    /// Stops, and says what the table must hold.
    func finish() throws -> KillExpectation {
        shared.stop.raise()
        thread.join()
        let state = shared.state.withLock { $0 }
        if let failure = state.failure { throw DamageTestError("The writer beside the sweep ended: \(failure)") }
        return state.expectation
    }
}

/// Compares the table with what it must hold and with what the archives hold.
struct KillSweepCheck {
    private let expected: KillExpectation
    private let there: KillItems
    /// Every version that an archive holds.
    private let archived: Set<UInt64>

    init(home: FilePath, expected: KillExpectation, archives: Set<String>) throws {
        self.expected = expected
        there = try KillItems(store: try KillHome.open(home), table: "Items")
        var archived: Set<UInt64> = []
        let opened = try OpenDamageHome(home)
        for entry in try Catalog.read(opened.vault).entries where archives.contains(entry.manifest.id) {
            let reader = try SnapshotReader(opened.vault, entry, keys: opened.keys)
            let index = try reader.index()
            for bundle in entry.manifest.bundles {
                try reader.forEachRunOfLines(in: bundle, index) { run in
                    let lines = run.split(separator: UInt8(ascii: "\n"))
                    for line in lines {
                        let item = UnsafeRawBufferPointer(
                            rebasing: run[line.startIndex + ExportLine.prefix.count..<line.endIndex - 1])
                        archived.insert(KillItems.fingerprint(item))
                    }
                    return lines.count
                }
            }
        }
        self.archived = archived
    }

    func run(_ checks: inout KillChecks) {
        var lost = 0
        var liveLost = 0
        var other = 0
        for (number, fingerprint) in expected.items.fingerprints {
            if let found = there.fingerprints[number] {
                if found != fingerprint { other += 1 }
            } else {
                if !archived.contains(fingerprint) { lost += 1 }
                if expected.live.contains(number) { liveLost += 1 }
            }
        }
        if lost > 0 { checks.add("\(lost) items vanished in a version that no archive has") }
        if liveLost > 0 { checks.add("\(liveLost) items vanished that had not expired") }
        if other > 0 { checks.add("\(other) items are another version than was last written") }
        if there.fingerprints.count > expected.items.fingerprints.count {
            checks.add("there are items that nobody wrote")
        }
    }

    func nothingExpiredIsLeft(_ checks: inout KillChecks) {
        let left = there.fingerprints.keys.count { !expected.live.contains($0) }
        if left > 0 { checks.add("\(left) expired items are left after a whole sweep") }
    }
}
