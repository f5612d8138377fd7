// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import SystemPackage
import Testing
import VarveTestKit

/// A snapshot is one state of its table, whatever is written meanwhile.
@Suite struct IsolationTests {
    /// Enough rows for several segments, so that a snapshot is read by several readers at once.
    private static let accounts = 12_000
    private static let writers = 8
    private static let snapshots = 50
    private static let balance = 1000

    private static let table = SampleTable(
        "Accounts", keys: [("id", "S")],
        (0..<accounts).map { #"{"Item":{"id":{"S":"account-\#($0)"},"balance":{"N":"\#(balance)"}}}"# })

    @Test func `fifty snapshots under eight writers each hold the whole sum`() throws {
        let home = try TestHome()
        try home.load(Self.table)
        let began = try home.backup("Accounts").sequence
        let load = try ChildProcess(
            Checkout.products.appending("TransferLoad"),
            [
                home.store.string, home.keyStore.string, home.rootKey.string, "Accounts", "\(Self.accounts)",
                "\(Self.writers)", "\(ChildProcess.timeLimit.components.seconds)",
            ], in: home.path)
        // Until the writers have begun. Idle ones prove nothing.
        var tries = 0
        while load.isRunning, tries < 50, try home.backup("Accounts").sequence == began { tries += 1 }
        try #require(tries < 50, "The writers write nothing.")

        var taken: [TestHome.Snapshot] = []
        for _ in 0..<Self.snapshots { taken.append(try home.backup("Accounts")) }
        #expect(load.isRunning)
        load.signal(SIGTERM)
        let ended = try load.wait()
        try #require(ended.exitCode == 0, "\(ended)")
        let commits = try #require(Int(ended.outputText.dropFirst("commits: ".count).dropLast()), "\(ended)")

        // The writers wrote between any two cuts: two changes a transaction.
        let sequences = taken.compactMap(\.sequence)
        try #require(sequences.count == Self.snapshots)
        for (earlier, later) in zip(sequences, sequences.dropFirst()) { #expect(later > earlier) }
        let changes = sequences[Self.snapshots - 1] - sequences[0]
        #expect(changes >= 2 * (Self.snapshots - 1))
        #expect(commits >= changes / 2)
        print("isolation: \(Self.snapshots) snapshots among \(commits) transactions in \(ended.took)")

        var before: [[UInt8]] = []
        for snapshot in taken {
            try home.run("restore", "Accounts", "--as", "state", "--id", snapshot.id)
            let lines = try home.export("state")
            try home.run("table", "drop", "state", "--yes")
            #expect(lines.count == Self.accounts && snapshot.items == Self.accounts)
            #expect(try Self.sum(of: lines) == Self.accounts * Self.balance, "snapshot \(snapshot.id)")
            #expect(lines != before)
            before = lines
        }
        try home.run("verify", "--level", "content")
    }

    private static func sum(of lines: [[UInt8]]) throws -> Int {
        try lines.reduce(0) { sum, line in
            let document = try JSONSerialization.jsonObject(with: Data(line)) as? [String: [String: [String: String]]]
            let balance = try #require(document?["Item"]?["balance"]?["N"].flatMap { Int($0) })
            return sum + balance
        }
    }
}
