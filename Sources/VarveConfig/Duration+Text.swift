// SPDX-License-Identifier: Apache-2.0

extension Duration {
    /// The units that are read, with their seconds. A month or a year has no fixed length and is none.
    private static let units: [(name: String, seconds: Int64)] = [
        ("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1),
    ]

    /// More than a lifetime, and far from any overflow.
    private static let secondsMax: Int64 = 200 * 366 * 86_400

    /// Reads a length of time as configuration and options spell it: a whole number and one unit, `60s`, `10m`, `24h`, `7d`, `2w`; `0s` is none.
    package init(text: String) throws(ConfigError) {
        guard let unit = Self.units.first(where: { text.hasSuffix($0.name) }),
            let number = wholeNumber(text.dropLast()), number <= Self.secondsMax / unit.seconds
        else {
            throw ConfigError(
                .invalidValue,
                "'\(text)' is no length of time. Write a whole number and a unit (s, m, h, d or w), as in 60s, 10m, 24h or 7d."
            )
        }
        self = .seconds(number * unit.seconds)
    }

    /// The shortest spelling that ``init(text:)`` reads back; parts of a second are left out.
    package var text: String {
        let seconds = components.seconds
        let unit = Self.units.first { seconds % $0.seconds == 0 && seconds >= $0.seconds && $0.name != "w" }
        return unit.map { "\(seconds / $0.seconds)\($0.name)" } ?? "\(seconds)s"
    }
}

/// Digits and nothing else; nil for signs, spaces, points and what is too large.
func wholeNumber(_ text: some StringProtocol) -> Int64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    return Int64(String(text))
}
