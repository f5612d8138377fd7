// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// Ages of recovery points, as policies spell them: a whole number and one unit, `24h`, `35d`, `10y`. A year has 365 days.
extension Duration {
    private static let ageUnits: [(name: String, seconds: Int64)] = [
        ("y", 365 * 86_400), ("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1),
    ]

    /// More than any record has to be kept, and far from any overflow.
    private static let ageSecondsMax: Int64 = 1000 * 365 * 86_400

    /// nil for anything that is no age.
    package init?(age text: String) {
        let digits = text.dropLast()
        guard let unit = Self.ageUnits.first(where: { text.hasSuffix($0.name) }), !digits.isEmpty,
            digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = Int64(String(digits)),
            number <= Self.ageSecondsMax / unit.seconds
        else { return nil }
        self = .seconds(number * unit.seconds)
    }

    /// The spelling that ``init(age:)`` reads back; parts of a second are left out. Weeks are told in days.
    package var ageText: String {
        let seconds = components.seconds
        let unit = Self.ageUnits.first { $0.name != "w" && seconds >= $0.seconds && seconds % $0.seconds == 0 }
        return unit.map { "\(seconds / $0.seconds)\($0.name)" } ?? "\(seconds)s"
    }
}

extension Instant {
    /// The instant that lies so long before this one.
    package func before(_ duration: Duration) -> Instant {
        let (seconds, attoseconds) = duration.components
        return Instant(microseconds: microseconds - seconds * 1_000_000 - attoseconds / 1_000_000_000_000)
    }
}
