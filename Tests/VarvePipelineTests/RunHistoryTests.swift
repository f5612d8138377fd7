// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveSchedule
import VarveTestKit
import VarveVault

@Suite struct RunHistoryTests {
    private func entry(_ number: Int) -> RunEntry {
        let time = Instant(microseconds: Int64(number) * 60_000_000)
        var entry = RunEntry(.started, time: time, planned: time)
        entry.run = "run\(number)"
        return entry
    }

    @Test func `a history cut anywhere keeps its whole lines, and goes on`() throws {
        let folder = try TemporaryFolder(in: "/dev/shm")
        let whole = RunHistory(folder.appending("whole"))
        for number in 0..<3 { try whole.append(entry(number)) }
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: whole.path.string)))
        let lines = bytes.count / 3
        for length in 0...bytes.count {
            let path = try folder.write("cut", bytes[..<length])
            let history = RunHistory(path)
            // A line that lost only its line feed is whole.
            let before = (length + 1) / lines
            #expect(try history.entries().entries.count == before, "\(length)")
            try history.append(entry(9))
            #expect(try history.entries().entries.map(\.run) == (0..<before).map { "run\($0)" } + ["run9"], "\(length)")
        }
    }

    @Test func `a line with any byte changed does not count`() throws {
        let folder = try TemporaryFolder(in: "/dev/shm")
        let history = RunHistory(folder.appending("history"))
        try history.append(entry(1))
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: history.path.string)))
        for index in 0..<(bytes.count - 1) {
            var changed = bytes
            changed[index] ^= 1
            let found = try RunHistory(try folder.write("changed", changed)).entries()
            #expect(found.entries.isEmpty && found.damagedLines >= 1, "\(index)")
        }
    }

    @Test func `a history is bounded, and what the schedule counts from stays`() throws {
        let folder = try TemporaryFolder(in: "/dev/shm")
        let history = RunHistory(folder.appending("history"), bytesKept: 4000, entriesKept: 5)
        var counting = RunEntry(.counting, time: Instant(microseconds: 0), planned: Instant(microseconds: 0))
        counting.times = "* * * * * UTC"
        try history.append(counting)
        for number in 1...100 {
            try history.append(entry(number))
            try history.trim()
        }
        let entries = try history.entries().entries
        #expect(entries.first == counting && entries.last == entry(100))
        #expect(entries.count < 30 && !FileManager.default.fileExists(atPath: history.path.string + ".next"))
    }

    @Test func `a history of a newer format is refused`() throws {
        let folder = try TemporaryFolder(in: "/dev/shm")
        let body = Array(#"{"event":"started","format":2,"time":"2026-11-24T10:00:00.000000Z"}"#.utf8)
        let path = try folder.write("history", ProvenDocument(kind: "run", body: body).bytes)
        let error = try #require(throws: VaultError.self) { try RunHistory(path).entries() }
        #expect(error.code == .newerFormat)
    }

    @Test func `a full disk leaves the history as it was`() throws {
        let folder = try TemporaryFolder(in: "/dev/shm")
        try RunHistory(folder.appending("history")).append(entry(1))
        let full = RunHistory(folder.appending("history"), bytesKept: 1, entriesKept: 1) {
            $0 == .write ? .noSpace : nil
        }
        #expect(throws: VaultError.self) { try full.append(entry(2)) }
        #expect(throws: VaultError.self) { try full.trim() }
        #expect(try full.entries().entries == [entry(1)])
    }
}
