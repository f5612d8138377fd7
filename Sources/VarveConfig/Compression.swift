// SPDX-License-Identifier: Apache-2.0

/// How data files are compressed: `zstd:1` (fastest) to `zstd:19` (smallest).
package struct Compression: Hashable, Sendable, CustomStringConvertible {
    /// Levels above 19 need so much memory to unpack that readers elsewhere refuse them.
    package static let levels = 1...19

    package let level: Int

    package static let standard = Compression(level: 3)

    private init(level: Int) {
        self.level = level
    }

    package init(text: String) throws(ConfigError) {
        guard text.hasPrefix("zstd:"), let level = wholeNumber(text.dropFirst(5)), Self.levels.contains(Int(level))
        else {
            throw ConfigError(
                .invalidValue,
                "'\(text)' is no compression that Varve writes. Write zstd:1 (fastest) to zstd:19 (smallest).")
        }
        self.level = Int(level)
    }

    package var description: String { "zstd:\(level)" }
}
