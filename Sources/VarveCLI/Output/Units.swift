// SPDX-License-Identifier: Apache-2.0

/// Numbers as people read them.
enum Units {
    /// A size in binary units: `0 B`, `999 B`, `1.5 KiB`, `12.0 GiB`.
    static func size(_ bytes: Int) -> String {
        if bytes < 1024 { return "\(bytes) B" }
        var value = Double(bytes)
        var unit = -1
        let names = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        while value >= 1024 && unit + 1 < names.count {
            value /= 1024
            unit += 1
        }
        return "\(tenths(value)) \(names[unit])"
    }

    /// One digit after the point.
    static func tenths(_ value: Double) -> String {
        let scaled = Int((value * 10).rounded())
        return "\(scaled / 10).\(abs(scaled % 10))"
    }

    /// Two digits after the point.
    static func hundredths(_ value: Double) -> String {
        let scaled = Int((value * 100).rounded())
        let digits = abs(scaled % 100)
        return "\(scaled / 100).\(digits < 10 ? "0" : "")\(digits)"
    }

    /// A count with thin groups: `1 204 331`.
    static func count(_ value: Int) -> String {
        var digits = Array(String(value))
        var place = digits.count - 3
        while place > 0 && digits[place - 1] != "-" {
            digits.insert(" ", at: place)
            place -= 3
        }
        return String(digits)
    }

    /// A span of time: `0.3 s`, `12.0 s`, `3 min 20 s`, `2 h 05 min`.
    static func span(seconds: Double) -> String {
        if seconds < 60 { return "\(tenths(seconds)) s" }
        let whole = Int(seconds.rounded())
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        let minutes = whole / 60 % 60
        return "\(whole / 3600) h \(minutes < 10 ? "0" : "")\(minutes) min"
    }

    /// A noun with its count: `1 item`, `2 items`.
    static func counted(_ value: Int, _ noun: String) -> String {
        "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
    }
}
