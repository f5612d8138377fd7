// SPDX-License-Identifier: Apache-2.0

import Synchronization
import VarveModel
import VarveVault

/// What a table must hold at an instant, by another way than a restore takes: from the sealed digest of the base, each change takes away the item
/// that it found and adds the one that it left.
///
/// Every change counts, not the last of each key; lines are read in full; no key is looked up. So a mistake of the one way is hardly one of the
/// other. It needs both images, which every source that Varve captures has.
struct LogReplay: Sendable {
    let vault: Vault
    let keys: any KeyOpening
    let workers: Int

    struct State: Sendable, Equatable {
        var items: Int
        var digest: TableDigest
    }

    func run(_ point: PointInTime, stop: StopSignal) throws -> State {
        let base = try SnapshotReader(vault, point.base, keys: keys).digests().table
        let units = point.segments.flatMap { segment in
            segment.manifest.bundles.filter { $0 != segment.manifest.indexBundle }.map { (segment, $0) }
        }
        let next = Atomic<Int>(0)
        let total = Mutex((items: point.base.manifest.items, added: base, removed: TableDigest()))
        let (vault, keys) = (vault, keys)
        try Workers.run(max(1, min(workers, units.count)), stop: stop) { _, stop in
            while true {
                let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard number < units.count else { break }
                let (segment, bundle) = units[number]
                let reader = try SnapshotReader(vault, segment, keys: keys)
                var items = 0
                var added = TableDigest()
                var removed = TableDigest()
                try reader.forEachRunOfLines(in: bundle, try reader.index()) { lines in
                    try stop.check()
                    var count = 0
                    try ChangeLine.forEach(of: lines) { line, _ in
                        count += 1
                        guard point.includes(line.metadata.time, line.metadata.position) else { return }
                        if let new = line.newImage {
                            added.add(item: new)
                            items += 1
                        }
                        if let old = line.oldImage {
                            removed.add(item: old)
                            items -= 1
                        }
                    }
                    return count
                }
                total.withLock {
                    $0.items += items
                    $0.added.add(added)
                    $0.removed.add(removed)
                }
            }
        }
        var (items, digest, removed) = total.withLock { $0 }
        digest.subtract(removed)
        return State(items: items, digest: digest)
    }
}
