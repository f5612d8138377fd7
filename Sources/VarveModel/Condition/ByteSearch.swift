// SPDX-License-Identifier: Apache-2.0

/// Finds bytes within bytes in time that grows with the sum of both lengths, whatever they are (Knuth, Morris and Pratt 1977): values of an item
/// may be chosen by somebody who wants a search to be slow.
struct ByteSearch {
    private let wanted: [UInt8]
    /// For each prefix of what is wanted: how long the longest other prefix is that it ends with.
    private let borders: [Int]

    init(for wanted: [UInt8]) {
        self.wanted = wanted
        var borders = [Int](repeating: 0, count: wanted.count)
        var length = 0
        for index in wanted.indices.dropFirst() {
            while length > 0, wanted[index] != wanted[length] { length = borders[length - 1] }
            if wanted[index] == wanted[length] { length += 1 }
            borders[index] = length
        }
        self.borders = borders
    }

    func isFound(in bytes: [UInt8]) -> Bool {
        if wanted.isEmpty { return true }
        var length = 0
        for byte in bytes {
            while length > 0, byte != wanted[length] { length = borders[length - 1] }
            if byte == wanted[length] { length += 1 }
            if length == wanted.count { return true }
        }
        return false
    }
}
