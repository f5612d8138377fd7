// SPDX-License-Identifier: Apache-2.0

extension Vault {
    /// Seals the key of a recovery point under another wrapping key, or under the newest version of its own.
    ///
    /// A shredding beside it wins: it writes its tombstone before it takes key files away, and this looks for a tombstone after it may have written
    /// a key file. Whichever of the two comes second destroys that file.
    ///
    /// - Throws: `.shredded` where a tombstone is there.
    package func rewrap(
        _ manifest: Manifest, under reference: String, keys: any KeySealing
    ) throws -> KeyFiles.Rewrapped {
        let result = Result {
            try keyFiles.rewrap(manifest.key.id, origin: manifest.origin, under: reference, keys: keys)
        }
        if let tombstone = try tombstone(of: manifest.id) {
            try keyFiles.destroy(manifest.key.id)
            throw tombstone.error
        }
        return try result.get()
    }
}
