// SPDX-License-Identifier: Apache-2.0

import Glibc
package import SystemPackage

/// A file with one ``ProvenDocument`` a line, only ever appended to, synced after each line. Processes take turns by a lock (`flock`).
///
/// A crash can cut a line short; it stays alone, does not prove itself, and is skipped by readers.
package final class ProvenLog<Entry: VersionedContent>: Sendable {
    package let path: FilePath
    /// What an error calls it: "record of commits".
    private let title: String
    private let bytesMax: Int
    private let calls: FileCalls

    package init(
        _ path: FilePath, title: String, bytesMax: Int, failpoint: Failpoint? = nil, journal: FileJournal? = nil
    ) {
        self.path = path
        self.title = title
        self.bytesMax = bytesMax
        calls = FileCalls(failpoint: failpoint, journal: journal)
    }

    package func append(_ entry: Entry) throws {
        let isNew = try calls.status(path) == nil
        let descriptor = Int32(
            try calls.run(.open, "open the \(title) '\(path)'") {
                Int(Glibc.open(path.string, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600))
            })
        defer { close(descriptor) }
        if isNew { calls.note(.create(path)) }
        try calls.run(.open, "lock the \(title) '\(path)'") { Int(flock(descriptor, LOCK_EX)) }
        var line = try ProvenDocument.encode(entry).bytes
        // A line that a crash cut short stays alone.
        let end = lseek(descriptor, 0, SEEK_END)
        var last: UInt8 = 0
        if end > 0, pread(descriptor, &last, 1, end - 1) == 1, last != UInt8(ascii: "\n") {
            line.insert(UInt8(ascii: "\n"), at: 0)
        }
        calls.note(.write(path, offset: Int(end), bytes: line))
        try write(line, to: descriptor)
        calls.note(.sync(path))
        if isNew { try calls.syncFolder(folder) }
    }

    /// Puts these entries in place of all that are there, at once or not at all. Nobody else may append meanwhile.
    package func replace(with entries: [Entry]) throws {
        let next = FilePath(path.string + ".next")
        let descriptor = Int32(
            try calls.run(.openTemporary, "write the \(title) '\(path)' anew") {
                Int(Glibc.open(next.string, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600))
            })
        do {
            defer { close(descriptor) }
            calls.note(.create(next))
            let bytes = try entries.flatMap { try ProvenDocument.encode($0).bytes }
            calls.note(.write(next, offset: 0, bytes: bytes))
            try write(bytes, to: descriptor)
            calls.note(.sync(next))
        }
        try calls.run(.rename, "put the \(title) '\(path)' in place") { Int(rename(next.string, path.string)) }
        calls.note(.rename(next, to: path))
        try calls.syncFolder(folder)
    }

    /// Its length in bytes; nil where there is no file.
    package func size() throws -> Int? { try calls.status(path).map { Int($0.st_size) } }

    /// - Parameter refusingNewer: whether a line of a newer format is an error, and not only one that does not prove itself.
    /// - Returns: all entries, oldest first, and how many lines do not prove themselves (a crash leaves at most one at a time).
    package func entries(refusingNewer: Bool = false) throws -> (entries: [Entry], damagedLines: Int) {
        guard let status = try calls.status(path) else { return ([], 0) }
        guard Int(status.st_size) <= bytesMax else {
            throw VaultError(
                .limitExceeded, "The \(title) '\(path)' has more than \(bytesMax) bytes. It is damaged.")
        }
        var entries: [Entry] = []
        var damaged = 0
        for line in try bytes().split(separator: UInt8(ascii: "\n")) {
            do {
                let document = Array(line) + [UInt8(ascii: "\n")]
                entries.append(try ProvenDocument.decode(Entry.self, document, name: path.string).content)
            } catch let error as VaultError where error.code == .newerFormat && refusingNewer {
                throw error
            } catch {
                damaged += 1
            }
        }
        return (entries, damaged)
    }

    private var folder: FilePath {
        path.removingLastComponent().isEmpty ? "." : path.removingLastComponent()
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32) throws {
        try bytes.withUnsafeBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                let count = try calls.run(.write, "write the \(title) '\(path)'") {
                    Glibc.write(descriptor, rest.baseAddress, rest.count)
                }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
        try calls.run(.sync, "make the \(title) '\(path)' durable") { Int(fsync(descriptor)) }
    }

    private func bytes() throws -> [UInt8] {
        let descriptor = Int32(
            try calls.run(.open, "open the \(title) '\(path)'") {
                Int(Glibc.open(path.string, O_RDONLY | O_CLOEXEC))
            })
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = try chunk.withUnsafeMutableBytes { buffer in
                try calls.run(.read, "read the \(title) '\(path)'") {
                    Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                }
            }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
        }
    }
}
