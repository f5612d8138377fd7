// SPDX-License-Identifier: Apache-2.0

import CArchive

/// Gives libarchive what it reads; keeps the error that stopped it, because a C callback cannot throw.
private final class ArchiveSource {
    let pull: () throws -> UnsafeRawBufferPointer
    var failure: (any Error)?

    init(_ pull: @escaping () throws -> UnsafeRawBufferPointer) { self.pull = pull }
}

/// One entry's header, as far as it is of use.
struct ArchiveEntry {
    let name: String
    let isRegular: Bool
    /// nil if the archive does not say.
    let bytes: Int?
}

/// Reads a tar archive, or one stream that may be compressed, through libarchive.
struct ArchiveReader: ~Copyable {
    enum Form {
        /// Tar in any dialect, not compressed.
        case tar
        /// No archive: the bytes of one file, compressed by one of these or not at all.
        case stream(Set<Filter>)
    }

    enum Filter: Int32, CaseIterable {
        case none = 0
        case gzip = 1
        case zstd = 14
    }

    private let handle: OpaquePointer
    private let source: ArchiveSource
    private let what: String

    /// - Parameters:
    ///   - what: What errors call the input.
    ///   - pull: The next bytes, valid until the next call; an empty buffer at the end.
    init(_ form: Form, what: String, _ pull: @escaping () throws -> UnsafeRawBufferPointer) throws {
        let source = ArchiveSource(pull)
        let handle = try Self.open(form, what, source)
        self.handle = handle
        self.source = source
        self.what = what
    }

    private static func open(_ form: Form, _ what: String, _ source: ArchiveSource) throws -> OpaquePointer {
        guard let handle = archive_read_new() else { throw VaultError(.io, "libarchive could not take memory.") }
        do {
            try setUp(handle, form)
            // The source lives as long as the reader, and libarchive calls nobody after `archive_read_free` in deinit.
            let context = Unmanaged.passUnretained(source).toOpaque()
            _ = try passing(source) {
                try Archive.check(handle, "\(what) could not be read") {
                    archive_read_open(
                        handle, context, nil, { _, context, buffer in ArchiveReader.give(context, buffer) }, nil)
                }
            }
            return handle
        } catch {
            archive_read_free(handle)
            throw error
        }
    }

    private static func setUp(_ handle: OpaquePointer, _ form: Form) throws {
        let what = "The archive reader could not be set up"
        switch form {
        case .tar:
            try Archive.check(handle, what) { archive_read_support_format_tar(handle) }
        case .stream(let filters):
            try Archive.check(handle, what) { archive_read_support_format_raw(handle) }
            try Archive.check(handle, what) { archive_read_support_format_empty(handle) }
            if filters.contains(.gzip) { try Archive.check(handle, what) { archive_read_support_filter_gzip(handle) } }
            if filters.contains(.zstd) { try Archive.check(handle, what) { archive_read_support_filter_zstd(handle) } }
        }
    }

    private static func give(
        _ context: UnsafeMutableRawPointer?, _ buffer: UnsafeMutablePointer<UnsafeRawPointer?>?
    ) -> Int {
        guard let context, let buffer else { return -1 }
        let source = Unmanaged<ArchiveSource>.fromOpaque(context).takeUnretainedValue()
        do {
            let bytes = try source.pull()
            buffer.pointee = bytes.baseAddress
            return bytes.count
        } catch {
            source.failure = error
            return -1
        }
    }

    deinit { archive_read_free(handle) }

    /// The compression that was found; known once the first entry's header was read.
    var filter: Filter? { Filter(rawValue: archive_filter_code(handle, 0)) }

    /// The next entry; nil after the last.
    mutating func next() throws -> ArchiveEntry? {
        let handle = handle
        let what = what
        var pointer: OpaquePointer?
        let result = try Self.passing(source) {
            try Archive.check(handle, "\(what) could not be read") { archive_read_next_header(handle, &pointer) }
        }
        guard result == .done, let entry = pointer else { return nil }
        guard let path = archive_entry_pathname(entry), let name = String(validatingCString: path) else {
            throw VaultError(.hostileName, "\(what) holds an entry whose name is no text. Varve never writes such.")
        }
        let links = archive_entry_hardlink(entry) != nil || archive_entry_symlink(entry) != nil
        return ArchiveEntry(
            name: name, isRegular: archive_entry_filetype(entry) == Archive.regularFile && !links,
            bytes: archive_entry_size_is_set(entry) != 0 ? Int(archive_entry_size(entry)) : nil)
    }

    /// The next part of the entry's content, lent for the call; false after the last. A hole in it, which no file of ours has, is an error.
    mutating func withNextBlock(at position: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Bool {
        let handle = handle
        let what = what
        var start: UnsafeRawPointer?
        var count = 0
        var offset: Int64 = 0
        let result = try Self.passing(source) {
            try Archive.check(handle, "\(what) could not be read") {
                archive_read_data_block(handle, &start, &count, &offset)
            }
        }
        guard result == .done else { return false }
        guard offset == Int64(position) else {
            throw VaultError(.hostileName, "\(what) holds a file with holes. Varve never writes such.")
        }
        try body(UnsafeRawBufferPointer(start: start, count: count))
        return true
    }

    private static func passing<Result>(_ source: ArchiveSource, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            throw source.failure ?? error
        }
    }
}
