// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where an object lives in a vault: a relative path with `/` between its parts, checked when it is made.
///
/// No part is empty, `.` or `..`, holds a control character or a backslash, or is longer than a file name may be; the first does not begin with a
/// dot, because storages keep their temporary files there. So a path can never leave the vault, whatever a manifest says.
package struct ObjectPath: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The longest name that Linux file systems take.
    package static let partBytesMax = 255
    /// The longest key that S3 takes.
    package static let bytesMax = 1024

    package let text: String

    package init(_ text: String) throws {
        guard Self.isValid(text) else {
            throw VaultError(
                .invalidPath,
                "'\(text.prefix(80))' is not a path that an object of a vault may have. The document that names it is damaged."
            )
        }
        self.text = text
    }

    package static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        guard !bytes.isEmpty, bytes.count <= bytesMax, bytes.first != UInt8(ascii: ".") else { return false }
        var length = 0
        var dots = 0
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "/"):
                if !isPart(length, dots) { return false }
                (length, dots) = (0, 0)
            case ..<0x20, 0x7F, UInt8(ascii: "\\"):
                return false
            default:
                length += 1
                if byte == UInt8(ascii: ".") { dots += 1 }
            }
        }
        return isPart(length, dots)
    }

    /// Whether so many bytes, so many of them dots, make a part: neither `.` nor `..`, which alone have dots only.
    private static func isPart(_ length: Int, _ dots: Int) -> Bool {
        1...partBytesMax ~= length && (dots < length || length > 2)
    }

    /// The parts between the slashes.
    package var parts: [String] {
        text.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
    }

    /// The last part.
    package var name: String {
        guard let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")) else { return text }
        return String(text[text.utf8.index(after: slash)...])
    }

    /// All but the last part; empty for a path of one part.
    package var folder: String {
        guard let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return String(text[..<slash])
    }

    package var description: String { text }

    package static func < (left: ObjectPath, right: ObjectPath) -> Bool { precedes(left.text, right.text) }

    /// Whether one text comes before another by their bytes.
    static func precedes(_ left: String, _ right: String) -> Bool {
        let order = left.utf8.withContiguousStorageIfAvailable { left in
            right.utf8.withContiguousStorageIfAvailable { right in
                guard let first = left.baseAddress, let second = right.baseAddress else {
                    return left.count < right.count
                }
                let order = memcmp(first, second, min(left.count, right.count))
                return order < 0 || order == 0 && left.count < right.count
            }
        }
        return (order ?? nil) ?? left.utf8.lexicographicallyPrecedes(right.utf8)
    }
}
