// SPDX-License-Identifier: Apache-2.0

/// Writes generated items in canonical form, one after the other into one buffer.
struct BenchItemWriter {
    private let seed: UInt64
    private let expired: Int
    private var random = BenchRandom(seed: 0, stream: 0)
    private var out: [UInt8] = []

    /// 1 January 2026, 00:00 UTC. Expired items expired in the 30 days before, the rest expires in the ten years from 2036 on.
    private static let epoch = 1_767_225_600
    private static let day = 86_400
    private static let base64 = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    init(seed: UInt64, expired: Int) {
        self.seed = seed
        self.expired = expired
        out.reserveCapacity(4096)
    }

    /// The item's bytes; the next call writes over them.
    mutating func item(number: Int, partition: Int, sort: Int) -> [UInt8] {
        random = BenchRandom(seed: seed, stream: UInt64(number))
        out.removeAll(keepingCapacity: true)
        text(#"{"address":{"M":{"city":{"S":""#)
        word(of: BenchWords.cities)
        text(#""},"postcode":{"S":""#)
        digits(random.below(90_000) + 10_000)
        text(#""},"street":{"S":""#)
        word(of: BenchWords.streets)
        text(" Street ")
        digits(random.below(200) + 1)
        text(#""}}},"customer":{"S":"c-"#)
        digits(partition, width: 10)
        text(#""}"#)
        expiry(number)
        if random.below(8) == 0 { text(#","gift":{"BOOL":true}"#) }
        lines()
        text(#","note":{"S":""#)
        note()
        text(#""},"placed":{"N":""#)
        // A partition's orders follow each other in time.
        digits(Self.epoch - 400 * Self.day + sort * 30 * Self.day + random.below(30 * Self.day))
        text(#""}"#)
        if random.below(16) == 0 { text(#","referrer":{"NULL":true}"#) }
        text(#","signature":{"B":""#)
        for _ in 0..<64 { out.append(Self.base64[random.below(64)]) }
        text(#""},"state":{"S":""#)
        word(of: BenchWords.states)
        text(#""}"#)
        tags()
        text(#","total":{"N":""#)
        amount(random.below(50_000) + 100)
        text(#""}}"#)
        return out
    }

    // MARK: Attributes

    /// Half of the items have a time to live.
    private mutating func expiry(_ number: Int) {
        let chance = random.next()
        let isExpired = number < expired
        guard isExpired || chance & 1 == 0 else { return }
        let offset = Int(chance >> 32)
        let time =
            isExpired
            ? Self.epoch - 1 - offset % (30 * Self.day) : Self.epoch + 3652 * Self.day + offset % (3652 * Self.day)
        text(#","expires":{"N":""#)
        digits(time)
        text(#""}"#)
    }

    private mutating func lines() {
        text(#","lines":{"L":["#)
        for line in 0...random.below(3) {
            if line > 0 { text(",") }
            text(#"{"M":{"price":{"N":""#)
            amount(random.below(10_000) + 50)
            text(#""},"quantity":{"N":""#)
            digits(random.below(5) + 1)
            text(#""},"sku":{"S":"SKU-"#)
            digits(random.below(20_000), width: 6)
            text(#""}}}"#)
        }
        text("]}")
    }

    /// Sentences of eight to fifteen words, most of them frequent ones, as in any language.
    private mutating func note() {
        let end = out.count + 250 + random.below(140)
        var left = 0
        while out.count < end {
            let chance = random.next()
            let (one, other) = (chance >> 48, chance >> 32 & 0xFFFF)
            let rank = (Int((one * other) >> 16) * BenchWords.common.count) >> 16
            if left == 0 {
                if out.last == UInt8(ascii: " ") {
                    out[out.count - 1] = UInt8(ascii: "."); out.append(UInt8(ascii: " "))
                }
                left = 8 + Int(chance & 7)
                let begin = out.count
                out.append(contentsOf: BenchWords.common[rank])
                out[begin] &= 0xDF
            } else {
                out.append(contentsOf: BenchWords.common[rank])
            }
            out.append(UInt8(ascii: " "))
            left -= 1
        }
        out[out.count - 1] = UInt8(ascii: ".")
    }

    private mutating func tags() {
        var chosen = random.next() & random.next() & 0x3FF
        guard chosen != 0 else { return }
        text(#","tags":{"SS":["#)
        while chosen != 0 {
            text("\"")
            out.append(contentsOf: BenchWords.tags[chosen.trailingZeroBitCount])
            chosen &= chosen - 1
            text(chosen == 0 ? "\"" : "\",")
        }
        text("]}")
    }

    // MARK: Pieces

    private mutating func text(_ text: StaticString) {
        out.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func word(of words: [[UInt8]]) {
        out.append(contentsOf: words[random.below(words.count)])
    }

    private mutating func digits(_ value: Int, width: Int = 1) {
        var rest = value
        var count = 0
        let begin = out.count
        while rest > 0 || count < width {
            out.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
            count += 1
        }
        out[begin...].reverse()
    }

    /// A number of hundredths in its canonical spelling.
    private mutating func amount(_ hundredths: Int) {
        let (whole, rest) = hundredths.quotientAndRemainder(dividingBy: 100)
        digits(whole)
        if rest == 0 { return }
        text(".")
        digits(rest % 10 == 0 ? rest / 10 : rest, width: rest % 10 == 0 ? 1 : 2)
    }
}
