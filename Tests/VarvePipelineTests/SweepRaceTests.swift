// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

/// Items that are renewed, changed, deleted or replaced between the moment a sweep finds them and the moment it deletes them.
///
/// `VARVE_RACES` says how many (5,000), `VARVE_SEED` which.
@Suite struct SweepRaceTests {
    /// What somebody does to an item behind the sweep's back.
    private enum Meddling: CaseIterable {
        case none, renew, change, delete, replace
    }

    private static let writers = 4

    private let home: PipelineHome
    private let total = ProcessInfo.processInfo.environment["VARVE_RACES"].flatMap { Int($0) } ?? 5000

    init() throws { home = try PipelineHome() }

    private func item(_ number: Int, _ generation: String, ttl: Int64) throws -> Item {
        try Item(
            json: Array(#"{"gen":{"S":"\#(generation)"},"id":{"S":"i\#(number)"},"ttl":{"N":"\#(ttl)"}}"#.utf8))
    }

    /// Does it, and says what must be in the table afterwards; nil: nothing.
    private func meddle(_ meddling: Meddling, with number: Int, past: Int64) throws -> Item? {
        switch meddling {
        case .none: return nil
        case .renew:
            let renewed = try item(number, "first", ttl: home.now.seconds + 1_000_000)
            _ = try home.store.put(renewed, into: "Things")
            return renewed
        case .change:
            // Still expired, and another item all the same: the archive does not have it.
            let changed = try item(number, "changed", ttl: past)
            _ = try home.store.put(changed, into: "Things")
            return changed
        case .delete:
            _ = try home.store.delete(try home.key("i\(number)", of: "Things"), from: "Things")
            return nil
        case .replace:
            // The last rows' numbers are used again.
            _ = try home.store.delete(try home.key("i\(number)", of: "Things"), from: "Things")
            let replaced = try item(number, "replaced", ttl: past)
            _ = try home.store.put(replaced, into: "Things")
            return replaced
        }
    }

    @Test(.timeLimit(.minutes(60))) func `no item is deleted but the very version that was archived`() throws {
        var random = SeededGenerator("SweepRaceTests")
        try home.makeTable("Things")
        let past = home.now.seconds - 100
        let load = try home.store.bulkLoad(
            try home.store.describe("Things"), into: .existingEmpty("Things"), origin: LoadOrigin(.import))
        var batch = ItemBatch()
        for number in 0..<total {
            try item(number, "first", ttl: past).bytes.withUnsafeBytes { batch.append($0) }
            if batch.count == 1000 {
                try load.add(batch)
                batch.removeAll()
            }
        }
        try load.add(batch)
        _ = try load.finishLoading()
        _ = try load.publish()

        // Each writer has items of its own, so that what it did last is what must be there. A fifth of all is left alone.
        let plan = (0..<total).map { _ in Meddling.allCases.randomElement(using: &random) ?? .none }
        let orders = (0..<Self.writers).map { writer in
            (0..<total).filter { $0 % Self.writers == writer && plan[$0] != .none }.shuffled(using: &random)
        }
        let expected = Mutex<[Int: Item]>([:])
        let failures = Mutex<[String]>([])
        let group = DispatchGroup()
        let begun = Atomic<Bool>(false)
        let store = MeddlingStore(store: home.store) { [self] in
            guard begun.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else { return }
            // Half of it before the first deletion, the other half against all that follow.
            for order in orders {
                for number in order.prefix(order.count / 2) {
                    let left = try meddle(plan[number], with: number, past: past)
                    expected.withLock { $0[number] = left }
                }
                DispatchQueue.global().async(group: group) {
                    do {
                        for number in order.dropFirst(order.count / 2) {
                            let left = try meddle(plan[number], with: number, past: past)
                            expected.withLock { $0[number] = left }
                        }
                    } catch {
                        failures.withLock { $0.append("\(error)") }
                    }
                }
            }
        }
        let report = try SweepTable(home.archive).run(
            store: store, table: "Things", graceSeconds: 0, progress: Progress(), stop: StopSignal())
        group.wait()
        #expect(failures.withLock { $0 } == [])
        #expect(report.archived == total)
        #expect(report.deleted + report.changed + report.gone == total)
        #expect((report.changed + report.gone) * 4 >= total, "\(report)")

        try checkTable(expected.withLock { $0 })
        try checkDeletions(try #require(report.archives.first), deleted: report.deleted)
        #expect(try home.verify().isEmpty)
        let counts = Dictionary(plan.map { ("\($0)", 1) }, uniquingKeysWith: +).sorted { $0.key < $1.key }
        print(
            "\(total) races: \(counts.map { "\($0.key) \($0.value)" }.joined(separator: ", ")); \(report.deleted) deleted, "
                + "\(report.changed) changed, \(report.gone) gone")
    }

    /// What the writers left last is there, byte for byte, and nothing else.
    private func checkTable(_ expected: [Int: Item]) throws {
        let snapshot = try home.store.snapshot(of: "Things", readers: 1)
        defer { snapshot.close() }
        var found: Set<[UInt8]> = []
        for segment in 0..<snapshot.segments {
            try snapshot.read(segment: segment, reader: 0) { batch in batch.forEach { found.insert(Array($0)) } }
        }
        let wanted = Set(expected.values.map(\.bytes))
        #expect(
            found.subtracting(wanted).isEmpty && wanted.subtracting(found).isEmpty,
            "\(wanted.subtracting(found).count) live items are gone")
    }

    /// Each item that the sweep deleted was, at that moment, what the archive holds.
    private func checkDeletions(_ archive: String, deleted: Int) throws {
        let entry = try RecoveryPoints(home.vault).find(table: nil, id: archive)
        let reader = try SnapshotReader(home.vault, entry, keys: home.keys)
        let index = try reader.index()
        var archived: Set<[UInt8]> = []
        for bundle in reader.manifest.bundles {
            try reader.forEachRunOfLines(in: bundle, index) { run in
                let lines = run.split(separator: UInt8(ascii: "\n"))
                for line in lines { archived.insert(Array(line.dropFirst(8).dropLast(1))) }
                return lines.count
            }
        }
        #expect(archived.count == total)
        var (seen, wrong) = (0, 0)
        var after: Int64 = 0
        while true {
            let changes = try home.store.changes(after: after, limit: 1000)
            guard let last = changes.last else { break }
            after = last.sequence
            for change in changes where change.actor == .sweep && change.event == .remove {
                seen += 1
                if change.run != archive || change.oldImage.map({ archived.contains($0) }) != true { wrong += 1 }
            }
        }
        #expect((seen, wrong) == (deleted, 0), "deletions of what the archive does not hold")
    }
}
