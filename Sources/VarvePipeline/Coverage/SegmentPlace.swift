// SPDX-License-Identifier: Apache-2.0

package import VarveModel
import VarveVault

/// Where a segment stands in its table's log: by its own start, or by that of the first that was merged into it.
package struct SegmentPlace: Comparable, Sendable {
    let second: String
    package let started: Instant
    /// One that was made of others comes before the first of them.
    let members: Int
    let last: Instant

    /// - Parameters:
    ///   - started: Of the segment, or of the first that was merged into it.
    ///   - last: When the last that was merged into it started.
    ///   - members: How many were.
    package init(started: Instant, last: Instant, members: Int) {
        second = started.compact
        self.started = started
        self.members = members
        self.last = last
    }

    init(_ manifest: Manifest) {
        self.init(
            started: manifest.sources?.first?.started ?? manifest.started,
            last: manifest.sources?.last?.started ?? manifest.started, members: manifest.sources?.segments ?? 1)
    }

    /// Of one that cannot be read: the name tells its second only.
    package init(second: String) {
        self.second = second
        started = Self.unknown
        members = 1
        last = started
    }

    private static let unknown = Instant(microseconds: .min)

    fileprivate var isUnreadable: Bool { started == Self.unknown }

    /// A segment comes before all that were merged into it.
    package static func < (left: SegmentPlace, right: SegmentPlace) -> Bool {
        (left.second, left.started, -left.members, right.last) < (
            right.second, right.started, -right.members, left.last
        )
    }
}

// MARK: - What was merged

extension SegmentPlace {
    /// Says which segments were merged into another one, whole, and are needed by nobody: in one walk over the log.
    ///
    /// Whatever a segment was merged into comes before it. Of what has come, only the longest count: those that end later than all with at least as
    /// many members.
    ///
    /// - Parameter segments: In ascending order; `merges` says of one that others were merged into it and that it is whole.
    package static func replaced(among segments: [(place: SegmentPlace, merges: Bool)]) -> [Bool] {
        // From entry to entry `last` grows and `members` falls.
        var longest: [SegmentPlace] = []
        var isReplaced: [Bool] = []
        isReplaced.reserveCapacity(segments.count)
        var next = 0
        while next < segments.count {
            // Two that were made of the same ones do not replace one another.
            let equal = segments[next...].prefix { $0.place == segments[next].place }
            let place = segments[next].place
            isReplaced += repeatElement(longest.covers(place), count: equal.count)
            if equal.contains(where: \.merges) { longest.note(place) }
            next = equal.endIndex
        }
        return isReplaced
    }
}

extension [SegmentPlace] {
    /// The first that ends at an instant or later.
    private func firstIndex(from instant: Instant) -> Int {
        var (begin, end) = (startIndex, endIndex)
        while begin < end {
            let middle = begin + (end - begin) / 2
            if self[middle].last < instant { begin = middle + 1 } else { end = middle }
        }
        return begin
    }

    fileprivate func covers(_ place: SegmentPlace) -> Bool {
        // Within the first and the last second it may be the one before or behind.
        if place.isUnreadable { return last.map { place.second < $0.last.compact } ?? false }
        let index = firstIndex(from: place.last)
        return index < count && self[index].members >= place.members
    }

    fileprivate mutating func note(_ place: SegmentPlace) {
        if covers(place) { return }
        var index = firstIndex(from: place.last)
        // It ends no earlier than these and has no fewer members.
        if index < count && self[index].last == place.last { index += 1 }
        let kept = self[..<index].lastIndex { $0.members > place.members }.map { $0 + 1 } ?? 0
        replaceSubrange(kept..<index, with: [place])
    }
}
