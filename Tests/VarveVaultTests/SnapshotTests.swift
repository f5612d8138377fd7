// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Synchronization
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarveSeal
import VarveTestKit
import VarveVault

@Suite struct SnapshotTests {
    @Test func `a committed snapshot verifies at every level, and reads back`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let record = CommitRecord(folder.appending("commits"))
        let reader = try Samples.snapshot(vault, items: 250, perFile: 30, bundles: 3, record: record)
        #expect(try Samples.verify(vault, record: record) == [])
        #expect(try Samples.verify(vault, keys: nil) == [])
        #expect(try Samples.lines(reader) == Samples.expectedLines(0..<250))
        let manifest = reader.manifest
        #expect(manifest.items == 250)
        #expect(manifest.dataFiles == 9)
        #expect(manifest.bundles.map(\.name) == (1...4).map { "00000\($0).tar.esdk" })
        #expect(manifest.bundles.last?.items == 0)
        #expect(manifest.description["TableName"]?.string == "Music")
        #expect(try reader.digests().table == Samples.digest(0..<250))
        #expect(try vault.storage.list("leases/").isEmpty)
        let both = try [manifest.path, manifest.catalogPath].map { try Tamper.read(vault.file($0)) }
        #expect(both[0] == both[1])
        #expect(try record.entries().entries.map(\.path) == [manifest.path])
    }

    @Test func `an empty table makes a snapshot of one bundle`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let writer = try SnapshotWriter(vault, Samples.plan(), keys: FixedKeys(), record: nil)
        // A thread that took a bundle and found nothing to put in.
        try writer.bundle().abandon()
        let reader = try writer.commit(consistency: Samples.consistency(writer.started))
        #expect(reader.manifest.items == 0)
        #expect(reader.manifest.bundles.count == 1)
        #expect(try Samples.verify(vault) == [])
        #expect(try Samples.lines(reader) == [])
    }

    @Test func `several threads write bundles of one snapshot`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let writer = try SnapshotWriter(vault, Samples.plan(), keys: FixedKeys(), record: nil)
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { number in
            do {
                let bundle = try writer.bundle()
                for part in 0..<5 {
                    try bundle.add(try Samples.dataFile((number * 50 + part * 10)..<(number * 50 + part * 10 + 10)))
                }
                try bundle.finish()
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
        let reader = try writer.commit(consistency: Samples.consistency(writer.started))
        #expect(try Samples.lines(reader) == Samples.expectedLines(0..<400))
        #expect(try Samples.verify(vault) == [])
    }

    @Test func `an abandoned snapshot leaves nothing, and one not committed does not exist`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let writer = try SnapshotWriter(vault, Samples.plan(), keys: FixedKeys(), record: nil)
        let bundle = try writer.bundle()
        try bundle.add(try Samples.dataFile(0..<10))
        try bundle.finish()
        #expect(try Catalog.read(vault).entries.isEmpty)
        #expect(try vault.storage.list("leases/").count == 1)
        try writer.abandon()
        try writer.abandon()
        #expect(try vault.storage.list("").map(\.path.text) == ["README.txt", "vault.json"])
        #expect(code { _ = try writer.bundle() } == .misuse)
        #expect(code { _ = try writer.commit(consistency: Samples.consistency(writer.started)) } == .misuse)
    }

    @Test func `a snapshot is not committed with a bundle open or given up`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let writer = try SnapshotWriter(vault, Samples.plan(), keys: FixedKeys(), record: nil)
        let bundle = try writer.bundle()
        try bundle.add(try Samples.dataFile(0..<10))
        #expect(code { _ = try writer.commit(consistency: Samples.consistency(writer.started)) } == .misuse)
        bundle.abandon()
        #expect(code { _ = try writer.commit(consistency: Samples.consistency(writer.started)) } == .misuse)
        try writer.abandon()
        #expect(try vault.storage.list("").count == 2)
    }

    /// Lets every system call of a snapshot fail in turn, until one goes through without.
    @Test(arguments: [Errno.noSpace, .ioError])
    func `whichever system call fails, the snapshot is whole or is nothing`(errno: Errno) throws {
        var committed = 0
        var failed = 0
        for failing in 0... {
            let folder = try TemporaryFolder()
            _ = try Samples.vault(folder)
            let calls = Mutex(0)
            let armed = Mutex(true)
            let storage = try DirectoryStorage(folder.appending("vault")) { _ in
                let number = calls.withLock { count in
                    defer { count += 1 }
                    return count
                }
                return number == failing && armed.withLock { $0 } ? errno : nil
            }
            let vault = try Vault.open(try DirectoryStorage(folder.appending("vault")))
            var writer: SnapshotWriter?
            var isCommitted = false
            do {
                let made = try SnapshotWriter(
                    try Vault.open(storage), Samples.plan(), keys: FixedKeys(), record: nil)
                writer = made
                let bundle = try made.bundle()
                try bundle.add(try Samples.dataFile(0..<10))
                try bundle.finish()
                _ = try made.commit(consistency: Samples.consistency(made.started))
                isCommitted = true
            } catch let error as VaultError {
                failed += 1
                isCommitted = error.message.contains("is committed")
                #expect([.full, .io].contains(error.code), "\(error)")
            }
            armed.withLock { $0 = false }
            if !isCommitted { try writer?.abandon() }
            writer = nil
            let catalog = try Catalog.read(vault)
            #expect(catalog.entries.count == (isCommitted ? 1 : 0), "call \(failing)")
            if isCommitted {
                committed += 1
                let reader = try SnapshotReader(vault, try #require(catalog.entries.first), keys: FixedKeys())
                #expect(try Samples.lines(reader) == Samples.expectedLines(0..<10))
            } else {
                let left = try vault.storage.list("").map(\.path.text).filter { !$0.hasPrefix("leases/") }
                #expect(left == ["README.txt", "vault.json"], "call \(failing)")
            }
            #expect(try vault.storage.remains(before: Instant(microseconds: .max)).isEmpty, "call \(failing)")
            if calls.withLock({ $0 }) <= failing { break }
        }
        #expect(committed >= 1 && failed > 30)
    }

    @Test func `each manifest names the one before it`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let clock = try TestClock(step: 2_000_000)
        let first = try Samples.snapshot(vault, clock: clock)
        let second = try Samples.snapshot(vault, clock: clock)
        let other = try Samples.snapshot(vault, table: .init(name: "Music", id: "zzzzyyyyxxxxwwww"), clock: clock)
        let sweep = try Samples.snapshot(vault, kind: .sweep, clock: clock)
        #expect(first.manifest.previous == nil)
        #expect(other.manifest.previous == nil)
        #expect(second.manifest.previous?.path == first.manifest.path)
        #expect(second.manifest.previous?.sha256 == first.document.sha256Text)
        #expect(sweep.manifest.previous?.path == second.manifest.path)
        #expect(sweep.manifest.previous?.sha256 == second.document.sha256Text)
        #expect(try Samples.verify(vault) == [])
    }

    @Test func `a key file that does not read back is never used`() throws {
        struct Forgetful: KeySealing {
            func sealKey(_ key: SymmetricKey, under reference: String, context: EncryptionContext) throws -> [UInt8] {
                try FixedKeys().sealKey(SymmetricKey(size: .bits256), under: reference, context: context)
            }
            func openKey(_ message: [UInt8], expecting: EncryptionContext) throws -> SymmetricKey {
                try FixedKeys().openKey(message, expecting: expecting)
            }
            func resolve(_ reference: String) throws -> (id: String, class: KeyClass) { ("x", .customer) }
            func recipients(under reference: String) throws -> [Message.Recipient] {
                try FixedKeys().recipients(under: reference)
            }
        }
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        #expect(code { _ = try SnapshotWriter(vault, Samples.plan(), keys: Forgetful(), record: nil) } == .damaged)
        #expect(try vault.storage.list("").count == 2)
    }

    @Test func `a real key store and its recovery kit open a snapshot, another store does not`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let protection = KeyProtection.rootKey(SecretBytes([UInt8](repeating: 3, count: 32)))
        let store = try KeyStore.create(at: folder.appending("keys"), protection: protection)
        let stranger = try KeyStore.create(at: folder.appending("other"), protection: protection)
        let writer = try SnapshotWriter(
            vault,
            .init(
                kind: .snapshot, table: Samples.table, description: Samples.description, wrappingKey: "owned", tool: "t"
            ),
            keys: store, record: nil)
        let bundle = try writer.bundle()
        try bundle.add(try Samples.dataFile(0..<10))
        try bundle.finish()
        _ = try writer.commit(consistency: Samples.consistency(writer.started))
        let entry = try #require(try Catalog.read(vault).entries.first)
        #expect(entry.manifest.key.wrappingClass == "owned")
        for keys in [store, try store.recoveryKit(vaults: [vault.id])] as [any KeyOpening] {
            #expect(try Samples.lines(try SnapshotReader(vault, entry, keys: keys)) == Samples.expectedLines(0..<10))
        }
        #expect(code { _ = try SnapshotReader(vault, entry, keys: stranger) } == .unreadable)
    }

    @Test func `a table whose name is as long as DynamoDB allows fits into a file name`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let table = Manifest.TableIdentity(
            name: String(repeating: "x", count: 255), id: "01234567-89ab-cdef-0123-456789abcdef")
        try Samples.snapshot(vault, table: table)
        #expect(try Samples.verify(vault) == [])
        #expect(try Catalog.read(vault).entries(table: table.name).count == 1)
    }

    // MARK: Sweeps

    @Test func `a sweep's outcome is written once and bound to its manifest`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let sweep = try Samples.snapshot(vault, kind: .sweep)
        #expect(try sweep.outcome() == nil)
        let now = Instant(microseconds: 1_700_000_000_000_000)
        let outcome = try sweep.writeOutcome(
            deleted: 90, changed: 7, gone: 3, finished: now, interrupted: false, record: nil)
        #expect(try sweep.outcome() == outcome)
        #expect(
            code {
                try sweep.writeOutcome(deleted: 1, changed: 0, gone: 0, finished: now, interrupted: true, record: nil)
            }
                == .exists)
        #expect(try Samples.verify(vault) == [])

        let other = try Samples.snapshot(vault, kind: .sweep)
        let bytes = try Tamper.read(vault.file(outcome.path))
        let moved = other.manifest.folder + "outcome.json"
        try Tamper.write(vault.file(moved), bytes)
        #expect(code { _ = try other.outcome() } == .damaged)
        #expect(try Samples.verify(vault).map(\.object) == [moved])
        #expect(
            code {
                try Samples.snapshot(vault).writeOutcome(
                    deleted: 0, changed: 0, gone: 0, finished: now, interrupted: false, record: nil)
            }
                == .misuse)
    }
}
