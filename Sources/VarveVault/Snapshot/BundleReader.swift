// SPDX-License-Identifier: Apache-2.0

import VarveModel
package import VarveSeal

/// One file in a bundle, lent while it is looked at.
package struct BundleEntry {
    /// The name below the export's folder: `data/<name>`, `manifest-files.json`.
    package let name: String
    package let bytes: UnsafeRawBufferPointer
}

/// Reads one bundle: fetch, hash, open, untar, in one pass with bounded memory.
///
/// What it reads counts as hostile until proven: every frame is released only after its tag holds; an entry must be a regular file with a name that Varve
/// writes and a size within its bound; and the pass ends well only if the bundle has exactly the bytes that its manifest records. Whatever was handed
/// out before an error must not be kept.
package struct BundleReader {
    /// One bundle holds at most this many files: 4 GiB of the smallest data files that the pipeline makes.
    package static let entriesMax = 100_000
    /// The export's own manifests take about 200 bytes for each data file of up to 16 MiB: this bounds a snapshot at 5 TiB.
    package static let indexBytesMax = 64 * 1024 * 1024

    private let storage: any VaultStorage
    private let path: ObjectPath
    private let record: BundleRecord
    private let exportID: String
    private let context: EncryptionContext
    private let key: any DataKeyWrapper

    package init(
        storage: any VaultStorage, path: ObjectPath, record: BundleRecord, exportID: String, context: EncryptionContext,
        key: any DataKeyWrapper
    ) {
        self.storage = storage
        self.path = path
        self.record = record
        self.exportID = exportID
        self.context = context
        self.key = key
    }

    /// Reads the bundle to its end, handing each file to `body`.
    package func forEachEntry(_ body: (BundleEntry) throws -> Void) throws {
        let object = try storage.reader(path)
        guard object.bytes == record.sealedBytes else {
            throw VaultError(
                .damaged,
                "Bundle '\(path)' has \(object.bytes) bytes but its manifest says \(record.sealedBytes). It is damaged."
            )
        }
        let input = HashedInput(object)
        do {
            let frames = OpenedFrames(
                try MessageOpener(keys: [key], expecting: context) { try input.read(into: $0) })
            try readArchive(frames.next, body)
            try frames.drain()
        } catch let error as SealError {
            throw VaultError(
                .damaged, "Bundle '\(path)' does not open. It is damaged, or not the one that its manifest names.",
                cause: error)
        }
        guard Hex.text(input.hash.finalize()) == record.sha256 else {
            throw VaultError(.damaged, "Bundle '\(path)' opens but is not the one whose SHA-256 its manifest records.")
        }
    }

    /// Reads the bundle's archive, whose bytes `pull` gives: a part a call, valid until the next; an empty one at the end.
    package func readArchive(
        _ pull: @escaping () throws -> UnsafeRawBufferPointer, _ body: (BundleEntry) throws -> Void
    ) throws {
        var archive = try ArchiveReader(.tar, what: "Bundle '\(path)'", pull)
        let folder = ExportLayout.folder(exportID)
        var seen: Set<String> = []
        var bytes: [UInt8] = []
        while let entry = try archive.next() {
            guard entry.isRegular, entry.name.hasPrefix(folder) else { throw hostile(entry) }
            let name = String(entry.name.dropFirst(folder.count))
            guard let limit = ExportLayout.bytesMax(of: name) else { throw hostile(entry) }
            guard seen.insert(name).inserted, seen.count <= Self.entriesMax else {
                throw VaultError(
                    .hostileName, "Bundle '\(path)' holds a file twice, or more than \(Self.entriesMax) files.")
            }
            guard let size = entry.bytes, 0...limit ~= size else {
                throw VaultError(
                    .limitExceeded, "Bundle '\(path)' holds a file larger than \(limit) bytes, or of unknown size.")
            }
            bytes.removeAll(keepingCapacity: true)
            bytes.reserveCapacity(size)
            while try archive.withNextBlock(
                at: bytes.count,
                { block in
                    guard bytes.count + block.count <= size else {
                        throw VaultError(.limitExceeded, "A file in bundle '\(path)' is longer than its header says.")
                    }
                    bytes.append(contentsOf: block)
                })
            {}
            guard bytes.count == size else {
                throw VaultError(
                    .damaged, "A file in bundle '\(path)' has \(bytes.count) bytes where its header says \(size).")
            }
            try bytes.withUnsafeBytes { try body(BundleEntry(name: name, bytes: $0)) }
        }
    }

    private func hostile(_ entry: ArchiveEntry) -> VaultError {
        VaultError(
            .hostileName,
            "Bundle '\(path)' holds '\(Archive.printable(entry.name))', a name or kind of entry that Varve never writes. Nothing of it was used."
        )
    }
}

/// Hashes an object's bytes as they are read.
private final class HashedInput {
    private let object: any ObjectReader
    private(set) var hash = ObjectHash()

    init(_ object: any ObjectReader) { self.object = object }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try object.read(into: buffer)
        hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        return count
    }
}

/// Lends a message's plaintext frame by frame; each stays valid until the next is asked for.
package final class OpenedFrames {
    private var opener: MessageOpener
    private var frame = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 16)

    package init(_ opener: consuming MessageOpener) { self.opener = opener }

    deinit { frame.deallocate() }

    /// The next frame that is not empty; an empty one at the message's end.
    package func next() throws -> UnsafeRawBufferPointer {
        while true {
            let count = try opener.withNext { plaintext in
                if frame.count < plaintext.count {
                    frame.deallocate()
                    frame = .allocate(byteCount: plaintext.count, alignment: 16)
                }
                frame.copyMemory(from: plaintext)
                return plaintext.count
            }
            guard let count else { return UnsafeRawBufferPointer(start: nil, count: 0) }
            if count > 0 { return UnsafeRawBufferPointer(rebasing: frame[..<count]) }
        }
    }

    /// Reads what follows the archive's end to the message's end, so that its last frame is proven too. Only zeros can be there.
    func drain() throws {
        while true {
            let rest = try next()
            if rest.isEmpty { return }
            guard rest.allSatisfy({ $0 == 0 }) else {
                throw VaultError(.damaged, "Something follows the end of a bundle's archive. Varve never writes such.")
            }
        }
    }
}
