// SPDX-License-Identifier: Apache-2.0

import Synchronization
package import SystemPackage
package import VarveModel
package import VarveStore
package import VarveVault

/// Items of a table as they were, for a few keys.
///
/// A vault has no index by key: all of the base is read, and of the log as much as changed since.
package struct PastItems: Sendable {
    private let past: PastTable

    /// - Parameter scratch: The folder for scratch files.
    package init(vault: Vault, keys: any KeyOpening, workers: Int, scratch: FilePath) {
        past = PastTable(vault: vault, keys: keys, workers: workers, scratch: scratch)
    }

    /// Canonical bytes of the items with these keys; a key that had no item is left out.
    package func items(
        _ point: PointInTime, of keys: Set<ItemKey>, progress: Progress, stop: StopSignal
    ) throws -> [ItemKey: [UInt8]] {
        let scanner = ItemScanner(schema: try point.keySchema)
        let found = Mutex<[ItemKey: [UInt8]]>([:])
        _ = try past.forEachBatch(point, where: ItemFilter(keys: keys), progress: progress, stop: stop) { batch in
            try batch.forEach { item in
                let key = try scanner.scan(item).key
                found.withLock { $0[key] = Array(item) }
            }
        }
        return found.withLock { $0 }
    }
}

/// Brings items of a live table back to what they were: what undoes a mistake without touching anything else.
package struct RevertItems: Sendable {
    /// An item that is not as it was.
    package struct Difference: Sendable {
        package let key: ItemKey
        /// As it is now; nil where there is none.
        package let live: StoredItem?
        /// As it was; nil where there was none.
        package let past: Item?
    }

    package enum Outcome: Sendable, Equatable {
        case reverted
        /// Somebody wrote the item since it was compared; it stays as it is.
        case changed
    }

    private let store: EmbeddedStore
    private let table: String

    package init(_ table: String, in store: EmbeddedStore) {
        self.table = table
        self.store = store
    }

    /// Compares items with what they were; those that are the same are left out.
    package func differences(
        of keys: Set<ItemKey>, to past: [ItemKey: [UInt8]], stop: StopSignal
    ) throws -> [Difference] {
        try keys.sorted { ($0.partition, $0.sort) < ($1.partition, $1.sort) }.compactMap { key in
            try stop.check()
            let live = try store.get(key, from: table)
            guard live?.item.bytes != past[key] else { return nil }
            return Difference(key: key, live: live, past: past[key].map { Item(trusted: $0) })
        }
    }

    /// Writes one item back, if it still is the version that was compared.
    package func revert(_ difference: Difference) throws -> Outcome {
        let condition: Condition = difference.live.map { .version($0.version) } ?? .notExists
        do {
            if let past = difference.past {
                try store.put(past, into: table, if: condition)
            } else {
                try store.delete(difference.key, from: table, if: condition)
            }
            return .reverted
        } catch let error as StoreError where error.code == .conditionFailed {
            return .changed
        }
    }
}

private func < (left: ([UInt8], [UInt8]), right: ([UInt8], [UInt8])) -> Bool {
    left.0 == right.0 ? left.1.lexicographicallyPrecedes(right.1) : left.0.lexicographicallyPrecedes(right.0)
}
