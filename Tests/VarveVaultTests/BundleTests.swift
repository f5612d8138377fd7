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

@Suite struct BundleTests {
    @Test func `a bundle opens with the key, unpacks with tar and reads with zstd`() throws {
        let folder = try TemporaryFolder()
        let vault = try Samples.vault(folder)
        let reader = try Samples.snapshot(vault, items: 100, perFile: 20, bundles: 2)
        #expect(try Samples.lines(reader) == Samples.expectedLines(0..<100))
        for bundle in reader.manifest.bundles {
            let message = try Tamper.read(vault.file(reader.manifest.folder + bundle.name))
            let (tar, _) = try Message.open(message, keys: [reader.key.wrapper], expecting: nil)
            try folder.write("out/\(bundle.name).tar", tar)
            let result = try ChildProcess.run("tar", ["-x", "-f", "\(bundle.name).tar"], in: folder.appending("out"))
            #expect(result.exitCode == 0 && result.errors.isEmpty, "\(result.errorText)")
        }
        let export = try NativeExport(folder.appending("out"))
        #expect(export.items == 100)
        #expect(export.files.count == 6)
        var lines: [[UInt8]] = []
        try export.forEachLine { lines.append(Array($0) + [0x0A]) }
        #expect(lines.sorted { $0.lexicographicallyPrecedes($1) } == Samples.expectedLines(0..<100))
        #expect(export.summary.outputFormat == "DYNAMODB_JSON")
        #expect(export.summary.itemCount == 100)
        let started = export.folder.appending("_started")
        #expect(try Tamper.read(started).isEmpty)
    }

    // MARK: Damage

    /// A bundle of some data files, and what it holds.
    struct Sealed {
        static let linesPerFile = 2500

        let folder: TemporaryFolder
        let vault: Vault
        let reader: SnapshotReader
        let bundle: BundleRecord
        let file: FilePath
        let bytes: [UInt8]
        let names: Set<String>

        init() throws {
            folder = try TemporaryFolder()
            vault = try Samples.vault(folder)
            // Width makes the data files incompressible enough to fill several frames.
            let writer = try SnapshotWriter(vault, Samples.plan(), keys: FixedKeys(), record: nil)
            var generator = SeededGenerator(seed: 1)
            for _ in 0..<2 {
                let bundle = try writer.bundle()
                for _ in 0..<3 {
                    var raw: [UInt8] = []
                    for _ in 0..<Self.linesPerFile {
                        let text = String(generator.next(), radix: 36) + String(generator.next())
                        raw += Array(#"{"Item":{"A":{"S":"\#(text)"}}}"#.utf8) + [0x0A]
                    }
                    try bundle.add(try DataFile(raw: raw, items: Self.linesPerFile, digest: TableDigest()))
                }
                try bundle.finish()
            }
            reader = try writer.commit(consistency: Samples.consistency(writer.started))
            self.bundle = reader.manifest.bundles[0]
            file = vault.file(reader.manifest.folder + self.bundle.name)
            bytes = try Tamper.read(file)
            names = Set(try reader.index().files.keys)
        }

        /// Reads the bundle with `bytes` in its place; what it released is checked against the truth.
        func findings(_ bytes: [UInt8], record: BundleRecord? = nil) throws -> (level2: [Finding], level3: [Finding]) {
            try Tamper.write(file, bytes)
            let record = record ?? bundle
            let index = try reader.index()
            let digest = try reader.digests().bundles[bundle.name]
            let check = vault.checkContent(reader, record, index: index, digest: digest) { raw in
                // Nothing of a broken frame may come here: what comes has passed its tags and its MD5.
                #expect(raw.starts(with: Array(#"{"Item":{"A":"#.utf8)) && raw.last == 0x0A)
                return Vault.LineContent(items: raw.count { $0 == 0x0A }, digest: TableDigest())
            }
            return (vault.checkBundle(reader.manifest, record), check.findings)
        }

        /// The record that a manifest would have if it had been made for these bytes, so that only the seal stands in the way.
        func record(for bytes: [UInt8]) -> BundleRecord {
            BundleRecord(
                name: bundle.name, items: bundle.items, rawBytes: bundle.rawBytes, sealedBytes: bytes.count,
                sha256: SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined(),
                dataFiles: bundle.dataFiles)
        }
    }

    @Test func `a sound bundle has no findings`() throws {
        let sealed = try Sealed()
        let found = try sealed.findings(sealed.bytes)
        #expect(found.level2.isEmpty)
        #expect(found.level3.isEmpty)
        #expect(sealed.bytes.count > 2 * 65_536)
    }

    @Test func `every 97th byte flipped is found at both levels, and by the seal alone`() throws {
        let sealed = try Sealed()
        var flips = 0
        for index in stride(from: 0, to: sealed.bytes.count, by: 97) {
            var changed = sealed.bytes
            changed[index] ^= UInt8(1 << (index % 8))
            let found = try sealed.findings(changed)
            #expect(found.level2.count == 1 && found.level3.count == 1, "byte \(index)")
            #expect(found.level3.first?.object == sealed.reader.manifest.folder + sealed.bundle.name)
            let blind = try sealed.findings(changed, record: sealed.record(for: changed))
            #expect(blind.level3.count == 1, "byte \(index), with its SHA-256 made anew")
            flips += 1
        }
        #expect(flips > 1000)
    }

    @Test func `every byte of the header flipped is found by the seal alone`() throws {
        let sealed = try Sealed()
        for index in 0..<420 {
            var changed = sealed.bytes
            changed[index] ^= 0x01
            let found = try sealed.findings(changed, record: sealed.record(for: changed))
            #expect(found.level3.count == 1, "byte \(index)")
        }
    }

    @Test func `a bundle cut short or longer than it was is found`() throws {
        let sealed = try Sealed()
        var cases: [[UInt8]] = stride(from: 0, to: sealed.bytes.count, by: 4999).map { Array(sealed.bytes[..<$0]) }
        cases.append(Array(sealed.bytes.dropLast()))
        cases.append(sealed.bytes + [0])
        cases.append(sealed.bytes + sealed.bytes)
        cases.append([])
        for bytes in cases {
            let found = try sealed.findings(bytes)
            #expect(found.level2.map(\.code) == [.damaged], "\(bytes.count) bytes")
            #expect(found.level3.map(\.code) == [.damaged], "\(bytes.count) bytes")
            let blind = try sealed.findings(bytes, record: sealed.record(for: bytes))
            #expect(blind.level3.count == 1, "\(bytes.count) bytes, with its SHA-256 made anew")
        }
    }

    @Test func `a bundle in another one's place does not open, nor one of another snapshot`() throws {
        let sealed = try Sealed()
        let second = sealed.reader.manifest.bundles[1]
        let other = try Tamper.read(sealed.vault.file(sealed.reader.manifest.folder + second.name))
        let found = try sealed.findings(other, record: sealed.record(for: other))
        #expect(found.level3.count == 1)
        #expect(
            found.level3.first?.reason.contains("contextMismatch") == true
                || found.level3.first?.reason.contains("bound to") == true)

        // A snapshot of the same table, whose key is another.
        let foreign = try Samples.snapshot(sealed.vault)
        let bytes = try Tamper.read(sealed.vault.file(foreign.manifest.folder + foreign.manifest.bundles[0].name))
        #expect(try sealed.findings(bytes, record: sealed.record(for: bytes)).level3.count == 1)
    }

    // MARK: Hostile archives

    static let data =
        ExportLayout.folder(TarBuilder.exportID) + "data/" + String(repeating: "a", count: 26) + ".json.zst"

    struct Hostile: CustomTestStringConvertible, Sendable {
        let name: String
        let codes: Set<VaultError.Code>
        let build: @Sendable (inout TarBuilder) -> Void
        var testDescription: String { name }

        init(_ name: String, _ codes: VaultError.Code..., build: @escaping @Sendable (inout TarBuilder) -> Void) {
            self.name = name
            self.codes = Set(codes)
            self.build = build
        }
    }

    static let hostile = [
        Hostile("a name that climbs", .hostileName) {
            $0.add("AWSDynamoDB/\(TarBuilder.exportID)/data/../../../etc/x", [1])
        },
        Hostile("a name beside the export", .hostileName) { $0.add("../x", [1]) },
        Hostile("an absolute name", .hostileName) { $0.add("/etc/passwd", [1]) },
        Hostile("another export's folder", .hostileName) { $0.add("AWSDynamoDB/01763892000000-ffffffff/_started") },
        Hostile("an empty name", .hostileName, .damaged) { $0.add("", [1]) },
        Hostile("a name that is no text", .hostileName, .damaged) { $0.add("AWSDynamoDB/\u{FF}\u{1}", [1]) },
        Hostile("a data file with another suffix", .hostileName) { $0.add(data.replacing(".zst", with: ".sh"), [1]) },
        Hostile("a symbolic link", .hostileName) { $0.add(data, type: "2", link: "/etc/passwd") },
        Hostile("a hard link", .hostileName, .damaged) { $0.add(data, type: "1", link: "/etc/passwd") },
        Hostile("a folder", .hostileName) { $0.add(data, type: "5") },
        Hostile("a device", .hostileName) { $0.add(data, type: "3") },
        Hostile("a pipe", .hostileName) { $0.add(data, type: "6") },
        Hostile("a file of 4 GiB", .limitExceeded) { $0.add(data, [1], claims: 1 << 32) },
        Hostile("a file of 2^62 bytes", .limitExceeded, .damaged) { $0.add(data, [1], claims: 1 << 62) },
        Hostile("a file longer than the archive", .damaged) { $0.add(data, [1], claims: 100_000) },
        Hostile("a file twice", .hostileName) {
            $0.add(data, [1])
            $0.add(data, [2])
        },
        Hostile("something after the end", .damaged) {
            $0.add(data, [1])
            $0.end()
            $0.bytes += [UInt8](repeating: 0, count: 4096) + [1]
        },
    ]

    @Test(arguments: hostile)
    func `an archive that Varve never writes is refused, though its seal is sound`(hostile: Hostile) throws {
        let folder = try TemporaryFolder()
        let storage = try DirectoryStorage.create(folder.appending("vault"))
        var tar = TarBuilder()
        hostile.build(&tar)
        tar.end()
        let reader = try tar.reader(storage)
        let error = code { try reader.forEachEntry { _ in } }
        #expect(error.map(hostile.codes.contains) == true, "\(String(describing: error))")
        #expect(FileManager.default.fileExists(atPath: "/etc/passwd"))
    }

    @Test func `an archive that Varve could have written is read`() throws {
        let folder = try TemporaryFolder()
        let storage = try DirectoryStorage.create(folder.appending("vault"))
        var tar = TarBuilder()
        tar.add(Self.data, Array("content".utf8))
        tar.add(ExportLayout.folder(TarBuilder.exportID) + "_started")
        tar.end()
        var read: [String: [UInt8]] = [:]
        try tar.reader(storage).forEachEntry { read[$0.name] = Array($0.bytes) }
        #expect(read.count == 2)
        #expect(read["_started"] == [])
        #expect(read["data/" + String(repeating: "a", count: 26) + ".json.zst"] == Array("content".utf8))
    }

    @Test(arguments: [
        [], [UInt8](repeating: 0, count: 100), Array("not an archive, though sealed".utf8),
        [UInt8](repeating: 0x41, count: 5000),
    ])
    func `what is no archive is found, though its seal is sound`(bytes: [UInt8]) throws {
        let folder = try TemporaryFolder()
        let storage = try DirectoryStorage.create(folder.appending("vault"))
        let reader = try TarBuilder(bytes: bytes).reader(storage)
        var entries = 0
        let error = code { try reader.forEachEntry { _ in entries += 1 } }
        #expect(error == .damaged || entries == 0)
        #expect(bytes.isEmpty || bytes.allSatisfy { $0 == 0 } || error == .damaged)
    }

    @Test func `a bomb inside a sealed bundle stops at a data file's size`() throws {
        let folder = try TemporaryFolder()
        let result = try ChildProcess.run(
            "sh", ["-c", "head -c 300000000 /dev/zero | zstd -q -19 -o bomb"], in: folder.path)
        try #require(result.exitCode == 0)
        let bomb = try Tamper.read(folder.appending("bomb"))
        let storage = try DirectoryStorage.create(folder.appending("vault"))
        var tar = TarBuilder()
        tar.add(Self.data, bomb)
        tar.end()
        var raw: [UInt8] = []
        let error = code {
            try tar.reader(storage).forEachEntry { try DataFile.decompress($0.bytes, into: &raw) }
        }
        #expect(error == .limitExceeded)
        #expect(raw.count <= DataFile.rawBytesMax)
    }

    @Test func `a writer that fails leaves no bundle and says why`() throws {
        let folder = try TemporaryFolder()
        _ = try Samples.vault(folder)
        let full = try DirectoryStorage(folder.appending("vault")) { point in point == .write ? .noSpace : nil }
        let vault = try Vault.open(try DirectoryStorage(folder.appending("vault")))
        let writer = try SnapshotWriter(vault, Samples.plan(), keys: FixedKeys(), record: nil)
        let object = try full.writer(try ObjectPath("x"))
        #expect(code { try [UInt8](repeating: 0, count: 1 << 20).withUnsafeBytes { try object.write($0) } } == .full)
        try writer.abandon()
        #expect(try vault.storage.list("").map(\.path.text) == ["README.txt", "vault.json"])
    }
}
