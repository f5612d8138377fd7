// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit

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
        #expect(table["name"] as? String == "Orders" && table["store"] as? String == "local")
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
        let holes = try #require(
            ((try home.json("report")["tables"] as? [[String: Any]])?.first?["holes"]) as? [[String: Any]])
        #expect(holes.first?["cause"] as? String == "damaged")
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
