// SPDX-License-Identifier: Apache-2.0

/// Some items in one piece of memory: what travels between a store and the stages of a pipeline.
///
/// Canonical bytes stand one after the other; ``ends`` says where each ends. Whoever fills batches keeps one and empties it, so that its
/// memory is used again.
package struct ItemBatch: Sendable {
    package private(set) var bytes: [UInt8] = []
    package private(set) var ends: [Int] = []

    package init() {}

    package var count: Int { ends.count }
    package var isEmpty: Bool { ends.isEmpty }

    /// Where an item's bytes are.
    package func range(of index: Int) -> Range<Int> {
        (index == 0 ? 0 : ends[index - 1])..<ends[index]
    }

    /// A copy of one item's bytes; on hot paths use ``forEach(_:)``.
    package func item(_ index: Int) -> [UInt8] { Array(bytes[range(of: index)]) }

    /// Lends each item's bytes in order.
    package func forEach(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try bytes.withUnsafeBytes { all in
            var start = 0
            for end in ends {
                try body(UnsafeRawBufferPointer(rebasing: all[start..<end]))
                start = end
            }
        }
    }

    package mutating func append(_ item: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: item)
        ends.append(bytes.count)
    }

    package mutating func append(_ item: [UInt8]) {
        bytes.append(contentsOf: item)
        ends.append(bytes.count)
    }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    package mutating func reserve(bytes count: Int) {
        bytes.reserveCapacity(count)
    }
}
