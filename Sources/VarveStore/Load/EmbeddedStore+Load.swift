// SPDX-License-Identifier: Apache-2.0

package import VarveModel

extension EmbeddedStore {
    package func bulkLoad(
        _ description: TableDescription, into target: LoadTarget, origin: LoadOrigin
    ) throws -> any BulkLoad {
        let id = RandomID.make()
        guard let lock = try LoadLock.claim(id, in: folder) else {
            throw StoreError(.io, "The lock of a new load is held by somebody else.")
        }
        let table = try write { transaction in
            let table: OpenTable
            switch target {
            case .newTable:
                let draft = try draftTable(description, state: .loading, in: transaction)
                table = OpenTable(
                    number: draft.number, name: draft.description.name, heap: draft.heap,
                    description: draft.description, keys: draft.keys)
            case .existingEmpty(let name):
                let now = try transaction.table(name)
                try Self.requireEmpty(now, toLoad: nil, on: transaction.access)
                table = OpenTable(
                    number: now.number, name: name, heap: try Self.createHeap(in: transaction),
                    description: now.description,
                    keys: now.keys)
            }
            let note = try transaction.access.statement("INSERT INTO loads (id, n, heap) VALUES (?, ?, ?)")
            note.bind(id, at: 1)
            note.bind(table.number, at: 2)
            note.bind(table.heap, at: 3)
            try note.run()
            return table
        }
        let run = try withWriter { try currentRun($0) }
        return try EmbeddedLoad(
            in: self, id: id, lock: lock, target: target, origin: origin, table: table, run: run)
    }

    /// Throws unless a table is empty and, when its load is to be published, still the one that the load was made for.
    static func requireEmpty(_ table: OpenTable, toLoad load: OpenTable?, on access: Connection.Access) throws {
        if let load {
            guard load.number == table.number, load.description.keySchema == table.description.keySchema,
                load.description.timeToLive?.attribute == table.description.timeToLive?.attribute
            else {
                throw StoreError(
                    .invalidRequest,
                    "Table '\(table.name)' was changed while it was loaded. Load it again; nothing was published.")
            }
        }
        guard try counts(of: table.number, on: access).items == 0 else {
            throw StoreError(
                .notEmpty,
                "Table '\(table.name)' has items. Only an empty table can be loaded; restore into a new one instead.")
        }
    }
}
