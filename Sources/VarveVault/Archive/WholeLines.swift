// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Cuts what comes block by block into runs of whole lines, so that they can be looked at while they are still in the processor's cache.
///
/// A line that lies in two blocks is put together in a buffer of its own; everything else is lent as it lies in its block. Whoever feeds it bounds
/// how much comes, and with it the length of a line.
package struct WholeLines {
    /// The beginning of a line whose end is in a later block.
    private var begun: [UInt8] = []

    package init() {}

    /// Whether the last line had its end.
    package var isComplete: Bool { begun.isEmpty }

    /// Hands out the lines that end in `block`, line feeds included, in at most two runs.
    package mutating func add(_ block: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard let base = block.baseAddress, let last = block.lastIndex(of: 0x0a) else {
            begun.append(contentsOf: block)
            return
        }
        let end = last + 1
        var start = 0
        if !begun.isEmpty, let first = memchr(base, 0x0a, end) {
            start = base.distance(to: UnsafeRawPointer(first)) + 1
            begun.append(contentsOf: block[..<start])
            try begun.withUnsafeBytes(body)
            begun.removeAll(keepingCapacity: true)
        }
        if start < end { try body(UnsafeRawBufferPointer(rebasing: block[start..<end])) }
        begun.append(contentsOf: block[end...])
    }
}
