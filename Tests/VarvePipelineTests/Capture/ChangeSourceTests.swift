// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit

/// What every ``ChangeSource`` promises, held against each of them.
@Suite struct ChangeSourceTests {
    /// A source, and how a test makes something happen to it.
    struct Subject: Sendable {
        let source: any ChangeSource
        /// Writes so many changes, each of an item of its own or of one that was there.
        let write: @Sendable (Int) throws -> Void
        /// Takes everything away that is there now.
        let trimAll: @Sendable () throws -> Void
        let end: @Sendable () throws -> Void
        /// What the test must keep alive.
        let home: CaptureHome?
    }

    enum Kind: String, CaseIterable, Sendable { case embedded, simulated, simulatedRough }

    static func make(_ kind: Kind) throws -> Subject {
        switch kind {
        case .embedded:
            let home = try CaptureHome()
            try home.makeTable("Things")
            return Subject(
                source: try home.source("Things"),
                write: { count in
                    let known = try home.items("Things").count
                    for number in 0..<count { try home.put(known + number, number, into: "Things") }
                },
                trimAll: {
                    home.clock.advance(seconds: CaptureHome.retention + 1)
                    try home.store.trimChanges()
                }, end: { try home.store.dropTable("Things") }, home: home)
        case .simulated, .simulatedRough:
            let stream = SimulatedStream(seed: 7, isRough: kind == .simulatedRough)
            return Subject(
                source: stream, write: { stream.write($0) },
                trimAll: {
                    stream.advance(seconds: 1000)
                    stream.trim(olderThan: 10)
                }, end: { stream.end() }, home: nil)
        }
    }

    /// Reads shards to their present end, parents before children. Records may come again; they are counted once.
    static func drain(
        _ source: any ChangeSource, after: [String: ChangePosition] = [:], limit: Int = 3
    ) throws -> (
        positions: [String: [ChangePosition]], through: [String: ChangePosition], ends: [String: ChangePage.End]
    ) {
        var positions: [String: [ChangePosition]] = [:]
        var through = after
        var ends: [String: ChangePage.End] = [:]
        for shard in try source.describe().shards {
            if through[shard.id] == nil { through[shard.id] = shard.horizon }
            reading: while true {
                guard case .page(let page) = try source.read(shard.id, after: through[shard.id], limit: limit) else {
                    Issue.record("lost although nothing was trimmed")
                    break
                }
                #expect(page.records.count <= limit + 3)
                #expect(page.records.map(\.position) == page.records.map(\.position).sorted())
                for record in page.records where through[shard.id].map({ $0 < record.position }) ?? true {
                    positions[shard.id, default: []].append(record.position)
                    through[shard.id] = record.position
                }
                if let reached = page.through, through[shard.id].map({ $0 < reached }) ?? true {
                    through[shard.id] = reached
                }
                ends[shard.id] = page.end
                if page.end != .more { break reading }
            }
        }
        return (positions, through, ends)
    }

    @Test(arguments: Kind.allCases)
    func `whoever reads on gets every record that comes, once it is new`(kind: Kind) throws {
        let subject = try Self.make(kind)
        try subject.write(20)
        let first = try Self.drain(subject.source)
        try subject.write(15)
        let second = try Self.drain(subject.source, after: first.through)
        let whole = try Self.drain(subject.source)
        for (shard, positions) in whole.positions {
            #expect(positions == (first.positions[shard] ?? []) + (second.positions[shard] ?? []))
        }
        // An embedded table's log begins with its making.
        #expect(whole.positions.values.reduce(0) { $0 + $1.count } == 35 + (kind == .embedded ? 1 : 0))
    }

    @Test(arguments: Kind.allCases)
    func `what comes after a reading that found nothing more is later than that said`(kind: Kind) throws {
        let subject = try Self.make(kind)
        for _ in 0..<20 {
            try subject.write(2)
            let now = try subject.source.settle()
            let before = try Self.drain(subject.source)
            let promised = before.ends.values.compactMap { end -> Instant? in
                if case .nothingNew(let through) = end { return through }
                return nil
            }
            #expect(promised.allSatisfy { $0 >= now }, "a stream that settled is at least there")
            try subject.write(3)
            for (shard, position) in before.through {
                var after: ChangePosition? = position
                while case .page(let page) = try subject.source.read(shard, after: after, limit: 10) {
                    for record in page.records where after.map({ $0 < record.position }) ?? true {
                        #expect(record.time > now)
                        after = record.position
                    }
                    if page.end != .more { break }
                }
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `what was trimmed is said to be lost, and reading goes on behind it`(kind: Kind) throws {
        let subject = try Self.make(kind)
        try subject.write(30)
        let before = try subject.source.describe().shards.map { ($0.id, $0.horizon) }
        try subject.trimAll()
        try subject.write(30)
        try subject.trimAll()
        try subject.write(4)
        var lost = 0
        for (shard, horizon) in before {
            guard case .lost(.trimmed, let next) = try subject.source.read(shard, after: horizon, limit: 10) else {
                continue
            }
            lost += 1
            let position = try #require(next)
            guard case .page = try subject.source.read(shard, after: position, limit: 10) else {
                Issue.record("nothing behind \(position)")
                continue
            }
            #expect(try subject.source.describe().shards.first { $0.id == shard }?.horizon == next)
        }
        #expect(lost == before.count)
    }

    @Test(arguments: Kind.allCases)
    func `a stream that ended is read to its end`(kind: Kind) throws {
        let subject = try Self.make(kind)
        try subject.write(9)
        try subject.end()
        let description = try subject.source.describe()
        #expect(description.isEnded && description.shards.allSatisfy { !$0.isOpen })
        let all = try Self.drain(subject.source)
        #expect(all.ends.values.allSatisfy { $0 == .closed })
        #expect(all.positions.values.reduce(0) { $0 + $1.count } == 9 + (kind == .embedded ? 2 : 0))
    }

    @Test func `a store that was put back is found to be another history`() throws {
        let home = try CaptureHome()
        try home.makeTable("Things")
        let source = try home.source("Things")
        guard case .lost(.rewound, let next) = try source.read("log", after: ChangePosition(1000), limit: 10) else {
            Issue.record("a position that was never reached is none")
            return
        }
        #expect(next == ChangePosition(0))
    }

    @Test func `positions are numbers, whatever their length`() throws {
        let sorted = [
            "0", "9", "10", "99", "100", "99999999999999999999999999999999999999",
            "100000000000000000000000000000000000000",
        ]
        #expect(sorted.map { ChangePosition($0) }.shuffled().compactMap { $0 }.sorted().map(\.text) == sorted)
        for text in ["", "01", "-1", "1a", " 1", "1.0", String(repeating: "1", count: 65)] {
            #expect(ChangePosition(text) == nil, "\(text)")
        }
    }
}
