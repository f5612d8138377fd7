// SPDX-License-Identifier: Apache-2.0

extension TimeZoneData {
    /// Zone files have up to 4 KB; one of this size is none.
    package static let fileBytesMax = 1 << 20

    /// Reads a file of the IANA database: TZif, version 1 to 4 (RFC 8536 and RFC 9636).
    ///
    /// - Parameter name: what the zone is called, in errors too.
    package init(name: String, file: [UInt8]) throws(ScheduleError) {
        var reader = ZoneFileReader(name: name, bytes: file)
        var header = try reader.header()
        if header.version > 1 {
            // The first block is there for readers of version 1 only.
            try reader.skip(header.blockBytes(timeBytes: 4))
            header = try reader.header()
        }
        let block = try reader.block(header, timeBytes: header.version > 1 ? 8 : 4)
        let rule = header.version > 1 ? try reader.footer() : nil
        self.init(name: name, first: block.first, changes: block.changes, rule: rule)
    }
}

private struct ZoneFileReader {
    struct Header {
        let version: Int
        let utcIndicators, standardIndicators, leapSeconds, changes, types, letters: Int

        func blockBytes(timeBytes: Int) -> Int {
            changes * (timeBytes + 1) + types * 6 + letters + leapSeconds * (timeBytes + 4) + standardIndicators
                + utcIndicators
        }
    }

    let name: String
    private var rest: ArraySlice<UInt8>

    init(name: String, bytes: [UInt8]) {
        self.name = name
        rest = bytes[...]
    }

    mutating func header() throws(ScheduleError) -> Header {
        guard try take(4).elementsEqual("TZif".utf8) else { throw damage("it does not begin as one") }
        let version: Int =
            switch try take(1).first {
            case 0: 1
            case UInt8(ascii: "2")?: 2
            case UInt8(ascii: "3")?: 3
            case UInt8(ascii: "4")?: 4
            default: throw damage("it is of a version that is not known here")
            }
        try skip(15)
        var counts: [Int] = []
        for _ in 0..<6 { counts.append(Int(try integer(4))) }
        // More than the largest file could hold.
        guard counts.allSatisfy({ (0...TimeZoneData.fileBytesMax).contains($0) }), counts[4] >= 1 else {
            throw damage("its counts are impossible")
        }
        return Header(
            version: version, utcIndicators: counts[0], standardIndicators: counts[1], leapSeconds: counts[2],
            changes: counts[3], types: counts[4], letters: counts[5])
    }

    mutating func block(
        _ header: Header, timeBytes: Int
    ) throws(ScheduleError) -> (first: Int64, changes: [TimeZoneData.Change]) {
        guard header.leapSeconds == 0 else {
            throw ScheduleError(
                .damagedZoneData,
                "The zone '\(name)' counts leap seconds, which the machine's clock does not. Use the zone of the same name without 'right/'."
            )
        }
        var instants: [Int64] = []
        for _ in 0..<header.changes { instants.append(try integer(timeBytes)) }
        let indices = Array(try take(header.changes))
        var offsets: [Int64] = []
        for _ in 0..<header.types {
            offsets.append(try integer(4))
            try skip(2)
        }
        try skip(header.letters + header.standardIndicators + header.utcIndicators)
        guard offsets.allSatisfy(TimeZoneData.offsets.contains) else { throw damage("an offset is impossible") }
        guard indices.allSatisfy({ Int($0) < offsets.count }) else { throw damage("a change names no type") }
        guard zip(instants, instants.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw damage("its times do not ascend")
        }
        // Some writers put in a change at the beginning of all time, from which nothing can be subtracted.
        let least: Int64 = -1 << 59
        let changes = zip(instants, indices).map {
            TimeZoneData.Change(instant: max($0, least), offset: offsets[Int($1)])
        }
        guard instants.dropFirst().allSatisfy({ $0 > least && $0 < -least }) else {
            throw damage("a change lies before or after all time")
        }
        return (offsets[0], changes)
    }

    /// The rule between two line feeds; nil where there is none.
    mutating func footer() throws(ScheduleError) -> PosixRule? {
        guard try take(1).first == UInt8(ascii: "\n"), let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
            throw damage("its rule for the future is cut off")
        }
        let text = rest[..<end]
        if text.isEmpty { return nil }
        guard let rule = PosixRule(text) else { throw damage("its rule for the future is not understood") }
        return rule
    }

    mutating func skip(_ count: Int) throws(ScheduleError) { _ = try take(count) }

    private mutating func take(_ count: Int) throws(ScheduleError) -> ArraySlice<UInt8> {
        guard rest.count >= count else { throw damage("it is cut off") }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    /// A big-endian number of four or eight bytes, with its sign.
    private mutating func integer(_ width: Int) throws(ScheduleError) -> Int64 {
        let value = try take(width).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return width == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
    }

    private func damage(_ reason: String) -> ScheduleError {
        ScheduleError(
            .damagedZoneData,
            "The file of the zone '\(name)' is no zone data: \(reason). Install the package tzdata anew, or name another zone."
        )
    }
}
