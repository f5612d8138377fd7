// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Testing
import VarveKeys
import VarveSeal

/// What keys do: their classes, names, versions, and what they open.
@Suite struct KeyStoreTests {
    let fixture: KeyFixture

    init() throws { fixture = try KeyFixture() }

    @Test func `a new store holds an owned, a managed and an escrow key`() throws {
        let store = try fixture.create()
        let keys = try store.list()
        #expect(keys.map(\.class) == [.owned, .managed, .escrow])
        #expect(keys.map(\.aliases) == [[], ["alias/varve/managed"], []])
        #expect(Set(keys.map(\.id)).count == 3)
        for key in keys {
            #expect(key.currentVersion == 1 && key.versions.count == 1 && key.state == .enabled)
            #expect(key.created == Date(timeIntervalSince1970: 1_800_000_000))
            #expect(key.id.utf8.count == 16)
            #expect(key.id.allSatisfy { "abcdefghijklmnopqrstuvwxyz234567".contains($0) })
        }
    }

    @Test(arguments: [true, false])
    func `a store opens again with its secret and holds the same`(usesPassphrase: Bool) throws {
        let protection = usesPassphrase ? KeyFixture.passphrase : KeyFixture.root
        let store = try fixture.create(protection)
        try store.create(alias: "alias/main")
        let key = SymmetricKey(size: .bits256)
        let sealed = try store.sealKey(key, under: "alias/main", context: KeyFixture.context)
        let again = try fixture.open(protection)
        #expect(try again.list() == store.list())
        #expect(try again.openKey(sealed, expecting: KeyFixture.context) == key)
    }

    @Test func `references are owned, managed, aliases and ids`() throws {
        let store = try fixture.create()
        let main = try store.create(alias: "alias/main")
        #expect(try store.resolve("alias/main") == (main.id, .customer))
        #expect(try store.resolve(main.id) == (main.id, .customer))
        #expect(try store.resolve("owned").class == .owned)
        #expect(try store.resolve("managed") == store.resolve("alias/varve/managed"))
        #expect(try store.resolve("managed").class == .managed)
        for reference in ["", "main", "alias/", "alias/other", "escrow", "customer", main.id.uppercased()] {
            #expect(code { _ = try store.describe(reference) } == .noSuchKey, "\(reference)")
            #expect(code { try store.rotate(reference) } == .noSuchKey, "\(reference)")
        }
    }

    @Test(arguments: [
        "main", "", "alias/", "Alias/main", "alias/a b", "alias/ä", "alias/a.b", "alias/a\n", "alias/varve/x",
        "alias/varve",
        "alias/" + String(repeating: "a", count: 251),
    ])
    func `what cannot be an alias is refused and changes nothing`(alias: String) throws {
        let store = try fixture.create()
        let main = try store.create()
        let before = try store.list()
        #expect(code { try store.create(alias: alias) } == .invalidAlias)
        #expect(code { try store.setAlias(alias, to: main.id) } == .invalidAlias)
        #expect(code { try store.removeAlias(alias) } == .invalidAlias)
        #expect(try store.list() == before)
    }

    @Test(arguments: ["alias/a", "alias/A-z_0/9", "alias/varves", "alias/" + String(repeating: "a", count: 250)])
    func `every form of alias names its key`(alias: String) throws {
        let store = try fixture.create()
        #expect(try store.create(alias: alias).id == store.describe(alias).id)
    }

    @Test func `an alias belongs to one key, and moves only when told to`() throws {
        let store = try fixture.create()
        let one = try store.create(alias: "alias/main")
        let two = try store.create()
        #expect(code { try store.create(alias: "alias/main") } == .aliasTaken)
        #expect(code { try store.setAlias("alias/main", to: two.id) } == .aliasTaken)
        #expect(try store.describe("alias/main").id == one.id)
        try store.setAlias("alias/main", to: one.id)
        try store.setAlias("alias/second", to: "alias/main")
        #expect(try store.describe(one.id).aliases == ["alias/main", "alias/second"])
        try store.setAlias("alias/main", to: two.id, moving: true)
        #expect(try store.describe("alias/main").id == two.id)
        #expect(try store.describe(one.id).aliases == ["alias/second"])
        try store.removeAlias("alias/second")
        #expect(try store.describe(one.id).aliases.isEmpty)
        #expect(code { try store.removeAlias("alias/second") } == .noSuchKey)
        #expect(code { try store.setAlias("alias/x", to: "owned") } == .notAllowed)
        #expect(code { try store.setAlias("alias/x", to: "managed") } == .notAllowed)
    }

    @Test(arguments: [KeyClass.owned, .managed, .escrow])
    func `only customer keys are made and exported`(class: KeyClass) throws {
        let store = try fixture.create()
        #expect(code { try store.create(class: `class`) } == .notAllowed)
        let id = try #require(try store.list().first { $0.class == `class` }).id
        #expect(code { _ = try store.export(id) } == .notAllowed)
        #expect(try store.list().count == 3)
    }

    @Test(arguments: ["owned", "managed", "alias/main"])
    func `after rotations every version opens what it sealed`(reference: String) throws {
        let store = try fixture.create()
        try store.create(alias: "alias/main")
        var sealed: [(key: SymmetricKey, message: [UInt8])] = []
        for version in 1...4 {
            let key = SymmetricKey(size: .bits256)
            sealed.append((key, try store.sealKey(key, under: reference, context: KeyFixture.context)))
            #expect(try store.rotate(reference).currentVersion == version + 1)
        }
        #expect(try store.describe(reference).versions.map(\.version) == [1, 2, 3, 4, 5])
        for opener in [store, try fixture.open()] {
            for (key, message) in sealed {
                #expect(try opener.openKey(message, expecting: KeyFixture.context) == key)
            }
        }
    }

    @Test func `the newest version seals`() throws {
        let store = try fixture.create()
        let id = try store.create(alias: "alias/main").id
        try store.rotate("alias/main")
        let key = SymmetricKey(size: .bits256)
        let message = try store.sealKey(key, under: "alias/main", context: KeyFixture.context)
        let exported = try store.export("alias/main")
        #expect(exported.name == "\(id).2" && exported.namespace == "varve-key")
        #expect(exported.versions.map(\.name) == ["\(id).1", "\(id).2"])
        #expect(exported.hex == exported.versions[1].hex && exported.hex != exported.versions[0].hex)
        for version in exported.versions {
            let bytes = stride(from: 0, to: 64, by: 2).compactMap {
                UInt8(version.hex.dropFirst($0).prefix(2), radix: 16)
            }
            let wrapper = RawAESKey(namespace: exported.namespace, name: version.name, key: SymmetricKey(data: bytes))
            let opened = try? Message.open(message, keys: [wrapper], expecting: KeyFixture.context).plaintext
            #expect(opened == (version.version == 2 ? key.bytes : nil))
        }
    }

    @Test func `the escrow key neither rotates nor seals alone`() throws {
        let store = try fixture.create()
        let escrow = try #require(try store.list().last).id
        #expect(code { try store.rotate(escrow) } == .notAllowed)
        #expect(code { try store.setAlias("alias/x", to: escrow) } == .notAllowed)
        #expect(
            code { _ = try store.sealKey(SymmetricKey(size: .bits256), under: escrow, context: [:]) } == .notAllowed)
    }

    @Test func `a sealed key opens only whole, in its own context, and in a store that has one of its keys`() throws {
        let store = try fixture.create()
        let other = try fixture.sibling().create()
        let message = try store.sealKey(SymmetricKey(size: .bits256), under: "owned", context: KeyFixture.context)
        #expect(code { _ = try other.openKey(message, expecting: KeyFixture.context) } == .cannotOpen)
        #expect(code { _ = try store.openKey(message, expecting: ["varve:key": "abd"]) } == .damaged)
        for at in message.indices {
            var damaged = message
            damaged[at] ^= 4
            let found = code { _ = try store.openKey(damaged, expecting: KeyFixture.context) }
            #expect(found == .damaged || found == .cannotOpen, "byte \(at)")
            let cut = code { _ = try store.openKey(Array(message[..<at]), expecting: KeyFixture.context) }
            #expect(cut == .damaged, "byte \(at)")
        }
    }

    @Test func `a sealed message that holds no key of 32 bytes is refused`() throws {
        let store = try fixture.create()
        try store.create(alias: "alias/main")
        let exported = try store.export("alias/main")
        let bytes = stride(from: 0, to: 64, by: 2).compactMap { UInt8(exported.hex.dropFirst($0).prefix(2), radix: 16) }
        let wrapper = RawAESKey(namespace: exported.namespace, name: exported.name, key: SymmetricKey(data: bytes))
        for count in [0, 31, 33] {
            let message = try Message.seal(
                [UInt8](repeating: 1, count: count), context: KeyFixture.context, recipients: [wrapper])
            #expect(code { _ = try store.openKey(message, expecting: KeyFixture.context) } == .damaged)
        }
    }

    @Test func `a snapshot key's derivations are fixed`() {
        let key = SnapshotKey(id: "abcdefghijklmnop", key: SymmetricKey(data: [UInt8](0..<32)))
        #expect(key.wrapper.namespace == "varve" && key.wrapper.name == "abcdefghijklmnop")
        #expect(key.wrapper.key == key.key)
        // HKDF-SHA-256 by hand: extract with 32 zero bytes as salt, expand with the info and a counter byte.
        let extracted = HMAC<SHA256>.authenticationCode(
            for: [UInt8](0..<32), using: SymmetricKey(data: [UInt8](repeating: 0, count: 32)))
        let expanded = HMAC<SHA256>.authenticationCode(
            for: Array("varve manifest 1".utf8) + [1], using: SymmetricKey(data: Data(extracted)))
        #expect(key.manifestAuthenticationKey() == SymmetricKey(data: Data(expanded)))
        #expect(SnapshotKey.make().id != SnapshotKey.make().id)
        #expect(key.export().hex == (0..<32).map { String(format: "%02x", $0) }.joined())
    }
}
