// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Testing
import VarveKeys
import VarveModel
import VarveTestKit
import VarveVault

/// Segments of the change log as objects of the vault: what their manifests say, and that no damage to them stays unseen.
@Suite struct LogSegmentTests {
    @Test func `a segment's manifest has a format of its own, and those of snapshots keep theirs`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let snapshot = try Samples.snapshot(vault)
        let first = try LogSamples.segment(vault, number: 0)
        let second = try LogSamples.segment(vault, number: 1, after: first)
        let quiet = try LogSamples.segment(vault, number: 2, changes: 0, after: second)
        #expect(snapshot.manifest.format == 1 && first.manifest.format == 2)
        #expect(!String(decoding: snapshot.document.body, as: UTF8.self).contains(#""log":"#))
        #expect(second.manifest.previous?.path == first.manifest.path)
        #expect(quiet.manifest.bundles.isEmpty && quiet.manifest.sealedBytes == 0)
        #expect(first.manifest.bundles.count == 2)
        #expect(
            try Samples.snapshot(vault).manifest.previous?.path == snapshot.manifest.path,
            "segments are a chain of their own")
        let day = first.manifest.started.compact.prefix(8)
        #expect(
            first.manifest.folder
                == "tables/Music~aaaabbbbccccdddd/log/\(day)/\(first.manifest.started.compact)~\(first.manifest.id)/")
        #expect(try LogSamples.verify(vault) == [])
        let catalog = try Catalog.read(vault)
        #expect(catalog.entries.count == 5 && catalog.recoveryPoints.count == 2)
        #expect(catalog.latest(table: "Music")?.manifest.kind == .snapshot)
        #expect(try vault.newestSegment(of: Samples.table) { _ in true }?.manifest.id == quiet.manifest.id)
        #expect(try vault.newestSegment(of: Samples.table) { $0.manifest.items > 0 }?.manifest.id == second.manifest.id)
    }

    @Test func `what opens is an incremental export`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let reader = try LogSamples.segment(vault, number: 0)
        let index = try reader.index()
        #expect(index.summary.exportType == "INCREMENTAL_EXPORT" && index.summary.outputView == "NEW_AND_OLD_IMAGES")
        #expect(
            index.summary.exportTime == nil && index.summary.exportFromTime != nil && index.summary.exportToTime != nil)
        #expect(index.summary.itemCount == LogSamples.changes)
        #expect(
            try Samples.lines(reader)
                == LogSamples.lines(0, LogSamples.changes).sorted { $0.lexicographicallyPrecedes($1) })
    }

    @Test func `every byte of a segment's manifest that changes, and every cut of it, is found`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let first = try LogSamples.segment(vault, number: 0)
        let segment = try LogSamples.segment(vault, number: 1, after: first)
        let file = vault.file(segment.manifest.path)
        let whole = try Tamper.read(file)
        let key = segment.key.manifestAuthenticationKey()
        func isFound(_ bytes: [UInt8]) throws -> Bool {
            guard let entry = try? ProvenDocument.decode(Manifest.self, bytes, name: "m") else { return true }
            return (try? entry.document.authenticate(key, name: "m")) == nil
        }
        for index in whole.indices {
            var bytes = whole
            bytes[index] ^= UInt8(1 << (index % 8))
            #expect(try isFound(bytes), "flip at \(index)")
            #expect(try isFound(Array(whole[..<index])), "cut at \(index)")
        }
        // As verify sees it: at its place, beside the other copy.
        for index in stride(from: 0, to: whole.count, by: max(1, whole.count / 12)) {
            var bytes = whole
            bytes[index] ^= 0x40
            try Tamper.write(file, bytes)
            #expect(try LogSamples.verify(vault).map(\.object).contains(segment.manifest.path), "flip at \(index)")
        }
        try Tamper.write(file, whole)
        #expect(try LogSamples.verify(vault) == [])
    }

    @Test func `damage to a segment is found at its level`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let first = try LogSamples.segment(vault, number: 0)
        let second = try LogSamples.segment(vault, number: 1, after: first)
        let bundle = vault.file(second.manifest.folder + "000001.tar.esdk")
        let whole = try Tamper.read(bundle)
        var bytes = whole
        bytes[whole.count / 2] ^= 1
        try Tamper.write(bundle, bytes)
        let found = try LogSamples.verify(vault)
        #expect(
            !found.isEmpty
                && found.allSatisfy { $0.object == second.manifest.folder + "000001.tar.esdk" && $0.level >= 2 })
        try Tamper.remove(bundle)
        #expect(try LogSamples.verify(vault).contains { $0.level == 0 && $0.code == .missing })
        try Tamper.write(bundle, whole)
        // A segment that is gone with both copies is missed by the one after it.
        for path in [first.manifest.path, first.manifest.catalogPath] { try Tamper.remove(vault.file(path)) }
        #expect(try LogSamples.verify(vault).contains { $0.object == first.manifest.path && $0.code == .missing })
        let leftovers = try vault.leftovers(grace: .zero, record: nil)
        #expect(leftovers.objects.isEmpty, "what a chain names is no leftover")
    }

    /// Each is a sound document under the right key whose content is none that a segment can have.
    @Test func `a manifest that contradicts itself is refused`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let segment = try LogSamples.segment(vault, number: 0)
        let body = String(decoding: segment.document.body, as: UTF8.self)
        let key = segment.key.manifestAuthenticationKey()
        let changes = [
            (#""kind":"log""#, #""kind":"snapshot""#), (#""format":2"#, #""format":1"#),
            (#""changes":\#(LogSamples.changes)"#, #""changes":1"#), (#""after":"0""#, #""after":"99999""#),
            (#""after":"0""#, #""after":"007""#), (#""cause":"first""#, #""cause":"unheard""#),
            (#""items":\#(LogSamples.changes),"key""#, #""items":0,"key""#),
        ]
        for (from, to) in changes {
            let forged = body.replacing(from, with: to)
            try #require(forged != body, "\(from)")
            let document = ProvenDocument(kind: "manifest", body: Array(forged.utf8), key: key)
            try Tamper.write(vault.file(segment.manifest.path), document.bytes)
            #expect(
                code { _ = try vault.manifest(at: ObjectPath(segment.manifest.path)) } == .damaged, "\(to)")
        }
    }

    @Test func `a claim is for one at a time, and ends with its lease`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let lease = try Lease.claiming("capture/t", vault.storage, what: "capture of T")
        #expect(code { _ = try Lease.claiming("capture/t", vault.storage, what: "capture of T") } == .locked)
        _ = try Lease.claiming("capture/u", vault.storage, what: "capture of U")
        lease.release()
        #expect(code { _ = try Lease.claiming("capture/t", vault.storage, what: "capture of T") } == nil)
        #expect(try vault.storage.list("leases/").isEmpty, "whoever was refused leaves nothing")
    }
}

/// Segments for tests, each of which goes on where the one before ended.
enum LogSamples {
    static let changes = 20

    static func line(_ number: Int) -> [UInt8] {
        var line: [UInt8] = []
        ChangeLine.append(
            .init(
                time: Instant(microseconds: 1_700_000_000_000_000 + Int64(number)),
                position: ChangePosition(Int64(number + 1)), shard: "log", event: "INSERT", actor: "user", run: nil),
            keys: Array(#"{"Artist":{"S":"artist \#(number)"}}"#.utf8), newImage: Samples.item(number), oldImage: nil,
            to: &line)
        return line
    }

    static func lines(_ first: Int, _ count: Int) -> [[UInt8]] { (first..<first + count).map { line($0) } }

    static func stretch(_ number: Int, changes: Int) -> LogStretch {
        let begin = Int64(number * Self.changes)
        let time = { (offset: Int64) in Instant(microseconds: 1_700_000_000_000_000 + begin + offset) }
        return LogStretch(
            stream: "store/table", beginning: number == 0 ? .init(cause: .first, shard: nil, lastThrough: nil) : nil,
            from: time(-1), aloneFrom: nil, through: time(Int64(Self.changes) - 1),
            shards: [
                .init(
                    id: "log", parents: [], after: ChangePosition(begin),
                    through: ChangePosition(begin + Int64(changes)), first: changes > 0 ? time(0) : nil,
                    last: changes > 0 ? time(Int64(changes) - 1) : nil, changes: changes,
                    watermark: time(Int64(Self.changes) - 1), ended: false)
            ], events: [], ended: false)
    }

    @discardableResult
    static func segment(
        _ vault: Vault, number: Int, changes: Int = changes, after previous: SnapshotReader? = nil,
        clock: any Clock = SystemClock()
    ) throws -> SnapshotReader {
        var plan = Samples.plan(.log)
        plan.notBefore = previous.map { Instant(microseconds: $0.manifest.started.microseconds + 1) }
        let writer = try SnapshotWriter(vault, plan, keys: FixedKeys(), record: nil, clock: clock)
        if changes > 0 {
            let lines = lines(number * Self.changes, changes)
            var digest = TableDigest()
            for line in lines { line.dropLast().withUnsafeBytes { digest.add(item: $0) } }
            let bundle = try writer.bundle()
            try bundle.add(try DataFile(raw: lines.flatMap { $0 }, items: changes, digest: digest))
            try bundle.finish()
        }
        return try writer.commit(
            log: stretch(number, changes: changes),
            previous: previous.map { .init(path: $0.manifest.path, sha256: $0.document.sha256Text) })
    }

    /// One segment that holds what two did.
    @discardableResult
    static func merged(
        _ vault: Vault, _ first: SnapshotReader, _ second: SnapshotReader, clock: any Clock = SystemClock()
    ) throws -> SnapshotReader {
        var plan = Samples.plan(.log)
        plan.sources = sources(base: nil, first, second)
        let writer = try SnapshotWriter(vault, plan, keys: FixedKeys(), record: nil, clock: clock)
        let lines = lines(0, 2 * changes)
        var digest = TableDigest()
        for line in lines { line.dropLast().withUnsafeBytes { digest.add(item: $0) } }
        let bundle = try writer.bundle()
        try bundle.add(try DataFile(raw: lines.flatMap { $0 }, items: lines.count, digest: digest))
        try bundle.finish()
        let (begin, end) = (stretch(0, changes: changes), stretch(1, changes: changes))
        return try writer.commit(
            log: LogStretch(
                stream: begin.stream, beginning: begin.beginning, from: begin.from, aloneFrom: nil,
                through: end.through,
                shards: [
                    .init(
                        id: "log", parents: [], after: begin.shards[0].after, through: end.shards[0].through,
                        first: begin.shards[0].first, last: end.shards[0].last, changes: 2 * changes,
                        watermark: end.shards[0].watermark, ended: false)
                ], events: [], ended: false), previous: nil)
    }

    static func sources(base: SnapshotReader?, _ first: SnapshotReader, _ last: SnapshotReader) -> Manifest.Sources {
        func segment(_ reader: SnapshotReader) -> Manifest.Sources.Segment {
            .init(id: reader.manifest.id, started: reader.manifest.started)
        }
        return .init(base: base?.manifest.id, first: segment(first), last: segment(last), segments: 2)
    }

    /// All levels, for a vault that holds segments.
    static func verify(_ vault: Vault) throws -> [Finding] {
        let catalog = try Catalog.read(vault, depth: .bothCopies)
        var findings = vault.checkListing(catalog) + vault.checkDocuments(catalog, keys: FixedKeys())
        for entry in catalog.entries {
            for bundle in entry.manifest.bundles { findings += vault.checkBundle(entry.manifest, bundle) }
            guard let reader = try? SnapshotReader(vault, entry, keys: FixedKeys()), let index = try? reader.index(),
                let digests = try? reader.digests()
            else { continue }
            for bundle in entry.manifest.bundles {
                findings +=
                    vault.checkContent(reader, bundle, index: index, digest: digests.bundles[bundle.name]) { raw in
                        guard entry.manifest.kind == .log else { return try Samples.content(raw) }
                        var content = Vault.LineContent(items: 0, digest: TableDigest())
                        try ChangeLine.forEach(of: raw) { _, line in
                            content.items += 1
                            content.digest.add(item: UnsafeRawBufferPointer(rebasing: line.dropLast()))
                        }
                        return content
                    }.findings
            }
        }
        return findings
    }
}
