// SPDX-License-Identifier: Apache-2.0

package import VarveModel
package import VarveVault

/// All that was written to a table in a stretch of time: `from` included, `to` not.
package struct LogWindow: Sendable {
    package let table: Manifest.TableIdentity
    package let from: Instant
    package let to: Instant
    /// In the order of the log.
    package let segments: [Catalog.Entry]
    /// The table, as its source described it when the first of the segments was taken.
    package let description: JSON

    package var changes: Int { segments.reduce(0) { $0 + $1.manifest.items } }

    func includes(_ change: ChangeLineHead) -> Bool { from <= change.time && change.time < to }

    /// - Parameter table: a name or an id.
    /// - Throws: ``PipelineError/Code/notCovered`` where the captured log does not hold all of the stretch.
    package static func find(
        from: Instant, to: Instant, of table: String, in catalog: Catalog
    ) throws -> LogWindow {
        guard from < to else {
            throw PipelineError(
                .notCovered, "Between \(from.rfc3339) and \(to.rfc3339) there is no time: the first comes after.")
        }
        let last = Instant(microseconds: to.microseconds - 1)
        for entries in Dictionary(grouping: catalog.entries(table: table), by: { $0.manifest.table.id }).values {
            guard let identity = entries.first?.manifest.table else { continue }
            let byID = Dictionary(uniqueKeysWithValues: entries.map { ($0.manifest.id, $0) })
            for part in LogReading(of: identity, entries, catalog).parts.reversed()
            where part.from < from && last <= part.through {
                let all = part.segments.compactMap { byID[$0] }
                guard let description = all.first?.manifest.description else { continue }
                let segments = all.filter { entry in
                    let shards = entry.manifest.log?.shards ?? []
                    let first = shards.compactMap(\.first).min()
                    let last = shards.compactMap(\.last).max()
                    return first.map { $0 < to } ?? false && last.map { from <= $0 } ?? false
                }
                return LogWindow(table: identity, from: from, to: to, segments: segments, description: description)
            }
        }
        throw PipelineError(
            .notCovered,
            "The captured log of table '\(table)' does not hold every change from \(from.rfc3339) to \(to.rfc3339). 'varve coverage \(table)' shows what it holds."
        )
    }
}
