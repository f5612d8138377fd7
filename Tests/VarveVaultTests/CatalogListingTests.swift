// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import VarveModel
import VarveTestKit
import VarveVault

/// A listing shows what the catalog shows, or gives up so that the catalog is asked.
@Suite struct CatalogListingTests {
    private static let all = Set(Manifest.Kind.allCases)
    private static let other = Manifest.TableIdentity(name: "Books", id: "bbbbccccddddeeee")

    private struct Row: Hashable, Comparable {
        let id: String
        let shredded: Instant?
        let removed: Instant?

        static func < (left: Row, right: Row) -> Bool { left.id < right.id }
    }

    private func vault() throws -> (vault: Vault, folder: TemporaryFolder) {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        for _ in 0..<3 { try Samples.snapshot(vault, items: 2, bundles: 1) }
        try Samples.snapshot(vault, items: 2, bundles: 1, kind: .sweep)
        try Samples.snapshot(vault, items: 2, bundles: 1, table: Self.other)
        try LogSamples.segment(vault, number: 1, after: try LogSamples.segment(vault, number: 0))
        return (vault, folder)
    }

    /// nil where the listing gives up.
    private func rows(
        _ vault: Vault, table: String? = nil, kinds: Set<Manifest.Kind> = all
    ) throws -> [Row]? {
        try CatalogListing(vault, table: table, kinds: kinds)?.compactMap { entry in
            Row(id: entry.manifest.id, shredded: entry.shredded, removed: entry.removed)
        }?.sorted()
    }

    private func expected(_ vault: Vault, where wanted: (Manifest) -> Bool = { _ in true }) throws -> [Row] {
        let catalog = try Catalog.read(vault)
        return (catalog.entries + catalog.removed).map(\.manifest).filter(wanted).map {
            Row(
                id: $0.id, shredded: catalog.shredded[$0.id]?.shredded, removed: catalog.removals.removed($0)?.time)
        }.sorted()
    }

    @Test func `it shows what the catalog shows`() throws {
        let (vault, folder) = try vault()
        defer { withExtendedLifetime(folder) {} }
        #expect(try rows(vault) == expected(vault))
        #expect(try expected(vault).count == 7)
        // Each of the members that it takes out of a document.
        let heads = try CatalogListing(vault, table: nil, kinds: Self.all)?.compactMap { $0.manifest }
        let manifests = try Catalog.read(vault).entries.map(\.manifest.head)
        #expect(heads?.sorted { $0.id < $1.id } == manifests.sorted { $0.id < $1.id })
        #expect(Set(manifests.map(\.kind)) == Self.all)
    }

    @Test func `what it is told not to take is left out, and an error ends it`() throws {
        let (vault, folder) = try vault()
        defer { withExtendedLifetime(folder) {} }
        let listing = try #require(try CatalogListing(vault, table: nil, kinds: Self.all))
        #expect(try listing.compactMap { $0.manifest.kind == .sweep ? 1 : nil } == [1])
        #expect(throws: CancellationError.self) {
            _ = try listing.compactMap { _ -> Int? in throw CancellationError() }
        }
    }

    @Test func `one table and some kinds are all that is read`() throws {
        let (vault, folder) = try vault()
        defer { withExtendedLifetime(folder) {} }
        #expect(try rows(vault, table: "Books") == expected(vault) { $0.table.name == "Books" })
        #expect(try rows(vault, kinds: [.log]) == expected(vault) { $0.kind == .log })
        #expect(try rows(vault, table: "Music", kinds: [.snapshot])?.count == 3)
        #expect(try rows(vault, table: "Nothing") == [])
        // What is not read may be damaged.
        let book = try #require(try Catalog.read(vault).entries(table: "Books").first).manifest
        try Tamper.write(vault.file(book.catalogPath), Array("{}".utf8))
        #expect(try rows(vault, table: "Music")?.count == 6)
        #expect(try rows(vault, table: "Books") == nil)
    }

    @Test func `what was shredded and removed is said`() throws {
        let (vault, folder) = try vault()
        defer { withExtendedLifetime(folder) {} }
        let snapshots = try Catalog.read(vault).entries(table: "Music", kind: .snapshot)
        _ = try vault.shred(snapshots[0], tool: "test")
        _ = try vault.record(
            .removed, points: [.init(snapshots[1], reason: "A test.")], logs: [], after: try Catalog.read(vault),
            tool: "test")
        let rows = try #require(try rows(vault))
        #expect(rows == (try expected(vault)))
        #expect(rows.count { $0.shredded != nil } == 1 && rows.count { $0.removed != nil } == 1)
    }

    enum Fault: CaseIterable {
        case documentMissing, documentDamaged, documentMoved, folderMissing, recordDamaged
    }

    @Test(arguments: Fault.allCases)
    func `where anything is not as it should be it gives up`(fault: Fault) throws {
        let (vault, folder) = try vault()
        defer { withExtendedLifetime(folder) {} }
        let manifest = try #require(try Catalog.read(vault).entries.first).manifest
        let document = vault.file(manifest.catalogPath)
        let bytes = try Tamper.read(document)
        switch fault {
        case .documentMissing: try Tamper.remove(document)
        case .documentDamaged: try Tamper.write(document, bytes.map { $0 == UInt8(ascii: "7") ? $0 + 1 : $0 })
        case .documentMoved:
            let other = try #require(try Catalog.read(vault).entries.last).manifest
            try Tamper.write(vault.file(other.catalogPath), bytes)
        case .folderMissing: try Tamper.remove(vault.file(String(manifest.folder.dropLast())))
        case .recordDamaged:
            try vault.storage.put(
                try ObjectPath("tombstones/20261123T100000Z~aaaabbbbccccdddd.removal.json"), Array("{}".utf8))
        }
        #expect(try rows(vault) == nil)
    }

    @Test func `a folder without a manifest is nothing yet`() throws {
        let (vault, folder) = try vault()
        defer { withExtendedLifetime(folder) {} }
        let before = try rows(vault)
        try vault.storage.put(
            try ObjectPath(
                VaultPaths.folder(.snapshot, Samples.table, started: .now(), id: "aaaabbbbccccdddd")
                    + "000001.tar.esdk"), [1])
        #expect(try rows(vault) == before && before != nil)
    }
}
