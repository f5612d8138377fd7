// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarvePipeline
import VarveTestKit

@Suite struct SegmentPlaceTests {
    /// A segment by the numbers of its first and last second, and what has become of it.
    private struct Segment {
        let place: SegmentPlace
        let merges: Bool
        let first: Instant
        let last: Instant
        let members: Int
        let isUnreadable: Bool
    }

    private static let origin: Int64 = 1_750_000_000_000_000

    private static func segment(_ first: Int64, _ last: Int64, _ members: Int, merges: Bool) -> Segment {
        let (first, last) = (Instant(microseconds: origin + first), Instant(microseconds: origin + last))
        return Segment(
            place: SegmentPlace(started: first, last: last, members: members), merges: merges, first: first, last: last,
            members: members, isUnreadable: false)
    }

    private static func unreadable(_ time: Int64) -> Segment {
        let time = Instant(microseconds: origin + time)
        return Segment(
            place: SegmentPlace(second: time.compact), merges: false, first: time, last: time, members: 1,
            isUnreadable: true)
    }

    /// The rule as a sentence that looks at every other segment.
    private static func isReplaced(_ segment: Segment, among all: [Segment]) -> Bool {
        all.contains { other in
            guard other.merges, other.place != segment.place, other.members >= segment.members else { return false }
            if segment.isUnreadable {
                return other.first.compact < segment.first.compact && segment.first.compact < other.last.compact
            }
            return other.first <= segment.first && segment.last <= other.last
        }
    }

    @Test func `one walk tells of every segment what looking at all the others tells`() {
        var random = SeededGenerator("one walk tells of every segment")
        var replaced = 0
        for _ in 0..<3000 {
            // Few instants, some within one second, so that much coincides.
            let step: Int64 = [300_000, 1_000_000, 7_000_000].randomElement(using: &random) ?? 1
            var all: [Segment] = []
            for _ in 0..<Int.random(in: 0...14, using: &random) {
                let first = Int64.random(in: 0...8, using: &random)
                switch Int.random(in: 0..<6, using: &random) {
                case 0: all.append(Self.unreadable(first * step))
                case 1, 2: all.append(Self.segment(first * step, first * step, 1, merges: false))
                default:
                    let last = Int64.random(in: first...8, using: &random)
                    let members = Int.random(in: 1...4, using: &random)
                    all.append(
                        Self.segment(
                            first * step, last * step, members, merges: Int.random(in: 0..<4, using: &random) > 0))
                }
            }
            all.sort { $0.place < $1.place }
            let told = SegmentPlace.replaced(among: all.map { ($0.place, $0.merges) })
            let expected = all.map { Self.isReplaced($0, among: all) }
            #expect(told == expected)
            replaced += expected.count { $0 }
        }
        #expect(replaced > 1000)
    }

    @Test func `of a hundred thousand segments ten thousand merged ones are looked through in less than five seconds`()
    {
        let count: Int64 = 100_000
        let minute: Int64 = 60_000_000
        var all = (0..<count).map { Self.segment($0 * minute, $0 * minute, 1, merges: false) }
        // Half of each ten was merged. Looking at every merged one for every segment takes a minute.
        for run in stride(from: 0, to: count, by: 10) {
            all.append(Self.segment(run * minute, (run + 4) * minute, 5, merges: true))
        }
        all.shuffle()
        var replaced: [Bool] = []
        let took = processorTime {
            all.sort { $0.place < $1.place }
            replaced = SegmentPlace.replaced(among: all.map { ($0.place, $0.merges) })
        }
        print("\(all.count) segments in order, and which of them were merged: \(took).")
        #expect(replaced.count { $0 } == 50_000)
        #expect(took < .seconds(5))
    }
}
