// SPDX-License-Identifier: Apache-2.0

import Crypto
import VarveModel
import VarveSeal
import VarveVault

/// Archives as verify and restore read them out of a bundle, data files as they decompress them, and lines as an import reads them.
enum TarTarget: FuzzTarget {
    static let name = "tar"
    static let inputBytesMax = 64 * 1024
    static let tokens = [
        "AWSDynamoDB/\(exportID)/", "data/", ".json.zst", "manifest-files.json", "manifest-summary.json", "_started",
        "abcdefghijklmnopqrstuvwxyz.json.zst", "ustar\u{0}00", "ustar  \u{0}", "0000644\u{0}", "00000000000\u{0}",
        "77777777777\u{0}", "GNU.sparse.major=1", "path=", "size=", "{\"Item\":", "\n", "\r\n",
    ]

    /// Of the golden vault's snapshot, whose archives are in the corpus.
    static let exportID = "01795428002000-ee10fe21"
    /// What is read of lines that never end, of an input that says a little and means gigabytes.
    private static let lineBytesMax = 64 << 20

    nonisolated(unsafe) private static let file = OpenInput()
    nonisolated(unsafe) private static var raw: [UInt8] = []

    /// The reader of a bundle, whose storage is never asked: the archive is given.
    private static let bundle = must("making a reader") {
        BundleReader(
            storage: MemoryStorage(), path: try ObjectPath("tables/Fuzz/000001.tar.esdk"),
            record: BundleRecord(
                name: "000001.tar.esdk", items: 0, rawBytes: 0, sealedBytes: 0, sha256: "", dataFiles: 0),
            exportID: exportID, context: [:],
            key: RawAESKey(namespace: "varve", name: "fuzz", key: SymmetricKey(data: [UInt8](0..<32))))
    }

    static func run(_ bytes: UnsafeRawBufferPointer) {
        let whole = archive(bytes, step: .max)
        let pieces = archive(bytes, step: 1000)
        if whole != pieces { violated("an archive is another when it comes in pieces") }
        _ = dataFile(bytes)
        lines(bytes)
    }

    /// What came of an archive: its files so far, and whether it was refused.
    private struct Outcome: Equatable {
        var names: [String] = []
        var digests: [[UInt8]] = []
        var isRefused = false
    }

    private static func archive(_ bytes: UnsafeRawBufferPointer, step: Int) -> Outcome {
        var outcome = Outcome()
        var rest = bytes
        let isRead =
            accepted(VaultError.self, "reading an archive") {
                try bundle.readArchive(
                    {
                        let part = rest.prefix(step)
                        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
                        return UnsafeRawBufferPointer(rebasing: part)
                    },
                    { entry in
                        outcome.names.append(entry.name)
                        outcome.digests.append(DataFile.md5(entry.bytes))
                        if step == .max, entry.name.hasPrefix("data/") { _ = dataFile(entry.bytes) }
                    })
            } != nil
        outcome.isRefused = !isRead
        if Set(outcome.names).count != outcome.names.count { violated("an archive gave one name twice") }
        for name in outcome.names where name.contains("..") || name.hasPrefix("/") {
            violated("an archive gave a name that leads out of it")
        }
        return outcome
    }

    private static func dataFile(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let isRead = accepted(VaultError.self, "decompressing") { try DataFile.decompress(bytes, into: &raw) } != nil
        if raw.count > DataFile.rawBytesMax { violated("a data file grew beyond its bound") }
        guard isRead else { return false }
        raw.withUnsafeBytes { raw in
            for line in raw.split(separator: UInt8(ascii: "\n")).prefix(1000) {
                _ = accepted(ModelError.self, "reading a line") {
                    try ExportLine.body(of: UnsafeRawBufferPointer(rebasing: line))
                }
            }
        }
        return true
    }

    private struct Enough: Error {}

    private static func lines(_ bytes: UnsafeRawBufferPointer) {
        file.fill(bytes)
        var found: [[UInt8]] = []
        var size = 0
        do {
            try LineReader.forEachLine(of: file.path) { line in
                size += line.count + 1
                if size > lineBytesMax { throw Enough() }
                if size <= inputBytesMax + 1 { found.append(Array(line)) }
                if line.isEmpty || line.contains(UInt8(ascii: "\n")) { violated("a line is empty, or two") }
            }
        } catch is Enough {
            return
        } catch is VaultError {
            return
        } catch {
            violated("reading lines failed with \(error)")
        }
        // What is not compressed is cut at its line feeds, and nothing else happens to it.
        guard let first = bytes.first, first != 0x1F, first != 0x28, !(0x50...0x5F).contains(first) else { return }
        var expected: [[UInt8]] = []
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if !line.isEmpty { expected.append(Array(line)) }
        }
        if found != expected { violated("plain lines were read differently") }
    }
}
