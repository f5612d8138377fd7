// SPDX-License-Identifier: Apache-2.0

/// The digest of a set of items, whatever their order: the sum modulo 2^256 of SHA-256 over each item's canonical bytes.
///
/// It finds accidents and is no signature. The hashing is the caller's; this only adds.
package struct TableDigest: Hashable, Sendable {
    /// Little-endian: the first limb holds the lowest 64 bits. A hash is read as a little-endian number too.
    private var limbs: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// The digest of no items.
    package init() {}

    /// Adds one item's hash, of exactly 32 bytes.
    package mutating func add(_ sha256: UnsafeRawBufferPointer) {
        precondition(sha256.count == 32, "A SHA-256 value has 32 bytes.")
        add(
            UInt64(littleEndian: sha256.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
            UInt64(littleEndian: sha256.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
            UInt64(littleEndian: sha256.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
            UInt64(littleEndian: sha256.loadUnaligned(fromByteOffset: 24, as: UInt64.self)))
    }

    /// Adds one item's hash, of exactly 32 bytes.
    package mutating func add(_ sha256: [UInt8]) {
        sha256.withUnsafeBytes { add($0) }
    }

    /// Adds the digest of another, disjoint set of items.
    package mutating func add(_ other: TableDigest) {
        add(other.limbs.0, other.limbs.1, other.limbs.2, other.limbs.3)
    }

    /// Takes away the digest of a set of items that are among these.
    package mutating func subtract(_ other: TableDigest) {
        // A number is taken away by adding what is missing to 2^256: each bit turned, and one.
        add(~other.limbs.0, ~other.limbs.1, ~other.limbs.2, ~other.limbs.3)
        add(1, 0, 0, 0)
    }

    private mutating func add(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) {
        var carry: UInt64 = 0
        limbs.0 = sum(limbs.0, first, &carry)
        limbs.1 = sum(limbs.1, second, &carry)
        limbs.2 = sum(limbs.2, third, &carry)
        limbs.3 = sum(limbs.3, fourth, &carry)
    }

    package static func == (left: TableDigest, right: TableDigest) -> Bool { left.limbs == right.limbs }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(limbs.0)
        hasher.combine(limbs.1)
        hasher.combine(limbs.2)
        hasher.combine(limbs.3)
    }
}

private func sum(_ left: UInt64, _ right: UInt64, _ carry: inout UInt64) -> UInt64 {
    let (partial, first) = left.addingReportingOverflow(right)
    let (total, second) = partial.addingReportingOverflow(carry)
    carry = first || second ? 1 : 0
    return total
}

extension TableDigest {
    /// The 32 bytes, in the order in which a hash has them.
    package var bytes: [UInt8] {
        [limbs.0, limbs.1, limbs.2, limbs.3].flatMap { limb in withUnsafeBytes(of: limb.littleEndian, Array.init) }
    }

    /// 64 lower-case hexadecimal digits of ``bytes``.
    package var hex: String { Hex.text(bytes) }

    package init?(hex: String) {
        guard let bytes = Hex.decode(hex.utf8), bytes.count == 32 else { return nil }
        self.init()
        add(bytes)
    }
}
