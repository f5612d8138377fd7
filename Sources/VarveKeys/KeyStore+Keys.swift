// SPDX-License-Identifier: Apache-2.0

package import Crypto
import FoundationEssentials
import VarveModel
package import VarveSeal

extension KeyStore {
    // MARK: Looking

    /// Every key, oldest first.
    package func list() throws -> [KeyDescription] {
        try contents().keys.map(\.description)
    }

    package func describe(_ reference: String) throws -> KeyDescription {
        let contents = try contents()
        return contents.keys[try contents.index(of: reference)].description
    }

    /// What a manifest records of a wrapping key.
    package func resolve(_ reference: String) throws -> (id: String, class: KeyClass) {
        let found = try describe(reference)
        return (found.id, found.class)
    }

    // MARK: Changing

    /// Makes a customer key.
    ///
    /// - Throws: ``KeyError`` `.invalidAlias`, `.aliasTaken`; `.notAllowed` for any other class, since those come with
    ///   the store.
    @discardableResult
    package func create(class: KeyClass = .customer, alias: String? = nil) throws -> KeyDescription {
        guard `class` == .customer else {
            throw KeyError(
                .notAllowed, "Keys of class '\(`class`.rawValue)' come with the key store; only customer keys are made."
            )
        }
        if let alias { try KeyAlias.check(alias) }
        return try change { contents, now in
            if let alias, let holder = contents.keys.first(where: { $0.aliases.contains(alias) }) {
                throw Self.taken(alias, by: holder)
            }
            let key = KeyStoreContents.Key(class: .customer, aliases: alias.map { [$0] } ?? [], created: now)
            contents.keys.append(key)
            return key.description
        }
    }

    /// Gives a customer key a further alias. An alias of another key stays there unless `moving` is set; what was
    /// sealed is not touched by that,
    /// because messages name keys by id.
    package func setAlias(_ alias: String, to reference: String, moving: Bool = false) throws {
        try KeyAlias.check(alias)
        try change { contents, _ in
            let index = try contents.index(of: reference)
            guard contents.keys[index].class == .customer else {
                throw KeyError(
                    .notAllowed,
                    "Only customer keys take aliases; '\(reference)' is of class "
                        + "'\(contents.keys[index].class.rawValue)'."
                )
            }
            if let holder = contents.keys.firstIndex(where: { $0.aliases.contains(alias) }) {
                guard holder != index else { return }
                guard moving else { throw Self.taken(alias, by: contents.keys[holder]) }
                contents.keys[holder].aliases.removeAll { $0 == alias }
            }
            contents.keys[index].aliases.append(alias)
        }
    }

    /// Takes an alias away from whichever customer key has it. The key itself stays.
    package func removeAlias(_ alias: String) throws {
        try KeyAlias.check(alias)
        try change { contents, _ in
            let index = try contents.index(of: alias)
            contents.keys[index].aliases.removeAll { $0 == alias }
        }
    }

    /// Adds a version: from now on it seals; older versions go on opening what they sealed.
    @discardableResult
    package func rotate(_ reference: String) throws -> KeyDescription {
        try change { contents, now in
            let index = try contents.index(of: reference)
            try contents.keys[index].requireEnabled()
            guard contents.keys[index].class != .escrow else {
                throw KeyError(
                    .notAllowed,
                    "The escrow key does not rotate, because kits on paper would not follow. A new kit brings a "
                        + "new key."
                )
            }
            contents.keys[index].addVersion(at: now)
            return contents.keys[index].description
        }
    }

    /// The contents, with the managed key's next version where its year is over.
    private func contentsForSealing(under reference: String) throws -> KeyStoreContents {
        let contents = try contents()
        let index = try contents.index(of: reference)
        guard let due = contents.keys[index].nextRotation, due <= now() else { return contents }
        return try change { contents, now in
            // Another process may have been first.
            if let due = contents.keys[index].nextRotation, due <= now { contents.keys[index].addVersion(at: now) }
            return contents
        }
    }

    // MARK: Material

    /// A customer key with its material, for tools that open messages without Varve.
    package func export(_ reference: String) throws -> ExportedKey {
        let contents = try contents()
        let key = contents.keys[try contents.index(of: reference)]
        try key.requireEnabled()
        guard key.class == .customer, let current = key.versions.last else {
            throw KeyError(
                .notAllowed,
                "Only customer keys are exported; '\(reference)' is of class '\(key.class.rawValue)'. Export the "
                    + "snapshot's own key instead, or use "
                    + "the recovery kit.")
        }
        let versions = key.versions.map { version in
            let wrapper = key.wrapper(version)
            return ExportedKey.Version(
                version: version.version, name: wrapper.name, hex: wrapper.key.withUnsafeBytes { Hex.text($0) })
        }
        let wrapper = key.wrapper(current)
        return ExportedKey(
            namespace: wrapper.namespace, name: wrapper.name, hex: wrapper.key.withUnsafeBytes { Hex.text($0) },
            versions: versions)
    }

    /// Seals a key of 32 bytes under the newest version of a wrapping key and to the escrow key, as one message.
    ///
    /// - Throws: ``KeyError`` `.keyDisabled`, `.keyPendingDeletion`, `.keyDeleted`.
    package func sealKey(_ key: SymmetricKey, under reference: String, context: EncryptionContext) throws -> [UInt8] {
        let contents = try contentsForSealing(under: reference)
        return try SealedKey.seal(key, for: try Self.recipients(reference, contents), context: context)
    }

    /// To whom ``sealKey(_:under:context:)`` would seal now.
    package func recipients(under reference: String) throws -> [Message.Recipient] {
        try Self.recipients(reference, try contentsForSealing(under: reference)).map {
            Message.Recipient(namespace: $0.namespace, name: $0.name)
        }
    }

    private static func recipients(_ reference: String, _ contents: KeyStoreContents) throws -> [RawAESKey] {
        let wrapping = contents.keys[try contents.index(of: reference)]
        guard wrapping.class != .escrow else {
            throw KeyError(
                .notAllowed, "The escrow key is for recovery: everything is sealed to it anyway. Give a wrapping key.")
        }
        try wrapping.requireEnabled()
        return [wrapping, contents.keys[try contents.index(of: contents.escrow)]].compactMap(\.current)
    }

    /// Opens what ``sealKey(_:under:context:)`` made, with the wrapping key that it was sealed under.
    ///
    /// The escrow key, to which everything is sealed too, opens only what was sealed under a key that this store does not know: in a home
    /// that was made anew from a vault and its kit. It is no way around a key that was disabled or deleted.
    ///
    /// - Throws: ``KeyError`` `.keyDisabled`, `.keyPendingDeletion`, `.keyDeleted`; `.cannotOpen` when it was sealed to other keys; `.damaged`
    ///   when it or its context was changed.
    package func openKey(_ message: [UInt8], expecting: EncryptionContext) throws -> SymmetricKey {
        let contents = try contents()
        let named = Set(((try? Message.recipients(of: message)) ?? []).compactMap(\.wrappingKey))
        let known = contents.keys.filter { named.contains($0.id) }
        for key in known { try key.requireEnabled() }
        // A store that was put back from an old copy may lack the version; what is enabled may be opened by the escrow key.
        let offered = known + contents.keys.filter { $0.class == .escrow }
        return try SealedKey.open(
            message, with: offered.flatMap { key in key.versions.map { key.wrapper($0) } }, expecting: expecting,
            holder: "the key store '\(path)'")
    }

    // MARK: Recovery

    /// The kit that opens everything this store seals.
    ///
    /// - Parameter vaults: The ids of the vaults that the kit names.
    package func recoveryKit(vaults: [String] = []) throws -> RecoveryKit {
        let contents = try contents()
        return Self.kit(of: contents.keys[try contents.index(of: contents.escrow)], vaults: vaults)
    }

    static func kit(of key: KeyStoreContents.Key, vaults: [String]) -> RecoveryKit {
        guard let wrapper = key.current else { preconditionFailure("an escrow key is never without a version") }
        let hex = wrapper.key.withUnsafeBytes { Hex.text($0) }
        return RecoveryKit(
            escrow: RecoveryKit.Escrow(namespace: wrapper.namespace, name: wrapper.name, hex: hex),
            created: key.created, vaults: vaults)
    }

    /// Checks that a kit holds the escrow key to which this store seals now.
    ///
    /// - Throws: ``KeyError`` `.notThisKit`.
    package func confirm(_ kit: RecoveryKit) throws {
        let contents = try contents()
        let key = contents.keys[try contents.index(of: contents.escrow)].current
        // SymmetricKey compares in constant time.
        guard let key, key.name == kit.escrow.name, key.key == kit.material?.key else {
            throw KeyError(
                .notThisKit,
                "The recovery kit '\(kit.escrow.name)' is not the one to which the key store '\(path)' seals "
                    + "(\(key?.name ?? "none"))."
            )
        }
    }

    static func taken(_ alias: String, by key: KeyStoreContents.Key) -> KeyError {
        KeyError(.aliasTaken, "The alias '\(alias)' belongs to the key '\(key.id)'. Choose another one, or move it.")
    }
}

extension KeyStoreContents.Key {
    mutating func addVersion(at now: Date) {
        let last = versions.last?.version ?? 0
        versions.append(KeyStoreContents.Version(version: last + 1, created: now, material: KeyMaterial()))
    }
}

extension Message.Recipient {
    /// The id of the wrapping key of a key store that this names; nil for any other recipient.
    package var wrappingKey: String? {
        guard namespace == KeyStore.namespace, let dot = name.lastIndex(of: ".") else { return nil }
        return String(name[..<dot])
    }
}
