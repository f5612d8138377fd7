// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Glibc
import SystemPackage
import Testing
import VarveKeys
import VarveTestKit

/// A key store in use by several threads and processes.
@Suite struct SharingTests {
    let fixture: KeyFixture

    init() throws { fixture = try KeyFixture() }

    @Test func `what one instance changes, another one sees`() throws {
        let one = try fixture.create()
        let two = try fixture.open()
        let main = try one.create(alias: "alias/main")
        #expect(try two.describe("alias/main") == main)
        try two.rotate("alias/main")
        let key = SymmetricKey(size: .bits256)
        let sealed = try two.sealKey(key, under: "alias/main", context: KeyFixture.context)
        #expect(try one.openKey(sealed, expecting: KeyFixture.context) == key)
        try one.setAlias("alias/other", to: "alias/main")
        #expect(try one.list() == two.list())
    }

    @Test func `threads with instances of their own and with a shared one lose no change`() throws {
        let shared = try fixture.create()
        let stores = try (0..<8).map { $0.isMultiple(of: 2) ? shared : try fixture.open() }
        let each = 6
        let group = DispatchGroup()
        for (index, store) in stores.enumerated() {
            Thread.detachNewThread(in: group) {
                for number in 0..<each {
                    try store.create(alias: "alias/t\(index)/\(number)")
                    try store.rotate("owned")
                }
            }
        }
        group.wait()
        let keys = try fixture.open().list()
        let aliases = Set(keys.flatMap(\.aliases)).subtracting(["alias/varve/managed"])
        #expect(aliases == Set((0..<8).flatMap { index in (0..<each).map { "alias/t\(index)/\($0)" } }))
        #expect(keys.first { $0.class == .owned }?.currentVersion == 1 + 8 * each)
        #expect(try shared.list() == keys)
    }

    @Test func `a store that another process holds is waited for`() throws {
        let store = try fixture.create()
        // flock(1) holds the lock until its standard input, a line that comes when we say so, has ended.
        let go = fixture.folder.appending("go")
        try #require(mkfifo(go.string, 0o600) == 0)
        let held = fixture.folder.appending("held")
        let holder = try ChildProcess(
            "flock", [fixture.path.string + ".lock", "sh", "-c", "touch '\(held)'; cat '\(go)'"])
        while !FileManager.default.fileExists(atPath: held.string) { usleep(1000) }

        let group = DispatchGroup()
        Thread.detachNewThread(in: group) { try store.create(alias: "alias/main") }
        #expect(group.wait(timeout: .now() + 0.3) == .timedOut, "the change went through a lock that was held")
        #expect(try store.list().count == 3, "reading needs no lock")
        try Data("\n".utf8).write(to: URL(fileURLWithPath: go.string))
        group.wait()
        #expect(try holder.wait().exitCode == 0)
        #expect(try store.list().count == 4)
    }

    @Test func `a store exchanged for another one is not written over`() throws {
        let store = try fixture.create()
        let other = try fixture.sibling()
        try other.create()
        let foreign = try other.bytes()
        try FileManager.default.removeItem(atPath: fixture.path.string)
        try fixture.write(foreign)
        #expect(code { try store.create() } == .replaced)
        #expect(code { _ = try store.list() } == .replaced)
        #expect(try fixture.bytes() == foreign)
    }
}

extension Thread {
    /// Runs `body` on a thread of its own; an error is an issue of the test.
    fileprivate static func detachNewThread(in group: DispatchGroup, _ body: @escaping @Sendable () throws -> Void) {
        group.enter()
        detachNewThread {
            do { try body() } catch { Issue.record(error) }
            group.leave()
        }
    }
}
