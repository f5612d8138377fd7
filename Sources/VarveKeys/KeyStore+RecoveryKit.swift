// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

extension KeyStore {
    /// A kit with a key of its own, to which nothing is sealed before ``adopt(_:)``.
    ///
    /// - Parameter vaults: The ids of the vaults that the kit names.
    package func makeRecoveryKit(vaults: [String]) -> RecoveryKit {
        let key = KeyStoreContents.Key(class: .escrow, aliases: [], created: now().wholeSecond)
        return Self.kit(of: key, vaults: vaults)
    }

    /// Seals everything from now on to this kit's key too. The key of the kit before stays, so that what was sealed to it still opens here.
    package func adopt(_ kit: RecoveryKit) throws {
        guard let material = kit.material, let name = kit.keyID else {
            throw KeyError(.damaged, "The recovery kit does not hold an escrow key.")
        }
        try change { contents, _ in
            guard !contents.keys.contains(where: { $0.id == name.id }) else {
                throw KeyError(.keyExists, "The key store has the key of this recovery kit already.")
            }
            var key = KeyStoreContents.Key(class: .escrow, aliases: [], created: kit.created, material: material)
            key.id = name.id
            key.versions[0].version = name.version
            contents.keys.append(key)
            contents.escrow = key.id
        }
    }
}
