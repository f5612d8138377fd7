// SPDX-License-Identifier: Apache-2.0

/// Brings DynamoDB JSON of items into canonical form. Where items enter, one of these stands; it keeps its buffers from item to item.
///
/// Bytes that are canonical already are checked in one pass and copied; all others are read as JSON and written anew.
package struct Canonicalizer: ~Copyable, @unchecked Sendable {
    // Sendable: the buffers are owned by this value alone, which cannot be copied, and every use of them is mutating.
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
            var cursor = try CanonicalCursor(bytes, quiet: true)
            _ = try cursor.item { _, _ in }
            return true
        } catch {
            return false
        }
    }
}
