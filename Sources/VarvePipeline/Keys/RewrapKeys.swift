// SPDX-License-Identifier: Apache-2.0

import VarveKeys
package import VarveVault

/// Moves recovery points to another wrapping key, or to the newest version of their own and to the newest recovery kit.
///
/// Only key files are written, a few hundred bytes each; no bundle is read. Broken off at any point everything opens, and the next run goes on.
package struct RewrapKeys: Sendable {
    /// What became of one recovery point.
    package struct Outcome: Sendable {
        package enum Change: Sendable {
            /// It was sealed so already.
            case unchanged
            /// A key file of so many bytes took the place of the one before.
            case rewrapped(bytes: Int)
            case failed(any Error)
        }

        package let manifest: Manifest
        package let change: Change
    }

    private let vault: Vault
    private let keys: any KeySealing

    package init(vault: Vault, keys: any KeySealing) {
        self.vault = vault
        self.keys = keys
    }

    /// Rewraps `points` one by one; a failure of one does not keep the others.
    ///
    /// - Parameter reference: The wrapping key; nil: each stays under its own.
    package func run(_ points: [Catalog.Entry], under reference: String?, stop: StopSignal) throws -> [Outcome] {
        try points.map { point in
            try stop.check()
            let manifest = point.manifest
            do {
                let wanted = try reference ?? wrappingKey(of: manifest)
                switch try vault.rewrap(manifest, under: wanted, keys: keys) {
                case .unchanged: return Outcome(manifest: manifest, change: .unchanged)
                case .written(let bytes): return Outcome(manifest: manifest, change: .rewrapped(bytes: bytes))
                }
            } catch {
                return Outcome(manifest: manifest, change: .failed(error))
            }
        }
    }

    /// Which of `points` ``run(_:under:stop:)`` would write.
    package func plan(_ points: [Catalog.Entry], under reference: String?) throws -> [Catalog.Entry] {
        try points.filter { point in
            let wanted = try keys.recipients(under: try reference ?? wrappingKey(of: point.manifest))
            return try vault.keyFiles.recipients(point.manifest.key.id) != wanted
        }
    }

    /// The key that a recovery point lies under now; the owned key's where this key store has never known it.
    private func wrappingKey(of manifest: Manifest) throws -> String {
        let id = try vault.keyFiles.recipients(manifest.key.id).lazy.compactMap(\.wrappingKey).first
        guard let id, (try? keys.resolve(id)) != nil else { return "owned" }
        return id
    }
}
