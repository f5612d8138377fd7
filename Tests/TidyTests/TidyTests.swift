// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit

/// Keeps the whole clone tidy: what the rules of the house find in it.
@Suite struct TidyTests {
    private static let sources = Result { try SourceFile.all(under: "Sources", ending: ["swift"]) }
    private static let tests = Result { try SourceFile.all(under: "Tests", ending: ["swift"]) }

    private func expectTidy(_ files: [SourceFile], _ rule: (SourceFile) -> [Finding]) {
        #expect(!files.isEmpty)
        for finding in files.flatMap(rule) {
            Issue.record("\(finding)")
        }
    }

    @Test func `every room imports only what its row allows`() throws {
        for file in try Self.sources.get() {
            guard let room = Room.all.first(where: { $0.name == file.target }) else {
                Issue.record("\(file.path): the target \(file.target) has no row in Rooms.swift.")
                continue
            }
            for finding in Rules.imports(file, room: room) {
                Issue.record("\(finding)")
            }
        }
        expectTidy(try SourceFile.all(under: "Sources/CArchive", ending: ["h", "c"])) {
            Rules.includes($0, headers: ["archive", "std", "fcntl.h"])
        }
    }

    @Test func `every target has its row, and every row its target`() throws {
        let declared = Rules.targets(ofManifest: try SourceFile.one("Package.swift").text)
        #expect(declared == Set(Room.all.map(\.name)))
        let folders = try FileManager.default.contentsOfDirectory(atPath: Checkout.root.appending("Sources").string)
        #expect(Set(folders) == Set(Room.all.map(\.name)))
        let architecture = "Documentation/Architecture.md"
        if SourceFile.exists(architecture) {
            let text = try SourceFile.one(architecture).text
            for room in Room.all {
                #expect(text.contains("`\(room.name)`"), "\(architecture) says nothing of \(room.name).")
            }
        }
    }

    @Test func `the rows have no circle and know only rooms`() {
        // Rows stand in the order of the house: each imports only from those above it.
        for (index, room) in Room.all.enumerated() {
            let above = Set(Room.all[..<index].map(\.name))
            #expect(above.isSuperset(of: room.ours), "\(room.name)")
        }
    }

    @Test func `every file begins with its licence`() throws {
        expectTidy(try Self.sources.get() + Self.tests.get(), Rules.licence)
        expectTidy([try SourceFile.one("Package.swift")], Rules.licence)
        expectTidy(try SourceFile.all(under: "Sources", ending: ["h"]), Rules.licence)
        expectTidy(try SourceFile.all(under: "Jobs", ending: ["sh"]), Rules.licence)
        expectTidy([try SourceFile.one("Benchmarks/run")], Rules.licence)
    }

    @Test func `nothing in Sources stops the program on input`() throws {
        expectTidy(try Self.sources.get(), Rules.stops)
    }

    @Test func `nothing is left undone`() throws {
        expectTidy(try Self.sources.get() + Self.tests.get(), Rules.leftovers)
    }

    @Test func `nothing is wider than the package`() throws {
        expectTidy(try Self.sources.get() + Self.tests.get(), Rules.access)
    }

    @Test func `files are short and have no tabs`() throws {
        let files = try Self.sources.get() + Self.tests.get()
        expectTidy(files, Rules.length)
        expectTidy(files, Rules.tabs)
    }

    @Test func `every link to the documentation leads somewhere`() throws {
        var files = try Self.sources.get() + SourceFile.all(under: "Documentation", ending: ["md"])
        files += try ["README.md", "CHANGELOG.md"].filter(SourceFile.exists).map(SourceFile.one)
        expectTidy(files) { file in
            Rules.links(file, exists: SourceFile.exists) { (try? SourceFile.one($0).text) ?? "" }
        }
    }
}
