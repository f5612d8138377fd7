// SPDX-License-Identifier: Apache-2.0

/// The CRC-32 at the end of a gzip file, which libarchive reads over: its gzip filter checks neither the CRC nor the length (3.6.2).
///
/// Only of files of one member, which nearly all are: where one member ends and the next begins, libarchive does not say.
struct GzipChecksum {
    /// Eight tables, so that eight bytes are taken at a time; the polynomial is that of RFC 1952.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
            tables[byte] = value
        }
        for index in 256..<tables.count {
            let before = tables[index - 256]
            tables[index] = tables[Int(before & 0xFF)] ^ (before >> 8)
        }
        return tables
    }()

    private var crc = UInt32.max
    private var count: UInt32 = 0

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var crc = crc
        Self.tables.withUnsafeBufferPointer { tables in
            var index = 0
            while index + 8 <= bytes.count {
                let low = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self)) ^ crc
                let high = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index + 4, as: UInt32.self))
                var next = tables[0x700 + Int(low & 0xFF)] ^ tables[0x600 + Int(low >> 8 & 0xFF)]
                next ^= tables[0x500 + Int(low >> 16 & 0xFF)] ^ tables[0x400 + Int(low >> 24)]
                next ^= tables[0x300 + Int(high & 0xFF)] ^ tables[0x200 + Int(high >> 8 & 0xFF)]
                crc = next ^ tables[0x100 + Int(high >> 16 & 0xFF)] ^ tables[Int(high >> 24)]
                index += 8
            }
            while index < bytes.count {
                crc = tables[Int((crc ^ UInt32(bytes[index])) & 0xFF)] ^ (crc >> 8)
                index += 1
            }
        }
        self.crc = crc
        count &+= UInt32(truncatingIfNeeded: bytes.count)
    }

    /// Compares with what the file ends with.
    func check(_ input: FileInput) throws {
        guard !input.mayHaveMembers, input.tail.count >= FileInput.memberTailBytes else { return }
        let tail = Array(input.tail.suffix(FileInput.memberTailBytes))
        func word(_ from: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(tail[from + $1]) << UInt32(8 * $1) } }
        guard word(0) == ~crc, word(4) == count else {
            throw VaultError(
                .damaged, "'\(input.name)' does not have the checksum that stands at its end: it is damaged.")
        }
    }
}
