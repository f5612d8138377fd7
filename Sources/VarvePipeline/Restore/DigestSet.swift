// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import Synchronization
package import SystemPackage
package import VarveModel

/// 128 bits that stand for the key of an item, or for a whole item, within one process.
///
/// Two rounds of Swift's `Hasher` (SipHash), whose keys the process drew at its start: of a billion of them two have the same bits with a chance of one in
/// 10^20, and nobody who writes items can aim at it. It is written nowhere but to scratch files without a name.
package struct Digest128: Hashable, Sendable {
    fileprivate let high: UInt64
    fileprivate let low: UInt64

    package init(_ key: ItemKey) {
        var hasher = Hasher()
        hasher.combine(key.partition.count)
        key.partition.withUnsafeBytes { hasher.combine(bytes: $0) }
        key.sort.withUnsafeBytes { hasher.combine(bytes: $0) }
        self.init(hasher)
    }

    /// Of a whole item, which is canonical: equal bytes are the same item of the same key.
    package init(item: UnsafeRawBufferPointer) {
        var hasher = Hasher()
        hasher.combine(bytes: item)
        self.init(hasher)
    }

    private init(_ begun: Hasher) {
        var (hasher, other) = (begun, begun)
        hasher.combine(UInt8(0))
        other.combine(UInt8(1))
        let high = UInt64(bitPattern: Int64(hasher.finalize()))
        let low = UInt64(bitPattern: Int64(other.finalize()))
        // All zeros mark an empty place.
        self.init(high: high, low: high == 0 && low == 0 ? 1 : low)
    }

    fileprivate init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    fileprivate static let none = Digest128(high: 0, low: 0)
}

/// A set of digests of any size in bounded memory: the first ones are kept in memory, those that come later in scratch files.
///
/// Any thread may use it.
package final class DigestSet: Sendable {
    /// Each has a lock of its own, so that workers seldom wait for each other.
    private let parts: [Part]
    private static let partBits = 4

    private final class Part: Sendable {
        let keys: Mutex<DigestSetPart>
        init(_ keys: DigestSetPart) { self.keys = Mutex(keys) }
    }

    /// 64 MiB.
    package static let countInMemoryStandard = 2 << 20

    /// - Parameters:
    ///   - scratch: The folder for scratch files. They have no name, and end with the process.
    ///   - countInMemory: About how many are kept in memory.
    package init(scratch: FilePath, countInMemory: Int = countInMemoryStandard) {
        parts = (0..<(1 << Self.partBits)).map { _ in
            Part(DigestSetPart(scratch: scratch, countInMemory: max(1, countInMemory >> Self.partBits)))
        }
    }

    package var count: Int { parts.reduce(0) { sum, part in sum + part.keys.withLock { $0.count } } }

    package func contains(_ digest: Digest128) throws -> Bool {
        try part(digest).keys.withLock { try $0.contains(digest) }
    }

    /// Returns whether it was new.
    package func insert(_ digest: Digest128) throws -> Bool {
        try part(digest).keys.withLock { try $0.insert(digest) }
    }

    private func part(_ digest: Digest128) -> Part {
        parts[Int(truncatingIfNeeded: digest.low) & (parts.count - 1)]
    }
}

private struct DigestSetPart: Sendable {
    private let scratch: FilePath
    private let countInMemory: Int
    private var places = [Digest128](repeating: .none, count: 64)
    private var inMemory = 0
    private var file: DigestFile?

    init(scratch: FilePath, countInMemory: Int) {
        self.scratch = scratch
        self.countInMemory = countInMemory
    }

    var count: Int { inMemory + (file?.count ?? 0) }

    /// Where the digest is, or the empty place where it belongs.
    private static func place(of digest: Digest128, in places: [Digest128]) -> Int {
        var place = Int(truncatingIfNeeded: digest.high) & (places.count - 1)
        while places[place] != .none, places[place] != digest { place = (place + 1) & (places.count - 1) }
        return place
    }

    func contains(_ digest: Digest128) throws -> Bool {
        if places[Self.place(of: digest, in: places)] == digest { return true }
        return try file?.contains(digest) ?? false
    }

    mutating func insert(_ digest: Digest128) throws -> Bool {
        let place = Self.place(of: digest, in: places)
        if places[place] == digest { return false }
        if inMemory < countInMemory {
            places[place] = digest
            inMemory += 1
            if inMemory * 3 > places.count * 2 { grow() }
            return true
        }
        let file = try self.file ?? DigestFile(in: scratch, pages: DigestFile.pagesFirst)
        self.file = file
        let isNew = try file.insert(digest)
        if file.isFull { self.file = try file.grown() }
        return isNew
    }

    private mutating func grow() {
        var larger = [Digest128](repeating: .none, count: places.count * 2)
        for digest in places where digest != .none { larger[Self.place(of: digest, in: larger)] = digest }
        places = larger
    }
}

/// A hash table in a file without a name: pages of 256 places, each filled from its beginning; what finds its page full goes to the next.
///
/// `@unchecked Sendable`: its owner is locked whenever it is used.
private final class DigestFile: @unchecked Sendable {
    static let pagesFirst = 256
    private static let placesPerPage = 256
    private static let pageBytes = placesPerPage * MemoryLayout<Digest128>.stride

    private let scratch: FilePath
    private let descriptor: Int32
    private let pages: Int
    private(set) var count = 0
    private var page: [Digest128]

    /// - Parameter pages: a power of two.
    init(in scratch: FilePath, pages: Int) throws {
        self.scratch = scratch
        self.pages = pages
        page = [Digest128](repeating: .none, count: Self.placesPerPage)
        try? FileManager.default.createDirectory(atPath: scratch.string, withIntermediateDirectories: true)
        let path = scratch.appending("digests-" + RandomID.make())
        descriptor = open(path.string, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0, unlink(path.string) == 0, ftruncate(descriptor, off_t(pages * Self.pageBytes)) == 0
        else {
            throw Self.failed("made", in: scratch)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private static func failed(_ what: String, in scratch: FilePath) -> PipelineError {
        PipelineError(
            .noScratch,
            "A scratch file cannot be \(what) in '\(scratch)': \(Errno(rawValue: errno)). It needs up to 48 bytes for each key."
        )
    }

    var isFull: Bool { count * 4 > pages * Self.placesPerPage * 3 }

    func contains(_ digest: Digest128) throws -> Bool { try find(digest) == nil }

    func insert(_ digest: Digest128) throws -> Bool {
        guard let place = try find(digest) else { return false }
        try put(digest, at: place)
        count += 1
        return true
    }

    /// The empty place where a digest belongs; nil where it is there.
    private func find(_ digest: Digest128) throws -> Int? {
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

    private func put(_ digest: Digest128, at place: Int) throws {
        let stride = MemoryLayout<Digest128>.stride
        let count = withUnsafeBytes(of: digest) {
            pwrite(descriptor, $0.baseAddress, $0.count, off_t(place * stride))
        }
        guard count == stride else { throw Self.failed("written", in: scratch) }
    }

    /// The same keys in a table of twice the size.
    func grown() throws -> DigestFile {
        let larger = try DigestFile(in: scratch, pages: pages * 2)
        for number in 0..<pages {
            try read(page: number)
            for digest in page where digest != .none { _ = try larger.insert(digest) }
        }
        return larger
    }
}
