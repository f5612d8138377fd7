// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarveSeal

/// Writes one bundle: tar, then seal, then hash, then store.
///
/// Used by one thread at a time; several may write bundles of their own beside each other. Memory stays at two frames and what the storage gathers,
/// whatever the bundle's length. Dropped or abandoned before ``finish()`` it leaves no object.
package final class BundleWriter {
    /// The bundle's name in its snapshot's folder.
    package let name: String
    /// Bytes of data files added so far, before compression and after: what decides when a bundle is full.
    package private(set) var rawBytes = 0
    package private(set) var compressedBytes = 0
    package private(set) var items = 0

    private let exportID: String
    private let modified: Instant
    private let sealed: SealedObject
    private var archive: ArchiveWriter?
    private var records: [DataFileRecord] = []
    private var digest = TableDigest()
    private let done: (BundleEnd) -> Void
    private var isDone = false
    private var isUsed = false

    init(
        name: String, exportID: String, modified: Instant, context: EncryptionContext, key: any DataKeyWrapper,
        object: any ObjectWriter, done: @escaping (BundleEnd) -> Void
    ) throws {
        self.name = name
        self.exportID = exportID
        self.modified = modified
        self.done = done
        sealed = try SealedObject(context: context, key: key, object: object)
        let sealed = sealed
        archive = try ArchiveWriter(.tar) { try sealed.write($0) }
    }

    deinit { abandon() }

    /// Adds one data file.
    package func add(_ file: DataFile) throws {
        let record = DataFileRecord(file: file, exportID: exportID)
        try addEntry(record.dataFileS3Key, file.compressed)
        records.append(record)
        digest.add(file.digest)
        rawBytes += file.rawBytes
        compressedBytes += file.compressed.count
        items += file.items
    }

    /// Adds a file by its whole name.
    func addEntry(_ name: String, _ bytes: [UInt8]) throws {
        guard archive != nil else { throw VaultError(.misuse, "Bundle '\(self.name)' was written to after its end.") }
        isUsed = true
        do {
            try bytes.withUnsafeBytes { try archive?.add(name: name, modified: modified, $0) }
        } catch {
            abandon()
            throw error
        }
    }

    /// Ends the bundle and makes it durable.
    @discardableResult
    package func finish() throws -> BundleRecord {
        guard let archive = archive.take() else { throw VaultError(.misuse, "Bundle '\(name)' was ended twice.") }
        do {
            try archive.finish()
            let (sealedBytes, sha256) = try sealed.finish()
            let record = BundleRecord(
                name: name, items: items, rawBytes: rawBytes, sealedBytes: sealedBytes, sha256: Hex.text(sha256),
                dataFiles: records.count)
            isDone = true
            done(.finished(BundleResult(record: record, files: records, digest: digest)))
            return record
        } catch {
            abandon()
            throw error
        }
    }

    /// Gives the bundle up; does nothing after ``finish()``.
    package func abandon() {
        guard !isDone else { return }
        isDone = true
        archive = nil
        sealed.abandon()
        done(isUsed ? .failed : .unused)
    }
}

/// How the writing of a bundle ended.
enum BundleEnd {
    case finished(BundleResult)
    /// Given up before anything was in it.
    case unused
    /// Given up with something in it.
    case failed
}

/// What a finished bundle leaves with its snapshot.
struct BundleResult: Sendable {
    let record: BundleRecord
    let files: [DataFileRecord]
    let digest: TableDigest
}

/// Seals what it is given, hashes the sealed bytes and stores them.
private final class SealedObject {
    private let object: any ObjectWriter
    private let output: HashedOutput
    private var sealer: MessageSealer?

    init(context: EncryptionContext, key: any DataKeyWrapper, object: any ObjectWriter) throws {
        self.object = object
        let output = HashedOutput(object)
        self.output = output
        sealer = try MessageSealer(context: context, recipients: [key]) { try output.write($0) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws { try sealer?.write(bytes) }

    func finish() throws -> (bytes: Int, sha256: [UInt8]) {
        guard let sealer = sealer.take() else { throw VaultError(.misuse, "A sealed object was ended twice.") }
        try sealer.finish()
        try object.commit()
        return (output.hash.bytes, output.hash.finalize())
    }

    func abandon() {
        sealer = nil
        object.abandon()
    }
}

private final class HashedOutput {
    private let object: any ObjectWriter
    private(set) var hash = ObjectHash()

    init(_ object: any ObjectWriter) { self.object = object }

    func write(_ buffer: UnsafeRawBufferPointer) throws {
        hash.update(buffer)
        try object.write(buffer)
    }
}
