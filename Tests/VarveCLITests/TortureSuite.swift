// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Damage and kills, one after the other: the instants of kills mean something only while nothing else of ours takes the processors.
@Suite(.serialized) enum Torture {
    /// How many trials: the environment's number, else what fits an ordinary run.
    static func count(_ variable: String, default standard: Int) -> Int {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) } ?? standard
    }

    /// Rows of text in columns.
    static func table(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == 0
                    ? cell + String(repeating: " ", count: widths[column] - cell.count)
                    : String(repeating: " ", count: widths[column] - cell.count) + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
