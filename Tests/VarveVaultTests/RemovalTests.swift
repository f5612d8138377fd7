// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarveTestKit
import VarveVault

/// Records of removals, holds and locks as objects of a vault: what several say together, and that no damage to them stays unseen.
@Suite struct RemovalTests {
    private static func log(_ before: Int64) -> Removal.Log {
        .init(
            table: Samples.table, before: Instant(microseconds: before * 1_000_000), segments: 1, sealedBytes: 1,
            reason: "Old.")
    }

    @discardableResult
    private static func record(
        _ vault: Vault, _ action: Removal.Action, _ points: [Removal.Point] = [], _ logs: [Removal.Log] = [],
        clock: TestClock
    ) throws -> [Removal] {
        try vault.record(
            action, points: points, logs: logs, after: try Catalog.read(vault), tool: "varve test", clock: clock)
    }

    @Test func `the latest record counts, and records have an order whatever the clock says`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let clock = try TestClock()
        let reader = try Samples.snapshot(vault, clock: clock)
        let entry = try #require(try Catalog.read(vault).entries.first)
        let point = Removal.Point(entry, reason: "Old.")
        for round in 0..<3 {
            clock.advance(seconds: -3600)
            try Self.record(vault, .removed, [point], clock: clock)
            var catalog = try Catalog.read(vault)
            #expect(catalog.entries.isEmpty && catalog.removed.map(\.manifest.id) == [reader.manifest.id])
            #expect(code { _ = try SnapshotReader(vault, entry, keys: FixedKeys()) } == .removed, "\(round)")
            clock.advance(seconds: -3600)
            try Self.record(vault, .undone, [point], clock: clock)
            catalog = try Catalog.read(vault)
            #expect(catalog.removed.isEmpty && catalog.entries.count == 1)
            #expect(try SnapshotReader(vault, entry, keys: FixedKeys()).manifest == reader.manifest)
        }
        #expect(try Samples.verify(vault) == [])
    }

    @Test func `a log that is given back in part went in part when it went`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let clock = try TestClock()
        let first = try #require(try Self.record(vault, .removed, [], [Self.log(100)], clock: clock).first)
        clock.advance(seconds: 60)
        let second = try #require(try Self.record(vault, .removed, [], [Self.log(300)], clock: clock).first)
        func cuts() throws -> [(Int64, Instant)] {
            let removals = try Catalog.read(vault).removals
            return (removals.cuts[Samples.table.id] ?? []).map { ($0.before.seconds, $0.time) }
        }
        #expect(try cuts().map(\.0) == [100, 300] && cuts().map(\.1) == [first.time, second.time])
        clock.advance(seconds: 60)
        try Self.record(vault, .undone, [], [Self.log(200)], clock: clock)
        #expect(try cuts().map(\.0) == [100, 200] && cuts().map(\.1) == [first.time, second.time])
        try Self.record(vault, .undone, [], [Self.log(50)], clock: clock)
        #expect(try cuts().map(\.0) == [50] && cuts().map(\.1) == [first.time])
        let third = try #require(try Self.record(vault, .removed, [], [Self.log(100)], clock: clock).first)
        #expect(try cuts().map(\.0) == [50, 100] && cuts().map(\.1) == [first.time, third.time])
    }

    @Test(arguments: ["catalog/", "keys/", "tables/"])
    func `what is removed is neither missing nor left over, whatever of it has gone`(beginning: String) throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let record = CommitRecord(folder.appending("commits"))
        let clock = try TestClock(step: 2_000_000)
        let first = try Samples.snapshot(vault, record: record, clock: clock)
        let second = try Samples.snapshot(vault, record: record, clock: clock)
        let entry = try #require(try Catalog.read(vault).entries.first)
        let sound = Set(try vault.storage.list("").map(\.path.text).filter { !$0.contains(first.manifest.id) })
        let records = try Self.record(vault, .removed, [.init(entry, reason: "Old.")], clock: clock)
        let own = try vault.storage.list("").map(\.path).filter {
            $0.text.contains(first.manifest.id) || $0.text.hasPrefix("keys/\(first.manifest.key.id)/")
        }
        #expect(own.count == 6)
        // In one order both copies of the manifest go before all else.
        let manifests = own.filter { $0.name.hasSuffix(".json") }
        let order =
            beginning == "tables/"
            ? manifests + own.filter { !manifests.contains($0) }
            : own.filter { $0.text.hasPrefix(beginning) } + own.filter { !$0.text.hasPrefix(beginning) }
        for path in order {
            #expect(try Samples.verify(vault, record: record) == [], "before \(path)")
            #expect(try LeftoverTests.leftovers(vault, record: record) == [], "before \(path)")
            try vault.storage.delete(path)
        }
        #expect(try Samples.verify(vault, record: record) == [])
        #expect(try LeftoverTests.leftovers(vault, record: record) == [])
        #expect(try Catalog.read(vault).remainsOfRemoved().isEmpty)
        #expect(
            try Set(vault.storage.list("").map(\.path.text)).subtracting(records.map(\.path))
                == sound.filter { !$0.hasPrefix("keys/\(first.manifest.key.id)/") })
        #expect(second.manifest.previous?.path == first.manifest.path)
    }

    @Test func `a record names no other's folder and no key that is in use`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let clock = try TestClock(step: 2_000_000)
        let first = try Samples.snapshot(vault, clock: clock)
        let second = try Samples.snapshot(vault, clock: clock)
        let entry = try #require(try Catalog.read(vault).entries.first)
        let written = try #require(try Self.record(vault, .removed, [.init(entry, reason: "Old.")], clock: clock).first)
        let bytes = try Tamper.read(vault.file(written.path))
        let document = try ProvenDocument.decode(Removal.self, bytes, name: "r").document
        let body = String(decoding: document.body, as: UTF8.self)
        for (own, others) in [
            (first.manifest.key.id, second.manifest.key.id), (first.manifest.path, second.manifest.path),
        ] {
            let forged = ProvenDocument(
                kind: "removal", body: Array(body.replacing("\"\(own)\"", with: "\"\(others)\"").utf8))
            try Tamper.write(vault.file(written.path), forged.bytes)
            let fresh = try Vault.open(vault.storage)
            for remains in try Catalog.read(fresh).remainsOfRemoved() { try fresh.removeBytes(remains) }
            let kept = try #require(try Catalog.read(fresh).entries.first { $0.manifest.id == second.manifest.id })
            #expect(try SnapshotReader(fresh, kept, keys: FixedKeys()).index().files.isEmpty == false)
        }
    }

    // MARK: Formats

    /// Files that no version may read or write otherwise.
    @Test func `documents of format 1 read, and are written again, byte for byte`() throws {
        let time = try #require(Instant(rfc3339: "2026-11-23T10:00:00.000000Z"))
        let removal = try Self.golden(Removal.self, "removal")
        #expect(removal.action == .removed && removal.time == time)
        let point = try #require(removal.points.first)
        #expect(point.id == "pppppppppppppppp" && point.kind == .snapshot && point.items == 7)
        #expect(point.key == "kkkkkkkkkkkkkkkk" && point.sealedBytes == 99 && point.reason == "Old.")
        let log = try #require(removal.logs.first)
        #expect(log.before == time && log.segments == 3 && log.sealedBytes == 12 && log.table == Samples.table)
        let hold = try Self.golden(Hold.self, "hold")
        #expect(hold.on == Protected(recoveryPoint: "pppppppppppppppp") && hold.placedBy == "ada")
        let release = try Self.golden(HoldRelease.self, "release")
        #expect(release.hold == hold.id && release.released == time)
        let lock = try Self.golden(RetentionLock.self, "lock")
        #expect(lock.on == Protected(table: Samples.table.id) && lock.until == time)
    }

    private static func golden<Content: VersionedContent>(_ type: Content.Type, _ name: String) throws -> Content {
        let bytes = try Tamper.read(GoldenVaultTests.fixtures.appending("retention/\(name).json"))
        let content = try ProvenDocument.decode(type, bytes, name: name).content
        #expect(try ProvenDocument.encode(content).bytes == bytes, "\(name)")
        return content
    }

    // MARK: Damage

    @Test func `every byte of a record, hold, release or lock that changes, and every cut of it, is found`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let time = try #require(Instant(rfc3339: "2026-11-23T10:00:00.000000Z"))
        let clock = try TestClock()
        try Samples.snapshot(vault, clock: clock)
        let entry = try #require(try Catalog.read(vault).entries.first)
        try Self.record(
            vault, .undone, [.init(entry, reason: "Back.")], [Self.log(0)], clock: clock)
        let hold = VaultPaths.hold(at: time, id: "hhhhhhhhhhhhhhhh")
        try put(
            vault, hold,
            Hold(
                vault: vault.id, path: hold, id: "hhhhhhhhhhhhhhhh", on: .init(), reason: "case 7", placedBy: "ada",
                placed: time, tool: "varve test"))
        let release = VaultPaths.release(at: time, hold: "hhhhhhhhhhhhhhhh")
        try put(
            vault, release,
            HoldRelease(
                vault: vault.id, path: release, hold: "hhhhhhhhhhhhhhhh", reason: "closed", releasedBy: "ada",
                released: time, tool: "varve test"))
        let lock = VaultPaths.lock(at: time, id: "llllllllllllllll")
        try put(
            vault, lock,
            RetentionLock(
                vault: vault.id, path: lock, id: "llllllllllllllll", on: .init(table: Samples.table.id), until: time,
                placed: time, tool: "varve test"))
        #expect(try Samples.verify(vault) == [])
        let catalog = try Catalog.read(vault)
        #expect(catalog.protections.holds.isEmpty && catalog.protections.locks.count == 1)
        var damages = 0
        for path in try vault.storage.list("").map(\.path.text)
        where ["tombstones/", "holds/", "locks/"].contains(where: path.hasPrefix) {
            let file = vault.file(path)
            let whole = try Tamper.read(file)
            for index in whole.indices {
                var bytes = whole
                bytes[index] ^= UInt8(1 << (index % 8))
                for changed in index % 4 == 0 ? [bytes, Array(whole[..<index])] : [bytes] {
                    try Tamper.write(file, changed)
                    // As another process sees it: a record is read once.
                    let found = try Catalog.read(try Vault.open(vault.storage)).findings
                    #expect(found.map(\.object) == [path], "\(path) at \(index)")
                    damages += 1
                }
            }
            // In another place, or from another vault, it is none.
            try Tamper.write(file, whole)
            let other = path.replacing("2026", with: "2027")
            try vault.storage.put(try ObjectPath(other), whole)
            #expect(try Catalog.read(vault).findings.map(\.object) == [other])
            try vault.storage.delete(try ObjectPath(other))
        }
        #expect(damages > 2000)
        #expect(try Samples.verify(vault) == [])
    }

    private func put(_ vault: Vault, _ path: String, _ content: some VersionedContent) throws {
        try vault.storage.put(try ObjectPath(path), try ProvenDocument.encode(content).bytes)
    }
}
