// SPDX-License-Identifier: Apache-2.0

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
        for byte in bytes where byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "\\") { return false }
        for part in bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            if part.isEmpty || part.count > partBytesMax { return false }
            if part.elementsEqual(".".utf8) || part.elementsEqual("..".utf8) { return false }
        }
        return true
    }

    /// The parts between the slashes.
    package var parts: [String] { text.split(separator: "/").map(String.init) }

    /// The last part.
    package var name: String { parts.last ?? text }

    /// All but the last part; empty for a path of one part.
    package var folder: String {
        guard let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return String(text[..<slash])
    }

    package var description: String { text }

    package static func < (left: ObjectPath, right: ObjectPath) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }
}
