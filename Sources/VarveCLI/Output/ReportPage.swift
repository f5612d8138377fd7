// SPDX-License-Identifier: Apache-2.0

import VarveModel

/// A report as one HTML page that needs nothing else: styles and drawings stand in it, and there is no script.
struct ReportPage {
    let report: ReportRecord

    var text: String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Varve: vault \(escaped(report.vault)), \(escaped(day(report.time)))</title>
        <style>
        \(Self.style)
        </style>
        </head>
        <body>
        <header>
        <h1>Vault \(escaped(report.vault))</h1>
        <p>What is on record at <time datetime="\(escaped(report.time))">\(escaped(moment(report.time)))</time>, by \(escaped(report.tool)). Vault id <code>\(escaped(report.vaultId))</code>. All times are UTC.</p>
        </header>
        <main>
        \(overview)
        \(unknown)
        \(damage)
        \(report.tables.map(section).joined(separator: "\n"))
        </main>
        <footer><p>Facts only. Each names the object that says so: manifests lie in the vault, the records of verifications and drills in the home's state.</p></footer>
        </body>
        </html>

        """
    }

    // MARK: The whole vault

    private var overview: String {
        if report.tables.isEmpty { return "<p>The vault holds no recovery point.</p>" }
        let rows = report.tables.map { table in
            """
            <tr><th scope="row"><a href="#t-\(escaped(table.coverage.tableId))">\(escaped(table.coverage.table))</a></th>
            <td>\(table.newestAgeSeconds.map { age($0) } ?? "none")</td><td>\(table.snapshots)</td>
            <td>\(table.coverage.log.map { moment($0.through) } ?? "not captured")</td>
            <td>\(table.coverage.holes.isEmpty ? "none" : "<strong class=\"bad\">\(table.coverage.holes.count)\(table.coverage.open ? ", open" : "")</strong>")</td>
            <td>\(table.lastVerified.map { moment($0.time) } ?? never("verifications"))</td>
            <td>\(table.lastDrill.map { "\(moment($0.time)), \($0.failure == nil ? "passed" : "<strong class=\"bad\">failed</strong>")" } ?? never("drills"))</td></tr>
            """
        }
        return """
            <section>
            <h2>Tables</h2>
            <div class="wide"><table>
            <thead><tr><th scope="col">Table</th><th scope="col">Newest snapshot</th><th scope="col">Snapshots</th><th scope="col">Log through</th><th scope="col">Holes</th><th scope="col">Last verified</th><th scope="col">Last drill</th></tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody></table></div>
            </section>
            """
    }

    private var unknown: String {
        if report.unknown.isEmpty { return "" }
        let rows = report.unknown.map {
            "<li>\(escaped($0.statement)): \(escaped($0.reason)) <code>\(escaped($0.code))</code></li>"
        }
        return "<section><h2 class=\"bad\">Cannot be told</h2><ul>\(rows.joined(separator: "\n"))</ul></section>"
    }

    /// What stands where a record has nothing of a table.
    private func never(_ subject: String, _ addition: String = "") -> String {
        report.knows(subject) ? "never" + addition : "<strong class=\"bad\">not known</strong>"
    }

    private var damage: String {
        if report.damaged.isEmpty { return "" }
        let rows = report.damaged.map { "<li><code>\(escaped($0.object))</code>: \(escaped($0.reason))</li>" }
        return "<section><h2 class=\"bad\">Cannot be read</h2><ul>\(rows.joined(separator: "\n"))</ul></section>"
    }

    // MARK: One table

    private func section(_ table: ReportRecord.Table) -> String {
        """
        <section id="t-\(escaped(table.coverage.tableId))">
        <h2>\(escaped(table.coverage.table))</h2>
        <p class="sub">Table id <code>\(escaped(table.coverage.tableId))</code>\(table.store.map { ", live in store \(escaped($0))" } ?? (report.knows("store") ? ", no longer in a store of this home" : ", in no store of this home that opens"))</p>
        <h3>Coverage</h3>
        \(ReportTimeline(table, now: report.time).svg)
        \(coverage(table.coverage))
        <h3>Recovery points</h3>
        \(ReportSizes(table).svg)
        <dl>
        \(facts(table).map { "<div><dt>\($0.0)</dt><dd>\($0.1)</dd></div>" }.joined(separator: "\n"))
        </dl>
        \(points(table))
        </section>
        """
    }

    private func coverage(_ coverage: CoverageRecord) -> String {
        var rows = coverage.intervals.map { interval in
            interval.from == interval.through
                ? "<li>\(moment(interval.from)): this instant only, snapshot <code>\(escaped(interval.base))</code></li>"
                : "<li>\(moment(interval.from)) to \(moment(interval.through)): any instant, from snapshot <code>\(escaped(interval.base))</code></li>"
        }
        rows += coverage.holes.map { hole in
            "<li class=\"bad\">Hole, \(hole.from.map { "after \(moment($0))" } ?? "from the beginning")\(hole.to.map { " through \(moment($0))" } ?? ", to the end"): \(escaped(hole.reason))\(hole.segment.map { ", segment <code>\(escaped($0))</code>" } ?? "")\(hole.restorableFrom.map { "; restorable again from \(moment($0))" } ?? "; not restorable since")</li>"
        }
        return rows.isEmpty ? "<p>Nothing can be restored.</p>" : "<ul>\(rows.joined(separator: "\n"))</ul>"
    }

    private func facts(_ table: ReportRecord.Table) -> [(String, String)] {
        var facts: [(String, String)] = [
            (
                "There are",
                "\(Units.counted(table.snapshots, "snapshot")), \(Units.counted(table.sweeps, "archive")) of sweeps"
                    + (table.shredded == 0 ? "" : ", \(table.shredded) more with destroyed keys")
            )
        ]
        if let age = table.newestAgeSeconds { facts.append(("Newest snapshot", self.age(age))) }
        if let log = table.coverage.log {
            facts.append(
                (
                    "Captured log",
                    "\(Units.counted(log.changes, "change")) in \(Units.counted(log.segments, "segment")), \(Units.size(log.sealedBytes)), through \(moment(log.through))\(log.ended ? "; the table was dropped" : "")"
                ))
        }
        if let retention = table.retention {
            let reasons = retention.reasons.sorted { $0.key < $1.key }.map { "\(escaped($0.key)) \($0.value)" }
            facts.append(("Retention demands", "\(escaped(retention.policy)), in \(escaped(retention.zone))"))
            facts.append(
                (
                    "It keeps",
                    "\(retention.kept) recovery points\(reasons.isEmpty ? "" : " (\(reasons.joined(separator: ", ")))"), and lets \(retention.goes) go"
                ))
            if let from = retention.pointInTimeFrom {
                facts.append(
                    (
                        "Every second since",
                        "\(moment(from)) is demanded; every one since \(retention.restorableFrom.map { moment($0) } ?? "no instant") is restorable"
                    ))
            }
        } else if report.knows("retention") {
            facts.append(("Retention demands", "nothing: no policy speaks of this table"))
        } else {
            facts.append(("Retention", "<strong class=\"bad\">cannot be judged</strong>; why stands above"))
        }
        facts.append(
            (
                "Last verified",
                table.lastVerified.map {
                    "<code>\(escaped($0.id))</code> at \(moment($0.time)) (<code>\(escaped($0.record))</code>)"
                } ?? never("verifications", ", as this home knows")
            ))
        facts.append(("Last drill", table.lastDrill.map(drill) ?? never("drills", ", as this home knows")))
        if let expired = table.expired {
            facts.append(
                (
                    "Expired items waiting",
                    "\(Units.count(expired.items))\(expired.items == 0 ? "" : ", the longest for \(Units.span(seconds: Double(expired.lagSeconds)))")"
                ))
        }
        return facts
    }

    private func drill(_ drill: ReportRecord.Table.Drill) -> String {
        let end =
            drill.failure.map { "<strong class=\"bad\">failed</strong> (\(escaped($0)))" }
            ?? "passed, \(Units.counted(drill.items ?? 0, "item"))"
        return
            "\(end) in \(Units.span(seconds: drill.seconds)) at \(moment(drill.time)): the table as of \(moment(drill.at)), from snapshot <code>\(escaped(drill.base))</code> and \(Units.counted(drill.segments, "segment")) (<code>\(escaped(drill.record))</code>)"
    }

    /// More would make a page that nobody reads; JSON has them all.
    private static let pointsMax = 50

    private func points(_ table: ReportRecord.Table) -> String {
        let rows = table.points.suffix(Self.pointsMax).reversed().map { point in
            "<tr><td><code>\(escaped(point.id))</code></td><td>\(escaped(point.kind))</td><td>\(moment(point.cut))</td><td class=\"n\">\(Units.count(point.items))</td><td class=\"n\">\(Units.size(point.rawBytes))</td><td class=\"n\">\(Units.size(point.sealedBytes))</td><td><code>\(escaped(point.manifest))</code></td></tr>"
        }
        if rows.isEmpty { return "" }
        let left = table.points.count - rows.count
        return """
            <details><summary>\(left == 0 ? "All" : "The newest") \(Units.counted(rows.count, "recovery point"))\(left == 0 ? "" : "; \(left) older ones are in the JSON report")</summary>
            <div class="wide"><table>
            <thead><tr><th scope="col">Id</th><th scope="col">Kind</th><th scope="col">Cut</th><th scope="col">Items</th><th scope="col">Raw</th><th scope="col">Stored</th><th scope="col">Manifest</th></tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody></table></div></details>
            """
    }

    // MARK: Words

    private func escaped(_ text: String) -> String { ReportPage.escaped(text) }

    /// Text for content and attributes.
    static func escaped(_ text: String) -> String {
        var out = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }

    /// `2026-11-24 14:03:27`.
    private func moment(_ text: String) -> String {
        ReportPage.escaped(String(text.prefix(19)).replacing("T", with: " "))
    }

    private func day(_ text: String) -> String { String(text.prefix(10)) }

    private func age(_ seconds: Int64) -> String {
        let length = abs(seconds)
        let span = length < 172_800 ? Units.span(seconds: Double(length)) : Units.counted(Int(length / 86_400), "day")
        return span + (seconds < 0 ? " ahead of the clock" : " old")
    }

    private static let style = """
        :root { color-scheme: light dark; --ink: #1c2128; --soft: #57606a; --line: #d0d7de; --paper: #ffffff; --panel: #f6f8fa; --good: #1a7f37; --hole: #cf222e; --raw: #9ec5e8; --stored: #0550ae; --link: #0550ae; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --paper: #0d1117; --panel: #151b23; --good: #3fb950; --hole: #ff7b72; --raw: #2f4b6b; --stored: #79c0ff; --link: #79c0ff; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 3rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
        h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.25rem; margin: 0 0 .25rem; } h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
        header p, .sub, footer { color: var(--soft); margin: 0; }
        section { margin-top: 2rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
        a { color: var(--link); } code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere; }
        .bad { color: var(--hole); }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: .9rem; } th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
        td.n { text-align: right; font-variant-numeric: tabular-nums; }
        ul { padding-left: 1.25rem; margin: .5rem 0; }
        dl { display: grid; gap: .5rem; margin: .75rem 0; } dl div { display: grid; grid-template-columns: 12rem 1fr; gap: .75rem; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
        figure { margin: .5rem 0; } figcaption { color: var(--soft); font-size: .85rem; }
        svg { display: block; width: 100%; height: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; }
        svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
        .cover { fill: var(--good); } .hole { fill: var(--hole); } .tick { stroke: var(--ink); } .raw { fill: var(--raw); } .stored { fill: var(--stored); } .axis { stroke: var(--line); }
        summary { cursor: pointer; color: var(--link); }
        footer { margin-top: 3rem; font-size: .85rem; }
        @media (max-width: 40rem) { dl div { grid-template-columns: 1fr; gap: 0; } body { font-size: 15px; } svg text { font-size: 24px; } }
        @media print { :root { --ink: #000; --soft: #333; --line: #999; --paper: #fff; --panel: #fff; --link: #000; } body { max-width: none; padding: 0; font-size: 11pt; } figure, dl div, tr, li { break-inside: avoid; } h2, h3 { break-after: avoid; } table { font-size: 8.5pt; } th, td { white-space: normal; } }
        """
}

/// A table's coverage over time: what can be restored, holes, snapshots.
struct ReportTimeline {
    private let coverage: CoverageRecord
    private let points: [ReportRecord.Table.Point]
    private let begin: Int64
    private let end: Int64

    private static let width = 960.0

    init(_ table: ReportRecord.Table, now: String) {
        coverage = table.coverage
        points = table.points
        let times =
            (coverage.intervals.flatMap { [$0.from, $0.through] }
            + coverage.holes.flatMap { [$0.from, $0.to].compactMap(\.self) } + points.map(\.cut) + [now])
            .compactMap { Instant(rfc3339: $0)?.microseconds }
        begin = times.min() ?? 0
        end = max(times.max() ?? 1, begin + 1)
    }

    private func x(_ time: String?) -> Double {
        guard let micros = time.flatMap({ Instant(rfc3339: $0)?.microseconds }) else { return Self.width }
        return Double(micros - begin) / Double(end - begin) * (Self.width - 20) + 10
    }

    /// A bar that is seen, however short its time was.
    private func bar(_ from: Double, _ to: Double, _ kind: String, _ title: String) -> String {
        let width = max(to - from, 2)
        return
            "<rect class=\"\(kind)\" x=\"\(number(from))\" y=\"24\" width=\"\(number(width))\" height=\"22\"><title>\(ReportPage.escaped(title))</title></rect>"
    }

    private func number(_ value: Double) -> String { Units.tenths(value) }

    var svg: String {
        var parts: [String] = []
        for interval in coverage.intervals {
            parts.append(
                bar(
                    x(interval.from), x(interval.through), "cover", "restorable \(interval.from) to \(interval.through)"
                ))
        }
        for hole in coverage.holes {
            let from = hole.from.map { x($0) } ?? 10
            parts.append(bar(from, x(hole.to), "hole", "hole: \(hole.reason)"))
        }
        for point in points where point.kind == "snapshot" {
            let place = number(x(point.cut))
            parts.append(
                "<line class=\"tick\" x1=\"\(place)\" x2=\"\(place)\" y1=\"16\" y2=\"54\"><title>snapshot \(ReportPage.escaped(point.id)), \(ReportPage.escaped(point.cut))</title></line>"
            )
        }
        let first = Instant(microseconds: begin).rfc3339.prefix(16).replacing("T", with: " ")
        let last = Instant(microseconds: end).rfc3339.prefix(16).replacing("T", with: " ")
        return """
            <figure><svg viewBox="0 0 960 90" role="img" aria-label="Coverage of \(ReportPage.escaped(coverage.table)) from \(first) to \(last): \(coverage.intervals.count) stretches that can be restored, \(coverage.holes.count) holes">
            <line class="axis" x1="10" x2="950" y1="60" y2="60"/>
            \(parts.joined(separator: "\n"))
            <text x="10" y="82">\(first)</text><text x="950" y="82" text-anchor="end">\(last)</text>
            </svg><figcaption>Green: any instant can be restored. Red: a hole. Lines: snapshots.</figcaption></figure>
            """
    }
}

/// The sizes of a table's snapshots, over time.
struct ReportSizes {
    private let points: [ReportRecord.Table.Point]
    /// More bars than this have no room.
    private static let barsMax = 120

    init(_ table: ReportRecord.Table) {
        points = Array(table.points.filter { $0.kind == "snapshot" }.suffix(Self.barsMax))
    }

    var svg: String {
        guard let first = points.first, let last = points.last, points.count > 1 else { return "" }
        let most = Double(max(1, points.map { max($0.rawBytes, $0.sealedBytes) }.max() ?? 1))
        let slot = 940.0 / Double(points.count)
        let bars = points.enumerated().map { index, point in
            let x = 10 + slot * Double(index)
            func bar(_ bytes: Int, _ kind: String) -> String {
                let height = max(1, Double(bytes) / most * 90)
                return
                    "<rect class=\"\(kind)\" x=\"\(Units.tenths(x))\" y=\"\(Units.tenths(110 - height))\" width=\"\(Units.tenths(max(1, slot - 2)))\" height=\"\(Units.tenths(height))\"><title>\(ReportPage.escaped(point.cut)): \(Units.counted(point.items, "item")), \(Units.size(point.rawBytes)) raw, \(Units.size(point.sealedBytes)) stored</title></rect>"
            }
            return bar(point.rawBytes, "raw") + bar(point.sealedBytes, "stored")
        }
        return """
            <figure><svg viewBox="0 0 960 140" role="img" aria-label="Sizes of \(points.count) snapshots, up to \(Units.size(Int(most)))">
            <line class="axis" x1="10" x2="950" y1="110" y2="110"/>
            \(bars.joined(separator: "\n"))
            <text x="10" y="132">\(first.cut.prefix(10))</text><text x="950" y="132" text-anchor="end">\(last.cut.prefix(10))</text>
            </svg><figcaption>Each snapshot's size: pale before compression, strong as stored. The highest is \(Units.size(Int(most))).</figcaption></figure>
            """
    }
}
