// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Synchronization
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

/// A clock that a test moves.
final class MovingClock: Clock {
    private let time: Mutex<Instant>
    init(_ time: Instant) { self.time = Mutex(time) }
    func now() -> Instant {
        // A microsecond a look, so that no two things happen at once.
        time.withLock {
            $0 = Instant(microseconds: $0.microseconds + 1)
            return $0
        }
    }
    /// Moves it on to an instant; not back.
    func advance(to instant: Instant) { time.withLock { $0 = max($0, instant) } }
    func advance(seconds: Int64) {
        time.withLock { $0 = Instant(microseconds: $0.microseconds + seconds * 1_000_000) }
    }
}

/// A vault with a key store, and an embedded store on one clock.
final class CaptureHome: Sendable {
    let folder: TemporaryFolder
    let keys: KeyStore
    let store: EmbeddedStore
    /// Where tables are restored to.
    let restores: EmbeddedStore
    let vault: Vault
    let commits: CommitRecord
    let clock: MovingClock
    static let retention: Int64 = 3600

    init() throws {
        folder = try TemporaryFolder()
        clock = MovingClock(Instant(microseconds: 1_800_000_000_000_000))
        let protection = try KeyProtection.createRootKeyFile(at: folder.appending("root.key"))
        keys = try KeyStore.create(at: folder.appending("keys.json"), protection: protection)
        var options = StoreOptions()
        options.changeRetentionSeconds = Self.retention
        options.clock = clock
        store = try EmbeddedStore.create(at: folder.appending("store"), keys: keys, options: options)
        restores = try EmbeddedStore.create(at: folder.appending("restores"), keys: keys)
        try FileManager.default.createDirectory(
            atPath: folder.appending("vault").string, withIntermediateDirectories: true)
        vault = try Vault.create(DirectoryStorage(folder.appending("vault")), tool: "test", clock: clock)
        commits = CommitRecord(folder.appending("commits.log"))
    }

    var archive: ArchiveSettings {
        ArchiveSettings(
            vault: vault, keys: keys, wrappingKey: "owned", compressionLevel: 1, workers: 1, commits: commits,
            tool: "test", clock: clock)
    }

    // MARK: The embedded store

    @discardableResult
    func makeTable(_ name: String, timeToLive attribute: String? = nil) throws -> TableDescription {
        var table = TableDescription(name: name, keySchema: KeySchema(partition: KeyAttribute(name: "id", type: .n)))
        table.timeToLive = attribute.map { TimeToLive(attribute: $0, enabled: true) }
        return try store.createTable(table)
    }

    func source(_ table: String) throws -> EmbeddedChangeSource {
        EmbeddedChangeSource(store, table: try store.describe(table))
    }

    func put(_ key: Int, _ value: Int, into table: String) throws {
        try store.put(Item(json: SimulatedStream.item(key, value)), into: table)
    }

    /// Loads an item into an empty table, without a record of it.
    func load(_ key: Int, _ value: Int, into table: String) throws {
        let load = try store.bulkLoad(
            store.describe(table), into: .existingEmpty(table), origin: LoadOrigin(.import))
        var batch = ItemBatch()
        batch.append(SimulatedStream.item(key, value))
        try load.add(batch)
        _ = try load.finishLoading()
        _ = try load.publish()
    }

    func delete(_ key: Int, from table: String) throws {
        try store.delete(store.key(SimulatedStream.item(key, nil), of: table), from: table)
    }

    func items(_ table: String) throws -> [Int: Int] { try Self.items(table, in: store) }

    static func items(_ table: String, in store: EmbeddedStore) throws -> [Int: Int] {
        var items: [Int: Int] = [:]
        let page = try store.scan(table)
        for index in 0..<page.batch.count {
            let (key, value) = try parts(Array(page.batch.item(index)))
            items[key] = value
        }
        return items
    }

    /// Makes a change in the log one that does not open. In a process of its own: another connection here would drop the locks of SQLite.
    func breakChange(_ sequence: Int64) throws {
        let script = """
            import sqlite3, sys
            db = sqlite3.connect(sys.argv[1])
            db.execute('UPDATE changes SET micros = micros - 1 WHERE seq = ?', [int(sys.argv[2])])
            db.commit()
            """
        let file = folder.appending("store").appending("store.sqlite")
        let result = try ChildProcess.run("python3", ["-c", script, file.string, String(sequence)])
        try #require(result.exitCode == 0, "\(result)")
    }

    @discardableResult
    func backup(_ table: String) throws -> Manifest {
        try TakeSnapshot(archive).run(store: store, table: table, progress: Progress(), stop: StopSignal())
    }

    // MARK: Capture

    /// What a capture said of its segments.
    final class Heard {
        var segments: [Manifest] = []
        var holes: [LogStretch.Beginning] { segments.compactMap { $0.log?.beginning }.filter { $0.cause != .first } }
    }

    func capture(
        _ source: any ChangeSource, limits: SegmentLimits = SegmentLimits(), _ heard: Heard = Heard()
    ) throws -> TableCapture {
        try TableCapture(archive, source: source, limits: limits) { heard.segments.append($0) }
    }

    /// Captures up to now. Where that takes so long, it never would have come to its end.
    @discardableResult
    func captureOnce(
        _ source: any ChangeSource, limits: SegmentLimits = SegmentLimits(), within seconds: Double = 300
    ) throws -> Heard {
        let heard = Heard()
        let capture = try capture(source, limits: limits, heard)
        let now = try source.settle()
        let stop = StopSignal()
        let limit = DispatchWorkItem { stop.raise() }
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: limit)
        defer { limit.cancel() }
        #expect(try capture.run(through: now, stop: stop), "it did not come to its end")
        return heard
    }

    // MARK: What is made of segments

    /// Merges what there is to be merged. Returns how many segments were written.
    @discardableResult
    func compact(_ table: String) throws -> Int {
        let runs = CompactLog.plan(try catalog, of: table, endedBefore: Instant(microseconds: .max))
        for run in runs { _ = try CompactLog(archive).run(run, progress: Progress(), stop: StopSignal()) }
        return runs.count
    }

    /// Removes every segment that was merged into another one, with all of its objects.
    func removeMerged(_ table: String) throws {
        let entries = try segments(table).map(\.manifest)
        for merged in entries {
            guard let sources = merged.sources, let first = sources.first, let last = sources.last else { continue }
            for small in entries where small.sources == nil && (first.started...last.started).contains(small.started) {
                for path in try vault.storage.list(small.folder).map(\.path) + [ObjectPath(small.catalogPath)] {
                    try vault.storage.delete(path)
                }
            }
        }
    }

    /// Takes a manifest away, both copies of it, as an accident does. Gives back what puts them back, as a copy of the vault can.
    @discardableResult
    func lose(_ manifest: Manifest) throws -> () throws -> Void {
        let storage = vault.storage
        let objects = try [manifest.path, manifest.catalogPath].map { path in
            let path = try ObjectPath(path)
            return (path, try storage.get(path, atMost: 1 << 24))
        }
        for (path, _) in objects { try storage.delete(path) }
        return { for (path, bytes) in objects { try storage.put(path, bytes) } }
    }

    /// A snapshot made of the newest one and the log; nil where there is nothing to make it of.
    @discardableResult
    func synthesize(_ table: String) throws -> Manifest? {
        do {
            return try MakeSnapshot(archive, scratch: folder.path).run(
                table: table, catalog, progress: Progress(), stop: StopSignal())
        } catch let error as PipelineError where error.code == .noRecoveryPoint {
            return nil
        }
    }

    // MARK: What is in the vault

    var catalog: Catalog { get throws { try Catalog.read(vault) } }

    func coverage(_ table: String) throws -> Coverage {
        let catalog = try catalog
        return try #require(Coverage.all(in: catalog, of: table).last)
    }

    func verify() throws -> [Finding] {
        try VerifyVault(vault: vault, keys: keys, commits: commits, workers: 1)
            .run(ids: [], depth: .content, progress: Progress(), stop: StopSignal()).findings
    }

    /// A line of a segment, owned.
    struct Captured {
        let metadata: ChangeLine.Metadata
        let key: Int
        let value: Int?
    }

    func lines(_ entry: Catalog.Entry) throws -> [Captured] {
        let reader = try SnapshotReader(vault, entry, keys: keys)
        let index = try reader.index()
        var lines: [Captured] = []
        for bundle in reader.manifest.bundles {
            try reader.forEachRunOfLines(in: bundle, index) { raw in
                let before = lines.count
                try ChangeLine.forEach(of: raw) { line, _ in
                    let key = try Self.parts(Array(line.keys)).0
                    let value = try line.newImage.flatMap { try Self.parts(Array($0)).1 }
                    lines.append(Captured(metadata: line.metadata, key: key, value: value))
                }
                return lines.count - before
            }
        }
        return lines
    }

    /// The segments of a table, oldest first.
    func segments(_ table: String) throws -> [Catalog.Entry] { try catalog.entries(table: table, kind: .log) }

    /// Key and value of an item that a test made.
    static func parts(_ item: [UInt8]) throws -> (Int, Int?) {
        let json = try JSON(text: item)
        guard let key = json["id"]?["N"]?.string.flatMap({ Int($0) }) else { throw Interruption() }
        return (key, json["v"]?["N"]?.string.flatMap { Int($0) })
    }

    /// A snapshot of these items with this cut, for streams without a store.
    @discardableResult
    func snapshot(_ table: TableDescription, at cut: Instant, items: [Int: Int] = [:]) throws -> Manifest {
        let writer = try SnapshotWriter(
            vault,
            .init(
                kind: .snapshot, table: .init(name: table.name, id: table.id), description: table.json(),
                wrappingKey: "owned", tool: "test"), keys: keys, record: commits, clock: clock)
        if !items.isEmpty {
            var raw: [UInt8] = []
            var digest = TableDigest()
            for (key, value) in items {
                let item = SimulatedStream.item(key, value)
                item.withUnsafeBytes { digest.add(item: $0) }
                raw += ExportLine.prefix + item + ExportLine.suffix
            }
            let bundle = try writer.bundle()
            try bundle.add(try DataFile(raw: raw, items: items.count, digest: digest, level: 1))
            try bundle.finish()
        }
        return try writer.commit(
            consistency: .init(method: "test", from: cut, to: cut, cut: .init(time: cut, sequence: nil))
        ).manifest
    }

    // MARK: Restoring

    /// A state of a table, or some items of it, restored by the product into a table of its own.
    ///
    /// - Parameter check: Gets what the restore says of itself.
    func restored(
        _ target: PointInTime.Target, of table: String, where wanted: ItemFilter = .all, _ catalog: Catalog,
        _ check: (RestoreResult) -> Void = { _ in }
    ) throws -> [Int: Int] {
        let point = try PointInTime.find(target, of: table, in: catalog)
        let result = try RestoreTable(vault: vault, keys: keys, workers: 2, scratch: folder.path).run(
            point, where: wanted, as: "Restored", into: restores, progress: Progress(), stop: StopSignal())
        let items = try Self.items("Restored", in: restores)
        try restores.dropTable("Restored")
        #expect(result.items == items.count)
        check(result)
        return items
    }
}
