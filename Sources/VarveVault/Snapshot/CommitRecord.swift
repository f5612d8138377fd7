// SPDX-License-Identifier: Apache-2.0

import Glibc
package import SystemPackage
package import VarveModel

/// One line of the home's record of commits: of a manifest, or of the outcome of a sweep.
package struct CommitEntry: VersionedContent, Equatable {
    package static let kind = "commit"
    package static let formatNewest = 1

    package let format: Int
    package let vault: String
    package let id: String
    package let path: String
    /// The manifest's second place; nil for the outcome of a sweep, which lies in one place.
    package let catalogPath: String?
    /// The SHA-256 that stands in the manifest.
    package let sha256: String
    /// The snapshot key's id.
    package let key: String
    package let time: Instant

    package init(
        vault: String, id: String, path: String, catalogPath: String?, sha256: String, key: String, time: Instant
    ) {
        format = Self.formatNewest
        self.vault = vault
        self.id = id
        self.path = path
        self.catalogPath = catalogPath
        self.sha256 = sha256
        self.key = key
        self.time = time
    }
}

/// The home's own record of what was committed to its vaults: if both copies of a manifest vanish from a vault, this still knows.
///
/// A file with one ``ProvenDocument`` a line, only ever appended to, synced after each line. Processes take turns by a lock (`flock`).
package final class CommitRecord: Sendable {
    /// A line has about 600 bytes: this bounds the record at 400,000 commits.
    static let bytesMax = 256 * 1024 * 1024

    package let path: FilePath
    private let calls: FileCalls

    package init(_ path: FilePath, failpoint: Failpoint? = nil, journal: FileJournal? = nil) {
        self.path = path
        calls = FileCalls(failpoint: failpoint, journal: journal)
    }

    package func append(_ entry: CommitEntry) throws {
        let isNew = try calls.status(path) == nil
        let descriptor = Int32(
            try calls.run(.open, "open the record of commits '\(path)'") {
                Int(Glibc.open(path.string, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600))
            })
        defer { close(descriptor) }
        if isNew { calls.note(.create(path)) }
        try calls.run(.open, "lock the record of commits '\(path)'") { Int(flock(descriptor, LOCK_EX)) }
        var line = try ProvenDocument.encode(entry).bytes
        // A line that a crash cut short stays alone.
        let end = lseek(descriptor, 0, SEEK_END)
        var last: UInt8 = 0
        if end > 0, pread(descriptor, &last, 1, end - 1) == 1, last != UInt8(ascii: "\n") {
            line.insert(UInt8(ascii: "\n"), at: 0)
        }
        calls.note(.write(path, offset: Int(end), bytes: line))
        try line.withUnsafeBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                let count = try calls.run(.write, "write the record of commits '\(path)'") {
                    Glibc.write(descriptor, rest.baseAddress, rest.count)
                }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
        try calls.run(.sync, "make the record of commits '\(path)' durable") { Int(fsync(descriptor)) }
        calls.note(.sync(path))
        if isNew { try calls.syncFolder(path.removingLastComponent().isEmpty ? "." : path.removingLastComponent()) }
    }

    /// All entries, oldest first, and how many lines do not prove themselves (a crash leaves at most one at a time).
    package func entries() throws -> (entries: [CommitEntry], damagedLines: Int) {
        guard let status = try calls.status(path) else { return ([], 0) }
        guard Int(status.st_size) <= Self.bytesMax else {
            throw VaultError(
                .limitExceeded, "The record of commits '\(path)' has more than \(Self.bytesMax) bytes. It is damaged.")
        }
        let descriptor = Int32(
            try calls.run(.open, "open the record of commits '\(path)'") {
                Int(Glibc.open(path.string, O_RDONLY | O_CLOEXEC))
            })
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = try chunk.withUnsafeMutableBytes { buffer in
                try calls.run(.read, "read the record of commits '\(path)'") {
                    Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                }
            }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        var entries: [CommitEntry] = []
        var damaged = 0
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            do {
                let document = Array(line) + [UInt8(ascii: "\n")]
                entries.append(try ProvenDocument.decode(CommitEntry.self, document, name: path.string).content)
            } catch {
                damaged += 1
            }
        }
        return (entries, damaged)
    }
}
