// SPDX-License-Identifier: Apache-2.0

/// One line of a DynamoDB export: `{"Item":` + an item + `}` + a line feed.
package enum ExportLine {
    package static let prefix = Array(#"{"Item":"#.utf8)
    package static let suffix = Array("}\n".utf8)

    /// The item within a line, with or without its line feed. The item itself is not looked at.
    package static func body(of line: UnsafeRawBufferPointer) throws -> UnsafeRawBufferPointer {
        var end = line.count
        if end > 0, line[end - 1] == UInt8(ascii: "\n") { end -= 1 }
        // The shortest item is {}.
        guard end >= prefix.count + 3, line[end - 1] == UInt8(ascii: "}"),
            prefix.indices.allSatisfy({ line[$0] == prefix[$0] })
        else {
            throw ModelError(
                .malformedJSON,
                "A line of an export must read {\"Item\":…} exactly. This data file was not written by Varve.")
        }
        return UnsafeRawBufferPointer(rebasing: line[prefix.count..<end - 1])
    }

    /// Appends an item as a line.
    package static func append(_ item: UnsafeRawBufferPointer, to lines: inout [UInt8]) {
        lines.append(contentsOf: prefix)
        lines.append(contentsOf: item)
        lines.append(contentsOf: suffix)
    }
}
