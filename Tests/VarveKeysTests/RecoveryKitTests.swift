// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Glibc
import SystemPackage
import Testing
import VarveKeys
import VarveSeal
import VarveTestKit

@Suite struct RecoveryKitTests {
    let fixture: KeyFixture

    init() throws { fixture = try KeyFixture() }

    static let vaults = ["abcdefghijklmnop", "qrstuvwxyz234567"]

    @Test func `a kit comes back from its file and from its printed page`() throws {
        let kit = try fixture.create().recoveryKit(vaults: Self.vaults)
        let path = fixture.folder.appending("kit.json")
        try kit.save(at: path)
        let retyped = kit.printed.uppercased().replacingOccurrences(of: ":  ", with: ":    ")
        for copy in [
            try RecoveryKit.load(path), try RecoveryKit(text: Array(kit.printed.utf8)),
            try RecoveryKit(text: Array(retyped.utf8)),
            try RecoveryKit(text: Array(kit.printed.replacingOccurrences(of: "\n", with: "\r\n").utf8)),
        ] {
            #expect(copy.escrow.namespace == "varve-escrow")
            #expect(copy.escrow.name == kit.escrow.name && copy.escrow.hex == kit.escrow.hex)
            #expect(copy.vaults == Self.vaults && copy.created == kit.created && copy.checksum == kit.checksum)
        }
    }

    @Test func `a kit's file has mode 0600, is not overwritten, and is refused when others can read it`() throws {
        let kit = try fixture.create().recoveryKit()
        let path = fixture.folder.appending("kit.json")
        try kit.save(at: path)
        var status = stat()
        #expect(stat(path.string, &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(code { try kit.save(at: path) } == .exists)
        try #require(chmod(path.string, 0o644) == 0)
        #expect(code { _ = try RecoveryKit.load(path) } == .permissions)
        #expect(code { _ = try RecoveryKit.load(fixture.folder.appending("none")) } == .noKeyStore)
    }

    @Test func `a wrong digit or letter in any field of the page is found`() throws {
        let page = Array(try fixture.create().recoveryKit(vaults: Self.vaults).printed.utf8)
        let start = try #require(String(decoding: page, as: UTF8.self).range(of: "format:"))
        let first = String(decoding: page, as: UTF8.self).utf8.distance(from: "".startIndex, to: start.lowerBound)
        for at in first..<page.count {
            for character in Array("0a7z".utf8) where page[at] > 0x20 && page[at] | 0x20 != character | 0x20 {
                var typed = page
                typed[at] = character
                let found = code { _ = try RecoveryKit(text: typed) }
                #expect(found == .damaged || found == .newerFormat, "byte \(at)")
            }
        }
    }

    @Test func `a kit cut at any byte never passes for a whole one`() throws {
        let kit = try fixture.create().recoveryKit(vaults: Self.vaults)
        let path = fixture.folder.appending("kit.json")
        try kit.save(at: path)
        let file = Array(try Data(contentsOf: URL(fileURLWithPath: path.string)))
        for text in [file, Array(kit.printed.utf8)] {
            let end = try #require(text.lastIndex { $0 > 0x20 })
            for cut in 0..<end {
                #expect(code { _ = try RecoveryKit(text: Array(text[..<cut])) } == .damaged, "cut at \(cut)")
            }
        }
    }

    @Test func `a changed field in the file is found`() throws {
        let kit = try fixture.create().recoveryKit(vaults: Self.vaults)
        let path = fixture.folder.appending("kit.json")
        try kit.save(at: path)
        let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path.string)), as: UTF8.self)
        for (old, new, expected) in [
            (kit.escrow.hex, String(kit.escrow.hex.reversed()), KeyError.Code.damaged),
            (kit.escrow.hex, "00", .damaged), (kit.escrow.name, "abcdefghijklmnop.1", .damaged),
            ("varve-escrow", "varve-key", .damaged), (Self.vaults[0], Self.vaults[1], .damaged),
            ("2027-01-15", "2027-01-16", .damaged), (#""format" : 1"#, #""format" : 2"#, .newerFormat),
            (#""format" : 1"#, #""format" : 0"#, .damaged), ("varve-recovery-kit", "varve-key-store", .damaged),
        ] {
            let changed = text.replacingOccurrences(of: old, with: new)
            try #require(changed != text)
            #expect(code { _ = try RecoveryKit(text: Array(changed.utf8)) } == expected, "\(new)")
        }
    }

    @Test(arguments: ["owned", "managed", "alias/main"])
    func `a new store made from the kit opens what the old one sealed`(reference: String) throws {
        let store = try fixture.create()
        try store.create(alias: "alias/main")
        let kit = try store.recoveryKit(vaults: Self.vaults)
        try store.rotate(reference)
        let key = SymmetricKey(size: .bits256)
        let sealed = try store.sealKey(key, under: reference, context: KeyFixture.context)
        #expect(try kit.openKey(sealed, expecting: KeyFixture.context) == key)

        let new = try fixture.sibling()
        let rebuilt = try new.create(KeyFixture.passphrase, from: try RecoveryKit(text: Array(kit.printed.utf8)))
        #expect(try rebuilt.openKey(sealed, expecting: KeyFixture.context) == key)
        #expect(try new.open(KeyFixture.passphrase).openKey(sealed, expecting: KeyFixture.context) == key)
        // The same kit goes on being the new store's kit.
        let later = try rebuilt.sealKey(key, under: "owned", context: KeyFixture.context)
        #expect(try kit.openKey(later, expecting: KeyFixture.context) == key)
        try rebuilt.confirm(kit)
        #expect(try rebuilt.recoveryKit(vaults: Self.vaults).checksum == kit.checksum)
    }

    @Test func `a kit of another store is told apart`() throws {
        let store = try fixture.create()
        let foreign = try fixture.sibling().create().recoveryKit()
        try store.confirm(try store.recoveryKit())
        #expect(code { try store.confirm(foreign) } == .notThisKit)
        let sealed = try store.sealKey(SymmetricKey(size: .bits256), under: "owned", context: KeyFixture.context)
        #expect(code { _ = try foreign.openKey(sealed, expecting: KeyFixture.context) } == .cannotOpen)
    }
}
