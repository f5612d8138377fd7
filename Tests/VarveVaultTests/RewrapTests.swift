// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarveSeal
import VarveTestKit
import VarveVault

/// Sealing a recovery point's key anew, and destroying it.
@Suite struct RewrapTests {
    /// A vault whose storage fails at one call.
    private final class Failing: Sendable {
        private let state = Mutex<(calls: Int, failing: Int?)>((0, nil))

        var calls: Int { state.withLock { $0.calls } }
        /// Fails call number `call` from now on, counted from 0.
        func fail(at call: Int?) { state.withLock { $0 = (0, call) } }

        func point(_ point: FilePoint) -> Errno? {
            state.withLock { state in
                defer { state.calls += 1 }
                return state.calls == state.failing ? .ioError : nil
            }
        }
    }

    private func vault(_ folder: TemporaryFolder, _ failing: Failing) throws -> Vault {
        try Vault.open(try DirectoryStorage(folder.appending("vault"), failpoint: { failing.point($0) }))
    }

    private func keyFiles(_ vault: Vault) throws -> [String] {
        try vault.storage.list("keys/").map { $0.path.name }
    }

    @Test func `a rewrap writes one key file, takes the one before away and touches nothing else`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let reader = try Samples.snapshot(vault)
        let before = try vault.storage.list("").filter { !$0.path.text.hasPrefix("keys/") }
        let key = reader.manifest.key.id
        let done = try vault.keyFiles.rewrap(key, origin: vault.id, under: "other", keys: TwoKeys())
        #expect(try keyFiles(vault) == ["0002.key"])
        #expect(try done == .written(bytes: #require(try vault.storage.list("keys/").first).bytes))
        #expect(try vault.keyFiles.recipients(key).map(\.name) == ["other.1"])
        #expect(try vault.storage.list("").filter { !$0.path.text.hasPrefix("keys/") } == before)
        #expect(try Samples.verify(vault, keys: FixedKeys.other) == [])
        #expect(try !Samples.verify(vault, keys: FixedKeys()).isEmpty, "the first key opens it no more")
        #expect(try vault.keyFiles.rewrap(key, origin: vault.id, under: "other", keys: TwoKeys()) == .unchanged)
        #expect(try keyFiles(vault) == ["0002.key"])
    }

    @Test func `a rewrap that fails anywhere leaves a key that opens, and the next one finishes it`() throws {
        let failing = Failing()
        var failed = 0
        var call = 0
        while true {
            failing.fail(at: nil)
            let folder = try TemporaryFolder()
            let key = try Samples.snapshot(try Samples.vault(folder)).manifest.key.id
            let vault = try vault(folder, failing)
            failing.fail(at: call)
            let error = code { _ = try vault.keyFiles.rewrap(key, origin: vault.id, under: "other", keys: TwoKeys()) }
            let wasReached = failing.calls > call
            failing.fail(at: nil)
            _ = try vault.keyFiles.open(key, origin: vault.id, keys: TwoKeys())
            if error != nil { failed += 1 }
            _ = try vault.keyFiles.rewrap(key, origin: vault.id, under: "other", keys: TwoKeys())
            #expect(try keyFiles(vault).count == 1, "call \(call)")
            #expect(try vault.keyFiles.recipients(key).map(\.name) == ["other.1"])
            if !wasReached { break }
            call += 1
        }
        #expect(call > 10 && failed > 8, "\(call) calls, \(failed) failures")
    }

    @Test func `rewraps of one key at once lose nothing, and readers never miss it`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let key = try Samples.snapshot(vault).manifest.key.id
        let problems = Mutex<[String]>([])
        let group = DispatchGroup()
        for worker in 0..<4 {
            DispatchQueue.global().async(group: group) {
                for round in 0..<25 {
                    do {
                        if worker < 2 {
                            let under = (round + worker).isMultiple(of: 2) ? "other" : "first"
                            _ = try vault.keyFiles.rewrap(key, origin: vault.id, under: under, keys: TwoKeys())
                        } else {
                            _ = try vault.keyFiles.open(key, origin: vault.id, keys: TwoKeys())
                        }
                    } catch let error as VaultError where error.code == .locked {
                        // The loser may be told to come again.
                    } catch {
                        problems.withLock { $0.append("\(error)") }
                    }
                }
            }
        }
        group.wait()
        #expect(problems.withLock { $0 } == [])
        _ = try vault.keyFiles.rewrap(key, origin: vault.id, under: "first", keys: TwoKeys())
        #expect(try keyFiles(vault).count == 1)
        #expect(try Samples.verify(vault) == [])
    }

    // MARK: Shredding

    private func shred(_ vault: Vault, _ id: String) throws -> (tombstone: Tombstone, wasThere: Bool) {
        let entry = try #require(try Catalog.read(vault).entries(idPrefix: id).first)
        return try vault.shred(entry, tool: "varve test", clock: try TestClock("2027-03-01T00:00:00.000000Z"))
    }

    @Test func `a shredded recovery point is recorded and opens no more; its neighbours are untouched`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let first = try Samples.snapshot(vault)
        let second = try Samples.snapshot(vault)
        let (tombstone, wasThere) = try shred(vault, first.manifest.id)
        #expect(!wasThere && tombstone.id == first.manifest.id && tombstone.items == 100)
        #expect(tombstone.path == "tombstones/20270301T000000Z~\(first.manifest.id).json")
        #expect(try vault.storage.list("keys/\(first.manifest.key.id)/").isEmpty)
        let catalog = try Catalog.read(vault)
        #expect(catalog.entries.count == 2 && Array(catalog.shredded.keys) == [first.manifest.id])
        let entry = try #require(catalog.entries(idPrefix: first.manifest.id).first)
        #expect(code { _ = try SnapshotReader(vault, entry, keys: FixedKeys()) } == .shredded)
        #expect(catalog.latest(table: "Music")?.manifest.id == second.manifest.id)
        #expect(vault.checkListing(catalog) == [])
        #expect(vault.checkDocuments(try Catalog.read(vault, depth: .bothCopies), keys: FixedKeys()) == [])
        #expect(
            try SnapshotReader(vault, #require(catalog.entries(idPrefix: second.manifest.id).first), keys: FixedKeys())
                .digests().bundles.count == 3)
        #expect(try LeftoverTests.leftovers(vault) == [])
        #expect(try shred(vault, first.manifest.id).wasThere)
    }

    @Test func `a shredding that fails anywhere is undone or recorded, and shredding again finishes it`() throws {
        let failing = Failing()
        var (call, unfinished, before) = (0, 0, 0)
        while true {
            failing.fail(at: nil)
            let folder = try TemporaryFolder()
            let id = try Samples.snapshot(try Samples.vault(folder)).manifest.id
            let vault = try vault(folder, failing)
            let entry = try #require(try Catalog.read(vault).entries.first)
            failing.fail(at: call)
            let error = code { _ = try vault.shred(entry, tool: "varve test") }
            let wasReached = failing.calls > call
            failing.fail(at: nil)
            if error != nil {
                let codes = vault.checkListing(try Catalog.read(vault)).map(\.code)
                if try vault.tombstone(of: id) == nil {
                    before += 1
                    #expect(try Samples.verify(vault) == [], "nothing was begun")
                } else if codes == [.unfinished] {
                    unfinished += 1
                } else {
                    #expect(codes == [])
                }
            }
            _ = try shred(vault, id)
            #expect(try vault.storage.list("keys/").isEmpty, "call \(call)")
            #expect(vault.checkListing(try Catalog.read(vault)) == [])
            if !wasReached { break }
            call += 1
        }
        #expect(before > 3 && unfinished > 0, "\(call) calls: \(before) before the tombstone, \(unfinished) after it")
    }

    @Test func `what is shredded in the middle of a rewrap stays shredded`() throws {
        var (call, refused, wasReached) = (0, 0, true)
        while wasReached {
            let folder = try TemporaryFolder()
            let other = try Samples.vault(folder)
            let entry = try Samples.snapshot(other).manifest
            let state = Mutex(0)
            let chosen = call + 1
            let vault = try Vault.open(
                try DirectoryStorage(
                    folder.appending("vault"),
                    failpoint: { _ in
                        if state.withLock({
                            $0 += 1; return $0 == chosen
                        }) {
                            _ = try? shred(other, entry.id)
                        }
                        return nil
                    }))
            state.withLock { $0 = 0 }
            call += 1
            if code({ _ = try vault.rewrap(entry, under: "other", keys: TwoKeys()) }) == .shredded { refused += 1 }
            wasReached = state.withLock { $0 } >= call
            if wasReached {
                #expect(try keyFiles(other) == [], "call \(call)")
                #expect(other.checkListing(try Catalog.read(other)) == [])
            } else {
                #expect(try keyFiles(other) == ["0002.key"])
            }
        }
        #expect(call > 10 && refused > 8, "\(call) calls, \(refused) refused")
    }

    @Test func `what is in use is not shredded`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let reader = try Samples.snapshot(vault)
        let lease = try Lease(vault.storage, what: "restore of Music", protects: [reader.manifest.folder])
        let entry = try #require(try Catalog.read(vault).entries.first)
        #expect(code { _ = try vault.shred(entry, tool: "varve test") } == .locked)
        #expect(try vault.storage.list("tombstones/").isEmpty)
        lease.release()
        _ = try vault.shred(entry, tool: "varve test")
    }

    @Test func `a tombstone proves itself: every flipped byte and every cut is found`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let id = try Samples.snapshot(vault).manifest.id
        let path = try shred(vault, id).tombstone.path
        let bytes = try Tamper.read(vault.file(path))
        for at in bytes.indices {
            for damaged in [bytes[..<at] + [bytes[at] ^ 1] + bytes[(at + 1)...], bytes[..<at]] {
                try Tamper.write(vault.file(path), Array(damaged))
                let findings = vault.checkDocuments(try Catalog.read(vault, depth: .bothCopies))
                #expect(findings.contains { $0.object == path }, "byte \(at)")
            }
        }
        try Tamper.write(vault.file(path), bytes)
        #expect(vault.checkDocuments(try Catalog.read(vault, depth: .bothCopies)) == [])
    }
}
