// SPDX-License-Identifier: Apache-2.0

import Glibc
import VarveModel

/// Walks over lines of data files.
enum ExportLines {
    /// Hands out the item of each line of a run: canonical bytes, lent for the call.
    static func forEach(of raw: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard let base = raw.baseAddress else { return }
        var begin = 0
        while begin < raw.count {
            guard let newline = memchr(base + begin, 0x0a, raw.count - begin) else {
                throw PipelineError(.contentMismatch, "A data file's last line has no end.")
            }
            let end = base.distance(to: UnsafeRawPointer(newline)) + 1
            try body(try ExportLine.body(of: UnsafeRawBufferPointer(rebasing: raw[begin..<end])))
            begin = end
        }
    }
}
