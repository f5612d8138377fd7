// SPDX-License-Identifier: Apache-2.0

import Crypto
package import FoundationEssentials
import Synchronization
package import SystemPackage
import VarveSeal

/// The embedded key store: wrapping keys in one sealed file, used by any number of threads and processes at once.
///
/// It guarantees: a change is whole and durable when its call returns; no two changes lose one another, because each
/// reads the file anew under a
/// lock before it writes; what another process changed is seen by the next call. Key material leaves only through
/// ``export(_:)`` and
/// ``recoveryKit(vaults:)``, and no description or error holds any.
///
/// A reference to a key is `owned`, `managed`, an alias (`alias/main`) or a key's id.
/// The file's format: ``KeyStoreFile`` and Documentation/Formats.md#key-store. Operations on keys:
/// `KeyStore+Keys.swift`.
package final class KeyStore: Sendable {
    /// The provider id of this store's keys in sealed messages; the name there is `<key id>.<version>`.
    package static let namespace = "varve-key"
    private static let what = "key store"

    package let path: FilePath
    private let file: KeyStoreFile
    private let key: SymmetricKey
    let now: @Sendable () -> Date
    private let state: Mutex<State>

    private struct State {
        var contents: KeyStoreContents
        var stamp: PrivateFile.Stamp
    }

    private init(
        path: FilePath, file: KeyStoreFile, key: SymmetricKey, contents: KeyStoreContents, stamp: PrivateFile.Stamp,
        now: @escaping @Sendable () -> Date
    ) {
        self.path = path
        self.file = file
        self.key = key
        self.now = now
        state = Mutex(State(contents: contents, stamp: stamp))
    }

    /// Makes a key store with an owned key, the managed key `alias/varve/managed` and an escrow key. Refuses an
    /// existing file.
    ///
    /// - Parameters:
    ///   - kit: On an empty machine: the escrow key is this kit's, so that the new store opens what the old one sealed.
    ///   - scrypt: What a guess at the passphrase costs; the file records it. Only tests have a reason to give another.
    ///   - now: The clock. Times are kept to the second.
    package static func create(
        at path: FilePath, protection: KeyProtection, from kit: RecoveryKit? = nil, scrypt: ScryptCost = .standard,
        now: @escaping @Sendable () -> Date = { Date() }
    ) throws -> KeyStore {
        let file: KeyStoreFile
        switch protection {
        case .passphrase(let secret):
            guard secret.count > 0 else { throw KeyError(.invalidSecret, "The passphrase is empty. Choose one.") }
            file = try KeyStoreFile(derivation: .scrypt(scrypt))
        case .rootKey(let secret):
            guard secret.count == KeyProtection.rootKeyBytes else {
                throw KeyError(
                    .invalidSecret, "A root key has \(KeyProtection.rootKeyBytes) bytes; \(secret.count) were given.")
            }
            file = try KeyStoreFile(derivation: .rootKey)
        }
        let created = now().wholeSecond
        var escrow = KeyStoreContents.Key(class: .escrow, aliases: [], created: created)
        if let kit {
            guard let material = kit.material, let name = kit.keyID else {
                throw KeyError(.damaged, "The recovery kit does not hold an escrow key.")
            }
            escrow.id = name.id
            escrow.created = kit.created
            escrow.versions = [
                KeyStoreContents.Version(version: name.version, created: kit.created, material: material)
            ]
        }
        let contents = KeyStoreContents(
            escrow: escrow.id,
            keys: [
                KeyStoreContents.Key(class: .owned, aliases: [], created: created),
                KeyStoreContents.Key(class: .managed, aliases: [KeyAlias.managed], created: created),
                escrow,
            ])
        let key = try file.derivation.key(from: protection, salt: file.salt)
        let lock = try KeyStoreLock(for: path)
        try PrivateFile.create(path, try file.serialized(contents, with: key), what: what)
        let stamp = try PrivateFile.stamp(of: path, what: what)
        _ = consume lock
        return KeyStore(path: path, file: file, key: key, contents: contents, stamp: stamp, now: now)
    }

    /// Opens a key store whose file has mode 0600 and belongs to this user or root.
    ///
    /// - Throws: ``KeyError`` `.noKeyStore`, `.permissions`, `.newerFormat`, `.damaged`, `.wrongSecret`.
    package static func open(
        at path: FilePath, protection: KeyProtection, now: @escaping @Sendable () -> Date = { Date() }
    ) throws -> KeyStore {
        let (bytes, stamp) = try PrivateFile.read(path, what: what, atMost: KeyStoreFile.bytesMax)
        let (file, message) = try KeyStoreFile.parse(bytes, path: path)
        let key = try file.derivation.key(from: protection, salt: file.salt)
        let contents = try file.open(message, with: key, path: path)
        let store = KeyStore(path: path, file: file, key: key, contents: contents, stamp: stamp, now: now)
        _ = try store.contents()
        return store
    }

    /// The contents as they are in the file now. Keys whose waiting period is over are destroyed by whoever looks first.
    func contents() throws -> KeyStoreContents {
        let stamp = try PrivateFile.stamp(of: path, what: Self.what)
        var contents = try state.withLock { $0.stamp == stamp ? $0.contents : nil } ?? reload()
        if contents.destroyDue(at: now()) {
            // Where the file cannot be written the keys are destroyed all the same for this process, and in the file by the next that can.
            do { try change { _, _ in } } catch let error as KeyError where error.code == .io {}
        }
        return contents
    }

    /// Changes the contents as the file has them, with every other writer kept away. A throwing `body` changes nothing.
    func change<Result>(_ body: (inout KeyStoreContents, Date) throws -> Result) throws -> Result {
        let lock = try KeyStoreLock(for: path)
        var contents = try reload()
        let time = now()
        _ = contents.destroyDue(at: time)
        let result = try body(&contents, time.wholeSecond)
        precondition(contents.isSound, "a change keeps the key store sound")
        let bytes = try file.serialized(contents, with: key)
        guard bytes.count <= KeyStoreFile.bytesMax else {
            throw KeyError(
                .notAllowed, "The key store '\(path)' is full: it would take more than \(KeyStoreFile.bytesMax) bytes.")
        }
        let stamp = try PrivateFile.replace(path, bytes, what: Self.what)
        state.withLock { $0 = State(contents: contents, stamp: stamp) }
        _ = consume lock
        return result
    }

    private func reload() throws -> KeyStoreContents {
        let (bytes, stamp) = try PrivateFile.read(path, what: Self.what, atMost: KeyStoreFile.bytesMax)
        let (file, message) = try KeyStoreFile.parse(bytes, path: path)
        guard file.isSame(as: self.file) else {
            throw KeyError(
                .replaced, "The key store '\(path)' was exchanged for another one while it was in use. Open it again.")
        }
        let contents = try file.open(message, with: key, path: path)
        state.withLock { $0 = State(contents: contents, stamp: stamp) }
        return contents
    }
}

extension KeyStore: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "KeyStore(\(path))" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["path": path.string]) }
}

extension Date {
    /// Files keep times to the second; so does memory, or they would differ.
    var wholeSecond: Date { Date(timeIntervalSince1970: timeIntervalSince1970.rounded(.down)) }
}
