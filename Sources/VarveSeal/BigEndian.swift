// SPDX-License-Identifier: Apache-2.0

extension [UInt8] {
    /// Appends an integer with its most significant byte first, as everything in the format stands.
    mutating func append(bigEndian value: some FixedWidthInteger & UnsignedInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// Appends a two-byte length, then the bytes.
    mutating func append(length16 bytes: [UInt8]) {
        append(bigEndian: UInt16(bytes.count))
        append(contentsOf: bytes)
    }
}

extension UnsafeMutableRawBufferPointer {
    func store(bigEndian value: some FixedWidthInteger & UnsignedInteger, at offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: type(of: value))
    }

    /// The four bytes at `offset`, most significant first.
    func word(at offset: Int) -> UInt32 {
        UInt32(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
