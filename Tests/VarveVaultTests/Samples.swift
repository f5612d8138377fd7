// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarveSeal
import VarveTestKit
import VarveVault

/// Wrapping keys that are always the same, in place of a key store.
struct FixedKeys: KeySealing {
    var wrapper = RawAESKey(
        namespace: "varve-key", name: "fixed.1", key: SymmetricKey(data: (0..<32).map { UInt8($0) }))

    static let other = FixedKeys(
        wrapper: RawAESKey(
            namespace: "varve-key", name: "other.1", key: SymmetricKey(data: (0..<32).map { UInt8(255 - $0) })))

    func sealKey(_ key: SymmetricKey, under reference: String, context: EncryptionContext) throws -> [UInt8] {
        try Message.seal(key.withUnsafeBytes { Array($0) }, context: context, recipients: [wrapper], frameBytes: 65_536)
    }

    func openKey(_ message: [UInt8], expecting: EncryptionContext) throws -> SymmetricKey {
        SymmetricKey(data: try Message.open(message, keys: [wrapper], expecting: expecting).plaintext)
    }

    func resolve(_ reference: String) throws -> (id: String, class: KeyClass) { ("fixed", .customer) }

    func recipients(under reference: String) throws -> [Message.Recipient] {
        [Message.Recipient(namespace: wrapper.namespace, name: wrapper.name)]
    }
}

/// Two wrapping keys: both open, and the reference `other` seals under the second.
struct TwoKeys: KeySealing {
    var first = FixedKeys()
    var second = FixedKeys.other

    private func keys(_ reference: String) -> FixedKeys { reference == "other" ? second : first }

    func sealKey(_ key: SymmetricKey, under reference: String, context: EncryptionContext) throws -> [UInt8] {
        try keys(reference).sealKey(key, under: reference, context: context)
    }

    func openKey(_ message: [UInt8], expecting: EncryptionContext) throws -> SymmetricKey {
        SymmetricKey(
            data: try Message.open(message, keys: [first.wrapper, second.wrapper], expecting: expecting).plaintext)
    }

    func resolve(_ reference: String) throws -> (id: String, class: KeyClass) { ("fixed", .customer) }

    func recipients(under reference: String) throws -> [Message.Recipient] {
        try keys(reference).recipients(under: reference)
    }
}

/// A clock that moves only when it is told to, or by a step at each look.
final class TestClock: Clock, @unchecked Sendable {
    // Used by tests from one thread, and by writers under the lock.
    private let lock = NSLock()
    private var time: Instant
    private let step: Int64

    init(_ text: String = "2026-11-23T10:00:00.000000Z", step: Int64 = 1) throws {
        time = try #require(Instant(rfc3339: text))
        self.step = step
    }

    func now() -> Instant {
        lock.withLock {
            time = Instant(microseconds: time.microseconds + step)
            return time
        }
    }

    func advance(seconds: Int64) {
        lock.withLock { time = Instant(microseconds: time.microseconds + seconds * 1_000_000) }
    }
}

enum Samples {
    static let table = Manifest.TableIdentity(name: "Music", id: "aaaabbbbccccdddd")
    static let description = JSON.object([
        .init("TableName", .string("Music")),
        .init(
            "KeySchema",
            .array([.object([.init("AttributeName", .string("Artist")), .init("KeyType", .string("HASH"))])])),
    ])

    /// The canonical bytes of item number `number`; `width` bytes of text make it long.
    static func item(_ number: Int, width: Int = 40) -> [UInt8] {
        let text = String((0..<width).map { Character(UnicodeScalar(UInt8(97 + ($0 * 7 + number * 13) % 26))) })
        return Array(#"{"Artist":{"S":"artist \#(number)"},"Note":{"S":"\#(text)"}}"#.utf8)
    }

    static func line(_ number: Int, width: Int = 40) -> [UInt8] {
        Array(#"{"Item":"#.utf8) + item(number, width: width) + Array("}\n".utf8)
    }

    static func digest(_ numbers: some Sequence<Int>, width: Int = 40) -> TableDigest {
        var digest = TableDigest()
        for number in numbers { digest.add(Array(SHA256.hash(data: item(number, width: width)))) }
        return digest
    }

    static func dataFile(_ numbers: Range<Int>, width: Int = 40) throws -> DataFile {
        try DataFile(
            raw: numbers.flatMap { line($0, width: width) }, items: numbers.count, digest: digest(numbers, width: width)
        )
    }

    /// What the pipeline does with a data file when it verifies: counts its lines and hashes their items.
    static func content(_ raw: UnsafeRawBufferPointer) throws -> Vault.LineContent {
        var content = Vault.LineContent(items: 0, digest: TableDigest())
        for line in raw.split(separator: UInt8(ascii: "\n")) {
            let body = line.dropFirst(8).dropLast(1)
            content.items += 1
            content.digest.add(Array(SHA256.hash(data: Array(body))))
        }
        return content
    }

    static func plan(_ kind: Manifest.Kind = .snapshot, table: Manifest.TableIdentity = table) -> SnapshotWriter.Plan {
        SnapshotWriter.Plan(
            kind: kind, table: table, description: description, wrappingKey: "alias/main", tool: "varve test")
    }

    static func consistency(_ instant: Instant) -> Manifest.Consistency {
        Manifest.Consistency(
            method: "store-snapshot", from: instant, to: instant, cut: .init(time: instant, sequence: 7))
    }

    /// Writes a snapshot of `items` items, `perFile` in a data file, a bundle for each of `bundles`.
    @discardableResult
    static func snapshot(
        _ vault: Vault, items: Int = 100, perFile: Int = 20, bundles: Int = 2, kind: Manifest.Kind = .snapshot,
        table: Manifest.TableIdentity = table, keys: FixedKeys = FixedKeys(), record: CommitRecord? = nil,
        clock: any Clock = SystemClock()
    ) throws -> SnapshotReader {
        let writer = try SnapshotWriter(vault, plan(kind, table: table), keys: keys, record: record, clock: clock)
        let perBundle = (items + bundles - 1) / bundles
        for first in stride(from: 0, to: items, by: perBundle) {
            let bundle = try writer.bundle()
            let end = min(items, first + perBundle)
            for start in stride(from: first, to: end, by: perFile) {
                try bundle.add(try dataFile(start..<min(end, start + perFile)))
            }
            try bundle.finish()
        }
        return try writer.commit(consistency: consistency(writer.started))
    }

    static func vault(_ folder: TemporaryFolder, clock: any Clock = SystemClock()) throws -> Vault {
        try Vault.create(try DirectoryStorage.create(folder.appending("vault")), tool: "varve test", clock: clock)
    }

    /// All levels, as the pipeline composes them.
    static func verify(
        _ vault: Vault, keys: FixedKeys? = FixedKeys(), record: CommitRecord? = nil
    ) throws -> [Finding] {
        let catalog = try Catalog.read(vault, depth: .bothCopies)
        var findings = vault.checkListing(catalog, record: record)
        findings += vault.checkDocuments(catalog, keys: keys)
        for entry in catalog.entries {
            for bundle in entry.manifest.bundles { findings += vault.checkBundle(entry.manifest, bundle) }
            guard let keys else { continue }
            do {
                let reader = try SnapshotReader(vault, entry, keys: keys)
                let digests = try reader.digests()
                let index = try reader.index()
                for bundle in entry.manifest.bundles {
                    findings +=
                        vault.checkContent(
                            reader, bundle, index: index, digest: digests.bundles[bundle.name], content
                        ).findings
                }
            } catch {
                findings.append(Finding(object: entry.manifest.path, level: 3, error))
            }
        }
        return findings
    }

    /// All items' lines of a snapshot, sorted.
    static func lines(_ reader: SnapshotReader) throws -> [[UInt8]] {
        let index = try reader.index()
        var lines: [[UInt8]] = []
        for bundle in reader.manifest.bundles {
            try reader.forEachRunOfLines(in: bundle, index) { run in
                let found = run.split(separator: UInt8(ascii: "\n")).map { Array($0) + [0x0A] }
                lines += found
                return found.count
            }
        }
        return lines.sorted { $0.lexicographicallyPrecedes($1) }
    }

    static func expectedLines(_ numbers: Range<Int>) -> [[UInt8]] {
        numbers.map { line($0) }.sorted { $0.lexicographicallyPrecedes($1) }
    }
}

/// The code of the `VaultError` that `body` throws; nil if it throws none, `other` by name.
func code(_ body: () throws -> Void) -> VaultError.Code? {
    do {
        try body()
        return nil
    } catch let error as VaultError {
        return error.code
    } catch {
        Issue.record("An error of another kind: \(error)")
        return nil
    }
}

/// A file's bytes behind the vault's back.
enum Tamper {
    static func read(_ path: FilePath) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path.string)))
    }

    static func write(_ path: FilePath, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path.string))
    }

    static func remove(_ path: FilePath) throws { try FileManager.default.removeItem(atPath: path.string) }
}

extension Vault {
    /// Where an object's file lies.
    func file(_ path: String) -> FilePath { FilePath(storage.location).appending(path) }
}
