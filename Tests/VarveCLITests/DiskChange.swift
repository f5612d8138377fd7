// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveTestKit

/// What a disk fails under: commands that change a home, one after the other until one fails.
enum DiskChange: String, CaseIterable, CustomTestStringConvertible {
    case backup, sweep
    /// A new version of the wrapping key, and every recovery point's key sealed under it.
    case key

    private static let items = 5_000
    private static let points = 40

    var testDescription: String { rawValue }

    private var commands: [[String]] {
        switch self {
        case .backup: [["backup", "Items"]]
        case .sweep: [["sweep", "Items"]]
        case .key: [["key", "rotate", "alias/main"], ["key", "rewrap", "--all"]]
        }
    }

    /// Makes a home in the empty folder `home`.
    func makeHome(_ home: FilePath, _ random: inout SeededGenerator) throws {
        try FileManager.default.createDirectory(atPath: home.string, withIntermediateDirectories: false)
        try DamageHome.varve(["init", "."], in: home)
        try DamageHome.varve(["table", "create", "Items", "--partition-key", "id:S", "--ttl", "expires"], in: home)
        try KillHome.load(KillHome.lines(Self.items, &random), into: "Items", in: home)
        try DamageHome.varve(["backup"], in: home)
        guard self == .key else { return }
        try DamageHome.varve(["table", "create", "Small", "--partition-key", "id:S"], in: home)
        try DamageHome.varve(["table", "put", "Small", #"{"id":{"S":"small-0"}}"#], in: home)
        for _ in 0..<Self.points { try DamageHome.varve(["backup", "Small"], in: home) }
    }

    /// Runs the change, until a command fails.
    ///
    /// - Parameter start: Runs one command to its end.
    func run(_ start: ([String]) throws -> ProcessResult) throws -> ProcessResult {
        for command in commands.dropLast() {
            let result = try start(command)
            if result.exitCode != 0 { return result }
        }
        return try start(commands[commands.count - 1])
    }
}

/// What must hold after a change that a disk failed under.
struct DiskAftermath {
    let change: DiskChange
    let home: FilePath
    private let source: KillItems
    private let listed: Set<String>

    /// Looks at the home before the change.
    init(_ change: DiskChange, _ home: FilePath) throws {
        self.change = change
        self.home = home
        source = try KillItems(store: try KillHome.open(home), table: "Items")
        listed = try KillCommands(home).listed().ids
    }

    /// Nothing is lost; and, now that the disk is well again, the next run succeeds and nothing is wrong any more.
    ///
    /// Until then the second copy of a manifest may be missing.
    func check(_ what: Comment) throws {
        #expect(try problems() == [], what)
        let next = try change.run { try KillCommands(home).run($0) }
        #expect(next.exitCode == 0, "\(what)\nthe next run: \(next)")
        #expect(try problems() == [], what)
        #expect(try KillCommands(home).verify()?.isEmpty == true, what)
    }

    private func problems() throws -> [String] {
        let state = KillHome.State(store: home, vault: home, record: home, listed: listed, objects: [])
        var checks = KillChecks(home, before: state)
        _ = try checks.vault(acknowledged: [])
        // Every item is in the table as it was, or in an archive as it was.
        let live = Set(source.fingerprints.keys.filter { !KillWriter.hasExpired($0) })
        let archives = try KillCommands(home).listed().ids
        try KillSweepCheck(home: home, expected: KillExpectation(items: source, live: live), archives: archives)
            .run(&checks)
        return checks.problems
    }
}
