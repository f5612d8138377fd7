// SPDX-License-Identifier: Apache-2.0

import VarveModel

/// Walks over lines of data files.
enum ExportLines {
    /// Hands out the item of each line of a run: canonical bytes, lent for the call.
    static func forEach(of raw: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try Lines.forEach(of: raw) { try body(try ExportLine.body(of: $0)) }
    }
}
