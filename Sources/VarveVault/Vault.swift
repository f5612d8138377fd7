// SPDX-License-Identifier: Apache-2.0

import Crypto
import Synchronization
package import VarveModel

/// One vault: bundles, manifests and sealed keys in a ``VaultStorage``. Safe to use from several threads.
package final class Vault: Sendable {
    package let storage: any VaultStorage
    package let description: VaultDescription
    /// Records of removals that have been read: they never change.
    let knownRemovals = Mutex<[ObjectPath: Removal]>([:])

    /// The vault's identity.
    package var id: String { description.id }
    package var format: Int { description.format }
    /// The vault's sealed keys.
    package var keyFiles: KeyFiles { KeyFiles(storage: storage) }

    private init(storage: any VaultStorage, description: VaultDescription) {
        self.storage = storage
        self.description = description
    }

    /// Makes a vault where nothing is yet. `vault.json` comes last: a vault half made is none, and making it again finishes it.
    package static func create(
        _ storage: any VaultStorage, tool: String, clock: any Clock = SystemClock()
    ) throws -> Vault {
        let readme = Array(VaultReadme.text.utf8)
        let readmePath = try ObjectPath(VaultReadme.path)
        for object in try storage.list("") {
            if object.path.text == VaultDescription.path {
                throw VaultError(
                    .exists, "There is a vault in '\(storage.location)' already. Use it, or choose an empty place.")
            }
            let isOurs =
                try object.path == readmePath && storage.get(readmePath, atMost: VaultReadme.bytesMax) == readme
            guard isOurs else {
                throw VaultError(
                    .exists,
                    "'\(storage.location)' is not empty: it holds '\(object.path)'. Choose an empty place for the vault."
                )
            }
        }
        if try storage.info(readmePath) == nil { try storage.put(readmePath, readme) }
        let description = VaultDescription(
            format: VaultDescription.formatNewest, id: RandomID.make(), created: clock.now(),
            readme: .init(path: VaultReadme.path, sha256: Hex.text(SHA256.hash(data: readme))), tool: tool)
        try storage.put(try ObjectPath(VaultDescription.path), try ProvenDocument.encode(description).bytes)
        return Vault(storage: storage, description: description)
    }

    package static func open(_ storage: any VaultStorage) throws -> Vault {
        let path = try ObjectPath(VaultDescription.path)
        let bytes: [UInt8]
        do {
            bytes = try storage.get(path, atMost: VaultReadme.bytesMax)
        } catch let error as VaultError where error.code == .notFound {
            guard try storage.list("").isEmpty else {
                throw VaultError(
                    .missing,
                    "'\(path)' is missing in '\(storage.location)', which holds other objects: the vault has lost its identity. "
                        + "Take the file from a copy of the vault; README.txt there opens everything without it.",
                    cause: error)
            }
            throw VaultError(
                .noVault,
                "There is no vault in '\(storage.location)': it has no '\(path)'. Check the path; 'varve init' makes a vault.",
                cause: error)
        }
        let (_, description) = try ProvenDocument.decode(VaultDescription.self, bytes, name: path.text)
        return Vault(storage: storage, description: description)
    }
}
