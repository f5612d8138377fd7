// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Glibc
import SystemPackage
import Testing
import VarveKeys
import VarveSeal
import VarveTestKit

/// A folder for one test's key stores, with secrets that cost nothing to try. Suites hold it as a property, so that it
/// lives as long as the test.
struct KeyFixture {
    let folder: TemporaryFolder
    let path: FilePath

    static let cheap = ScryptCost(n: 1 << 10, r: 8, p: 1)
    static let root = KeyProtection.rootKey(SecretBytes([UInt8](repeating: 0xa7, count: 32)))
    static let passphrase = KeyProtection.passphrase(SecretBytes(text: "correct horse"))
    static let context: EncryptionContext = ["varve:origin": "lake", "varve:key": "abc"]

    init() throws {
        folder = try TemporaryFolder()
        path = folder.appending("keys")
    }

    /// Another machine: a key store beside this one.
    func sibling() throws -> KeyFixture {
        let path = folder.appending(UUID().uuidString)
        try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: false)
        return KeyFixture(folder: folder, path: path.appending("keys"))
    }

    private init(folder: TemporaryFolder, path: FilePath) {
        self.folder = folder
        self.path = path
    }

    @discardableResult
    func create(_ protection: KeyProtection = root, from kit: RecoveryKit? = nil) throws -> KeyStore {
        try KeyStore.create(
            at: path, protection: protection, from: kit, scrypt: Self.cheap,
            now: { Date(timeIntervalSince1970: 1_800_000_000.75) })
    }

    func open(_ protection: KeyProtection = root) throws -> KeyStore {
        try KeyStore.open(at: path, protection: protection)
    }

    func bytes() throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path.string))) }

    /// Writes a file of mode 0600.
    func write(_ bytes: some Sequence<UInt8>, to path: FilePath? = nil, mode: mode_t = 0o600) throws {
        let path = path ?? self.path
        try Data(bytes).write(to: URL(fileURLWithPath: path.string))
        try #require(chmod(path.string, mode) == 0)
    }
}

/// The code of the ``KeyError`` that `body` throws.
func code(
    _ sourceLocation: SourceLocation = #_sourceLocation, of body: () throws -> Void
) -> KeyError.Code? {
    let error = #expect(throws: KeyError.self, sourceLocation: sourceLocation) { try body() }
    return error?.code
}

extension SymmetricKey {
    var bytes: [UInt8] { withUnsafeBytes { Array($0) } }
}
