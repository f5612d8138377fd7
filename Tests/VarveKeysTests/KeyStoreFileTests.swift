// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Glibc
import SystemPackage
import Testing
import VarveKeys
import VarveSeal
import VarveTestKit

/// The file of a key store: who may read it, what damage does, and what it looks like.
@Suite struct KeyStoreFileTests {
    let fixture: KeyFixture

    init() throws { fixture = try KeyFixture() }

    @Test func `a store is never made over something that exists`() throws {
        try fixture.create()
        let before = try fixture.bytes()
        #expect(code { try fixture.create() } == .exists)
        #expect(try fixture.bytes() == before)
    }

    @Test func `the file has mode 0600 and leaves nothing but its lock beside it`() throws {
        try fixture.create().create(alias: "alias/main")
        for name in ["keys", "keys.lock"] {
            var status = stat()
            #expect(stat(fixture.folder.appending(name).string, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path.string)
        #expect(Set(names) == ["keys", "keys.lock"])
    }

    @Test(arguments: [0o644, 0o640, 0o604, 0o620, 0o666, 0o601] as [mode_t])
    func `a file that others can use is refused`(mode: mode_t) throws {
        let store = try fixture.create()
        try #require(chmod(fixture.path.string, mode) == 0)
        #expect(code { _ = try fixture.open() } == .permissions)
        #expect(code { try store.create() } == .permissions)
        #expect(code { _ = try store.list() } == .permissions)
        try #require(chmod(fixture.path.string, 0o600) == 0)
        #expect(try store.list().count == 3)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give a file away"))
    func `a file of another user is refused`() throws {
        try fixture.create()
        try #require(chown(fixture.path.string, 65534, 65534) == 0)
        #expect(code { _ = try fixture.open() } == .permissions)
    }

    @Test func `no file, a folder and an empty file have their errors`() throws {
        #expect(code { _ = try fixture.open() } == .noKeyStore)
        #expect(code { _ = try KeyStore.open(at: fixture.folder.path, protection: KeyFixture.root) } == .io)
        try fixture.write([])
        #expect(code { _ = try fixture.open() } == .damaged)
        try fixture.write([UInt8](repeating: 0x20, count: 17 * 1024 * 1024))
        #expect(code { _ = try fixture.open() } == .damaged)
    }

    @Test func `a wrong secret is told from damage`() throws {
        for (right, wrong) in [
            (KeyFixture.passphrase, try KeyProtection.passphrase(text: "correct horse ")),
            (KeyFixture.passphrase, KeyFixture.root),
            (KeyFixture.root, KeyProtection.rootKey(SecretBytes([UInt8](repeating: 0xa6, count: 32)))),
            (KeyFixture.root, KeyFixture.passphrase),
        ] {
            let fixture = try fixture.sibling()
            try fixture.create(right)
            #expect(code { _ = try fixture.open(wrong) } == .wrongSecret)
            _ = try fixture.open(right)
        }
    }

    @Test(arguments: [true, false])
    func `a file with any byte flipped does not open`(usesPassphrase: Bool) throws {
        let protection = usesPassphrase ? KeyFixture.passphrase : KeyFixture.root
        try fixture.create(protection)
        let bytes = try fixture.bytes()
        for at in bytes.indices {
            for mask in [0x01, 0x02, 0x20, 0x80] as [UInt8] {
                var damaged = bytes
                damaged[at] ^= mask
                try fixture.write(damaged)
                let found = code { _ = try fixture.open(protection) }
                // A flip in the digit of the format reads as a format to come.
                #expect(found == .damaged || found == .newerFormat && at < 12, "byte \(at), mask \(mask)")
            }
        }
        try fixture.write(bytes)
        _ = try fixture.open(protection)
    }

    @Test func `a file cut at any byte, or added to, does not open`() throws {
        try fixture.create()
        let bytes = try fixture.bytes()
        for cut in bytes.indices {
            try fixture.write(bytes[..<cut])
            #expect(code { _ = try fixture.open() } == .damaged, "cut at \(cut)")
        }
        for more in [[0x0a], [0x00], bytes] as [[UInt8]] {
            try fixture.write(bytes + more)
            #expect(code { _ = try fixture.open() } == .damaged)
        }
    }

    /// Lines 1 and 2 with a checksum that holds.
    static func file(_ header: String, _ body: some Sequence<UInt8>) -> [UInt8] {
        let lines = Array(header.utf8) + [0x0a] + Array(body) + [0x0a]
        return lines + Array(SHA256.hash(data: lines).map { String(format: "%02x", $0) }.joined().utf8) + [0x0a]
    }

    static func header(_ kdf: String, format: Int = 1) -> String {
        #"{"format":\#(format),"kdf":{\#(kdf)},"type":"varve-key-store"}"#
    }

    static let salt = #""salt":"\#(Data(repeating: 1, count: 32).base64EncodedString())""#

    @Test func `a newer format is named as such, whatever else it holds`() throws {
        for text in [
            Self.header(#""name":"argon2""#, format: 3), #"{"format":7,"type":"varve-key-store","more":[]}"#,
        ] {
            try fixture.write(text.utf8)
            let error = #expect(throws: KeyError.self) { _ = try fixture.open() }
            #expect(error?.code == .newerFormat)
            #expect(error?.message.contains("newer") == true)
        }
        try fixture.write(Self.file(#"{"format":3,"type":"something-else"}"#, []))
        #expect(code { _ = try fixture.open() } == .damaged)
    }

    static let unbelievable = [
        #""name":"scrypt","n":1,"r":8,"p":1"#, #""name":"scrypt","n":512,"r":8,"p":1"#,
        #""name":"scrypt","n":131071,"r":8,"p":1"#, #""name":"scrypt","n":2097152,"r":8,"p":1"#,
        #""name":"scrypt","n":1048576,"r":16,"p":1"#, #""name":"scrypt","n":1024,"r":0,"p":1"#,
        #""name":"scrypt","n":1024,"r":17,"p":1"#, #""name":"scrypt","n":1024,"r":8,"p":0"#,
        #""name":"scrypt","n":1024,"r":8,"p":1000000"#, #""name":"scrypt","n":-1024,"r":8,"p":1"#,
        #""name":"scrypt","n":1e400,"r":8,"p":1"#, #""name":"scrypt","n":9223372036854775807,"r":8,"p":1"#,
        #""name":"scrypt","r":8,"p":1"#, #""name":"argon2""#,
    ]

    @Test(arguments: unbelievable)
    func `a cost of scrypt beyond its bounds is refused before it is paid`(kdf: String) throws {
        try fixture.create(KeyFixture.passphrase)
        let body = try fixture.bytes().split(separator: 0x0a)[1]
        try fixture.write(Self.file(Self.header(kdf + "," + Self.salt), body))
        let took = processorTime { #expect(code { _ = try fixture.open(KeyFixture.passphrase) } == .damaged) }
        #expect(took < .seconds(1))
    }

    @Test func `a header of another file with a checksum that holds does not open the body`() throws {
        try fixture.create()
        let lines = try fixture.bytes().split(separator: 0x0a).map(Array.init)
        let text = String(decoding: lines[0], as: UTF8.self)
        // The same header, spelled otherwise: the body is bound to the very bytes.
        try fixture.write(Self.file(text + " ", lines[1]))
        #expect(code { _ = try fixture.open() } == .damaged)
        try fixture.write(Self.file(text, lines[1]))
        _ = try fixture.open()
        // With another salt no key opens it either, but that the body is another header's is what is wrong, and no secret's fault.
        try fixture.write(Self.file(Self.header(#""name":"rootKey","# + Self.salt), lines[1]))
        #expect(code { _ = try fixture.open() } == .damaged)
    }

    @Test func `the file is what its description says, step by step`() throws {
        let store = try fixture.create()
        let customer = try store.create(alias: "alias/main")
        let lines = try fixture.bytes().split(separator: 0x0a, omittingEmptySubsequences: false)
        #expect(lines.count == 4 && lines[3].isEmpty)
        let header = try #require(
            try JSONSerialization.jsonObject(with: Data(lines[0])) as? [String: Any])
        #expect(header["format"] as? Int == 1 && header["type"] as? String == "varve-key-store")
        let kdf = try #require(header["kdf"] as? [String: String])
        #expect(kdf["name"] == "rootKey")
        let salt = try #require(kdf["salt"].flatMap { Data(base64Encoded: $0) })
        #expect(salt.count == 32)
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: [UInt8](repeating: 0xa7, count: 32)), salt: salt,
            info: Data("varve key store 1".utf8), outputByteCount: 32)
        let digest = SHA256.hash(data: Array(lines[0]) + [0x0a]).map { String(format: "%02x", $0) }.joined()
        let message = Array(try #require(Data(base64Encoded: Data(lines[1]))))
        let context = try EncryptionContext(pairs: [
            (name: "varve:part", value: "key-store"), (name: "varve:header", value: digest),
        ])
        let (plaintext, _) = try Message.open(
            message, keys: [RawAESKey(namespace: "varve-key-store", name: "1", key: key)], expecting: context)
        let body = try #require(try JSONSerialization.jsonObject(with: Data(plaintext)) as? [String: Any])
        let keys = try #require(body["keys"] as? [[String: Any]])
        #expect(keys.map { $0["id"] as? String } == (try store.list().map(\.id)))
        #expect(body["escrow"] as? String == keys[2]["id"] as? String)
        #expect(keys[3]["aliases"] as? [String] == ["alias/main"])
        let versions = try #require(keys[3]["versions"] as? [[String: Any]])
        let material = try #require((versions[0]["material"] as? String).flatMap { Data(base64Encoded: $0) })
        #expect(material.map { String(format: "%02x", $0) }.joined() == (try store.export(customer.id).hex))
        #expect(versions[0]["created"] as? String == "2027-01-15T08:00:00Z")
    }

    @Test func `the standard cost of scrypt stands in the file`() throws {
        let folder = try TemporaryFolder()
        let path = folder.appending("keys")
        _ = try KeyStore.create(at: path, protection: KeyFixture.passphrase)
        let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path.string)), as: UTF8.self)
        #expect(text.hasPrefix(#"{"format":1,"kdf":{"n":131072,"name":"scrypt","p":1,"r":8,"salt":""#))
        _ = try KeyStore.open(at: path, protection: KeyFixture.passphrase)
    }

    @Test func `a change that cannot be written leaves the store as it was`() throws {
        let store = try fixture.create()
        let before = try fixture.bytes()
        // A folder in the place of the temporary file: it can be neither unlinked nor created.
        try FileManager.default.createDirectory(
            atPath: fixture.path.string + ".new", withIntermediateDirectories: false)
        #expect(throws: KeyError.self) { try store.create(alias: "alias/main") }
        #expect(try fixture.bytes() == before)
        #expect(try store.list().count == 3)
        try FileManager.default.removeItem(atPath: fixture.path.string + ".new")
        try store.create(alias: "alias/main")
        #expect(try fixture.open().list().count == 4)
    }

    @Test func `what a killed change left behind does not hinder the next`() throws {
        let store = try fixture.create()
        try fixture.write(Array("half a file".utf8), to: FilePath(fixture.path.string + ".new"), mode: 0o644)
        try store.create(alias: "alias/main")
        #expect(try fixture.open().list().count == 4)
        #expect(!FileManager.default.fileExists(atPath: fixture.path.string + ".new"))
    }
}
