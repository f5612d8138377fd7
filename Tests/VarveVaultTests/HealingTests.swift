// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarveTestKit
import VarveVault

/// Good copies in the place of what is damaged.
@Suite struct HealingTests {
    /// A vault with two snapshots, a sweep and two segments, and another one with copies of them all.
    private struct Pair {
        let folder: TemporaryFolder
        let vault: Vault
        let other: Vault
        let manifests: [Manifest]
        let record: CommitRecord
        let before: [String: [UInt8]]

        init() throws {
            let folder = try TemporaryFolder()
            let vault = try Samples.vault(folder)
            let record = CommitRecord(folder.appending("commits"))
            (self.folder, self.vault, self.record) = (folder, vault, record)
            let other = try CopySamples.other(folder)
            self.other = other
            var readers = try (0..<2).map { _ in try Samples.snapshot(vault, items: 40, record: record) }
            let sweep = try Samples.snapshot(vault, items: 10, bundles: 1, kind: .sweep, record: record)
            try sweep.writeOutcome(
                deleted: 9, changed: 1, gone: 0, finished: .now(), interrupted: false, record: record)
            let segment = try LogSamples.segment(vault, number: 0)
            readers += [sweep, segment, try LogSamples.segment(vault, number: 1, after: segment)]
            for reader in readers { try CopySamples.copy(reader, to: other) }
            manifests = readers.map(\.manifest)
            before = try CopySamples.objects(vault)
        }

        func findings(_ vault: Vault, keys: any KeySealing = TwoKeys(), record: CommitRecord? = nil) throws -> [Finding]
        {
            let catalog = try Catalog.read(vault, depth: .bothCopies)
            var findings = vault.checkListing(catalog, record: record)
            findings += vault.checkDocuments(catalog, keys: keys)
            for entry in catalog.entries {
                for bundle in entry.manifest.bundles {
                    findings += vault.checkBundle(entry.manifest, bundle)
                }
            }
            return findings
        }

        /// Heals until nothing more is healed, as often as it takes for what only shows once something else is whole.
        @discardableResult
        func heal(_ vault: Vault, from other: Vault, _ record: CommitRecord? = nil) throws -> [VaultHealing.Outcome] {
            let found = try findings(vault, record: record)
            return try VaultHealing(vault, from: other, keys: TwoKeys(), under: "first", record: record)
                .run(found) {}
        }

        /// Every object is as it was, but for key files, which are sealed anew.
        func isAsBefore() throws -> Bool {
            try CopySamples.objects(vault).filter { !$0.key.hasPrefix("keys/") }
                == before.filter { !$0.key.hasPrefix("keys/") }
        }
    }

    private static func damage(_ path: FilePath, _ way: Int) throws {
        let bytes = try Tamper.read(path)
        switch way {
        case 0: try Tamper.remove(path)
        case 1: try Tamper.write(path, Array(bytes.dropLast(bytes.count / 3 + 1)))
        case 2: try Tamper.write(path, [])
        default:
            var bytes = bytes
            try #require(!bytes.isEmpty)
            bytes[bytes.count / 2] ^= 1
            try Tamper.write(path, bytes)
        }
    }

    @Test func `every object but the vault's identity is healed, whatever befell it`() throws {
        let pair = try Pair()
        var trials = 0
        for name in pair.before.keys.sorted() where name != "vault.json" {
            for way in 0..<4 {
                // A key file that was sealed anew has another number.
                let parts = name.split(separator: "/")
                let path =
                    parts[0] == "keys" ? try pair.vault.keyFiles.newest(String(parts[1])).text : name
                try Self.damage(pair.vault.file(path), way)
                #expect(try !pair.findings(pair.vault, record: pair.record).isEmpty, "\(path) \(way)")
                let outcomes = try pair.heal(pair.vault, from: pair.other, pair.record)
                #expect(outcomes.allSatisfy { $0.error == nil } && !outcomes.isEmpty, "\(path) \(way): \(outcomes)")
                #expect(try pair.findings(pair.vault, record: pair.record) == [], "\(path) \(way)")
                #expect(try pair.isAsBefore(), "\(path) \(way)")
                trials += 1
            }
        }
        #expect(trials > 100, "\(trials)")
        #expect(try pair.record.damagedLines() == 0)
    }

    @Test func `a recovery point that lost both manifests and more comes back as it was`() throws {
        let pair = try Pair()
        for (number, manifest) in pair.manifests.enumerated() {
            for way in [0, 3] {
                for path in [manifest.path, manifest.catalogPath] { try Self.damage(pair.vault.file(path), way) }
                if number % 2 == 0 {
                    try Self.damage(pair.vault.file(manifest.folder + "000001.tar.esdk"), 3)
                    for key in try pair.vault.storage.list("keys/\(manifest.key.id)/") {
                        try Self.damage(pair.vault.file(key.path.text), 0)
                    }
                }
                let record = number < 3 ? pair.record : nil
                let outcomes = try pair.heal(pair.vault, from: pair.other, record)
                // The newest segment is known to nobody once both manifests are gone.
                if way == 0 && number == pair.manifests.count - 1 {
                    #expect(outcomes.isEmpty)
                    try CopySamples.copy(try CopySamples.reader(pair.other, manifest.id), to: pair.vault)
                } else {
                    #expect(outcomes.allSatisfy { $0.error == nil } && !outcomes.isEmpty, "\(outcomes)")
                }
                #expect(try pair.findings(pair.vault, record: record) == [])
                #expect(try pair.isAsBefore(), "\(number) \(way)")
            }
        }
    }

    @Test func `a copy heals from the vault it came from, and from a folder that was copied as it stood`() throws {
        let pair = try Pair()
        let path = pair.manifests[0].folder + "000001.tar.esdk"
        let whole = try Tamper.read(pair.other.file(path))
        try Self.damage(pair.other.file(path), 3)
        #expect(try pair.heal(pair.other, from: pair.vault).map(\.object) == [path])
        #expect(try Tamper.read(pair.other.file(path)) == whole && pair.findings(pair.other) == [])

        try #require(
            try ChildProcess.run("cp", ["-a", pair.vault.storage.location, pair.folder.appending("mirror").string])
                .exitCode == 0)
        let mirror = try Vault.open(try DirectoryStorage(pair.folder.appending("mirror")))
        for manifest in pair.manifests.prefix(1) {
            for path in [manifest.path, manifest.catalogPath, manifest.folder + "000001.tar.esdk"] {
                try Self.damage(pair.vault.file(path), 3)
            }
        }
        try pair.heal(pair.vault, from: mirror, pair.record)
        #expect(try pair.isAsBefore() && pair.findings(pair.vault, record: pair.record) == [])
    }

    @Test func `where both copies are damaged nothing is healed and nothing is taken away`() throws {
        let pair = try Pair()
        let path = pair.manifests[1].folder + "000002.tar.esdk"
        try Self.damage(pair.vault.file(path), 3)
        var bytes = try Tamper.read(pair.other.file(path))
        bytes[bytes.count / 3] ^= 4
        try Tamper.write(pair.other.file(path), bytes)
        let damaged = (try CopySamples.objects(pair.vault), try CopySamples.objects(pair.other))
        let outcomes = try pair.heal(pair.vault, from: pair.other)
        let error = try #require(outcomes.first?.error as? VaultError)
        #expect(outcomes.count == 1 && error.code == .damaged && error.message.contains(path))
        #expect(try CopySamples.objects(pair.vault) == damaged.0 && CopySamples.objects(pair.other) == damaged.1)
    }

    /// Its SHA-256 is that of another bundle, so that only this vault's manifest tells it from the right one.
    @Test func `another bundle in the place of the copy heals nothing`() throws {
        let pair = try Pair()
        let paths = ["000001.tar.esdk", "000002.tar.esdk"].map { pair.manifests[0].folder + $0 }
        try Tamper.write(pair.other.file(paths[0]), try Tamper.read(pair.other.file(paths[1])))
        try Self.damage(pair.vault.file(paths[0]), 0)
        #expect(try pair.heal(pair.vault, from: pair.other).first?.error != nil)
        #expect(!FileManager.default.fileExists(atPath: pair.vault.file(paths[0]).string))
    }

    @Test func `a vault without copies heals nothing, and says so of each object`() throws {
        let pair = try Pair()
        let empty = try CopySamples.other(pair.folder, "empty")
        let manifest = pair.manifests[0]
        let key = try pair.vault.keyFiles.newest(manifest.key.id).text
        for path in [manifest.folder + "000001.tar.esdk", key] { try Self.damage(pair.vault.file(path), 0) }
        let before = try CopySamples.objects(pair.vault)
        let outcomes = try pair.heal(pair.vault, from: empty)
        #expect(Set(outcomes.map(\.object)) == [manifest.folder + "000001.tar.esdk", key])
        #expect(outcomes.allSatisfy { ($0.error as? VaultError)?.code == .missing })
        #expect(try CopySamples.objects(pair.vault) == before)
    }

    @Test func `a healing that fails anywhere is finished by the next one`() throws {
        let pair = try Pair()
        let failing = CopySamples.Failing()
        let vault = try Vault.open(
            try DirectoryStorage(FilePath(pair.vault.storage.location), failpoint: { failing.point($0) }))
        let manifest = pair.manifests[0]
        let key = try pair.vault.keyFiles.newest(manifest.key.id).text
        let other = pair.manifests[1]
        var (call, failed) = (0, 0)
        while true {
            for path in [manifest.folder + "000001.tar.esdk", manifest.catalogPath, other.path, other.catalogPath] {
                try Self.damage(pair.vault.file(path), 3)
            }
            for file in try pair.vault.storage.list("keys/\(manifest.key.id)/") {
                try Self.damage(pair.vault.file(file.path.text), 3)
            }
            let found = try pair.findings(pair.vault, record: pair.record)
            #expect(Set(found.map(\.object)).isSuperset(of: [manifest.catalogPath]), "\(key)")
            failing.fail(from: call, through: call)
            do {
                let outcomes = try VaultHealing(
                    vault, from: pair.other, keys: TwoKeys(), under: "first", record: pair.record
                ).run(found) {}
                if outcomes.contains(where: { $0.error != nil }) { failed += 1 }
            } catch {
                failed += 1
            }
            let wasReached = failing.calls > call
            failing.fail(from: nil, through: 0)
            for lease in try pair.vault.storage.list("leases/") { try pair.vault.storage.delete(lease.path) }
            try pair.heal(pair.vault, from: pair.other, pair.record)
            #expect(try pair.findings(pair.vault, record: pair.record) == [], "call \(call)")
            #expect(try pair.isAsBefore(), "call \(call)")
            if !wasReached { break }
            // Each call of the long way would take minutes; every third meets each kind of call.
            call += 3
        }
        #expect(failed > 15, "\(failed) of \(call)")
    }

    @Test func `one at a time heals a vault`() throws {
        let pair = try Pair()
        let path = pair.manifests[0].folder + "000001.tar.esdk"
        try Self.damage(pair.vault.file(path), 0)
        let lease = try Lease.claiming("heal", pair.vault.storage, what: "healing")
        #expect(code { try pair.heal(pair.vault, from: pair.other) } == .locked)
        lease.release()
        #expect(try pair.heal(pair.vault, from: pair.other).map(\.object) == [path])
    }

    @Test func `what was shredded is not healed back`() throws {
        let pair = try Pair()
        let entry = try #require(try Catalog.read(pair.vault).entries.first)
        _ = try pair.vault.shred(entry, tool: "varve test")
        let before = try CopySamples.objects(pair.vault)
        #expect(try pair.heal(pair.vault, from: pair.other).isEmpty)
        for path in [entry.manifest.path, entry.manifest.catalogPath] { try Self.damage(pair.vault.file(path), 3) }
        let outcomes = try pair.heal(pair.vault, from: pair.other)
        #expect(outcomes.allSatisfy { ($0.error as? VaultError)?.code == .shredded } && !outcomes.isEmpty)
        #expect(try pair.vault.storage.list("keys/\(entry.manifest.key.id)/").isEmpty)
        #expect(try CopySamples.objects(pair.vault).count == before.count)
    }
}

extension CommitRecord {
    fileprivate func damagedLines() throws -> Int { try entries().damagedLines }
}
