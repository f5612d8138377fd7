// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarveVault

/// The manifests of the target in the order of their chains, as a copy adds to them.
struct CopyChains {
    /// Recovery points of a table are one chain, the segments of its log another.
    private struct Name: Hashable {
        let table: String
        let isLog: Bool

        init(_ manifest: Manifest) {
            table = manifest.table.id
            isLog = manifest.kind == .log
        }
    }

    private struct Link {
        let started: Instant
        let id: String
        let link: Manifest.Link
    }

    private var chains: [Name: [Link]] = [:]

    init(_ catalog: Catalog) {
        for entry in catalog.entries { add(entry) }
    }

    mutating func add(_ entry: Catalog.Entry) {
        let manifest = entry.manifest
        let link = Link(started: manifest.started, id: manifest.id, link: entry.link)
        chains[Name(manifest), default: []].insert(link, at: place(of: manifest))
    }

    /// What the manifest of a copy names as the one before it: the last in the target that began before.
    func link(before manifest: Manifest) -> Manifest.Link? {
        let index = place(of: manifest)
        return index > 0 ? chains[Name(manifest)]?[index - 1].link : nil
    }

    private func place(of manifest: Manifest) -> Int {
        let chain = chains[Name(manifest)] ?? []
        var (low, high) = (0, chain.count)
        while low < high {
            let middle = (low + high) / 2
            if (chain[middle].started, chain[middle].id) < (manifest.started, manifest.id) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}
