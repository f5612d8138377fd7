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

    /// The file that counts for a key: the one with the highest number.
    package func newest(_ id: String) throws -> ObjectPath {
        let folder = VaultPaths.keyFolder(id)
        let found = try storage.list(folder).filter { Self.number($0.path) != nil }
        guard let newest = found.max(by: { (Self.number($0.path) ?? 0) < (Self.number($1.path) ?? 0) }) else {
            throw VaultError(
                .missing,
                "The vault holds no key file below '\(folder)'. What was sealed with this key cannot be opened; look for a copy of the vault."
            )
        }
        return newest.path
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
        let path = try newest(id)
        let message = try storage.get(path, atMost: Self.bytesMax)
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
