// SPDX-License-Identifier: Apache-2.0

/// The item in a line `{"Item":{…}}`, however it is spaced.
enum EnvelopedItem {
    /// The bytes of the item, which may still be anything; nil where the line does not begin and end like an envelope.
    static func find(in line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var begin = 0
        for part in ["{", "\"Item\"", ":"] {
            while begin < line.count, isSpace(line[begin]) { begin += 1 }
            for byte in part.utf8 {
                guard begin < line.count, line[begin] == byte else { return nil }
                begin += 1
            }
        }
        var end = line.count
        while end > begin, isSpace(line[end - 1]) { end -= 1 }
        guard end > begin, line[end - 1] == UInt8(ascii: "}") else { return nil }
        return UnsafeRawBufferPointer(rebasing: line[begin..<end - 1])
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
            || byte == UInt8(ascii: "\n")
    }
}
