// SPDX-License-Identifier: Apache-2.0

import VarveKeys
import VarveModel
import VarveSeal
import VarveVault

extension MeasureStages {
    /// The largest bundle of the snapshot that was taken, in each of the forms that it has between the vault and its lines.
    private struct Bundle {
        let reader: SnapshotReader
        let record: BundleRecord
        let path: ObjectPath
        let context: EncryptionContext
        /// As it lies in the vault, opened, and unpacked.
        var sealed: [UInt8] = []
        var archive: [UInt8] = []
        var files: [(name: String, bytes: [UInt8])] = []

        /// Frames of bundles, as they are sealed; what a reader asks a storage for.
        static let frameBytes = MessageLimits.frameBytes + 32

        init(_ home: BenchHome) throws {
            let point = try RecoveryPoints(home.vault).find(table: BenchHome.table, id: nil)
            reader = try SnapshotReader(home.vault, point, keys: home.keys)
            let manifest = reader.manifest
            guard let record = manifest.bundles.max(by: { $0.rawBytes < $1.rawBytes }) else {
                throw PipelineError(.contentMismatch, "The snapshot in the scratch vault has no bundle.")
            }
            self.record = record
            path = try manifest.path(of: record)
            context = try BundleContext.bundle(
                origin: manifest.origin, table: manifest.table.id, snapshot: manifest.id, name: record.name)
            sealed = try home.vault.storage.get(path, atMost: record.sealedBytes)
            try open { archive.append(contentsOf: $0) }
            try unpack { files.append((ExportLayout.folder(manifest.exportID) + $0.name, Array($0.bytes))) }
        }

        func open(_ body: (UnsafeRawBufferPointer) -> Void) throws {
            try sealed.withUnsafeBytes { sealed in
                let input = Pieces(sealed, of: Self.frameBytes)
                let frames = OpenedFrames(
                    try MessageOpener(keys: [reader.key.wrapper], expecting: context) { input.copy(into: $0) })
                while true {
                    let frame = try frames.next()
                    if frame.isEmpty { return }
                    body(frame)
                }
            }
        }

        func unpack(_ body: (BundleEntry) throws -> Void) throws {
            try archive.withUnsafeBytes { archive in
                try reader.reader(record).readArchive(Pieces(archive, of: MessageLimits.frameBytes).next, body)
            }
        }
    }

    /// Measures what happens to a bundle on its way into the vault and back.
    func back(_ says: (String) -> Void) throws {
        let bundle = try Bundle(home)
        let raw = bundle.record.rawBytes
        try writing(bundle, raw)
        says("stages of verify and restore")
        try measure(.fileRead) { clock in
            try clock.time {
                let object = try home.vault.storage.reader(bundle.path)
                var buffer = [UInt8](repeating: 0, count: Bundle.frameBytes)
                while try buffer.withUnsafeMutableBytes({ try object.read(into: $0) }) > 0 {}
                return raw
            }
        }
        try measure(.opening) { clock in
            try clock.time {
                try bundle.open { _ in }
                return raw
            }
        }
        try measure(.untar) { clock in
            try clock.time {
                try bundle.unpack { _ in }
                return raw
            }
        }
        var lines: [UInt8] = []
        try measure(.decompression) { clock in
            try clock.time {
                for file in bundle.files {
                    try stop.check()
                    try file.bytes.withUnsafeBytes { try DataFile.decompress($0, into: &lines) }
                }
                return raw
            }
        }
        try measure(.lineScan) { clock in
            try clock.time {
                var digest = TableDigest()
                try lines.withUnsafeBytes { try ExportLines.forEach(of: $0) { digest.add(item: $0) } }
                return lines.count
            }
        }
    }

    private func writing(_ bundle: Bundle, _ raw: Int) throws {
        try measure(.tar) { clock in
            try clock.time {
                var bytes = 0
                var archive = try ArchiveWriter(.tar) { bytes += $0.count }
                for file in bundle.files {
                    try file.bytes.withUnsafeBytes {
                        try archive.add(name: file.name, modified: bundle.reader.manifest.started, $0)
                    }
                }
                try archive.finish()
                return raw
            }
        }
        try measure(.sealing) { clock in
            try clock.time {
                var sealer = try MessageSealer(context: bundle.context, recipients: [bundle.reader.key.wrapper]) { _ in
                }
                try bundle.archive.withUnsafeBytes { try sealer.write($0) }
                try sealer.finish()
                return raw
            }
        }
        let copy = try ObjectPath("bench/copy")
        try measure(.fileWrite) { clock in
            try clock.time {
                let object = try home.vault.storage.writer(copy)
                try bundle.sealed.withUnsafeBytes { sealed in
                    let pieces = Pieces(sealed, of: Bundle.frameBytes)
                    while case let piece = pieces.next(), !piece.isEmpty { try object.write(piece) }
                }
                try object.commit()
                return raw
            }
            try home.vault.storage.delete(copy)
        }
        try measure(.md5) { clock in
            clock.time {
                for file in bundle.files { _ = file.bytes.withUnsafeBytes { DataFile.md5($0) } }
                return raw
            }
        }
        try measure(.sha256) { clock in
            clock.time {
                var hash = ObjectHash()
                bundle.sealed.withUnsafeBytes { sealed in
                    let pieces = Pieces(sealed, of: Bundle.frameBytes)
                    while case let piece = pieces.next(), !piece.isEmpty { hash.update(piece) }
                }
                _ = hash.finalize()
                return raw
            }
        }
    }
}

/// Gives out a buffer piece by piece. It must not outlive the buffer.
private final class Pieces {
    private var rest: UnsafeRawBufferPointer
    private let size: Int

    init(_ buffer: UnsafeRawBufferPointer, of size: Int) {
        rest = buffer
        self.size = size
    }

    /// The next piece; an empty one at the end.
    func next() -> UnsafeRawBufferPointer { take(size) }

    func copy(into target: UnsafeMutableRawBufferPointer) -> Int {
        let piece = take(target.count)
        target.copyMemory(from: piece)
        return piece.count
    }

    private func take(_ count: Int) -> UnsafeRawBufferPointer {
        let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(count))
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(piece.count))
        return piece
    }
}
