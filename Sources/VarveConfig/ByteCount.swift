// SPDX-License-Identifier: Apache-2.0

/// A number of bytes as configuration and options spell it: a whole number and a binary unit, `512B`, `64KiB`, `16MiB`, `4GiB`, `1TiB`.
package struct ByteCount: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let bytes: Int64

    private static let units: [(name: String, bytes: Int64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]

    package init(bytes: Int64) {
        self.bytes = bytes
    }

    package init(text: String) throws(ConfigError) {
        guard let unit = Self.units.first(where: { text.hasSuffix($0.name) }),
            let number = wholeNumber(text.dropLast(unit.name.count)), number <= Int64.max / unit.bytes
        else {
            throw ConfigError(
                .invalidValue,
                "'\(text)' is no size. Write a whole number and a unit (B, KiB, MiB, GiB or TiB), as in 64KiB, 16MiB or 4GiB."
            )
        }
        bytes = number * unit.bytes
    }

    /// In the largest unit that leaves a whole number: reads back as the same size.
    package var description: String {
        let unit = Self.units.first { bytes % $0.bytes == 0 && bytes >= $0.bytes }
        return unit.map { "\(bytes / $0.bytes)\($0.name)" } ?? "\(bytes)B"
    }

    package static func < (left: ByteCount, right: ByteCount) -> Bool {
        left.bytes < right.bytes
    }
}
