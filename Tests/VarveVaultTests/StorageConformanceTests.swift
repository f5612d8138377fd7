// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization
import SystemPackage
import Testing
import VarveModel
import VarveTestKit
import VarveVault

/// What every `VaultStorage` promises. A new implementation adds a row to `storages`.
@Suite struct StorageConformanceTests {
    struct Storage: CustomTestStringConvertible, Sendable {
        let name: String
        let make: @Sendable (TemporaryFolder) throws -> any VaultStorage
        var testDescription: String { name }
    }

    static let storages = [
        Storage(name: "directory") { try DirectoryStorage.create($0.appending("a/b/vault")) }
    ]

    static func path(_ text: String) throws -> ObjectPath { try ObjectPath(text) }

    @Test(arguments: storages, [0, 1, 1000, 262_143, 262_144, 262_145, 1_000_000])
    func `what is put comes back, by get and by reader`(storage: Storage, count: Int) throws {
        let folder = try TemporaryFolder()
        let vault = try storage.make(folder)
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let path = try Self.path("x/y/z.bin")
        try vault.put(path, bytes)
        #expect(try vault.get(path, atMost: count) == bytes)
        #expect(try vault.info(path)?.bytes == count)
        let reader = try vault.reader(path)
        #expect(reader.bytes == count)
        var read: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4097)
        while true {
            let got = try buffer.withUnsafeMutableBytes { try reader.read(into: $0) }
            if got == 0 { break }
            read += buffer[..<got]
        }
        #expect(read == bytes)
    }

    @Test(arguments: storages)
    func `an object written in parts is there only after its commit`(storage: Storage) throws {
        let folder = try TemporaryFolder()
        let vault = try storage.make(folder)
        let path = try Self.path("t/object")
        let writer = try vault.writer(path)
        var expected: [UInt8] = []
        for size in [1, 100_000, 300_000, 7, 0, 262_144] {
            let part = [UInt8](repeating: UInt8(truncatingIfNeeded: size), count: size)
            try part.withUnsafeBytes { try writer.write($0) }
            expected += part
            #expect(try vault.info(path) == nil)
            #expect(try vault.list("").isEmpty)
            #expect(code { _ = try vault.get(path, atMost: 10) } == .notFound)
        }
        try writer.commit()
        #expect(try vault.get(path, atMost: expected.count) == expected)
        #expect(code { try writer.commit() } == .misuse)
        #expect(code { try expected.withUnsafeBytes { try writer.write($0) } } == .misuse)
        writer.abandon()
        #expect(try vault.info(path) != nil)
    }

    @Test(arguments: storages)
    func `an object given up, or forgotten, leaves nothing`(storage: Storage) throws {
        let folder = try TemporaryFolder()
        let vault = try storage.make(folder)
        let writer = try vault.writer(try Self.path("t/one"))
        try [UInt8](repeating: 1, count: 500_000).withUnsafeBytes { try writer.write($0) }
        writer.abandon()
        do {
            let forgotten = try vault.writer(try Self.path("t/two"))
            try [UInt8](repeating: 1, count: 500_000).withUnsafeBytes { try forgotten.write($0) }
        }
        #expect(try vault.list("").isEmpty)
        #expect(try vault.remains(before: Instant(microseconds: .max)).isEmpty)
    }

    @Test(arguments: storages)
    func `no object is ever overwritten`(storage: Storage) throws {
        let folder = try TemporaryFolder()
        let vault = try storage.make(folder)
        let path = try Self.path("t/object")
        try vault.put(path, [1])
        #expect(code { try vault.put(path, [2]) } == .exists)
        let writer = try vault.writer(path)
        #expect(code { try writer.commit() } == .exists)
        #expect(try vault.get(path, atMost: 1) == [1])
        #expect(try vault.remains(before: Instant(microseconds: .max)).isEmpty)
    }

    @Test(arguments: storages)
    func `of sixteen writers of one name exactly one wins`(storage: Storage) throws {
        let folder = try TemporaryFolder()
        let vault = try storage.make(folder)
        for round in 0..<20 {
            let path = try Self.path("race/\(round)/object")
            let results = Mutex<[(writer: Int, code: VaultError.Code?)]>([])
            let start = DispatchSemaphore(value: 0)
            let threads = (0..<16).map { number in
                let done = DispatchSemaphore(value: 0)
                let thread = Thread {
                    start.wait()
                    let result = code { try vault.put(path, [UInt8](repeating: UInt8(number), count: 10_000)) }
                    results.withLock { $0.append((number, result)) }
                    done.signal()
                }
                thread.start()
                return done
            }
            for _ in threads { start.signal() }
            for done in threads { done.wait() }
            let winners = results.withLock { $0.filter { $0.code == nil } }
            #expect(winners.count == 1)
            let losers = results.withLock { $0.filter { $0.code == VaultError.Code.exists } }
            #expect(losers.count == 15)
            let winner = try #require(winners.first)
            #expect(
                try vault.get(path, atMost: 10_000) == [UInt8](repeating: UInt8(winner.writer), count: 10_000))
        }
        #expect(try vault.remains(before: Instant(microseconds: .max)).isEmpty)
    }

    @Test(arguments: storages)
    func `listings show what begins with the prefix, in order`(storage: Storage) throws {
        let folder = try TemporaryFolder()
        let vault = try storage.make(folder)
        for name in ["b/2", "b/1", "a", "b/1x/y", "bb/1", "c/d/e/f"] { try vault.put(try Self.path(name), [0]) }
        func list(_ prefix: String) throws -> [String] {
            let listed = try vault.list(prefix).map(\.path)
            #expect(try vault.paths(prefix) == listed)
            return listed.map(\.text)
        }
        #expect(try list("") == ["a", "b/1", "b/1x/y", "b/2", "bb/1", "c/d/e/f"])
        #expect(try list("b/") == ["b/1", "b/1x/y", "b/2"])
        #expect(try list("b/1") == ["b/1", "b/1x/y"])
        #expect(try list("b") == ["b/1", "b/1x/y", "b/2", "bb/1"])
        #expect(try list("nothing/here") == [])
        #expect(try list("../") == [])
        #expect(try vault.list("c/").first?.bytes == 1)
    }

    /// A commit writes keys, then what lies in tables, then its entry in the catalog.
    @Test(arguments: storages)
    func `what lies below the first folders of the root is never listed without what was written before it`(
        storage: Storage
    ) throws {
        let folder = try TemporaryFolder()
        let vault = try storage.make(folder)
        let isDone = Atomic(false)
        let writer = try WorkerThread {
            for number in 0..<150 {
                for path in ["keys/\(number)/1", "tables/t/\(number % 10)/\(number)", "catalog/2026/\(number)"] {
                    do {
                        try vault.put(try Self.path(path), [0])
                    } catch {
                        Issue.record(error)
                    }
                }
            }
            isDone.store(true, ordering: .releasing)
        }
        var listings = 0
        while !isDone.load(ordering: .acquiring) {
            let listed = Set(try vault.list("").map(\.path.text))
            for path in listed where path.hasPrefix("catalog/") {
                let number = path.split(separator: "/").last.flatMap { Int($0) } ?? 0
                #expect(listed.contains("keys/\(number)/1") && listed.contains("tables/t/\(number % 10)/\(number)"))
            }
            listings += 1
        }
        writer.join()
        #expect(listings > 1)
    }

    @Test(arguments: storages)
    func `the order of a listing is that of whole paths`(storage: Storage) throws {
        let folder = try TemporaryFolder()
        let vault = try storage.make(folder)
        // A slash comes before a digit and behind a dot and a dash.
        let names = ["a-b", "a.b/x", "a/b", "a/é", "a0", "a~/y", "é/z"]
        for name in names.reversed() { try vault.put(try Self.path(name), [0]) }
        #expect(try vault.list("").map(\.path.text) == names)
    }

    @Test(arguments: storages)
    func `folders are what stands before the next slash`(storage: Storage) throws {
        let folder = try TemporaryFolder()
        let vault = try storage.make(folder)
        for name in ["a", "b/2", "b/1x/y", "b/1x/z", "b/3/4/5", "bb/1"] { try vault.put(try Self.path(name), [0]) }
        #expect(try vault.folders("b/") == ["1x", "3"])
        #expect(try vault.folders("b/3/") == ["4"])
        #expect(try vault.folders("").filter { !$0.hasPrefix(".") } == ["b", "bb"])
        for nowhere in ["nothing/", "a/", "b", "../", "b/../"] { #expect(try vault.folders(nowhere) == []) }
    }

    @Test(arguments: storages)
    func `what is deleted is gone, and may be deleted and written again`(storage: Storage) throws {
        let folder = try TemporaryFolder()
        let vault = try storage.make(folder)
        let path = try Self.path("d/e/object")
        try vault.put(path, [1])
        try vault.delete(path)
        try vault.delete(path)
        #expect(try vault.info(path) == nil)
        #expect(code { _ = try vault.reader(path) } == .notFound)
        try vault.put(path, [2])
        #expect(try vault.get(path, atMost: 1) == [2])
    }

    @Test(arguments: storages)
    func `only replace overwrites`(storage: Storage) throws {
        let folder = try TemporaryFolder()
        let vault = try storage.make(folder)
        let path = try Self.path("leases/x.json")
        try vault.replace(path, [1])
        try vault.replace(path, [2, 2])
        #expect(try vault.get(path, atMost: 2) == [2, 2])
        #expect(try vault.remains(before: Instant(microseconds: .max)).isEmpty)
    }

    @Test(arguments: storages)
    func `an object longer than the limit is not read`(storage: Storage) throws {
        let folder = try TemporaryFolder()
        let vault = try storage.make(folder)
        try vault.put(try Self.path("x"), [1, 2, 3])
        #expect(code { _ = try vault.get(try Self.path("x"), atMost: 2) } == .limitExceeded)
    }
}

/// What is a directory's alone.
@Suite struct DirectoryStorageTests {
    @Test(
        arguments: [FilePoint.openTemporary, .write, .sync, .link, .syncFolder, .makeFolder],
        [(Errno.noSpace, VaultError.Code.full), (.diskQuotaExceeded, .full), (.ioError, .io), (.permissionDenied, .io)])
    func `a failing system call is a typed error and leaves nothing`(
        point: FilePoint, failure: (errno: Errno, code: VaultError.Code)
    ) throws {
        let folder = try TemporaryFolder()
        let armed = Mutex(false)
        let storage = try DirectoryStorage.create(folder.appending("vault")) { asked in
            asked == point && armed.withLock { $0 } ? failure.errno : nil
        }
        try storage.put(try ObjectPath("before"), [1])
        armed.withLock { $0 = true }
        #expect(
            code { try storage.put(try ObjectPath("t/object"), [UInt8](repeating: 7, count: 600_000)) } == failure.code)
        armed.withLock { $0 = false }
        #expect(try storage.list("").map(\.path.text) == ["before"])
        #expect(try storage.remains(before: Instant(microseconds: .max)).isEmpty)
        try storage.put(try ObjectPath("t/object"), [3])
        #expect(try storage.get(try ObjectPath("t/object"), atMost: 1) == [3])
    }

    @Test func `what takes another's place while its folder is listed is not missed`() throws {
        let folder = try TemporaryFolder()
        let isArmed = Atomic(false)
        let keys = folder.appending("vault").appending("keys/k")
        // Between the names and the first size, the second version of a key comes and the first one goes.
        let storage = try DirectoryStorage.create(folder.appending("vault")) { point in
            if point == .open, isArmed.exchange(false, ordering: .relaxed) {
                rename(keys.appending("0001.key").string, keys.appending("0002.key").string)
            }
            return nil
        }
        try storage.put(try ObjectPath("keys/k/0001.key"), [1])
        isArmed.store(true, ordering: .relaxed)
        #expect(try storage.list("").map(\.path.text) == ["keys/k/0002.key"])
        let isUsed = !isArmed.load(ordering: .relaxed)
        #expect(isUsed)
    }

    @Test(arguments: [FilePoint.open, .read])
    func `a disk that does not read is an io error`(point: FilePoint) throws {
        let folder = try TemporaryFolder()
        try DirectoryStorage.create(folder.appending("vault")).put(try ObjectPath("x"), [1, 2, 3])
        let storage = try DirectoryStorage(folder.appending("vault")) { $0 == point ? .ioError : nil }
        #expect(code { _ = try storage.get(try ObjectPath("x"), atMost: 3) } == .io)
    }

    @Test func `temporary files of dead writers are found, those of live ones are not`() throws {
        let folder = try TemporaryFolder()
        let storage = try DirectoryStorage.create(folder.appending("vault"))
        let live = try storage.writer(try ObjectPath("live"))
        try [UInt8](repeating: 1, count: 400_000).withUnsafeBytes { try live.write($0) }
        try folder.write("vault/.tmp/dead", [1, 2, 3])
        let later = Instant(microseconds: .max)
        #expect(try storage.remains(before: later).map(\.name) == ["dead"])
        #expect(try storage.remains(before: Instant(microseconds: 0)).isEmpty)
        for remains in try storage.remains(before: later) { try storage.remove(remains) }
        #expect(try storage.remains(before: later).isEmpty)
        try live.commit()
        #expect(try storage.info(try ObjectPath("live"))?.bytes == 400_000)
    }

    @Test func `nothing but plain files is listed or read`() throws {
        let folder = try TemporaryFolder()
        let storage = try DirectoryStorage.create(folder.appending("vault"))
        try folder.write("secret", "outside")
        try storage.put(try ObjectPath("t/plain"), [1])
        let root = folder.appending("vault")
        symlink(folder.appending("secret").string, root.appending("t/link").string)
        symlink(folder.path.string, root.appending("t/folder").string)
        mkfifo(root.appending("t/pipe").string, 0o600)
        #expect(try storage.list("").map(\.path.text) == ["t/plain"])
        #expect(code { _ = try storage.reader(try ObjectPath("t/link")) } == .damaged)
        #expect(code { _ = try storage.reader(try ObjectPath("t/pipe")) } == .damaged)
        #expect(code { _ = try storage.reader(try ObjectPath("t")) } == .damaged)
        #expect(code { try storage.put(try ObjectPath("t/link"), [2]) } == .exists)
    }

    @Test func `files and folders are the owner's alone`() throws {
        let folder = try TemporaryFolder()
        let storage = try DirectoryStorage.create(folder.appending("vault"))
        try storage.put(try ObjectPath("t/object"), [1])
        for (name, mode) in [("vault", 0o700), ("vault/t", 0o700), ("vault/t/object", 0o600)] {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.appending(name).string)
            #expect(attributes[.posixPermissions] as? Int == mode, "\(name)")
        }
    }

    @Test func `a folder that is not there is no vault`() throws {
        let folder = try TemporaryFolder()
        #expect(code { _ = try DirectoryStorage(folder.appending("nothing")) } == .noVault)
        let empty = try DirectoryStorage.create(folder.appending("empty"))
        #expect(code { _ = try Vault.open(empty) } == .noVault)
    }
}
