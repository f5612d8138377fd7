// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarveTestKit
import VarveVault

@Suite struct ReportTests {
    private static let template = Result {
        let home = try TestHome()
        try home.run("table", "create", "Orders", "--partition-key", "id:S", "--ttl", "expires")
        let script = "<script>alert('x')</script>"
        for (id, expires) in [("a", 1), ("b", 4_000_000_000), (script, 4_000_000_000)] {
            let past = expires == 1 ? Int(Date().timeIntervalSince1970) - 1000 : expires
            try home.run("table", "put", "Orders", #"{"id":{"S":"\#(id)"},"expires":{"N":"\#(past)"}}"#)
        }
        _ = try home.backup("Orders")
        try home.run("capture", "Orders", "--once")
        _ = try home.backup("Orders")
        try home.run("verify")
        try home.run("drill", "Orders", "--at", "random")
        return home
    }

    private func home() throws -> TestHome { try Self.template.get().copy() }

    @Test func `a report states what is there, and where that stands`() throws {
        let home = try home()
        let report = try home.json("report")
        let table = try #require((report["tables"] as? [[String: Any]])?.first)
        #expect(table["table"] as? String == "Orders" && table["store"] as? String == "local")
        #expect(table["snapshots"] as? Int == 2 && table["sweeps"] as? Int == 0 && table["open"] as? Bool == false)
        #expect((table["points"] as? [[String: Any]])?.count == 2)
        let manifest = try #require((table["points"] as? [[String: Any]])?.first?["manifest"] as? String)
        #expect(home.vault.appending(manifest).exists)
        #expect((table["expired"] as? [String: Any])?["items"] as? Int == 1)
        let verified = try #require(table["lastVerified"] as? [String: Any])
        #expect(home.path.appending(".varve/state").appending(try #require(verified["record"] as? String)).exists)
        let drill = try #require(table["lastDrill"] as? [String: Any])
        #expect(drill["failure"] == nil && drill["items"] is Int)
        #expect(table["retention"] == nil, "there is no policy")
        // No key of an item stands in it.
        let text = try home.run("report", "--json").outputText
        #expect(!text.contains("alert") && !text.contains("4000000000"))
    }

    @Test func `a report has of a table what coverage has of it`() throws {
        let home = try home()
        let table = try #require((try home.json("report")["tables"] as? [[String: Any]])?.first)
        let coverage = try #require((try home.json("coverage")["tables"] as? [[String: Any]])?.first)
        #expect(coverage.keys.sorted() == ["holes", "intervals", "log", "open", "table", "tableId"])
        for (key, value) in coverage { #expect(value as? NSObject == table[key] as? NSObject, "\(key)") }
        #expect(
            Set(table.keys).subtracting(coverage.keys).sorted() == [
                "expired", "lastDrill", "lastVerified", "newestAgeSeconds", "points", "shredded", "snapshots", "store",
                "sweeps",
            ])
    }

    // MARK: What cannot be told

    /// A home with a policy, and a report that says all.
    private func ruled() throws -> (home: TestHome, whole: [String: Any]) {
        let home = try home()
        let file = home.path.appending("varve.yaml")
        try file.write(try file.readText() + "\nretention:\n  - { keepLast: 1, pointInTime: 1d }\n")
        let whole = try home.json("report")
        #expect((whole["unknown"] as? [Any])?.isEmpty == true)
        let retention = try #require((whole["tables"] as? [[String: Any]])?.first?["retention"] as? [String: Any])
        #expect(retention["kept"] as? Int == 2 && retention["goes"] as? Int == 0)
        // The second snapshot lies behind the end of the log: an instant, from which nothing leads on.
        let intervals = try #require((whole["tables"] as? [[String: Any]])?.first?["intervals"] as? [[String: Any]])
        #expect(intervals.count == 2 && retention["restorableFrom"] as? String == intervals[0]["from"] as? String)
        return (home, whole)
    }

    /// Demands that a report says all that it said before but for what lies in `subjects`, and of these why not.
    private func expectGaps(
        _ home: TestHome, _ whole: [String: Any], _ subjects: [String], code: String, status: Int32,
        without missing: Set<String>
    ) throws {
        let result = try home.varve(["report", "--json", "--html", "gaps.html"])
        #expect(result.exitCode == status, "\(result)")
        let report = try #require(try JSONText.last(result.output) as? [String: Any])
        let unknown = try #require(report["unknown"] as? [[String: Any]])
        #expect(unknown.map { $0["subject"] as? String } == subjects && unknown.first?["code"] as? String == code)
        let before = try #require((whole["tables"] as? [[String: Any]])?.first)
        let table = try #require((report["tables"] as? [[String: Any]])?.first)
        for key in before.keys where key != "newestAgeSeconds" {
            if missing.contains(key) {
                #expect(table[key] == nil, "\(key)")
            } else {
                #expect(timeless(before[key]) == timeless(table[key]), "\(key)")
            }
        }
        #expect(unknown.first?["reason"] is String)
        let page = try home.path.appending("gaps.html").readText()
        #expect(page.contains("Cannot be told") && page.contains("<code>\(code)</code>"))
        #expect(page.contains("cannot be judged") == subjects.contains("retention"))
        #expect(!page.contains("no policy speaks"))
        let text = try home.varve(["report"])
        #expect(text.exitCode == status && text.outputText.hasPrefix("Orders  2 snapshots"), "\(text)")
        #expect(text.outputText.contains("\nUNKNOWN  ") && text.outputText.contains("[\(code)]"), "\(text)")
        #expect(text.outputText.contains("Retention cannot be judged") == subjects.contains("retention"))
        try home.path.appending("gaps.html").remove()
    }

    /// A member of a report without what each run counts from its own time.
    private func timeless(_ value: Any?) -> NSObject? {
        guard var object = value as? [String: Any] else { return value as? NSObject }
        for counted in ["pointInTimeFrom", "lagSeconds"] { object[counted] = nil }
        return object as NSObject
    }

    @Test(arguments: ["holds/a.json", "locks/a.json", "tombstones/a.json", "tombstones/a.removal.json"])
    func `where a record of retention cannot be read all else is reported`(object: String) throws {
        let (home, whole) = try ruled()
        let file = home.vault.appending(object)
        try file.removingLastComponent().makeFolder()
        try file.write("{}")
        try expectGaps(home, whole, ["retention"], code: "vault.damaged", status: 4, without: ["retention"])
        let page = try home.varve(["report", "--html", "page.html"])
        #expect(page.exitCode == 4 && page.errorText.contains(object), "\(page)")
    }

    @Test func `where the clock lies behind, or a record of the home cannot be read, all else is reported`() throws {
        let (home, whole) = try ruled()
        let state = home.path.appending(".varve/state")
        let name = try #require(try state.files().first { $0.hasPrefix("verified-") })
        let record = state.appending(name)
        let before = try record.read()
        let vault = String(name.dropFirst("verified-".count).dropLast(".log".count))
        let tomorrow = Instant(microseconds: Instant.now().microseconds + 86_400_000_000)
        try VerificationRecord(record).append(VerificationEntry(vault: vault, time: tomorrow, points: ["a"]))
        try expectGaps(home, whole, ["retention"], code: "pipeline.clockBehind", status: 15, without: ["retention"])
        try record.remove()
        try record.makeFolder()
        try expectGaps(
            home, whole, ["retention", "verifications"], code: "vault.io", status: 1,
            without: ["retention", "lastVerified"])
        try record.remove()
        try record.write(before)
        let drills = state.appending("drills.log")
        try drills.remove()
        try drills.makeFolder()
        try expectGaps(home, whole, ["drills"], code: "vault.io", status: 1, without: ["lastDrill"])
    }

    @Test func `where a store does not open the vault is reported`() throws {
        let (home, whole) = try ruled()
        try home.store.appending("store.sqlite").remove()
        try expectGaps(home, whole, ["store"], code: "store.noStore", status: 10, without: ["store", "expired"])
    }

    @Test func `a page needs nothing else, and is written once`() throws {
        let home = try home()
        #expect(try home.run("report", "--html", "report.html").outputText.contains("written: report.html"))
        let page = try String(contentsOfFile: home.path.appending("report.html").string, encoding: .utf8)
        for word in ["<!doctype html>", "Orders", "<svg", "Last verified", "prefers-color-scheme", "passed"] {
            #expect(page.contains(word), "\(word)")
        }
        for word in ["<script", "http://", "https://", "<link", "<img"] { #expect(!page.contains(word), "\(word)") }
        // Elements are closed in the order in which they were opened.
        let xml = page.replacingOccurrences(of: "<!doctype html>", with: "")
            .replacing(/<(meta[^>]*)>/) { "<\($0.1)/>" }
        #expect(XMLText.isWellFormed(xml))
        #expect(try home.varve(["report", "--html", "report.html"]).exitCode != 0, "it is not written over")
    }

    @Test func `a hole is marked, damage is said, and an empty vault is no error`() throws {
        let home = try home()
        let log = home.vault.appending("tables")
        let bundle = try #require(log.files().first { name in name.contains("/log/") && name.hasSuffix(".esdk") })
        try FileManager.default.removeItem(atPath: log.appending(bundle).string)
        let table = try #require((try home.json("report")["tables"] as? [[String: Any]])?.first)
        let holes = try #require(table["holes"] as? [[String: Any]])
        #expect(holes.first?["cause"] as? String == "damaged" && table["open"] as? Bool == true)
        #expect(try home.run("report").outputText.contains("1 hole, OPEN"))
        let manifest = try #require(log.files().first { name in name.hasSuffix("manifest.json") })
        try FileManager.default.removeItem(atPath: log.appending(manifest).string)
        #expect(try home.varve(["report", "--html", "damaged.html"]).exitCode == 4)
        let page = try String(contentsOfFile: home.path.appending("damaged.html").string, encoding: .utf8)
        #expect(page.contains("Cannot be read"))
        let empty = try TestHome()
        #expect(try empty.run("report").outputText.contains("no recovery point yet"))
    }

    @Test func `a job writes the page and the same as JSON`() throws {
        let home = try home()
        try FileManager.default.copyItem(
            atPath: Checkout.root.appending("Jobs/monthly-report.yaml").string,
            toPath: home.path.appending("Jobs/monthly-report.yaml").string)
        try home.run("run", "monthly-report")
        let names = try FileManager.default.contentsOfDirectory(atPath: home.path.appending("reports").string).sorted()
        #expect(
            names.count == 2 && names[0].hasPrefix("main-") && names[0].hasSuffix(".html")
                && names[1].hasSuffix(".json"))
    }
}

/// Whether tags nest.
private enum XMLText {
    static func isWellFormed(_ text: String) -> Bool {
        var open: [Substring] = []
        for match in text.matches(of: /<(\/?)([a-zA-Z][a-zA-Z0-9]*)(?:\s[^>]*?)?(\/?)>/) {
            if match.1 == "/" {
                guard open.popLast() == match.2 else { return false }
            } else if match.3 != "/" {
                open.append(match.2)
            }
        }
        return open.isEmpty
    }
}
