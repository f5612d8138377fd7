// SPDX-License-Identifier: Apache-2.0

/// Brings DynamoDB JSON of items into canonical form. Where items enter, one of these stands; it keeps its buffers from item to item.
///
/// Bytes that are canonical already are checked in one pass and copied; all others are read as JSON and written anew.
package struct Canonicalizer {
    private var rewriter = Rewriter()

    package init() {}

    /// Appends the canonical bytes of one item to `out`; when it throws, `out` is as it was.
    package mutating func canonicalize(_ json: UnsafeRawBufferPointer, into out: inout [UInt8]) throws {
        if CanonicalCursor.isCanonical(json) {
            out.append(contentsOf: json)
            return
        }
        try rewriter.rewrite(json, into: &out)
    }
}

extension CanonicalCursor {
    static func isCanonical(_ bytes: UnsafeRawBufferPointer) -> Bool {
        do {
            _ = try check(bytes)
            return true
        } catch {
            return false
        }
    }
}
