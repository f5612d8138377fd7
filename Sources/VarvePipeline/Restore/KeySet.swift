// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import Synchronization
import SystemPackage
import VarveModel

/// 128 bits that stand for the key of an item, within one process.
///
/// Two rounds of Swift's `Hasher` (SipHash), whose keys the process drew at its start: of a billion keys two have the same bits with a chance of one in
/// 10^20, and nobody who writes items can aim at it. It is written nowhere but to scratch files without a name.
struct KeyDigest: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    init(_ key: ItemKey) {
        var hasher = Hasher()
        hasher.combine(key.partition.count)
        key.partition.withUnsafeBytes { hasher.combine(bytes: $0) }
        key.sort.withUnsafeBytes { hasher.combine(bytes: $0) }
        var other = hasher
        hasher.combine(UInt8(0))
        other.combine(UInt8(1))
        high = UInt64(bitPattern: Int64(hasher.finalize()))
        let bits = UInt64(bitPattern: Int64(other.finalize()))
        // All zeros mark an empty place.
        low = high == 0 && bits == 0 ? 1 : bits
    }

    fileprivate init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    fileprivate static let none = KeyDigest(high: 0, low: 0)
}

/// A set of keys of any size in bounded memory: the first ones are kept in memory, those that come later in scratch files.
///
/// Any thread may use it.
final class KeySet: Sendable {
    /// Each has a lock of its own, so that workers seldom wait for each other.
    private let parts: [Part]
    private static let partBits = 4

    private final class Part: Sendable {
        let keys: Mutex<KeySetPart>
        init(_ keys: KeySetPart) { self.keys = Mutex(keys) }
    }

    /// 64 MiB.
    static let keysInMemoryStandard = 2 << 20

    /// - Parameters:
    ///   - scratch: The folder for scratch files. They have no name, and end with the process.
    ///   - keysInMemory: About how many are kept in memory.
    init(scratch: FilePath, keysInMemory: Int = keysInMemoryStandard) {
        parts = (0..<(1 << Self.partBits)).map { _ in
            Part(KeySetPart(scratch: scratch, keysInMemory: max(1, keysInMemory >> Self.partBits)))
        }
    }

    var count: Int { parts.reduce(0) { sum, part in sum + part.keys.withLock { $0.count } } }

    func contains(_ digest: KeyDigest) throws -> Bool {
        try part(digest).keys.withLock { try $0.contains(digest) }
    }

    /// Returns whether it was new.
    func insert(_ digest: KeyDigest) throws -> Bool {
        try part(digest).keys.withLock { try $0.insert(digest) }
    }

    private func part(_ digest: KeyDigest) -> Part {
        parts[Int(truncatingIfNeeded: digest.low) & (parts.count - 1)]
    }
}

private struct KeySetPart: Sendable {
    private let scratch: FilePath
    private let keysInMemory: Int
    private var places = [KeyDigest](repeating: .none, count: 64)
    private var inMemory = 0
    private var file: KeyFile?

    init(scratch: FilePath, keysInMemory: Int) {
        self.scratch = scratch
        self.keysInMemory = keysInMemory
    }

    var count: Int { inMemory + (file?.count ?? 0) }

    /// Where the digest is, or the empty place where it belongs.
    private static func place(of digest: KeyDigest, in places: [KeyDigest]) -> Int {
        var place = Int(truncatingIfNeeded: digest.high) & (places.count - 1)
        while places[place] != .none, places[place] != digest { place = (place + 1) & (places.count - 1) }
        return place
    }

    func contains(_ digest: KeyDigest) throws -> Bool {
        if places[Self.place(of: digest, in: places)] == digest { return true }
        return try file?.contains(digest) ?? false
    }

    mutating func insert(_ digest: KeyDigest) throws -> Bool {
        let place = Self.place(of: digest, in: places)
        if places[place] == digest { return false }
        if inMemory < keysInMemory {
            places[place] = digest
            inMemory += 1
            if inMemory * 3 > places.count * 2 { grow() }
            return true
        }
        let file = try self.file ?? KeyFile(in: scratch, pages: KeyFile.pagesFirst)
        self.file = file
        let isNew = try file.insert(digest)
        if file.isFull { self.file = try file.grown() }
        return isNew
    }

    private mutating func grow() {
        var larger = [KeyDigest](repeating: .none, count: places.count * 2)
        for digest in places where digest != .none { larger[Self.place(of: digest, in: larger)] = digest }
        places = larger
    }
}

/// A hash table in a file without a name: pages of 256 places, each filled from its beginning; what finds its page full goes to the next.
///
/// `@unchecked Sendable`: its owner is locked whenever it is used.
private final class KeyFile: @unchecked Sendable {
    static let pagesFirst = 256
    private static let placesPerPage = 256
    private static let pageBytes = placesPerPage * MemoryLayout<KeyDigest>.stride

    private let scratch: FilePath
    private let descriptor: Int32
    private let pages: Int
    private(set) var count = 0
    private var page: [KeyDigest]

    /// - Parameter pages: a power of two.
    init(in scratch: FilePath, pages: Int) throws {
        self.scratch = scratch
        self.pages = pages
        page = [KeyDigest](repeating: .none, count: Self.placesPerPage)
        try? FileManager.default.createDirectory(atPath: scratch.string, withIntermediateDirectories: true)
        let path = scratch.appending("keys-" + RandomID.make())
        descriptor = open(path.string, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0, unlink(path.string) == 0, ftruncate(descriptor, off_t(pages * Self.pageBytes)) == 0 else {
            throw Self.failed("made", in: scratch)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private static func failed(_ what: String, in scratch: FilePath) -> PipelineError {
        PipelineError(
            .noScratch,
            "A scratch file for the keys of a long log cannot be \(what) in '\(scratch)': \(Errno(rawValue: errno)). It needs 24 bytes for each key that the log names."
        )
    }

    var isFull: Bool { count * 4 > pages * Self.placesPerPage * 3 }

    func contains(_ digest: KeyDigest) throws -> Bool { try find(digest) == nil }

    func insert(_ digest: KeyDigest) throws -> Bool {
        guard let place = try find(digest) else { return false }
        try put(digest, at: place)
        count += 1
        return true
    }

    /// The empty place where a digest belongs; nil where it is there.
    private func find(_ digest: KeyDigest) throws -> Int? {
        var number = Int(truncatingIfNeeded: digest.high >> 20) & (pages - 1)
        while true {
            try read(page: number)
            for (index, found) in page.enumerated() {
                if found == digest { return nil }
                if found == .none { return number * Self.placesPerPage + index }
            }
            number = (number + 1) & (pages - 1)
        }
    }

    private func read(page number: Int) throws {
        let count = page.withUnsafeMutableBytes {
            pread(descriptor, $0.baseAddress, $0.count, off_t(number * Self.pageBytes))
        }
        guard count == Self.pageBytes else { throw Self.failed("read", in: scratch) }
    }

    private func put(_ digest: KeyDigest, at place: Int) throws {
        let stride = MemoryLayout<KeyDigest>.stride
        let count = withUnsafeBytes(of: digest) {
            pwrite(descriptor, $0.baseAddress, $0.count, off_t(place * stride))
        }
        guard count == stride else { throw Self.failed("written", in: scratch) }
    }

    /// The same keys in a table of twice the size.
    func grown() throws -> KeyFile {
        let larger = try KeyFile(in: scratch, pages: pages * 2)
        for number in 0..<pages {
            try read(page: number)
            for digest in page where digest != .none { _ = try larger.insert(digest) }
        }
        return larger
    }
}
