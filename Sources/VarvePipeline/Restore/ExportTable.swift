// SPDX-License-Identifier: Apache-2.0

import Synchronization
package import SystemPackage
package import VarveKeys
import VarveModel
import VarveStore
package import VarveVault

/// Writes states of a table out of a vault as native exports.
package struct ExportTable: Sendable {
    /// What an export came to.
    package struct Result: Sendable {
        /// The export's own folder.
        package let folder: FilePath
        /// Lines: items of a full export, changed items of an incremental one.
        package let items: Int
        /// Items of the state that a condition was put to, of which ``items`` met it; nil without one.
        package let considered: Int?
        package let rawBytes: Int
    }

    private let vault: Vault
    private let keys: KeyStore
    private let workers: Int
    private let scratch: FilePath

    package init(vault: Vault, keys: KeyStore, workers: Int, scratch: FilePath) {
        self.vault = vault
        self.keys = keys
        self.workers = workers
        self.scratch = scratch
    }

    /// A full export of a state, or of the items of it that are wanted.
    package func full(
        _ point: PointInTime, where wanted: ItemFilter = .all, into root: FilePath, progress: Progress, stop: StopSignal
    ) throws -> Result {
        let time = point.time ?? point.base.manifest.consistency.cut.time
        let writer = try NativeExportWriter(in: root, of: point.base.manifest.description, .full(at: time))
        let past = PastTable(vault: vault, keys: keys, workers: workers, scratch: scratch)
        let counts = try past.forEachBatch(point, where: wanted, progress: progress, stop: stop) { batch in
            try writer.add(batch.count) { lines in batch.forEach { ExportLine.append($0, to: &lines) } }
        }
        let (items, rawBytes) = try writer.finish()
        guard items == counts.items else {
            throw PipelineError(.contentMismatch, "The export has \(items) items where \(counts.items) were read.")
        }
        return Result(folder: writer.path, items: items, considered: counts.considered, rawBytes: rawBytes)
    }

    /// An incremental export of what a stretch of the log changed: one line for each item, from how the stretch found it to how it left it. An item
    /// that came and went within it has none.
    package func incremental(
        _ window: LogWindow, into root: FilePath, progress: Progress, stop: StopSignal
    ) throws -> Result {
        let description = window.description
        let schema = try TableDescription(json: description).keySchema
        let scanner = ItemScanner(schema: schema)
        let lease = try? Lease(
            vault.storage, what: "export of \(window.table.name)", protects: [VaultPaths.folder(ofLog: window.table)])
        defer { lease?.release() }
        let folder = try ScratchFolder.make(in: scratch)
        let path = folder.path
        let store = try EmbeddedStore.create(at: path.appending("store"), keys: keys)
        defer { store.close() }
        let reduction = LogReduction(vault: vault, keys: keys, workers: workers)
        let load = try store.bulkLoad(
            TableDescription(name: Self.table, keySchema: schema), into: .newTable, origin: LoadOrigin(.restore))
        do {
            _ = try reduction.run(
                .first, of: window.segments, schema: schema, known: DigestSet(scratch: path),
                including: { window.includes($0) }, lease: lease, progress: progress, stop: stop
            ) { try $0.forEachBatch { try load.add($0) } }
            _ = try load.finishLoading()
            _ = try load.publish()
        } catch {
            try? load.discard()
            throw error
        }
        let writer = try NativeExportWriter(in: root, of: description, .incremental(from: window.from, to: window.to))
        _ = try reduction.run(
            .last, of: window.segments, schema: schema, known: DigestSet(scratch: path),
            including: { window.includes($0) }, lease: lease, progress: progress, stop: stop
        ) { bundle in
            try bundle.forEach { time, keys, new in
                let old = try store.get(try scanner.scan(keys).key, from: Self.table)?.item.bytes
                if old == nil && new == nil { return }
                try writer.add(1) { Self.append(time, keys, old, new, to: &$0) }
            }
        }
        let (items, rawBytes) = try writer.finish()
        return Result(folder: writer.path, items: items, considered: nil, rawBytes: rawBytes)
    }

    private static let table = "old"

    /// A line as native incremental exports have it.
    private static func append(
        _ time: Instant, _ keys: UnsafeRawBufferPointer, _ old: [UInt8]?, _ new: UnsafeRawBufferPointer?,
        to lines: inout [UInt8]
    ) {
        lines += Array(#"{"Metadata":{"WriteTimestampMicros":{"N":"\#(time.microseconds)"}},"Keys":"#.utf8)
        lines += keys
        if let old {
            lines += Array(#","OldImage":"#.utf8)
            lines += old
        }
        if let new {
            lines += Array(#","NewImage":"#.utf8)
            lines += new
        }
        lines += Array("}\n".utf8)
    }
}
