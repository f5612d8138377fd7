// SPDX-License-Identifier: Apache-2.0

import Testing

/// Shows the rules bad text: a rule that finds nothing there finds nothing anywhere.
@Suite struct RulesTests {
    private func file(_ text: String, path: String = "Sources/VarveSeal/Sample.swift") -> SourceFile {
        SourceFile(path: path, text: text)
    }

    @Test(arguments: [
        ("import VarveStore", "VarveStore"), ("package import GRDB", "GRDB"), ("import struct Yams.Node", "Yams"),
        ("@preconcurrency import ArgumentParser", "ArgumentParser"),
        ("    internal import VarveKeys  // why", "VarveKeys"),
        ("import FoundationNetworking", "FoundationNetworking"), ("import class VarveVault.Vault", "VarveVault"),
        ("import `VarveCLI`", "VarveCLI"), ("let a = 1; \nimport Testing", "Testing"),
    ]) func `an import that its row does not allow is found`(line: String, module: String) throws {
        let seal = try #require(Room.all.first { $0.name == "VarveSeal" })
        let findings = Rules.imports(file("// first\n" + line + "\n"), room: seal)
        #expect(findings.count == 1)
        #expect(findings.first?.message.contains(module) == true)
    }

    @Test(arguments: [
        "import Crypto", "import Foundation", "package import SystemPackage", "import struct FoundationEssentials.Data",
        "// import VarveStore", "let text = \"import VarveStore\"", "/* /* */\nimport VarveStore\n*/",
        "importantWork()",
        "#if canImport(VarveStore)", "\"\"\"\n\\\"\"\"\nimport VarveStore\n\"\"\"", "#\"\nimport GRDB \\\" \n\"#",
    ]) func `an import that its row allows, and what only looks like one, is not`(text: String) throws {
        let seal = try #require(Room.all.first { $0.name == "VarveSeal" })
        #expect(Rules.imports(file(text), room: seal) == [])
    }

    @Test func `a header of another library is found`() {
        let header = file("#include <archive.h>\n#include <curl/curl.h>\n", path: "Sources/CArchive/shim.h")
        #expect(Rules.includes(header, headers: ["archive"]).map(\.line) == [2])
    }

    @Test func `a file without its licence is found`() {
        #expect(Rules.licence(file("import Foundation\n")).count == 1)
        #expect(Rules.licence(file("")).count == 1)
        #expect(Rules.licence(file("// SPDX-License-Identifier: MIT\n")).count == 1)
        #expect(Rules.licence(file("// SPDX-License-Identifier: Apache-2.0\n")).isEmpty)
        #expect(Rules.licence(file("// swift-tools-version: 6.3\n// SPDX-License-Identifier: Apache-2.0\n")).isEmpty)
    }

    @Test func `ways to stop the program are found in code and not in comments`() {
        let bad = """
            let a = try! read()
            let b = c as! String
            fatalError("never")
            """
        #expect(Rules.stops(file(bad)).map(\.line) == [1, 2, 3])
        let good = """
            // try! and as! and fatalError( are words here
            let a = try read() ?? "try! fatalError(as!"
            let b = c as? String
            """
        #expect(Rules.stops(file(good)).isEmpty)
    }

    @Test func `work left undone is found in comments too`() {
        let word = "TO" + "DO"
        #expect(Rules.leftovers(file("// \(word): later\nlet a = 1 // FIX" + "ME\n")).map(\.line) == [1, 2])
        #expect(Rules.leftovers(file("let photos = \(word.lowercased())List\n")).isEmpty)
    }

    @Test func `access wider than the package is found`() {
        let bad = "public struct A {}\n    open class B {}\n@frozen public enum C {}\npublic import Foundation\n"
        #expect(Rules.access(file(bad)).map(\.line) == [1, 2, 3, 4])
        #expect(Rules.access(file("package struct A {} // public\nopen(path)\nlet open = isPublic\n")).isEmpty)
        #expect(Rules.access(file("func `what does not open is public property`() {}\n")).isEmpty)
    }

    @Test func `tabs and long files are found`() {
        #expect(Rules.tabs(file("a\n\tb\n")).map(\.line) == [2])
        #expect(Rules.length(file(String(repeating: "a\n", count: Rules.linesMax))).count == 1)
        #expect(Rules.length(file(String(repeating: "a\n", count: Rules.linesMax - 1))).isEmpty)
    }

    @Test func `targets are read from a manifest in every way that it writes them`() {
        let manifest = """
            .systemLibrary(name: "CArchive", pkgConfig: "libarchive"),
            room("VarveModel", []),
            room(
                "VarveCLI",
                ["VarveModel", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
            .executableTarget(name: "varve", dependencies: ["VarveCLI"]),
            .target(name: "VarveTestKit", dependencies: [system], path: "Tests/VarveTestKit"),
            .executableTarget(
                name: "Load", dependencies: [],
                path: "Tests/Load"),
            tests("VarveModelTests", ["VarveModel"]),
            """
        #expect(Rules.targets(ofManifest: manifest) == ["CArchive", "VarveModel", "VarveCLI", "varve"])
    }

    @Test func `links that lead nowhere are found`() {
        let there = [
            "Documentation/Formats.md": "# Formats\n## The envelope, byte by byte\n", "README.md": "", "Jobs": "",
        ]
        func findings(_ text: String, path: String) -> [Int] {
            Rules.links(file(text, path: path), exists: { there.keys.contains($0) }, read: { there[$0] ?? "" }).map(
                \.line)
        }
        let source = """
            /// Format: Documentation/Formats.md#the-envelope-byte-by-byte.
            /// Documentation/Formats.md.
            /// Documentation/Missing.md
            /// Documentation/Formats.md#nowhere
            """
        #expect(findings(source, path: "Sources/A/A.swift") == [3, 4])
        let markdown = """
            [a](Documentation/Formats.md#the-envelope-byte-by-byte) [b](https://example.com/x) [jobs](Jobs)
            [c](Documentation/Formats.md#gone)
            [d](Nothing.md)
            """
        #expect(findings(markdown, path: "README.md") == [2, 3])
        #expect(findings("# Top\n[e](Formats.md) [f](../README.md) [g](#top)", path: "Documentation/New.md") == [2, 2])
    }
}
