// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarveTestKit
import VarveVault

@Suite struct LeftoverTests {
    /// Looks from a time at which everything is older than any grace period and every lease has expired.
    static func later() throws -> TestClock {
        let clock = try TestClock(Instant.now().rfc3339)
        clock.advance(seconds: 400 * 86_400)
        return clock
    }

    static func leftovers(_ vault: Vault, record: CommitRecord? = nil) throws -> [String] {
        try vault.leftovers(grace: .seconds(3600), record: record, clock: try later()).objects.map(\.path.text)
    }

    /// What a run that was killed leaves: bundles and a key, no manifest.
    static func broken(_ vault: Vault, clock: TestClock) throws -> (folder: String, key: String) {
        let writer = try SnapshotWriter(vault, Samples.plan(), keys: FixedKeys(), record: nil, clock: clock)
        let bundle = try writer.bundle()
        try bundle.add(try Samples.dataFile(0..<10))
        try bundle.finish()
        return (writer.folder, "keys/\(writer.key.id)/0001.key")
    }

    @Test func `what a killed run left is a leftover, and nothing else is`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        try Samples.snapshot(vault)
        let sound = try vault.storage.list("").map(\.path.text)
        let broken = try Self.broken(vault, clock: try TestClock())
        try folder.write("vault/.tmp/abandoned", [1, 2, 3])
        let found = try vault.leftovers(grace: .seconds(3600), record: nil, clock: try Self.later())
        #expect(Set(found.objects.map(\.path.text)) == [broken.folder + "000001.tar.esdk", broken.key])
        #expect(found.remains.map(\.name) == ["abandoned"])
        #expect(found.notes == [])
        try vault.remove(found)
        #expect(try vault.storage.list("").map(\.path.text) == sound)
        #expect(try Samples.verify(vault) == [])
        #expect(try vault.leftovers(grace: .seconds(0), record: nil, clock: try Self.later()).isEmpty)
    }

    @Test func `what is younger than the grace period, or under a live lease, is no leftover`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let now = SystemClock()
        let writer = try SnapshotWriter(vault, Samples.plan(), keys: FixedKeys(), record: nil, clock: now)
        let bundle = try writer.bundle()
        try bundle.add(try Samples.dataFile(0..<10))
        try bundle.finish()
        #expect(try vault.leftovers(grace: .seconds(-60), record: nil, clock: now).isEmpty)
        #expect(try vault.leftovers(grace: .seconds(3600), record: nil, clock: now).isEmpty)
        for lease in try vault.storage.list("leases/") { try vault.storage.delete(lease.path) }
        #expect(try vault.leftovers(grace: .seconds(3600), record: nil, clock: now).isEmpty)
        #expect(try vault.leftovers(grace: .seconds(-60), record: nil, clock: now).objects.count == 2)
        try writer.abandon()
    }

    @Test func `no sound snapshot is a leftover, whatever happened to its manifests`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let clock = try TestClock(step: 2_000_000)
        let record = CommitRecord(folder.appending("commits"))
        let first = try Samples.snapshot(vault, record: record, clock: clock)
        let second = try Samples.snapshot(vault, record: record, clock: clock)
        let damage: [(String, [UInt8]?)] = [("gone", nil), ("garbage", Array("garbage".utf8))]
        for reader in [first, second] {
            let paths = [reader.manifest.path, reader.manifest.catalogPath]
            let bytes = try Tamper.read(vault.file(paths[0]))
            for (name, change) in damage {
                for victims in [[paths[0]], [paths[1]], paths] {
                    for path in victims {
                        if let change {
                            try Tamper.write(vault.file(path), change)
                        } else {
                            try Tamper.remove(vault.file(path))
                        }
                    }
                    #expect(try Self.leftovers(vault, record: record) == [], "\(name): \(victims)")
                    for path in paths { try Tamper.write(vault.file(path), bytes) }
                }
            }
        }
        // Without the home's record the chain still knows the first.
        for path in [first.manifest.path, first.manifest.catalogPath] { try Tamper.remove(vault.file(path)) }
        let found = try vault.leftovers(grace: .seconds(3600), record: nil, clock: try Self.later())
        #expect(found.objects.isEmpty)
        #expect(found.notes.count == 1)
    }

    // MARK: Leases

    @Test func `a lease holds for its term, is written anew in time and removes itself`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let clock = try TestClock(step: 0)
        func live() throws -> [LeaseDescription] { try Lease.live(in: vault.storage, at: clock.now()).leases }
        do {
            let lease = try Lease(vault.storage, what: "backup of Music", protects: ["tables/x/"], clock: clock)
            let first = try #require(try live().first)
            #expect(first.what == "backup of Music")
            #expect(first.protects == ["tables/x/"])
            #expect(first.expires.seconds - clock.now().seconds == Lease.term.components.seconds)
            clock.advance(seconds: 60)
            try lease.refresh()
            #expect(try live() == [first])
            clock.advance(seconds: 20 * 60)
            try lease.refresh()
            #expect(try #require(try live().first).expires > first.expires)
            clock.advance(seconds: 31 * 60)
            #expect(try live().isEmpty)
            try lease.refresh()
            #expect(try live().count == 1)
        }
        #expect(try vault.storage.list("leases/").isEmpty)
    }

    @Test func `a lease that cannot be read keeps everything for one term`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        try vault.storage.replace(try ObjectPath("leases/x.json"), Array("garbage".utf8))
        let now = SystemClock().now()
        #expect(try Lease.live(in: vault.storage, at: now).unreadable.count == 1)
        let later = Instant(microseconds: now.microseconds + 3_600_000_000)
        #expect(try Lease.live(in: vault.storage, at: later).unreadable.isEmpty)
    }

    // MARK: The home's record

    static func entry(_ number: Int) -> CommitEntry {
        CommitEntry(
            vault: "v", id: "id\(number)", path: "p\(number)", catalogPath: "c\(number)", sha256: "s",
            key: "k",
            time: Instant(microseconds: Int64(number)))
    }

    @Test func `the record keeps every line through a torn one`() throws {
        let folder = try TemporaryFolder()
        let record = CommitRecord(folder.appending("commits"))
        #expect(try record.entries().entries == [])
        try record.append(Self.entry(1))
        try record.append(Self.entry(2))
        let whole = try Tamper.read(record.path)
        try Tamper.write(record.path, Array(whole.dropLast(40)))
        try record.append(Self.entry(3))
        let read = try record.entries()
        #expect(read.entries == [Self.entry(1), Self.entry(3)])
        #expect(read.damagedLines == 1)
    }

    @Test func `the record takes lines from many threads`() throws {
        let folder = try TemporaryFolder()
        let record = CommitRecord(folder.appending("commits"))
        DispatchQueue.concurrentPerform(iterations: 20) { number in
            #expect(throws: Never.self) { try record.append(Self.entry(number)) }
        }
        let read = try record.entries()
        #expect(Set(read.entries.map(\.id)) == Set((0..<20).map { "id\($0)" }))
        #expect(read.damagedLines == 0)
    }

    @Test func `a record on a full disk is a typed error`() throws {
        let folder = try TemporaryFolder()
        let record = CommitRecord(folder.appending("commits")) { $0 == .write ? .noSpace : nil }
        #expect(code { try record.append(Self.entry(1)) } == .full)
    }
}
