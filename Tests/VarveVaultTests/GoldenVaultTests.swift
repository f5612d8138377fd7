// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarveTestKit
import VarveVault

/// A vault that the first version of the format wrote opens for ever.
///
/// `Fixtures/format-1/vault` holds a snapshot and a sweep of 60 items, sealed under the fixed keys of `FixedKeys`; `items.jsonl` the lines that must come out.
/// They are never made anew as long as format 1 is read. To make the files of a new format: `VARVE_GOLDEN=format-2 swift test --filter GoldenVaultTests`.
@Suite struct GoldenVaultTests {
    static let fixtures = Checkout.root.appending("Tests/VarveVaultTests/Fixtures")

    @Test(
        .enabled(if: ProcessInfo.processInfo.environment["VARVE_GOLDEN"] != nil, "set VARVE_GOLDEN to write fixtures"))
    func `write golden files`() throws {
        let name = try #require(ProcessInfo.processInfo.environment["VARVE_GOLDEN"])
        let folder = Self.fixtures.appending(name)
        try #require(
            !FileManager.default.fileExists(atPath: folder.string), "\(folder) exists; golden files are never replaced")
        let clock = try TestClock("2026-11-23T10:00:00.000000Z", step: 1_000_000)
        let vault = try Vault.create(
            try DirectoryStorage.create(folder.appending("vault")), tool: "varve golden", clock: clock)
        try Samples.snapshot(vault, items: 60, perFile: 10, bundles: 2, clock: clock)
        let sweep = try Samples.snapshot(vault, items: 60, perFile: 60, bundles: 1, kind: .sweep, clock: clock)
        try sweep.writeOutcome(deleted: 58, changed: 1, gone: 1, finished: clock.now(), interrupted: false, record: nil)
        try Tamper.write(folder.appending("items.jsonl"), Samples.expectedLines(0..<60).flatMap { $0 })
        rmdir(folder.appending("vault/.tmp").string)
    }

    @Test(arguments: ["format-1"])
    func `a vault of every format that was ever written still opens, byte for byte`(format: String) throws {
        let folder = Self.fixtures.appending(format)
        let vault = try Vault.open(try DirectoryStorage(folder.appending("vault")))
        #expect(vault.format == 1)
        #expect(try Samples.verify(vault) == [])

        let items = try Tamper.read(folder.appending("items.jsonl"))
        #expect(items.count { $0 == 0x0A } == 60)
        let catalog = try Catalog.read(vault)
        #expect(catalog.entries.map(\.manifest.kind) == [.snapshot, .sweep])
        for entry in catalog.entries {
            let reader = try SnapshotReader(vault, entry, keys: FixedKeys())
            #expect(try Samples.lines(reader).flatMap { $0 } == items)
            #expect(try reader.digests().table == Samples.digest(0..<60))
            #expect(entry.manifest.items == 60)
            #expect(entry.manifest.tool == "varve test")
            #expect(entry.manifest.consistency.method == "store-snapshot")
            #expect(entry.manifest.consistency.cut.sequence == 7)
        }
        let sweep = try SnapshotReader(vault, catalog.entries[1], keys: FixedKeys())
        let outcome = try #require(try sweep.outcome())
        #expect(outcome.deleted == 58)
        #expect(outcome.changed == 1)
        #expect(outcome.gone == 1)
        #expect(!outcome.interrupted)
        // Documents are encoded today as they were then.
        for entry in catalog.entries {
            #expect(try ProvenDocument.encode(entry.manifest).body == entry.document.body)
        }
    }
}
