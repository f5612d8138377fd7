// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Testing
import VarveKeys
import VarveTestKit
import VarveVault

@Suite struct ProvenDocumentTests {
    static let key = SymmetricKey(data: [UInt8](repeating: 7, count: 32))
    static let body = Array(#"{"a":1,"text":"\"sha256\":\"x\""}"#.utf8)

    @Test func `a document has exactly these bytes`() {
        let plain = ProvenDocument(kind: "thing", body: Array("{}".utf8))
        let sha = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        #expect(String(decoding: plain.bytes, as: UTF8.self) == #"{"thing":{},"sha256":"\#(sha)"}"# + "\n")
        let proven = ProvenDocument(kind: "thing", body: Array("{}".utf8), key: Self.key)
        let hmac = HMAC<SHA256>.authenticationCode(for: Array("{}".utf8), using: Self.key).map {
            String(format: "%02x", $0)
        }.joined()
        #expect(
            String(decoding: proven.bytes, as: UTF8.self) == #"{"thing":{},"sha256":"\#(sha)","hmac":"\#(hmac)"}"#
                + "\n")
    }

    @Test(arguments: [nil, key])
    func `a document comes back`(key: SymmetricKey?) throws {
        let document = ProvenDocument(kind: "thing", body: Self.body, key: key)
        let read = try ProvenDocument(kind: "thing", bytes: document.bytes, name: "x")
        #expect(read.body == Self.body)
        #expect(read.bytes == document.bytes)
        #expect((read.hmac != nil) == (key != nil))
        if let key { try read.authenticate(key, name: "x") }
    }

    /// Whether a reader that has the key takes `bytes` for a document.
    static func isTaken(_ bytes: [UInt8], key: SymmetricKey?) -> Bool {
        guard let read = try? ProvenDocument(kind: "thing", bytes: bytes, name: "x") else { return false }
        guard let key else { return true }
        return (try? read.authenticate(key, name: "x")) != nil
    }

    @Test(arguments: [nil, key])
    func `every byte that changes is found, whichever bit`(key: SymmetricKey?) {
        let bytes = ProvenDocument(kind: "thing", body: Self.body, key: key).bytes
        #expect(Self.isTaken(bytes, key: key))
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                #expect(!Self.isTaken(changed, key: key), "byte \(index), bit \(bit)")
            }
        }
    }

    @Test(arguments: [nil, key])
    func `every cut, every byte too many and every byte lost is found`(key: SymmetricKey?) {
        let bytes = ProvenDocument(kind: "thing", body: Self.body, key: key).bytes
        for index in bytes.indices {
            #expect(!Self.isTaken(Array(bytes[..<index]), key: key), "cut at \(index)")
            #expect(!Self.isTaken(Array(bytes[..<index] + bytes[(index + 1)...]), key: key), "without \(index)")
            #expect(!Self.isTaken(Array(bytes[..<index] + [0x20] + bytes[index...]), key: key), "one more at \(index)")
        }
        #expect(!Self.isTaken(bytes + [0x0A], key: key))
        #expect(!Self.isTaken(bytes + bytes, key: key))
    }

    @Test func `another kind, another key and a missing hmac are found`() throws {
        let document = ProvenDocument(kind: "thing", body: Self.body, key: Self.key)
        #expect(code { _ = try ProvenDocument(kind: "other", bytes: document.bytes, name: "x") } == .damaged)
        #expect(code { try document.authenticate(SymmetricKey(size: .bits256), name: "x") } == .damaged)
        #expect(
            code { try ProvenDocument(kind: "thing", body: Self.body).authenticate(Self.key, name: "x") } == .damaged)
    }

    @Test func `a document changed and given a new sum is found by its hmac`() throws {
        let forged = ProvenDocument(kind: "thing", body: Array(#"{"a":2}"#.utf8), key: SymmetricKey(size: .bits256))
        let read = try ProvenDocument(kind: "thing", bytes: forged.bytes, name: "x")
        #expect(code { try read.authenticate(Self.key, name: "x") } == .damaged)
    }

    @Test func `a vault or a manifest of a newer format is told apart from a damaged one`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let reader = try Samples.snapshot(vault)

        let body = String(decoding: reader.document.body, as: UTF8.self).replacing(
            #""format":1"#, with: #""format":\#(Manifest.formatNewest + 1)"#)
        #expect(body != String(decoding: reader.document.body, as: UTF8.self))
        let newer = ProvenDocument(
            kind: "manifest", body: Array(body.utf8), key: reader.key.manifestAuthenticationKey())
        try Tamper.write(vault.file(reader.manifest.path), newer.bytes)
        try Tamper.write(vault.file(reader.manifest.catalogPath), newer.bytes)
        let catalog = try Catalog.read(vault, depth: .bothCopies)
        #expect(catalog.entries.isEmpty)
        #expect(catalog.findings.map(\.code) == [.newerFormat, .newerFormat])
        #expect(Set(catalog.findings.map(\.object)) == [reader.manifest.path, reader.manifest.catalogPath])

        let identity = try ProvenDocument(
            kind: "vault", bytes: try Tamper.read(vault.file("vault.json")), name: "vault.json")
        let text = String(decoding: identity.body, as: UTF8.self).replacing(#""format":1"#, with: #""format":2"#)
        try Tamper.write(vault.file("vault.json"), ProvenDocument(kind: "vault", body: Array(text.utf8)).bytes)
        #expect(code { _ = try Vault.open(vault.storage) } == .newerFormat)
    }
}
