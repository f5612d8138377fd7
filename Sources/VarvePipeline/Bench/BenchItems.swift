// SPDX-License-Identifier: Apache-2.0

/// Generated items for measuring: orders of a shop, about 850 bytes each as export lines, of every type that items have.
///
/// What an item holds follows from the seed and the item's number alone, so the same items come in either order, a larger table begins with
/// the items of a smaller one, and the same arguments give the same bytes on every machine and in every version. Each item is in canonical form.
package struct BenchItems: Sendable {
    package enum Order: String, CaseIterable, Sendable {
        /// As exports have them: partitions in the order of a hash, which has nothing to do with their keys; a partition's items together.
        case export
        /// By partition key, then sort key.
        case key
    }

    package let count: Int
    package let seed: UInt64
    package let order: Order
    /// So many items, the first by number, expired in December 2025.
    package let expired: Int

    /// More items than this have no room in the keys' digits.
    package static let countMax = 1_000_000_000
    /// What an item has on average, as an export line.
    package static let lineBytesTypical = 850

    /// How many items the partitions of a block have: a few have many.
    private static let partitionSizes = [1, 2, 3, 10]
    private static let firstInBlock = [0, 1, 3, 6]
    private static let itemsPerBlock = 16

    package init(count: Int, seed: UInt64, order: Order = .export, expired: Int = 0) {
        precondition(0...Self.countMax ~= count && 0...count ~= expired)
        self.count = count
        self.seed = seed
        self.order = order
        self.expired = expired
    }

    /// Hands out each item's canonical bytes, lent for the call.
    package func forEach(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        var writer = BenchItemWriter(seed: seed, expired: expired)
        let partitions = (count + Self.itemsPerBlock - 1) / Self.itemsPerBlock * Self.partitionSizes.count
        let shuffle = BenchPermutation(of: partitions, seed: seed)
        for place in 0..<partitions {
            let partition = order == .key ? place : shuffle[place]
            let (block, kind) = partition.quotientAndRemainder(dividingBy: Self.partitionSizes.count)
            let first = block * Self.itemsPerBlock + Self.firstInBlock[kind]
            for sort in 0..<Self.partitionSizes[kind] where first + sort < count {
                try writer.item(number: first + sort, partition: partition, sort: sort).withUnsafeBytes(body)
            }
        }
    }
}

/// Numbers that follow from a seed: SplitMix64 (Steele, Lea, Flood 2014).
struct BenchRandom {
    private var state: UInt64

    init(seed: UInt64, stream: UInt64) {
        state = Self.mixed(seed &+ 0x9E37_79B9_7F4A_7C15) ^ Self.mixed(stream &+ 0xD1B5_4A32_D192_ED03)
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    /// A number below `bound`, which is small against 2^32.
    mutating func below(_ bound: Int) -> Int { Int(((next() >> 32) &* UInt64(bound)) >> 32) }

    static func mixed(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// An order of the numbers below `count` that looks like chance and takes no memory: a Feistel network over the next even number of bits,
/// walked until it lands below `count`.
struct BenchPermutation {
    private let count: Int
    private let seed: UInt64
    private let halfBits: UInt64

    init(of count: Int, seed: UInt64) {
        self.count = count
        self.seed = seed
        var bits: UInt64 = 1
        while count > 1 << (2 * bits) { bits += 1 }
        halfBits = bits
    }

    subscript(place: Int) -> Int {
        let mask: UInt64 = (1 << halfBits) - 1
        var value = UInt64(place)
        repeat {
            var left = value >> halfBits
            var right = value & mask
            for round in 0..<4 as Range<UInt64> {
                let mixed = BenchRandom.mixed(right &+ seed &* 0x9E37_79B9_7F4A_7C15 &+ round << 56) & mask
                (left, right) = (right, left ^ mixed)
            }
            value = left << halfBits | right
        } while value >= UInt64(count)
        return Int(value)
    }
}
