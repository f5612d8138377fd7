// SPDX-License-Identifier: Apache-2.0

package import VarveSeal

/// What sealed objects are bound to. Opening compares it whole, so that no object can stand in another's place.
package enum BundleContext {
    /// A bundle's.
    package static func bundle(
        origin: String, table: String, snapshot: String, name: String
    ) throws -> EncryptionContext {
        try EncryptionContext(pairs: [
            ("varve:origin", origin), ("varve:table", table), ("varve:snapshot", snapshot), ("varve:bundle", name),
        ])
    }

    /// The sealed digests' in a manifest.
    package static func digest(origin: String, table: String, snapshot: String) throws -> EncryptionContext {
        try EncryptionContext(pairs: [
            ("varve:origin", origin), ("varve:table", table), ("varve:snapshot", snapshot), ("varve:part", "digest"),
        ])
    }

    /// A key file's.
    package static func key(origin: String, id: String) throws -> EncryptionContext {
        try EncryptionContext(pairs: [("varve:origin", origin), ("varve:key", id)])
    }
}
