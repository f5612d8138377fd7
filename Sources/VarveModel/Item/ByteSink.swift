// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Bytes that grow at the end, a few at a time, faster than an array can: no check of ownership, and a short literal is one store.
///
/// It owns its memory alone, which is always longer than what has been written.
struct ByteSink: ~Copyable {
    private var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    /// Room behind the end that every append leaves, so that eight bytes may be stored for one.
    private static let slack = 8

    /// Most items fit without growing.
    init(capacity: Int = 1024) {
        self.capacity = capacity + ByteSink.slack
        start = .allocate(capacity: self.capacity)
    }

    deinit {
        start.deallocate()
    }

    /// The first `length` (at most 8) bytes of a little-endian word.
    @inline(__always)
    mutating func append(word: UInt64, length: Int) {
        if capacity &- count < ByteSink.slack { grow(by: 0) }
        UnsafeMutableRawPointer(start + count).storeBytes(of: word.littleEndian, as: UInt64.self)
        count &+= length
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        append(word: UInt64(byte), length: 1)
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
        if capacity &- count &- ByteSink.slack < length { grow(by: length) }
        memcpy(start + count, bytes, length)
        count &+= length
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        if let address = bytes.baseAddress { append(address, bytes.count) }
    }

    @inline(never)
    private mutating func grow(by length: Int) {
        let wanted = max(count + length, 2 * capacity) + ByteSink.slack
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
        memcpy(larger, start, count)
        start.deallocate()
        start = larger
        capacity = wanted
    }

    @inline(__always)
    mutating func truncate(to length: Int) {
        precondition(length <= count, "A sink is cut, never stretched.")
        count = length
    }

    /// Lends the bytes from a position on.
    @inline(__always)
    borrowing func withBytes<Result>(
        from begin: Int = 0, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) rethrows -> Result {
        precondition(begin <= count, "There are no bytes behind the end.")
        return try body(UnsafeBufferPointer(start: start + begin, count: count - begin))
    }

    /// The bytes from a position on as an array.
    borrowing func array(from begin: Int = 0) -> [UInt8] {
        withBytes(from: begin) { Array($0) }
    }

    /// Appends a part of what another sink holds.
    mutating func append(copying other: borrowing ByteSink, _ range: Range<Int>) {
        precondition(range.upperBound <= other.count, "There are no bytes behind the end.")
        append(other.start + range.lowerBound, range.count)
    }

    /// Writes over bytes that stand there already.
    mutating func replace(at begin: Int, with bytes: borrowing ByteSink) {
        precondition(begin + bytes.count <= count, "Only what has been written can be replaced.")
        memcpy(start + begin, bytes.start, bytes.count)
    }
}

extension ByteSink {
    /// The size, by DynamoDB's rule, of the canonical number that the bytes from a position on are; `nil` if they are none.
    @inline(__always)
    mutating func numberSize(from begin: Int) -> Int? {
        append(UInt8(ascii: "\""))
        defer { truncate(to: count - 1) }
        return withBytes(from: begin) { text in
            guard var cursor = try? CanonicalCursor(UnsafeRawBufferPointer(text), quiet: true),
                let number = try? cursor.number(), cursor.at == cursor.end
            else { return nil }
            return number.size
        }
    }
}
