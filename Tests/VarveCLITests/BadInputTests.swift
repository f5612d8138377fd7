// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit

/// One thing that a user, a disk or an attacker gets wrong, and what Varve has to answer.
struct BadInput: CustomTestStringConvertible, Sendable {
    let name: String
    let command: [String]
    var input: [UInt8] = []
    let exitCode: Int32
    /// What standard error has to say: the stable code, and what the error is about.
    let says: [String]
    /// Makes the mistake in a home that was whole.
    var prepare: @Sendable (TestHome) throws -> Void = { _ in }

    var testDescription: String { name }
}

/// Every kind of bad input: each gets its clear error and its exit code, says nothing of what items hold, and changes nothing.
@Suite struct BadInputTests {
    /// Stands in every item, stored or refused: no error may repeat it.
    static let secret = "hunter2"

    /// A home with a table of five items and its snapshot, an empty table, and a second home whose keys are others.
    private static let template = Result {
        let home = try TestHome()
        try home.run("table", "create", "Music", "--partition-key", "Artist:S", "--sort-key", "Song:S")
        let lines = (1...5).map { #"{"Item":{"Artist":{"S":"\#(secret)"},"Song":{"S":"\#($0)"}}}"# }
        try home.load(lines, into: "Music")
        try home.run("table", "create", "Strict", "--partition-key", "pk:S", "--sort-key", "sk:N")
        try home.run("backup", "Music")
        return home
    }
    static let otherHome = Result { try TestHome() }

    @Test(arguments: BadInput.items + BadInput.imports + BadInput.commands + BadInput.files)
    func `bad input gets its error and changes nothing`(bad: BadInput) throws {
        let home = try Self.template.get().copy()
        try bad.prepare(home)
        let before = try State(home)
        let result = try home.varve(bad.command, input: bad.input)
        let after = try State(home)

        #expect(result.exitCode == bad.exitCode, "\(result)")
        for text in bad.says { #expect(result.errorText.contains(text), "'\(text)' is missing. \(result)") }
        #expect(!(result.errorText + result.outputText).contains(Self.secret), "\(result)")
        #expect(result.errorText.utf8.count < 4000, "\(result)")
        #expect(after.files.differences(from: before.files) == [])
        #expect(after.tables == before.tables)
    }

    @Test func `no two rows of the table have one name`() {
        let names = (BadInput.items + BadInput.imports + BadInput.commands + BadInput.files).map(\.name)
        #expect(Set(names).count == names.count)
    }

    /// All that may not change: every file of the home, with its vault, and what is in its tables.
    private struct State {
        let files: Fingerprint
        let tables: [String]

        init(_ home: TestHome) throws {
            var tables: [String] = []
            for command in [["table", "list", "--json"], ["table", "export", "Music"]] {
                let result = try home.varve(command)
                tables.append("\(result.exitCode ?? -1) \(result.outputText)\(result.errorText)")
            }
            self.tables = tables
            let opens = tables[0].hasPrefix("0 ")
            files = try Fingerprint(of: home.path) { path in
                // SQLite rewrites its files as it likes, and tables are compared as tables; where the store does not open, its bytes count.
                // A lease comes and goes; the folder that it was in stays.
                path.hasSuffix(".lock") || path.hasSuffix("-shm") || path.hasSuffix("/leases")
                    || path.hasSuffix("/.tmp")
                    || (opens && path.hasPrefix(".varve/store/"))
            }
        }
    }
}
