// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Glibc
import SystemPackage
import Testing
import VarveKeys
import VarveTestKit

/// Secrets: how they come in, and that they never show.
@Suite struct SecretTests {
    let fixture: KeyFixture

    init() throws { fixture = try KeyFixture() }

    @Test func `a root key file is made once, is private, and opens what it sealed`() throws {
        let path = fixture.folder.appending("root.key")
        let protection = try KeyProtection.createRootKeyFile(at: path)
        var status = stat()
        #expect(stat(path.string, &status) == 0 && status.st_mode & 0o777 == 0o600 && status.st_size == 65)
        #expect(code { try KeyProtection.createRootKeyFile(at: path) } == .exists)
        try fixture.create(protection)
        _ = try fixture.open(try KeyProtection.rootKey(file: path))
        let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path.string)), as: UTF8.self)
        _ = try fixture.open(try KeyProtection.rootKey(text: String(text.dropLast())))
        try #require(chmod(path.string, 0o640) == 0)
        #expect(code { _ = try KeyProtection.rootKey(file: path) } == .permissions)
    }

    @Test func `a passphrase is a file's first line or a text, byte for byte`() throws {
        try fixture.create(KeyFixture.passphrase)
        let path = fixture.folder.appending("passphrase")
        for text in ["correct horse", "correct horse\n", "correct horse\r\n"] {
            try fixture.write(Array(text.utf8), to: path)
            _ = try fixture.open(try KeyProtection.passphrase(file: path))
        }
        _ = try fixture.open(try KeyProtection.passphrase(text: "correct horse"))
        try fixture.write(Array(" correct horse".utf8), to: path)
        #expect(code { _ = try fixture.open(try KeyProtection.passphrase(file: path)) } == .wrongSecret)
        try #require(chmod(path.string, 0o604) == 0)
        #expect(code { _ = try KeyProtection.passphrase(file: path) } == .permissions)
    }

    @Test func `what cannot be a secret is refused`() throws {
        let path = fixture.folder.appending("secret")
        #expect(code { _ = try KeyProtection.passphrase(file: path) } == .noKeyStore)
        for text in ["", "\n", "\nsecond line"] {
            try fixture.write(Array(text.utf8), to: path)
            #expect(code { _ = try KeyProtection.passphrase(file: path) } == .invalidSecret)
        }
        try fixture.write([UInt8](repeating: 97, count: 1025), to: path)
        #expect(code { _ = try KeyProtection.passphrase(file: path) } == .invalidSecret)
        try fixture.write([UInt8](repeating: 97, count: 100_000), to: path)
        #expect(code { _ = try KeyProtection.passphrase(file: path) } == .damaged)
        #expect(code { _ = try KeyProtection.passphrase(text: "") } == .invalidSecret)
        let digits = String(repeating: "0", count: 64)
        for text in [
            "", "0", String(digits.dropLast()), String(digits.dropLast(2)), digits.dropLast() + "g", digits + "00",
        ] {
            #expect(code { _ = try KeyProtection.rootKey(text: text) } == .invalidSecret, "\(text)")
        }
        #expect(code { try fixture.create(.passphrase(SecretBytes([]))) } == .invalidSecret)
        #expect(code { try fixture.create(.rootKey(SecretBytes([1, 2, 3]))) } == .invalidSecret)
        #expect(!FileManager.default.fileExists(atPath: fixture.path.string))
    }

    @Test func `no description shows key material`() throws {
        let store = try fixture.create(KeyFixture.passphrase)
        try store.create(alias: "alias/main")
        let exported = try store.export("alias/main")
        let kit = try store.recoveryKit()
        let snapshot = SnapshotKey.make()
        let bytes = try #require(Data(hexadecimal: exported.hex))
        let escrow = try #require(Data(hexadecimal: kit.escrow.hex))
        func forms(_ data: Data) -> [String] {
            [
                data.map { String(format: "%02x", $0) }.joined(), data.map { String(format: "%02X", $0) }.joined(),
                data.base64EncodedString(), data.map { "\($0)" }.joined(separator: ", "),
            ]
        }
        let secrets =
            [bytes, escrow, Data(snapshot.key.bytes)].flatMap(forms) + ["correct horse"]
            + forms(Data("correct horse".utf8))
        let values: [Any] = [
            store, exported, exported.versions, kit, kit.escrow, snapshot, snapshot.wrapper, KeyFixture.passphrase,
            SecretBytes(text: "correct horse"), try store.list(), snapshot.export(),
        ]
        for value in values {
            var dumped = ""
            dump(value, to: &dumped)
            for text in ["\(value)", String(reflecting: value), dumped] {
                #expect(!text.isEmpty)
                for secret in secrets { #expect(!text.contains(secret), "\(type(of: value))") }
            }
        }
    }
}

extension Data {
    fileprivate init?(hexadecimal text: String) {
        let digits = Array(text)
        guard digits.count.isMultiple(of: 2) else { return nil }
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(digits[$0...$0 + 1]), radix: 16)
        }
        guard bytes.count == digits.count / 2 else { return nil }
        self.init(bytes)
    }
}
