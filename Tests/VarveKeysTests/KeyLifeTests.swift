// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import SystemPackage
import Testing
import VarveKeys
import VarveSeal
import VarveTestKit

/// A clock that a test sets.
private final class SetClock: @unchecked Sendable {
    // Tests use it from one thread.
    var time = Date(timeIntervalSince1970: 1_800_000_000)
    func advance(days: Double) { time += days * 86_400 }
}

/// States, their end, tags, import and rotation.
@Suite struct KeyLifeTests {
    let fixture: KeyFixture
    private let clock = SetClock()

    init() throws { fixture = try KeyFixture() }

    private func create() throws -> KeyStore {
        let clock = clock
        return try KeyStore.create(
            at: fixture.path, protection: KeyFixture.root, scrypt: KeyFixture.cheap, now: { clock.time })
    }

    private func open() throws -> KeyStore {
        let clock = clock
        return try KeyStore.open(at: fixture.path, protection: KeyFixture.root, now: { clock.time })
    }

    /// Seals under `reference`, and says with which code that and opening `message` fail.
    private func use(_ store: KeyStore, _ reference: String, opening message: [UInt8]) -> [KeyError.Code?] {
        [
            code { _ = try store.sealKey(SymmetricKey(size: .bits256), under: reference, context: KeyFixture.context) },
            code { _ = try store.openKey(message, expecting: KeyFixture.context) },
        ]
    }

    @Test func `a disabled key neither seals nor opens, in any process, and the escrow key is no way around it`() throws
    {
        let store = try create()
        let key = SymmetricKey(size: .bits256)
        let main = try store.create(alias: "alias/main")
        let sealed = try store.sealKey(key, under: "alias/main", context: KeyFixture.context)
        let kit = try store.recoveryKit()
        let other = try open()
        #expect(try store.disable("alias/main").state == .disabled)
        for store in [store, other, try open()] {
            #expect(use(store, "alias/main", opening: sealed) == [.keyDisabled, .keyDisabled])
            #expect(code { try store.rotate("alias/main") } == .keyDisabled)
            #expect(code { _ = try store.export("alias/main") } == .keyDisabled)
        }
        #expect(try kit.openKey(sealed, expecting: KeyFixture.context) == key, "the kit is there for this")
        // Other keys are as they were.
        let owned = try store.sealKey(key, under: "owned", context: KeyFixture.context)
        #expect(try store.openKey(owned, expecting: KeyFixture.context) == key)
        #expect(try store.enable(main.id).state == .enabled)
        #expect(try other.openKey(sealed, expecting: KeyFixture.context) == key)
    }

    @Test(arguments: [7, 30]) func `a scheduled deletion destroys the key when its days are over, and not before`(
        days: Int
    ) throws {
        let store = try create()
        try store.create(alias: "alias/main")
        let sealed = try store.sealKey(SymmetricKey(size: .bits256), under: "alias/main", context: KeyFixture.context)
        let scheduled = try store.scheduleDeletion(of: "alias/main", days: days)
        #expect(scheduled.state == .pendingDeletion)
        #expect(scheduled.deletes == clock.time + Double(days) * 86_400)
        #expect(use(store, "alias/main", opening: sealed) == [.keyPendingDeletion, .keyPendingDeletion])
        clock.advance(days: Double(days) - 0.001)
        #expect(try open().describe(scheduled.id).state == .pendingDeletion)
        clock.advance(days: 0.001)
        let again = try open()
        let deleted = try again.describe(scheduled.id)
        #expect(deleted.state == .deleted && deleted.versions.isEmpty && deleted.aliases.isEmpty)
        #expect(use(store, scheduled.id, opening: sealed) == [.keyDeleted, .keyDeleted])
        #expect(code { try store.enable(scheduled.id) } == .keyDeleted)
        #expect(code { try store.cancelDeletion(of: scheduled.id) } == .keyDeleted)
        // For good: setting the clock back brings nothing back, and the name is free.
        clock.advance(days: -100)
        #expect(try open().describe(scheduled.id).state == .deleted)
        try store.create(alias: "alias/main")
    }

    @Test func `a deletion that is cancelled leaves the key disabled`() throws {
        let store = try create()
        let key = SymmetricKey(size: .bits256)
        try store.create(alias: "alias/main")
        let sealed = try store.sealKey(key, under: "alias/main", context: KeyFixture.context)
        try store.scheduleDeletion(of: "alias/main", days: 7)
        #expect(try store.cancelDeletion(of: "alias/main").state == .disabled)
        clock.advance(days: 40)
        #expect(try open().describe("alias/main").state == .disabled)
        #expect(use(store, "alias/main", opening: sealed) == [.keyDisabled, .keyDisabled])
        try store.enable("alias/main")
        #expect(try store.openKey(sealed, expecting: KeyFixture.context) == key)
    }

    @Test func `keys that the store cannot do without are not switched off`() throws {
        let store = try create()
        let escrow = try #require(try store.list().first { $0.class == .escrow }).id
        for reference in ["owned", "managed", escrow] {
            #expect(code { try store.disable(reference) } == .notAllowed)
            #expect(code { try store.scheduleDeletion(of: reference, days: 7) } == .notAllowed)
        }
        try store.create(alias: "alias/main")
        for days in [-1, 0, 6, 31] {
            #expect(code { try store.scheduleDeletion(of: "alias/main", days: days) } == .outOfBounds)
        }
        #expect(code { try store.cancelDeletion(of: "alias/main") } == .notAllowed)
    }

    @Test func `the managed key makes a version a year by itself, and older ones still open`() throws {
        let store = try create()
        let key = SymmetricKey(size: .bits256)
        let first = try store.sealKey(key, under: "managed", context: KeyFixture.context)
        #expect(try store.describe("managed").rotates == clock.time + 365 * 86_400)
        clock.advance(days: 364.9)
        _ = try store.sealKey(key, under: "managed", context: KeyFixture.context)
        #expect(try store.describe("managed").currentVersion == 1)
        clock.advance(days: 0.2)
        let second = try open().sealKey(key, under: "managed", context: KeyFixture.context)
        #expect(try store.describe("managed").currentVersion == 2)
        #expect(try Message.recipients(of: second).first?.name.hasSuffix(".2") == true)
        for message in [first, second] {
            #expect(try store.openKey(message, expecting: KeyFixture.context) == key)
        }
        // By hand the year begins anew.
        clock.advance(days: 100)
        try store.rotate("managed")
        #expect(try store.describe("managed").rotates == clock.time + 365 * 86_400)
        #expect(try store.describe("owned").rotates == nil)
    }

    @Test func `tags are set, replaced and removed within their limits`() throws {
        let store = try create()
        try store.create(alias: "alias/main")
        #expect(try store.tag("alias/main", setting: ["team": "a", "cost": "1"]).tags == ["team": "a", "cost": "1"])
        #expect(try store.tag("alias/main", setting: ["team": "b"], removing: ["cost"]).tags == ["team": "b"])
        #expect(try open().describe("alias/main").tags == ["team": "b"])
        let many = Dictionary(uniqueKeysWithValues: (0..<50).map { ("t\($0)", "") })
        #expect(code { try store.tag("alias/main", setting: many) } == .invalidTag)
        #expect(try store.tag("alias/main", setting: many, removing: ["team"]).tags.count == 50)
        for bad in ["", String(repeating: "n", count: 129), "a\nb"] {
            #expect(code { try store.tag("alias/main", setting: [bad: "x"]) } == .invalidTag)
        }
    }

    @Test func `an exported key is imported with its id and opens what it sealed`() throws {
        let store = try create()
        let key = SymmetricKey(size: .bits256)
        let main = try store.create(alias: "alias/main")
        let first = try store.sealKey(key, under: "alias/main", context: KeyFixture.context)
        try store.rotate("alias/main")
        let second = try store.sealKey(key, under: "alias/main", context: KeyFixture.context)
        let file = fixture.folder.appending("exported.json")
        try fixture.write(try JSONEncoder().encode(try store.export("alias/main")), to: file)

        let elsewhere = try fixture.sibling().create()
        for message in [first, second] {
            #expect(code { _ = try elsewhere.openKey(message, expecting: KeyFixture.context) } == .cannotOpen)
        }
        let imported = try elsewhere.importKey(try ImportedKey.load(file), alias: "alias/theirs")
        #expect((imported.id, imported.currentVersion, imported.class) == (main.id, 2, .customer))
        for message in [first, second] {
            #expect(try elsewhere.openKey(message, expecting: KeyFixture.context) == key)
        }
        #expect(code { try elsewhere.importKey(try ImportedKey.load(file)) } == .keyExists)
    }

    @Test func `raw material is imported once, from a file that nobody else can read`() throws {
        let store = try create()
        let file = fixture.folder.appending("raw.hex")
        let hex = String(repeating: "5a", count: 32)
        try fixture.write(Array((hex + "\n").utf8), to: file)
        let imported = try store.importKey(try ImportedKey.load(file), alias: "alias/raw")
        #expect(try store.export("alias/raw").hex == hex)
        #expect(code { try store.importKey(try ImportedKey.load(file)) } == .keyExists)
        #expect(try store.list().filter { $0.class == .customer }.map(\.id) == [imported.id])
        try fixture.write(Array(hex.utf8), to: file, mode: 0o640)
        #expect(code { _ = try ImportedKey.load(file) } == .permissions)
        for text in ["", "5a", hex + "5a", String(repeating: "g", count: 64), "{}", #"{"namespace":"varve"}"#] {
            try fixture.write(Array(text.utf8), to: file)
            #expect(code { _ = try ImportedKey.load(file) } == .invalidSecret, "\(text)")
        }
    }

    @Test func `a new kit opens what is sealed from then on, and the store still opens the rest`() throws {
        let store = try create()
        let key = SymmetricKey(size: .bits256)
        let old = try store.recoveryKit()
        let before = try store.sealKey(key, under: "owned", context: KeyFixture.context)
        let new = store.makeRecoveryKit(vaults: ["lake"])
        #expect(
            try store.recoveryKit().escrow.name == old.escrow.name,
            "nothing is sealed to a kit that may never be written")
        try store.adopt(new)
        let after = try open().sealKey(key, under: "owned", context: KeyFixture.context)
        #expect(try new.openKey(after, expecting: KeyFixture.context) == key)
        #expect(code { _ = try old.openKey(after, expecting: KeyFixture.context) } == .cannotOpen)
        #expect(code { _ = try new.openKey(before, expecting: KeyFixture.context) } == .cannotOpen)
        #expect(try store.openKey(before, expecting: KeyFixture.context) == key)
        #expect(code { try store.adopt(new) } == .keyExists)
        #expect(code { try store.confirm(old) } == .notThisKit)
        try store.confirm(new)
    }

    // MARK: Formats

    /// The first line of the file.
    private func format() throws -> Int? {
        let line = try fixture.bytes().prefix { $0 != 0x0a }
        return (try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])?["format"] as? Int
    }

    @Test func `the file has the oldest format that says all of it`() throws {
        let store = try create()
        try store.create(alias: "alias/main")
        #expect(try format() == 1)
        try store.tag("alias/main", setting: ["a": "b"])
        #expect(try format() == 2)
        #expect(try store.describe("alias/main").tags == ["a": "b"], "the handle goes on after the change of format")
        try store.tag("alias/main", setting: [:], removing: ["a"])
        #expect(try format() == 1)
        try store.disable("alias/main")
        #expect(try format() == 2)
        #expect(try open().describe("alias/main").state == .disabled)
    }

    @Test(arguments: [1, 2]) func `a key store of every released format opens`(format: Int) throws {
        let golden = try #require(Bundle.module.url(forResource: "Fixtures/format-\(format)", withExtension: "keys"))
        if ProcessInfo.processInfo.environment["VARVE_GOLDEN"] != nil {
            let store = try create()
            try store.create(alias: "alias/golden")
            if format == 2 {
                try store.tag("alias/golden", setting: ["made": "once"])
                try store.create(alias: "alias/off")
                try store.disable("alias/off")
            }
            let target = Checkout.root.appending("Tests/VarveKeysTests/Fixtures/format-\(format).keys")
            try Data(try fixture.bytes()).write(to: URL(fileURLWithPath: target.string))
            return
        }
        try fixture.write(try Data(contentsOf: golden))
        #expect(try self.format() == format)
        let store = try open()
        let main = try store.describe("alias/golden")
        #expect(
            main.state == .enabled && main.versions.count == 1 && main.tags == (format == 2 ? ["made": "once"] : [:]))
        if format == 2 { #expect(try store.describe("alias/off").state == .disabled) }
        #expect(try store.export("alias/golden").hex.utf8.count == 64)
    }
}
