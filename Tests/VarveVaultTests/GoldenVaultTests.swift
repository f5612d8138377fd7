// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarveTestKit
import VarveVault

/// A vault that any version of the format wrote opens for ever.
///
/// `Fixtures/format-1/vault` holds a snapshot and a sweep of 60 items, sealed under the fixed keys of `FixedKeys`; `items.jsonl` the lines that must come out.
/// `Fixtures/format-2/vault` holds a snapshot of 20 items and three segments of its log, the last one of quiet; `changes.jsonl` the lines of the others.
/// `Fixtures/format-3/vault` holds the same, a segment that the first two were merged into, and a synthetic snapshot of all of it.
/// They are never made anew as long as their format is read. To make the files of a new format: `VARVE_GOLDEN=format-4 swift test --filter GoldenVaultTests`.
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
        let snapshot = try Samples.snapshot(vault, items: 20, perFile: 20, bundles: 1, clock: clock)
        let first = try LogSamples.segment(vault, number: 0, clock: clock)
        let second = try LogSamples.segment(vault, number: 1, after: first, clock: clock)
        try LogSamples.segment(vault, number: 2, changes: 0, after: second, clock: clock)
        try LogSamples.merged(vault, first, second, clock: clock)
        var plan = Samples.plan(.snapshot)
        plan.sources = LogSamples.sources(base: snapshot, first, second)
        let made = try SnapshotWriter(vault, plan, keys: FixedKeys(), record: nil, clock: clock)
        let bundle = try made.bundle()
        try bundle.add(try Samples.dataFile(0..<40))
        try bundle.finish()
        let cut = LogSamples.stretch(1, changes: LogSamples.changes).through
        _ = try made.commit(
            consistency: .init(method: "synthetic", from: cut, to: cut, cut: .init(time: cut, sequence: nil)))
        try Tamper.write(folder.appending("changes.jsonl"), LogSamples.lines(0, 40).flatMap { $0 })
        rmdir(folder.appending("vault/.tmp").string)
    }

    @Test func `a vault with segments still opens, byte for byte`() throws {
        let folder = Self.fixtures.appending("format-2")
        let vault = try Vault.open(try DirectoryStorage(folder.appending("vault")))
        #expect(try LogSamples.verify(vault) == [])
        let catalog = try Catalog.read(vault)
        #expect(catalog.entries.map(\.manifest.kind) == [.snapshot, .log, .log, .log])
        #expect(catalog.entries.map(\.manifest.format) == [1, 2, 2, 2])
        var lines: [UInt8] = []
        for entry in catalog.entries {
            #expect(try ProvenDocument.encode(entry.manifest).body == vault.manifest(at: entry.place).document.body)
            let reader = try SnapshotReader(vault, entry, keys: FixedKeys())
            guard let log = entry.manifest.log else { continue }
            let index = try reader.index()
            for bundle in entry.manifest.bundles {
                try reader.forEachRunOfLines(in: bundle, index) { run in
                    lines += Array(run)
                    return run.count { $0 == 0x0A }
                }
            }
            #expect(log.stream == "store/table" && log.shards.map(\.id) == ["log"] && !log.ended)
        }
        #expect(try Tamper.read(folder.appending("changes.jsonl")) == lines)
        #expect(try ChangeLineCount.of(lines) == 40)
        let logs = catalog.entries.compactMap(\.manifest.log)
        #expect(logs.map(\.beginning?.cause) == [.first, nil, nil])
        #expect(logs.map { $0.shards[0].after?.text } == ["0", "20", "40"])
        #expect(logs.map { $0.shards[0].through?.text } == ["20", "40", "40"])
        #expect(logs.map(\.through.rfc3339).last == "2023-11-14T22:13:20.000059Z")
        #expect(catalog.entries[3].manifest.previous?.path == catalog.entries[2].manifest.path)
        #expect(catalog.entries[1].manifest.previous == nil)
    }

    @Test func `a vault with what is made of other archives still opens, byte for byte`() throws {
        let folder = Self.fixtures.appending("format-3")
        let vault = try Vault.open(try DirectoryStorage(folder.appending("vault")))
        #expect(try LogSamples.verify(vault) == [])
        let catalog = try Catalog.read(vault)
        #expect(catalog.entries.map(\.manifest.kind) == [.snapshot, .log, .log, .log, .log, .snapshot])
        #expect(catalog.entries.map(\.manifest.format) == [1, 2, 2, 2, 3, 3])
        for entry in catalog.entries {
            #expect(try ProvenDocument.encode(entry.manifest).body == vault.manifest(at: entry.place).document.body)
        }
        let (merged, made) = (catalog.entries[4], catalog.entries[5])
        var lines: [UInt8] = []
        let reader = try SnapshotReader(vault, merged, keys: FixedKeys())
        for bundle in merged.manifest.bundles {
            try reader.forEachRunOfLines(in: bundle, try reader.index()) { run in
                lines += Array(run)
                return run.count { $0 == 0x0A }
            }
        }
        #expect(try Tamper.read(folder.appending("changes.jsonl")) == lines)
        #expect(merged.manifest.sources?.base == nil && merged.manifest.sources?.segments == 2)
        #expect(merged.manifest.sources?.first?.id == catalog.entries[1].manifest.id)
        #expect(merged.manifest.sources?.last?.started == catalog.entries[2].manifest.started)
        #expect(made.manifest.sources?.base == catalog.entries[0].manifest.id)
        #expect(made.manifest.consistency.method == "synthetic" && made.manifest.consistency.cut.sequence == nil)
        #expect(try SnapshotReader(vault, made, keys: FixedKeys()).digests().table == Samples.digest(0..<40))
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
            #expect(try ProvenDocument.encode(entry.manifest).body == vault.manifest(at: entry.place).document.body)
        }
    }
}

private enum ChangeLineCount {
    static func of(_ bytes: [UInt8]) throws -> Int {
        var count = 0
        try bytes.withUnsafeBytes { try ChangeLine.forEach(of: $0) { _, _ in count += 1 } }
        return count
    }
}
