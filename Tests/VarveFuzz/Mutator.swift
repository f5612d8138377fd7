// SPDX-License-Identifier: Apache-2.0

/// Changes inputs a little, as libFuzzer does without looking at coverage.
struct Mutator {
    private let corpus: [[UInt8]]
    private let tokens: [[UInt8]]
    private let bytesMax: Int
    private var random: SeededRandom

    /// Numbers at which something is likely to end.
    private static let numbers: [UInt64] = [
        0, 1, 2, 4, 7, 8, 16, 32, 64, 100, 127, 128, 255, 256, 512, 1000, 1024, 4096, 32_767, 32_768, 65_535, 65_536,
        0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, .max,
    ]

    /// - Parameter corpus: what is mutated; one empty input at least.
    init(corpus: [[UInt8]], tokens: [String], bytesMax: Int, seed: UInt64) {
        self.corpus = corpus
        self.tokens = tokens.map { Array($0.utf8) }
        self.bytesMax = bytesMax
        random = SeededRandom(seed: seed)
    }

    /// The next input, in `bytes`, whose memory is used again.
    mutating func next(into bytes: inout [UInt8]) {
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: corpus[random.below(corpus.count)])
        // One change half of the time, two a quarter of the time, and so on.
        for _ in 0..<min(8, random.next().trailingZeroBitCount + 1) { change(&bytes) }
        if bytes.count > bytesMax { bytes.removeSubrange(bytesMax...) }
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let kind = random.below(12)
        if bytes.isEmpty || kind < 2 { return insertToken(&bytes) }
        let at = random.below(bytes.count)
        switch kind {
        case 2: bytes[at] ^= 1 << UInt8(random.below(8))
        case 3: bytes[at] = UInt8(truncatingIfNeeded: random.next())
        case 4: bytes[at] &+= random.below(2) == 0 ? 1 : 255
        case 5: setNumber(&bytes, at)
        case 6: writeNumber(&bytes, at)
        case 7: bytes.removeSubrange(at..<at + length(bytes.count - at))
        case 8: bytes.insert(contentsOf: (0..<length(16)).map { _ in UInt8(truncatingIfNeeded: random.next()) }, at: at)
        case 9: repeatChunk(&bytes, at)
        case 10: copyChunk(&bytes, at)
        default: splice(&bytes, at)
        }
    }

    /// A length from 1 to `most`, more often a short one.
    private mutating func length(_ most: Int) -> Int {
        let bound = random.below(4) == 0 ? most : min(most, 16)
        return 1 + random.below(max(1, bound))
    }

    private mutating func insertToken(_ bytes: inout [UInt8]) {
        guard !tokens.isEmpty else { return bytes.append(UInt8(truncatingIfNeeded: random.next())) }
        let token = tokens[random.below(tokens.count)]
        let at = random.below(bytes.count + 1)
        if random.below(2) == 0 {
            bytes.insert(contentsOf: token, at: at)
        } else {
            bytes.replaceSubrange(at..<min(bytes.count, at + token.count), with: token)
        }
    }

    /// As it stands in a binary format, in either order of bytes.
    private mutating func setNumber(_ bytes: inout [UInt8], _ at: Int) {
        let width = min([1, 2, 4, 8][random.below(4)], bytes.count - at)
        let value = Self.numbers[random.below(Self.numbers.count)]
        let bigEndian = random.below(2) == 0
        for index in 0..<width {
            let shift = UInt64(8 * (bigEndian ? width - 1 - index : index))
            bytes[at + index] = UInt8(truncatingIfNeeded: value >> shift)
        }
    }

    /// As it stands in text, in place of the digits that stand there.
    private mutating func writeNumber(_ bytes: inout [UInt8], _ at: Int) {
        let digits = bytes[at...].prefix { $0 >= 0x30 && $0 <= 0x39 }.count
        let value = Self.numbers[random.below(Self.numbers.count)]
        let text = (random.below(4) == 0 ? "-" : "") + String(value)
        bytes.replaceSubrange(at..<at + digits, with: text.utf8)
    }

    /// The same again, up to many times: nesting and long lists grow by this.
    private mutating func repeatChunk(_ bytes: inout [UInt8], _ at: Int) {
        let chunk = Array(bytes[at..<at + length(bytes.count - at)])
        let times = 1 + random.below(random.below(8) == 0 ? max(1, bytesMax / chunk.count) : 4)
        let room = max(0, bytesMax - bytes.count)
        bytes.insert(contentsOf: (0..<times).flatMap { _ in chunk }.prefix(room), at: at)
    }

    private mutating func copyChunk(_ bytes: inout [UInt8], _ at: Int) {
        let chunk = Array(bytes[at..<at + length(bytes.count - at)])
        let target = random.below(bytes.count)
        bytes.replaceSubrange(target..<min(bytes.count, target + chunk.count), with: chunk)
    }

    /// The beginning of this and the end of another input.
    private mutating func splice(_ bytes: inout [UInt8], _ at: Int) {
        let other = corpus[random.below(corpus.count)]
        guard !other.isEmpty else { return }
        bytes.replaceSubrange(at..., with: other[random.below(other.count)...])
    }
}
