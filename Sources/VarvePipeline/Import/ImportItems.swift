// SPDX-License-Identifier: Apache-2.0

package import SystemPackage
import VarveModel
package import VarveStore
import VarveVault

/// What an import reads from.
package enum ImportSource: Sendable {
    /// Lines of `{"Item":{…}}` or of bare items; plain, gzip or zstd; `-` is standard input.
    case lines(FilePath)
    case csv(FilePath, delimiter: UInt8)
    /// A native export: a folder with `manifest-files.json` in it or below its `AWSDynamoDB` folder.
    case export(FilePath)
}

extension ImportSource: CustomStringConvertible {
    package var description: String {
        switch self {
        case .lines(let path), .csv(let path, _), .export(let path): path == "-" ? "standard input" : "'\(path)'"
        }
    }
}

/// What an import brought.
package struct ImportResult: Sendable {
    package let items: Int
    package let rawBytes: Int
}

/// Loads items from files into a table of a store.
///
/// An empty table is loaded in bulk, all or nothing: two items with one key, or one bad line, and the table stays empty. Into a table that has
/// items every item is a put, in batches; a bad line stops there, and the error says how many items were put before it.
package struct ImportItems {
    private let store: EmbeddedStore
    private let table: String

    package init(store: EmbeddedStore, table: String) {
        self.store = store
        self.table = table
    }

    /// Reads all of `sources`, in their order. With `dryRun` everything is read and checked, and nothing written.
    package func run(
        _ sources: [ImportSource], dryRun: Bool, progress: Progress, stop: StopSignal
    ) throws -> ImportResult {
        let description = try store.describe(table)
        let reader = SourceReader(schema: description.keySchema, progress: progress, stop: stop)
        if dryRun {
            let scanner = description.scanner
            return try reader.read(sources) { _ = try scanner.scan($0) }
        }
        if try store.statistics(of: table).items == 0 { return try load(sources, description, reader) }
        return try put(sources, description, reader)
    }

    private func load(
        _ sources: [ImportSource], _ description: TableDescription, _ reader: SourceReader
    ) throws -> ImportResult {
        let load = try store.bulkLoad(description, into: .existingEmpty(table), origin: LoadOrigin(.import))
        do {
            var batch = ItemBatch()
            let scanner = description.scanner
            let result = try reader.read(sources) { item in
                // The load looks at it too, but a batch later, when its line is no longer known.
                _ = try scanner.scan(item)
                batch.append(item)
                guard batch.bytes.count >= Self.batchBytes else { return }
                try load.add(batch)
                batch.removeAll()
            }
            if !batch.isEmpty { try load.add(batch) }
            let loaded = try load.finishLoading()
            guard loaded == result.items else {
                throw PipelineError(
                    .contentMismatch,
                    "\(loaded) of \(result.items) items arrived in table '\(table)'; nothing was loaded.")
            }
            _ = try load.publish()
            return result
        } catch {
            try? load.discard()
            throw error
        }
    }

    private func put(
        _ sources: [ImportSource], _ description: TableDescription, _ reader: SourceReader
    ) throws -> ImportResult {
        let scanner = description.scanner
        var writes: [BatchWrite] = []
        var keys: Set<ItemKey> = []
        var done = 0
        func flush() throws {
            guard !writes.isEmpty else { return }
            try store.batchWrite(writes)
            done += writes.count
            writes.removeAll(keepingCapacity: true)
            keys.removeAll(keepingCapacity: true)
        }
        do {
            let result = try reader.read(sources) { item in
                let key = try scanner.scan(item).key
                // A batch may hold a key once; a second item with it is a later put.
                if writes.count == Self.batchItems || keys.contains(key) { try flush() }
                keys.insert(key)
                writes.append(BatchWrite(table: table, .put(Item(trusted: Array(item)))))
            }
            try flush()
            return result
        } catch {
            throw PipelineError(
                .badInput, "The import stopped after \(done) items were put into table '\(table)'.", cause: error)
        }
    }

    /// Enough that a batch's lock and statement overhead do not count.
    private static let batchBytes = 1 << 20
    /// As many writes as DynamoDB, and so the store, takes in one batch.
    private static let batchItems = 25
}
