// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import SystemPackage
import Testing
import VarveModel
import VarveTestKit
import VarveVault

/// A vault with two snapshots and a sweep, and every way in which one object of it can be broken.
@Suite struct VerifyTests {
    struct Home {
        let folder: TemporaryFolder
        let vault: Vault
        let record: CommitRecord
        let first: SnapshotReader
        let second: SnapshotReader
        let sweep: SnapshotReader

        init() throws {
            folder = try TemporaryFolder()
            let clock = try TestClock(step: 2_000_000)
            vault = try Samples.vault(folder, clock: clock)
            record = CommitRecord(folder.appending("commits"))
            first = try Samples.snapshot(vault, record: record, clock: clock)
            second = try Samples.snapshot(vault, record: record, clock: clock)
            sweep = try Samples.snapshot(vault, kind: .sweep, record: record, clock: clock)
            try sweep.writeOutcome(
                deleted: 100, changed: 0, gone: 0, finished: clock.now(), interrupted: false, record: record)
        }

        var objects: [String] {
            get throws { try vault.storage.list("").map(\.path.text) }
        }

        func findings() throws -> [Finding] { try Samples.verify(vault, record: record) }
    }

    @Test func `a sound vault has no findings`() throws {
        let home = try Home()
        #expect(try home.findings() == [])
        // vault.json, README, 3 keys, 3 × (3 bundles, manifest, catalog entry), outcome.
        #expect(try home.objects.count == 21)
    }

    @Test func `whichever object is removed, verify names it`() throws {
        let home = try Home()
        for object in try home.objects where object != "vault.json" {
            let file = home.vault.file(object)
            let bytes = try Tamper.read(file)
            try Tamper.remove(file)
            let findings = try home.findings()
            #expect(
                findings.contains { $0.object == object && $0.code == .missing && $0.level == 0 },
                "\(object): \(findings)")
            try Tamper.write(file, bytes)
        }
        #expect(try home.findings() == [])
    }

    @Test func `whichever object is flipped, cut, lengthened or emptied, verify names it`() throws {
        let home = try Home()
        var generator = SeededGenerator()
        var damages = 0
        for object in try home.objects {
            let file = home.vault.file(object)
            let bytes = try Tamper.read(file)
            var cases: [[UInt8]] = [[], Array(bytes.dropLast()), bytes + [0x0A], Array(bytes[..<(bytes.count / 2)])]
            for _ in 0..<10 {
                var changed = bytes
                changed[Int.random(in: bytes.indices, using: &generator)] ^=
                    1 << UInt8.random(in: 0..<8, using: &generator)
                cases.append(changed)
            }
            for changed in cases {
                try Tamper.write(file, changed)
                let findings = try home.findings()
                #expect(findings.contains { $0.object == object }, "\(object): \(findings)")
                damages += 1
            }
            try Tamper.write(file, bytes)
        }
        #expect(damages == 21 * 14)
        #expect(try home.findings() == [])
    }

    @Test func `objects exchanged within their class are found`() throws {
        let home = try Home()
        let objects = try home.objects
        let classes = [
            objects.filter { $0.hasSuffix(".tar.esdk") }, objects.filter { $0.hasSuffix(".key") },
            objects.filter { $0.hasSuffix("/manifest.json") }, objects.filter { $0.hasPrefix("catalog/") },
        ]
        for members in classes {
            for (left, right) in zip(members, members.dropFirst()) {
                let (one, two) = (try Tamper.read(home.vault.file(left)), try Tamper.read(home.vault.file(right)))
                try Tamper.write(home.vault.file(left), two)
                try Tamper.write(home.vault.file(right), one)
                let found = Set(try home.findings().map(\.object))
                #expect(found.isSuperset(of: [left, right]), "\(left) and \(right): \(found)")
                try Tamper.write(home.vault.file(left), one)
                try Tamper.write(home.vault.file(right), two)
            }
        }
    }

    @Test func `a manifest that both copies of are gone is found by the chain, and by the home's record`() throws {
        let home = try Home()
        for path in [home.first.manifest.path, home.first.manifest.catalogPath] {
            try Tamper.remove(home.vault.file(path))
        }
        #expect(
            try Samples.verify(home.vault).contains { $0.object == home.first.manifest.path && $0.code == .missing })
        // The newest has no follower; only the home knows.
        for path in [home.sweep.manifest.path, home.sweep.manifest.catalogPath] {
            try Tamper.remove(home.vault.file(path))
        }
        #expect(try !Samples.verify(home.vault).contains { $0.object == home.sweep.manifest.path })
        #expect(try home.findings().contains { $0.object == home.sweep.manifest.path && $0.code == .missing })
    }

    @Test func `a manifest replaced by one with a sum of its own is found by hmac and chain`() throws {
        let home = try Home()
        let body = String(decoding: home.first.document.body, as: UTF8.self)
            .replacing(#""method":"store-snapshot""#, with: #""method":"scan-only""#)
        let forged = ProvenDocument(kind: "manifest", body: Array(body.utf8), key: .init(size: .bits256)).bytes
        for path in [home.first.manifest.path, home.first.manifest.catalogPath] {
            try Tamper.write(home.vault.file(path), forged)
        }
        let findings = try home.findings()
        #expect(
            Set(findings.map(\.object)).isSuperset(of: [home.first.manifest.path, home.first.manifest.catalogPath]))
        #expect(
            try Samples.verify(home.vault, keys: nil).contains {
                $0.object == home.first.manifest.path && $0.level == 1
            })
        let entry = try #require(try Catalog.read(home.vault).entries(idPrefix: home.first.manifest.id).first)
        #expect(code { _ = try SnapshotReader(home.vault, entry, keys: FixedKeys()) } == .damaged)
    }

    @Test func `wrong keys are a finding about the key files, not about bundles`() throws {
        let home = try Home()
        let catalog = try Catalog.read(home.vault, depth: .bothCopies)
        let findings = home.vault.checkDocuments(catalog, keys: FixedKeys.other)
        #expect(findings.count == 3)
        #expect(findings.allSatisfy { $0.object.hasPrefix("keys/") && $0.code == .unreadable })
    }

    // MARK: Catalog

    @Test func `the catalog is rebuilt from either copy`() throws {
        let home = try Home()
        for removed in [\Manifest.path, \Manifest.catalogPath] {
            let path = home.second.manifest[keyPath: removed]
            let bytes = try Tamper.read(home.vault.file(path))
            for change in [nil, [UInt8]("{}".utf8)] {
                if let change {
                    try Tamper.write(home.vault.file(path), change)
                } else {
                    try Tamper.remove(home.vault.file(path))
                }
                let catalog = try Catalog.read(home.vault)
                #expect(
                    catalog.entries.map(\.manifest) == [home.first.manifest, home.second.manifest, home.sweep.manifest])
                try Tamper.write(home.vault.file(path), bytes)
            }
        }
    }

    @Test func `a manifest that no sound copy is left of is reported, and hides nothing else`() throws {
        let home = try Home()
        for path in [home.second.manifest.path, home.second.manifest.catalogPath] {
            try Tamper.write(home.vault.file(path), Array("garbage".utf8))
        }
        let catalog = try Catalog.read(home.vault)
        #expect(catalog.entries.map(\.manifest.id) == [home.first.manifest.id, home.sweep.manifest.id])
        #expect(Set(catalog.findings.map(\.object)) == [home.second.manifest.path, home.second.manifest.catalogPath])
        #expect(catalog.unreadable.count == 1)
    }

    @Test func `entries are found by id, by table and by age`() throws {
        let home = try Home()
        let catalog = try Catalog.read(home.vault)
        #expect(
            catalog.entries(idPrefix: String(home.first.manifest.id.prefix(10))).map(\.manifest.id) == [
                home.first.manifest.id
            ])
        #expect(catalog.entries(table: "Music").count == 3)
        #expect(catalog.entries(table: Samples.table.id, kind: .sweep).map(\.manifest.id) == [home.sweep.manifest.id])
        #expect(catalog.entries(table: "music").isEmpty)
        #expect(catalog.latest(table: "Music")?.manifest.id == home.second.manifest.id)
        #expect(catalog.latest(table: "None") == nil)
    }

    // MARK: Making and opening

    @Test func `a vault is made only where nothing is, and a half-made one is finished`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        #expect(code { _ = try Samples.vault(folder) } == .exists)
        #expect(try Vault.open(vault.storage).id == vault.id)
        try Tamper.remove(vault.file("vault.json"))
        #expect(code { _ = try Vault.open(vault.storage) } == .missing)
        #expect(try Samples.vault(folder).id != vault.id)
        try folder.write("used/file", "somebody's")
        #expect(
            code { _ = try Vault.create(try DirectoryStorage(folder.appending("used")), tool: "t") } == .exists)
    }
}
