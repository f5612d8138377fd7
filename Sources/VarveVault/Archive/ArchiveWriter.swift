// SPDX-License-Identifier: Apache-2.0

import CArchive
import Glibc
package import VarveModel

/// Takes what libarchive writes; keeps the error that stopped it, because a C callback cannot throw.
private final class ArchiveSink {
    let push: (UnsafeRawBufferPointer) throws -> Void
    var failure: (any Error)?
    var isClosed = false

    init(_ push: @escaping (UnsafeRawBufferPointer) throws -> Void) { self.push = push }
}

/// Writes a tar archive, or one zstd-compressed stream, through libarchive into a closure.
///
/// Dropped without ``finish()``, it writes nothing more.
package struct ArchiveWriter: ~Copyable {
    package enum Form {
        /// POSIX ustar, which every tar reads. Sizes to 8 GiB and names to 100 bytes: more than Varve writes.
        case tar
        /// No archive: the bytes of one file, compressed.
        case zstd(level: Int)
    }

    private let handle: OpaquePointer
    private let entry: OpaquePointer
    private let sink: ArchiveSink

    package init(_ form: Form, to push: @escaping (UnsafeRawBufferPointer) throws -> Void) throws {
        let sink = ArchiveSink(push)
        let (handle, entry) = try Self.open(form, sink)
        self.handle = handle
        self.entry = entry
        self.sink = sink
    }

    private static func open(_ form: Form, _ sink: ArchiveSink) throws -> (handle: OpaquePointer, entry: OpaquePointer)
    {
        let noMemory = VaultError(.io, "libarchive could not take memory.")
        guard let handle = archive_write_new() else { throw noMemory }
        do {
            try setUp(handle, form)
            // The sink lives as long as the writer, and libarchive calls nobody after `archive_write_free` in deinit.
            let context = Unmanaged.passUnretained(sink).toOpaque()
            try Archive.check(handle, "The archive writer could not be opened") {
                archive_write_open(
                    handle, context, nil, { _, context, bytes, count in ArchiveWriter.take(context, bytes, count) }, nil
                )
            }
            guard let entry = archive_entry_new() else { throw noMemory }
            return (handle, entry)
        } catch {
            archive_write_fail(handle)
            archive_write_free(handle)
            throw error
        }
    }

    private static func setUp(_ handle: OpaquePointer, _ form: Form) throws {
        let what = "The archive writer could not be set up"
        switch form {
        case .tar:
            try Archive.check(handle, what) { archive_write_set_format_ustar(handle) }
        case .zstd(let level):
            try Archive.check(handle, what) { archive_write_set_format_raw(handle) }
            try Archive.check(handle, what) { archive_write_add_filter_zstd(handle) }
            try Archive.check(handle, what) {
                archive_write_set_filter_option(handle, "zstd", "compression-level", String(level))
            }
        }
        // No blocks of its own: what is written goes on at once, without a copy. The receiver gathers.
        try Archive.check(handle, what) { archive_write_set_bytes_per_block(handle, 0) }
    }

    private static func take(_ context: UnsafeMutableRawPointer?, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
        guard let context else { return -1 }
        let sink = Unmanaged<ArchiveSink>.fromOpaque(context).takeUnretainedValue()
        do {
            try sink.push(UnsafeRawBufferPointer(start: bytes, count: count))
            return count
        } catch {
            sink.failure = error
            return -1
        }
    }

    deinit {
        // A failed archive is not written to when it is freed.
        if !sink.isClosed { archive_write_fail(handle) }
        archive_entry_free(entry)
        archive_write_free(handle)
    }

    /// Writes one regular file.
    package mutating func add(name: String, modified: Instant, _ bytes: UnsafeRawBufferPointer) throws {
        archive_entry_clear(entry)
        archive_entry_set_pathname(entry, name)
        archive_entry_set_filetype(entry, Archive.regularFile)
        archive_entry_set_perm(entry, 0o644)
        archive_entry_set_size(entry, Int64(bytes.count))
        archive_entry_set_mtime(entry, time_t(modified.seconds), 0)
        let handle = handle
        let entry = entry
        try passing {
            try Archive.check(handle, "Entry '\(name)' could not be written") { archive_write_header(handle, entry) }
        }
        var rest = bytes
        while !rest.isEmpty {
            let count = archive_write_data(handle, rest.baseAddress, rest.count)
            guard count > 0, count <= rest.count else {
                throw sink.failure ?? Archive.error(handle, "Entry '\(name)' could not be written")
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        try passing {
            try Archive.check(handle, "Entry '\(name)' could not be ended") { archive_write_finish_entry(handle) }
        }
    }

    /// Writes what ends the archive.
    package consuming func finish() throws {
        let handle = handle
        try passing { try Archive.check(handle, "The archive could not be ended") { archive_write_close(handle) } }
        sink.isClosed = true
    }

    /// The sink's own error says more than libarchive's.
    private func passing(_ body: () throws -> ArchiveResult) throws {
        do {
            _ = try body()
        } catch {
            throw sink.failure ?? error
        }
    }
}
