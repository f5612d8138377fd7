// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Cuts runs of whole lines into their lines.
package enum Lines {
    /// Lends each line with its line feed. The last one must have its end, too.
    package static func forEach(
        of raw: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard let base = raw.baseAddress else { return }
        var begin = 0
        while begin < raw.count {
            guard let feed = memchr(base + begin, 0x0a, raw.count - begin) else {
                throw ModelError(.malformedJSON, "The last line of a data file has no end.")
            }
            let end = base.distance(to: UnsafeRawPointer(feed)) + 1
            try body(UnsafeRawBufferPointer(rebasing: raw[begin..<end]))
            begin = end
        }
    }
}
