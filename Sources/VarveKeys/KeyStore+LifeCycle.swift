// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials

/// Whether a key may be used, and its end. Only customer keys have such a life: the owned, the managed and the escrow key stay enabled.
extension KeyStore {
    /// The days between the wish to destroy a key and its end, as AWS KMS has them.
    package static let waitingDays = 7...30

    /// Lets a disabled key seal and open again.
    @discardableResult
    package func enable(_ reference: String) throws -> KeyDescription {
        try changeLife(of: reference) { key, _ in
            switch key.state {
            case .enabled: return
            case .disabled: key.state = .enabled
            case .pendingDeletion, .deleted: try key.requireEnabled()
            }
        }
    }

    /// Keeps a key from sealing and opening until it is enabled.
    @discardableResult
    package func disable(_ reference: String) throws -> KeyDescription {
        try changeLife(of: reference) { key, _ in
            switch key.state {
            case .enabled: key.state = .disabled
            case .disabled: return
            case .pendingDeletion, .deleted: try key.requireEnabled()
            }
        }
    }

    /// Disables a key at once and destroys its material in `days` days, unless that is cancelled.
    @discardableResult
    package func scheduleDeletion(of reference: String, days: Int) throws -> KeyDescription {
        guard Self.waitingDays.contains(days) else {
            throw KeyError(
                .outOfBounds,
                "The waiting period is \(Self.waitingDays.lowerBound) to \(Self.waitingDays.upperBound) days; \(days) were given."
            )
        }
        return try changeLife(of: reference) { key, now in
            guard key.state == .enabled || key.state == .disabled else { return try key.requireEnabled() }
            key.state = .pendingDeletion
            key.deletes = now.addingTimeInterval(TimeInterval(days) * 86_400)
        }
    }

    /// Takes a scheduled deletion back. The key stays disabled, as in AWS KMS: enabling it is a decision of its own.
    @discardableResult
    package func cancelDeletion(of reference: String) throws -> KeyDescription {
        try changeLife(of: reference) { key, _ in
            guard key.state == .pendingDeletion else {
                if key.state == .deleted { return try key.requireEnabled() }
                throw KeyError(.notAllowed, "No deletion of the key '\(key.id)' is scheduled.")
            }
            key.state = .disabled
            key.deletes = nil
        }
    }

    private func changeLife(
        of reference: String, _ body: (inout KeyStoreContents.Key, Date) throws -> Void
    ) throws -> KeyDescription {
        try change { contents, now in
            let index = try contents.index(of: reference)
            guard contents.keys[index].class == .customer else {
                throw KeyError(
                    .notAllowed,
                    "Only customer keys are enabled, disabled and deleted; '\(reference)' is of class "
                        + "'\(contents.keys[index].class.rawValue)', which the key store cannot do without.")
            }
            try body(&contents.keys[index], now)
            return contents.keys[index].description
        }
    }

    // MARK: Tags

    /// The limits of AWS KMS: 50 tags of a key, names to 128 and values to 256 characters.
    package static let tagsMax = 50
    package static let tagNameCharactersMax = 128
    package static let tagValueCharactersMax = 256

    /// Sets tags, which replace those of the same name, and removes others.
    @discardableResult
    package func tag(
        _ reference: String, setting tags: [String: String], removing names: [String] = []
    ) throws -> KeyDescription {
        for (name, value) in tags {
            guard (1...Self.tagNameCharactersMax).contains(name.count), value.count <= Self.tagValueCharactersMax,
                !(name + value).unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f })
            else {
                throw KeyError(
                    .invalidTag,
                    "A tag has a name of 1 to \(Self.tagNameCharactersMax) and a value of at most \(Self.tagValueCharactersMax) characters, "
                        + "none of them control characters.")
            }
        }
        return try change { contents, _ in
            let index = try contents.index(of: reference)
            if contents.keys[index].state == .deleted { try contents.keys[index].requireEnabled() }
            var all = contents.keys[index].tags ?? [:]
            for name in names { all[name] = nil }
            all.merge(tags) { _, new in new }
            guard all.count <= Self.tagsMax else {
                throw KeyError(.invalidTag, "A key has at most \(Self.tagsMax) tags; this would make \(all.count).")
            }
            contents.keys[index].tags = all.isEmpty ? nil : all
            return contents.keys[index].description
        }
    }

    // MARK: Import

    /// Takes in a customer key whose material comes from elsewhere.
    ///
    /// An exported key keeps its id and versions, so that what was sealed under it opens again; mere bytes become a new key.
    ///
    /// - Throws: ``KeyError`` `.keyExists` where the id or any of the material is in the store already: one key under two names could be
    ///   disabled under one and used under the other.
    @discardableResult
    package func importKey(_ imported: ImportedKey, alias: String? = nil) throws -> KeyDescription {
        if let alias { try KeyAlias.check(alias) }
        return try change { contents, now in
            if let alias, let holder = contents.keys.first(where: { $0.aliases.contains(alias) }) {
                throw Self.taken(alias, by: holder)
            }
            var key = KeyStoreContents.Key(
                class: .customer, aliases: alias.map { [$0] } ?? [], created: now,
                material: KeyMaterial(key: imported.versions[0].key))
            if let id = imported.id { key.id = id }
            key.versions = imported.versions.map {
                KeyStoreContents.Version(version: $0.number, created: now, material: KeyMaterial(key: $0.key))
            }
            // Constant time: these are keys.
            let known = contents.keys.flatMap { $0.versions.map(\.material.key) }
            guard !contents.keys.contains(where: { $0.id == key.id }),
                !key.versions.contains(where: { version in known.contains { $0 == version.material.key } })
            else {
                throw KeyError(
                    .keyExists,
                    "The key store has this key already, or one of its id. 'varve key list' shows what there is.")
            }
            contents.keys.append(key)
            return key.description
        }
    }
}
