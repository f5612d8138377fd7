// SPDX-License-Identifier: Apache-2.0

import Synchronization
import VarveModel
import VarveStore
import VarveTestKit

/// A change stream as endpoints have them, in memory: shards that split, merge and end, children that are listed late, times that are rounded and go
/// backwards, pages that are cut anywhere, empty, or repeat records; a retention; and being switched off and on again.
///
/// It remembers everything that was ever written, so that a test can say what a log must hold.
final class SimulatedStream: ChangeSource {
    /// One write, as it truly was.
    struct Write {
        let stream: String
        let shard: String
        let position: ChangePosition
        let key: Int
        /// nil: deleted.
        let value: Int?
        /// The running maximum of times along the lineage: when it counts as written.
        let effective: Instant
    }

    private struct Stored {
        let position: Int64
        let time: Instant
        let change: StreamedChange
    }

    private struct Shard {
        let id: String
        let parents: [String]
        /// The keys whose changes it takes.
        let keys: Range<Int>
        var records: [Stored] = []
        var isOpen = true
        var trimmed: Int64?
        /// Not listed before the stream was described so often.
        var listedFrom = 0
        /// What the lineage has come to.
        var effective: Instant
    }

    private struct State {
        var random: SeededGenerator
        var now: Instant
        var number = 0
        var stream = 1
        var shards: [Shard] = []
        var items: [Int: Int] = [:]
        var descriptions = 0
        var position: Int64 = 0
        var value = 0
        var isEnded = false
    }

    static let keys = 32
    /// How far behind the clock a record's time may be.
    static let jitterMicroseconds: Int64 = 5_000_000

    let table: TableDescription
    /// Whether pages are small, empty, repeated.
    let isRough: Bool
    private let state: Mutex<State>
    private let history = Mutex<[Write]>([])

    init(seed: UInt64, isRough: Bool = true) {
        var table = TableDescription(
            name: "Simulated", keySchema: KeySchema(partition: KeyAttribute(name: "id", type: .n)))
        table.id = "simulatedtable00"
        self.table = table
        self.isRough = isRough
        let start = Instant(microseconds: 1_800_000_000_000_000)
        var state = State(random: SeededGenerator(seed: seed), now: start)
        Self.addRoots(&state)
        self.state = Mutex(state)
    }

    var writes: [Write] { history.withLock { $0 } }
    var now: Instant { state.withLock { $0.now } }

    // MARK: What happens to the table

    private static func addRoots(_ state: inout State, after latest: Instant = Instant(microseconds: 0)) {
        let half = keys / 2
        for range in [0..<half, half..<keys] {
            state.shards.append(
                Shard(id: name(&state), parents: [], keys: range, effective: latest))
        }
    }

    private static func name(_ state: inout State) -> String {
        state.number += 1
        return "shard-\(state.stream)-\(state.number)"
    }

    func write(_ count: Int = 1) {
        for _ in 0..<count { writeOne() }
    }

    private func writeOne() {
        let write: Write = state.withLock { state in
            state.now = Instant(
                microseconds: state.now.microseconds + Int64.random(in: 0...800_000, using: &state.random))
            let key = Int.random(in: 0..<Self.keys, using: &state.random)
            let index = state.shards.firstIndex { $0.isOpen && $0.keys.contains(key) } ?? 0
            let jitter = Int64.random(in: 0...Self.jitterMicroseconds, using: &state.random)
            let time = Self.wholeSeconds(state.now.microseconds - jitter)
            state.position += Int64.random(in: 1...1000, using: &state.random)
            state.value += 1
            let old = state.items[key]
            let isRemoval = old != nil && Int.random(in: 0..<4, using: &state.random) == 0
            let new = isRemoval ? nil : state.value
            state.items[key] = new
            let position = ChangePosition(state.position)
            let change = StreamedChange(
                position: position, time: time, event: isRemoval ? .remove : old == nil ? .insert : .modify,
                actor: nil, run: nil, keys: Self.item(key, nil), newImage: new.map { Self.item(key, $0) },
                oldImage: old.map { Self.item(key, $0) }, items: nil)
            state.shards[index].records.append(Stored(position: state.position, time: time, change: change))
            state.shards[index].effective = max(state.shards[index].effective, time)
            return Write(
                stream: Self.id(state), shard: state.shards[index].id, position: position, key: key, value: new,
                effective: state.shards[index].effective)
        }
        history.withLock { $0.append(write) }
    }

    static func item(_ key: Int, _ value: Int?) -> [UInt8] {
        Array(#"{"id":{"N":"\#(key)"}\#(value.map { #","v":{"N":"\#($0)"}"# } ?? "")}"#.utf8)
    }

    private static func wholeSeconds(_ microseconds: Int64) -> Instant {
        Instant(microseconds: microseconds / 1_000_000 * 1_000_000)
    }

    func advance(seconds: Int64) {
        state.withLock { $0.now = Instant(microseconds: $0.now.microseconds + seconds * 1_000_000) }
    }

    /// Ends a shard and begins one or two others in its place, which may be listed late.
    ///
    /// - Parameter id: Which one; by chance where it is nil.
    /// - Parameter late: How many descriptions later the others are listed; by chance where it is nil.
    func split(_ id: String? = nil, late descriptions: Int? = nil) {
        state.withLock { state in
            let open = state.shards.indices.filter {
                state.shards[$0].isOpen && (id == nil || state.shards[$0].id == id)
            }
            guard let index = open.randomElement(using: &state.random) else { return }
            let parent = state.shards[index]
            state.shards[index].isOpen = false
            let parts =
                parent.keys.count > 1
                ? [
                    parent.keys.lowerBound..<parent.keys.lowerBound + parent.keys.count / 2,
                    parent.keys.lowerBound + parent.keys.count / 2..<parent.keys.upperBound,
                ] : [parent.keys]
            // Those that one shard was split into are listed together.
            let late = descriptions ?? (Int.random(in: 0..<3, using: &state.random) == 0 ? 3 : 0)
            for keys in parts {
                state.shards.append(
                    Shard(
                        id: Self.name(&state), parents: [parent.id], keys: keys,
                        listedFrom: max(parent.listedFrom, state.descriptions + late), effective: parent.effective))
            }
        }
    }

    /// Ends two neighbours and begins one in their place.
    ///
    /// - Parameter ids: Of which the two are; all where there are none.
    func merge(_ ids: [String] = []) {
        state.withLock { state in
            let open = state.shards.indices
                .filter { state.shards[$0].isOpen && (ids.isEmpty || ids.contains(state.shards[$0].id)) }
                .sorted { state.shards[$0].keys.lowerBound < state.shards[$1].keys.lowerBound }
            guard open.count > 1 else { return }
            let place = Int.random(in: 0..<open.count - 1, using: &state.random)
            let (left, right) = (open[place], open[place + 1])
            let (a, b) = (state.shards[left], state.shards[right])
            state.shards[left].isOpen = false
            state.shards[right].isOpen = false
            state.shards.append(
                Shard(
                    id: Self.name(&state), parents: [a.id, b.id], keys: a.keys.lowerBound..<b.keys.upperBound,
                    listedFrom: max(a.listedFrom, b.listedFrom, state.descriptions),
                    effective: max(a.effective, b.effective)))
        }
    }

    /// Takes away what is older than so many seconds, and ended shards of which nothing is left. Returns the positions that went, and the shards.
    @discardableResult
    func trim(olderThan seconds: Int64) -> (positions: Set<ChangePosition>, shards: Set<String>) {
        state.withLock { state in
            let limit = Instant(microseconds: state.now.microseconds - seconds * 1_000_000)
            var gone: Set<ChangePosition> = []
            for index in state.shards.indices {
                let old = state.shards[index].records.prefix { $0.time < limit }
                if let last = old.last { state.shards[index].trimmed = last.position }
                gone.formUnion(old.map { ChangePosition($0.position) })
                state.shards[index].records.removeFirst(old.count)
            }
            let empty = Set(
                state.shards.filter {
                    !$0.isOpen && $0.records.isEmpty && $0.trimmed != nil && Self.isFollowed($0, state)
                }.map(\.id))
            state.shards.removeAll { empty.contains($0.id) }
            return (gone, empty)
        }
    }

    /// Takes away shards that ended with all that they have: times that ran backwards let a retention take them before their parents.
    func remove(_ ids: [String]) { state.withLock { $0.shards.removeAll { ids.contains($0.id) && !$0.isOpen } } }

    /// Whether what follows a shard is listed by now.
    private static func isFollowed(_ shard: Shard, _ state: State) -> Bool {
        state.shards.allSatisfy { !$0.parents.contains(shard.id) || $0.listedFrom <= state.descriptions }
    }

    /// Takes away one that ended and whose successors are listed, whichever.
    func removeAny() {
        let ended = state.withLock { state in
            let ended = state.shards.filter { !$0.isOpen && Self.isFollowed($0, state) }.map(\.id)
            return ended.randomElement(using: &state.random)
        }
        if let ended { remove([ended]) }
    }

    /// Takes away the oldest records of a shard.
    func trim(_ id: String, records: Int) {
        state.withLock { state in
            guard let index = state.shards.firstIndex(where: { $0.id == id }) else { return }
            state.shards[index].trimmed = state.shards[index].records.prefix(records).last?.position
            state.shards[index].records.removeFirst(records)
        }
    }

    /// The shards that follow one.
    func successors(of id: String) -> [String] {
        state.withLock { $0.shards.filter { $0.parents.contains(id) }.map(\.id) }
    }

    /// Switches the stream off and on again: what it had is gone, and another begins.
    ///
    /// - Parameter setBack: Seconds by which the clock of the new one runs behind that of the old one.
    func replace(setBack: Int64 = 0) {
        state.withLock { state in
            state.stream += 1
            state.now = Instant(microseconds: state.now.microseconds - setBack * 1_000_000)
            // Whatever its times say, what is written into the new stream comes after all that was written into the old one.
            let latest = state.shards.map(\.effective).max() ?? Instant(microseconds: 0)
            state.shards = []
            Self.addRoots(&state, after: latest)
        }
    }

    /// Switches it off for good.
    func end() {
        state.withLock { state in
            state.isEnded = true
            for index in state.shards.indices { state.shards[index].isOpen = false }
        }
    }

    // MARK: ChangeSource

    private static func id(_ state: State) -> String { "stream-\(state.stream)" }

    /// No later record has a time at or before this.
    private static func watermark(_ state: State) -> Instant {
        Instant(microseconds: wholeSeconds(state.now.microseconds - jitterMicroseconds).microseconds - 1)
    }

    func describe() -> ChangeStream {
        state.withLock { state in
            state.descriptions += 1
            let listed = state.shards.filter { $0.listedFrom <= state.descriptions || state.isEnded }
            return ChangeStream(
                id: Self.id(state), table: table,
                shards: listed.map {
                    ChangeShard(
                        id: $0.id, parents: $0.parents, isOpen: $0.isOpen,
                        horizon: $0.trimmed.map { ChangePosition($0) })
                }, isEnded: state.isEnded)
        }
    }

    func read(_ shard: String, after position: ChangePosition?, limit: Int) throws -> ChangeReading {
        try state.withLock { state in
            guard let shard = state.shards.first(where: { $0.id == shard }) else { throw Interruption() }
            let after = position?.number ?? 0
            if let trimmed = shard.trimmed, after < trimmed { return .lost(.trimmed, next: ChangePosition(trimmed)) }
            if isRough && Int.random(in: 0..<8, using: &state.random) == 0 {
                return .page(ChangePage(records: [], through: nil, end: .more))
            }
            let size = isRough ? min(limit, Int.random(in: 1...7, using: &state.random)) : limit
            let next = shard.records.firstIndex { $0.position > after } ?? shard.records.count
            // A reader that comes again is sometimes given what it had.
            let repeated = isRough && Int.random(in: 0..<4, using: &state.random) == 0 ? min(next, 3) : 0
            let end = min(shard.records.count, next + size)
            let page = shard.records[next - repeated..<end]
            let isAll = end == shard.records.count
            return .page(
                ChangePage(
                    records: page.map(\.change), through: page.last.map { ChangePosition($0.position) },
                    end: !isAll ? .more : shard.isOpen ? .nothingNew(through: Self.watermark(state)) : .closed))
        }
    }

    func settle() -> Instant {
        state.withLock { state in
            state.now = Instant(microseconds: state.now.microseconds + Self.jitterMicroseconds + 1_000_000)
            return Self.watermark(state)
        }
    }

    // MARK: What is true

    /// The instant at which a snapshot taken now is consistent.
    var cut: Instant { settle() }

    /// Every item as it was at an instant: what has counted as written by then.
    func items(at instant: Instant) -> [Int: Int] {
        var items: [Int: Int] = [:]
        for write in writes where write.effective <= instant { items[write.key] = write.value }
        return items
    }
}
