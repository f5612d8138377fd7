// SPDX-License-Identifier: Apache-2.0

import VarveModel

/// Splits CSV (RFC 4180: quoted fields, doubled quotes, line breaks inside quotes; LF, CRLF or CR between records) into records.
///
/// Bytes are fed as they come; a record is handed out when its line ends. Memory is bounded by one record.
struct CSVParser {
    private let delimiter: UInt8
    private var fields: [[UInt8]] = []
    private var field: [UInt8] = []
    private var state = State.fieldStart
    private var recordBytes = 0
    private(set) var recordNumber = 0

    /// A record makes one item, and no item is larger than DynamoDB's limit; the rest is room for quotes and delimiters.
    static let recordBytesMax = 2 * ItemLimits.itemBytesMax

    private enum State {
        case fieldStart
        case plain
        case quoted
        /// A quote inside a quoted field: the field's end, or the first half of a doubled quote.
        case quoteInQuoted
        /// A CR was the end of the record; a LF right behind it belongs to it.
        case afterCarriageReturn
    }

    init(delimiter: UInt8) {
        self.delimiter = delimiter
    }

    mutating func feed(_ bytes: UnsafeRawBufferPointer, _ record: ([[UInt8]]) throws -> Void) throws {
        for byte in bytes { try take(byte, record) }
    }

    /// Ends the input: a last record without a line break is a record too.
    mutating func finish(_ record: ([[UInt8]]) throws -> Void) throws {
        switch state {
        case .quoted:
            throw ImportError.malformed("CSV record \(recordNumber + 1) has a quoted field without an end.")
        case .plain, .quoteInQuoted: try endRecord(record)
        case .fieldStart where !fields.isEmpty: try endRecord(record)
        case .fieldStart, .afterCarriageReturn: break
        }
    }

    private mutating func take(_ byte: UInt8, _ record: ([[UInt8]]) throws -> Void) throws {
        if state == .afterCarriageReturn {
            state = .fieldStart
            if byte == UInt8(ascii: "\n") { return }
        }
        recordBytes += 1
        guard recordBytes <= Self.recordBytesMax else {
            throw ImportError.malformed("CSV record \(recordNumber + 1) is larger than any item may be.")
        }
        switch (state, byte) {
        case (.quoted, UInt8(ascii: "\"")): state = .quoteInQuoted
        case (.quoted, _): field.append(byte)
        case (.quoteInQuoted, UInt8(ascii: "\"")):
            field.append(byte)
            state = .quoted
        case (.fieldStart, UInt8(ascii: "\"")): state = .quoted
        case (_, delimiter): endField()
        case (_, UInt8(ascii: "\n")): try endRecord(record)
        case (_, UInt8(ascii: "\r")):
            try endRecord(record)
            state = .afterCarriageReturn
        case (.quoteInQuoted, _):
            throw ImportError.malformed("CSV record \(recordNumber + 1) has text behind the closing quote of a field.")
        default:
            field.append(byte)
            state = .plain
        }
    }

    private mutating func endField() {
        fields.append(field)
        field.removeAll(keepingCapacity: true)
        state = .fieldStart
    }

    private mutating func endRecord(_ record: ([[UInt8]]) throws -> Void) throws {
        endField()
        recordNumber += 1
        recordBytes = 0
        defer { fields.removeAll(keepingCapacity: true) }
        if fields.count == 1 && fields[0].isEmpty { return }  // an empty line is no record
        try record(fields)
    }
}
