// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import Synchronization

/// Where a verb's result and its progress go: standard output is the result, standard error is log and progress.
///
/// With `--json` the result is one JSON document, or for long work one JSON object a line (`progress`, `event`, `summary`).
struct Console: Sendable {
    let json: Bool

    /// Whether a person is watching standard error.
    static let watched = isatty(STDERR_FILENO) == 1

    /// A line of the result; nothing with `--json`.
    func line(_ text: String = "") {
        if !json { Console.write(text + "\n", to: STDOUT_FILENO) }
    }

    /// Log: a line on standard error.
    func note(_ text: String) {
        Console.write(text + "\n", to: STDERR_FILENO)
    }

    /// The whole result as one JSON document; nothing without `--json`.
    func document(_ value: some Encodable) throws {
        if json { Console.write(try Console.encode(value, pretty: true) + "\n", to: STDOUT_FILENO) }
    }

    /// One object of a stream of JSON lines; nothing without `--json`.
    func event(_ value: some Encodable) throws {
        if json { Console.write(try Console.encode(value, pretty: false) + "\n", to: STDOUT_FILENO) }
    }

    static func encode(_ value: some Encodable, pretty: Bool) throws -> String {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting =
            pretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// Rows in columns as wide as their widest cell; the columns in `right` are aligned to the right.
    func table(_ header: [String], _ rows: [[String]], right: Set<Int> = []) {
        guard !json else { return }
        var widths = header.map(Self.width)
        for row in rows {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], Self.width(cell)) }
        }
        var text: [UInt8] = []
        text.reserveCapacity(Self.writeBytes + 1024)
        for row in [header] + rows {
            var spaces = 0
            for (column, cell) in row.enumerated() {
                let padding = widths[column] - Self.width(cell)
                if right.contains(column) { spaces += padding }
                if !cell.isEmpty {
                    text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: spaces))
                    text.append(contentsOf: cell.utf8)
                    spaces = 0
                }
                spaces += 2 + (right.contains(column) ? 0 : padding)
            }
            text.append(UInt8(ascii: "\n"))
            if text.count > Self.writeBytes {
                Console.write(text, to: STDOUT_FILENO)
                text.removeAll(keepingCapacity: true)
            }
        }
        Console.write(text, to: STDOUT_FILENO)
    }

    /// How many characters a cell has; of ASCII, which almost all are, as many as bytes.
    private static func width(_ cell: String) -> Int {
        cell.utf8.allSatisfy { $0 < 0x80 } ? cell.utf8.count : cell.count
    }

    /// Rows are written so many bytes at a time.
    private static let writeBytes = 65_536

    /// Writes all of `text`; a reader that went away (a closed pipe) ends the output quietly, as `head` expects.
    static func write(_ text: String, to descriptor: Int32) {
        write(Array(text.utf8), to: descriptor)
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        bytes.withUnsafeBytes { buffer in
            var offset = 0
            while offset < buffer.count {
                guard let base = buffer.baseAddress else { return }
                let written = Glibc.write(descriptor, base + offset, buffer.count - offset)
                if written < 0 && errno == EINTR { continue }
                guard written > 0 else { return }
                offset += written
            }
        }
    }
}
