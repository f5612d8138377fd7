// SPDX-License-Identifier: Apache-2.0

package import Crypto
package import VarveKeys
package import VarveSeal

/// Who opens key files: the key store, or the recovery kit where the key store is lost.
package protocol KeyOpening: Sendable {
    func openKey(_ message: [UInt8], expecting: EncryptionContext) throws -> SymmetricKey
}

/// Who seals key files under a wrapping key.
package protocol KeySealing: KeyOpening {
    func sealKey(_ key: SymmetricKey, under reference: String, context: EncryptionContext) throws -> [UInt8]
    func resolve(_ reference: String) throws -> (id: String, class: KeyClass)
    /// To whom ``sealKey(_:under:context:)`` would seal now.
    func recipients(under reference: String) throws -> [Message.Recipient]
}

extension KeyStore: KeySealing {}
extension RecoveryKit: KeyOpening {}

/// The files `keys/<key id>/<n>.key` of one snapshot key. Only the one with the highest number counts.
package struct KeyFiles: Sendable {
    /// A sealed key has some hundred bytes; many recipients make it a few thousand.
    static let bytesMax = 64 * 1024

    let storage: any VaultStorage

    /// Seals `key`, stores it, reads it back and opens it: only then may the key be used.
    func write(
        _ key: SnapshotKey, origin: String, under reference: String, keys: any KeySealing, number: Int = 1
    ) throws -> ObjectPath {
        let context = try BundleContext.key(origin: origin, id: key.id)
        let path = try ObjectPath(VaultPaths.keyFile(key.id, number: number))
        let message = try keys.sealKey(key.key, under: reference, context: context)
        try storage.put(path, message)
        do {
            let stored = try storage.get(path, atMost: Self.bytesMax)
            // SymmetricKey compares in constant time.
            guard stored == message, try keys.openKey(stored, expecting: context) == key.key else {
                throw VaultError(
                    .damaged,
                    "Key file '\(path)' does not read back as it was written. Nothing was sealed; check the vault's disk."
                )
            }
        } catch {
            try? storage.delete(path)
            throw error
        }
        return path
    }

    /// Every file of a key, ascending by number.
    func all(_ id: String) throws -> [(path: ObjectPath, number: Int)] {
        try storage.list(VaultPaths.keyFolder(id)).compactMap { object in
            Self.number(object.path).map { (object.path, $0) }
        }.sorted { $0.number < $1.number }
    }

    /// The file that counts for a key: the one with the highest number.
    package func newest(_ id: String) throws -> ObjectPath {
        guard let newest = try all(id).last else {
            throw VaultError(
                .missing,
                "The vault holds no key file below '\(VaultPaths.keyFolder(id))'. What was sealed with this key cannot be opened; look for a copy of "
                    + "the vault."
            )
        }
        return newest.path
    }

    /// The newest file of a key with its bytes.
    ///
    /// A rewrap may take a file away between the listing and the reading; and a listing that runs beside it may show neither the new file nor the
    /// old one. So what is missing is looked for again before it is called missing.
    private func newestMessage(_ id: String) throws -> (path: ObjectPath, message: [UInt8]) {
        var attempts = 0
        while true {
            do {
                let path = try newest(id)
                return (path, try storage.get(path, atMost: Self.bytesMax))
            } catch let error as VaultError
                where (error.code == .notFound || error.code == .missing) && attempts < Self.attemptsMax
            {
                attempts += 1
            }
        }
    }

    /// Each needs another rewrap of the same key in the same instant.
    private static let attemptsMax = 8

    /// To whom the file that counts is sealed.
    package func recipients(_ id: String) throws -> [Message.Recipient] {
        let (path, message) = try newestMessage(id)
        do {
            return try Message.recipients(of: message)
        } catch {
            throw VaultError(.damaged, "Key file '\(path)' is damaged.", cause: error)
        }
    }

    /// What became of one key.
    package enum Rewrapped: Sendable, Equatable {
        /// It was sealed so already.
        case unchanged
        /// A new file of so many bytes was written.
        case written(bytes: Int)
    }

    /// Seals a key anew, as a file with a higher number, and takes the lower ones away once the new one has been read back and opened.
    ///
    /// At whatever point this is broken off, the key opens; the next rewrap takes away what was left.
    ///
    /// It knows nothing of tombstones: ``Vault/rewrap(_:under:keys:)`` does.
    package func rewrap(_ id: String, origin: String, under reference: String, keys: any KeySealing) throws -> Rewrapped
    {
        let wanted = try keys.recipients(under: reference)
        for _ in 0...Self.attemptsMax {
            if try recipients(id) == wanted {
                try removeLower(id)
                return .unchanged
            }
            let key = try open(id, origin: origin, keys: keys)
            // A listing beside another rewrap may be empty, or show an older number than there is: then somebody else's file counts.
            guard let number = try all(id).last.map({ $0.number + 1 }) else { continue }
            do {
                let path = try write(key, origin: origin, under: reference, keys: keys, number: number)
                let bytes = try storage.info(path)?.bytes
                guard let newest = try all(id).last, newest.number == number, let bytes else { continue }
                try removeLower(id)
                return .written(bytes: bytes)
            } catch let error as VaultError where error.code == .exists || error.code == .notFound {
                // Somebody else wrote this number, or a higher one and took this away: look again at what they made of it.
            }
        }
        throw VaultError(
            .locked,
            "Another rewrap is at work on the key files below '\(VaultPaths.keyFolder(id))'. Run this again when it has ended."
        )
    }

    /// Sees to it that a key that is at hand has a file which counts, sealed as a new one would be.
    ///
    /// One that a run before has left is taken if it is such a file. Anything else that is there, damaged files too, gives way to a file with a higher
    /// number, and goes once that has been read back and opened.
    ///
    /// - Returns: The path of the file, if one was written.
    func place(
        _ key: SnapshotKey, origin: String, under reference: String, keys: any KeySealing
    ) throws -> ObjectPath? {
        let files = try all(key.id)
        if !files.isEmpty, let found = try? recipients(key.id), found == (try keys.recipients(under: reference)),
            let opened = try? open(key.id, origin: origin, keys: keys), opened.key == key.key
        {
            return nil
        }
        let path = try write(
            key, origin: origin, under: reference, keys: keys, number: (files.last?.number ?? 0) + 1)
        try removeLower(key.id)
        return path
    }

    /// Only the file with the highest number counts.
    private func removeLower(_ id: String) throws {
        for file in try all(id).dropLast() { try storage.delete(file.path) }
    }

    /// Deletes every file of a key and proves that none is left.
    func destroy(_ id: String) throws {
        var attempts = 0
        while true {
            let files = try all(id)
            if files.isEmpty { return }
            guard attempts < Self.attemptsMax else {
                throw VaultError(
                    .locked,
                    "Somebody writes key files below '\(VaultPaths.keyFolder(id))' while they are destroyed. Run this again."
                )
            }
            attempts += 1
            for file in files { try storage.delete(file.path) }
        }
    }

    static func number(_ path: ObjectPath) -> Int? {
        guard path.name.hasSuffix(".key") else { return nil }
        let digits = path.name.dropLast(4)
        guard digits.utf8.count >= 4, digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
            return nil
        }
        return Int(digits)
    }

    /// Reads and opens the key `id`, which was born in vault `origin`.
    package func open(_ id: String, origin: String, keys: any KeyOpening) throws -> SnapshotKey {
        let (path, message) = try newestMessage(id)
        do {
            return SnapshotKey(
                id: id, key: try keys.openKey(message, expecting: try BundleContext.key(origin: origin, id: id)))
        } catch {
            throw VaultError(
                Self.isDamage(error) ? .damaged : .unreadable,
                "Key file '\(path)' could not be opened with the keys at hand.", cause: error)
        }
    }

    /// Whether the message is broken, rather than the wrong key tried.
    private static func isDamage(_ error: any Error) -> Bool {
        if let error = error as? KeyError { return error.code == .damaged }
        if let error = error as? SealError { return error.code != .noMatchingKey }
        return false
    }
}
