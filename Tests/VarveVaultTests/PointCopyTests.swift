// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import SystemPackage
import Testing
import VarveKeys
import VarveModel
import VarveSeal
import VarveTestKit
import VarveVault

/// A second vault, and copies into it.
enum CopySamples {
    /// Fails system calls of a storage: one, or all from one on, as for a process that is killed there.
    final class Failing: Sendable {
        private let state = Mutex<(calls: Int, first: Int?, last: Int)>((0, nil, 0))

        var calls: Int { state.withLock { $0.calls } }

        func fail(from first: Int?, through last: Int) { state.withLock { $0 = (0, first, last) } }

        func point(_ point: FilePoint) -> Errno? {
            state.withLock { state in
                defer { state.calls += 1 }
                guard let first = state.first, first <= state.calls, state.calls <= state.last else { return nil }
                return .ioError
            }
        }
    }

    static func other(_ folder: TemporaryFolder, _ name: String = "other") throws -> Vault {
        try Vault.create(try DirectoryStorage.create(folder.appending(name)), tool: "varve test")
    }

    /// Copies under the second of two wrapping keys.
    @discardableResult
    static func copy(_ source: SnapshotReader, to target: Vault, record: CommitRecord? = nil) throws -> Catalog.Entry {
        let link = try Catalog.read(target).link(before: source.manifest)
        let copy = try PointCopy(source, to: target, under: "other", keys: TwoKeys(), record: record)
        do {
            for bundle in source.manifest.bundles { try copy.copy(bundle) }
            return try copy.commit(previous: link)
        } catch {
            try? copy.abandon()
            throw error
        }
    }

    /// Every object with its bytes, leases aside.
    static func objects(_ vault: Vault) throws -> [String: [UInt8]] {
        var objects: [String: [UInt8]] = [:]
        for object in try vault.storage.list("") where !object.path.text.hasPrefix("leases/") {
            objects[object.path.text] = try Tamper.read(vault.file(object.path.text))
        }
        return objects
    }

    static func bundles(_ vault: Vault) throws -> [String: [UInt8]] {
        try objects(vault).filter { $0.key.hasSuffix(".tar.esdk") }
    }

    static func reader(_ vault: Vault, _ id: String) throws -> SnapshotReader {
        let entry = try #require(try Catalog.read(vault).entries(idPrefix: id).first)
        return try SnapshotReader(vault, entry, keys: TwoKeys())
    }
}

@Suite struct PointCopyTests {
    @Test func `a copy has the same bundles, and keys and manifests of its own`() throws {
        let folder = try TemporaryFolder()
        let source = try Samples.vault(folder)
        let target = try CopySamples.other(folder)
        let reader = try Samples.snapshot(source)
        let before = try CopySamples.objects(source)
        let record = CommitRecord(folder.appending("commits"))
        let entry = try CopySamples.copy(reader, to: target, record: record)
        #expect(try CopySamples.bundles(target) == CopySamples.bundles(source))
        #expect(try CopySamples.bundles(target).count == 3)
        #expect(try CopySamples.objects(source) == before)
        let manifest = entry.manifest
        #expect(manifest.vault == target.id && manifest.origin == source.id && manifest.path == reader.manifest.path)
        #expect(manifest.started == reader.manifest.started && manifest.isCopy(of: reader.manifest))
        #expect(manifest.original?.sha256 == reader.document.sha256Text)
        #expect(try target.keyFiles.recipients(manifest.key.id).map(\.name) == ["other.1"])
        #expect(try Samples.verify(target, keys: FixedKeys.other, record: record) == [])
        #expect(try Samples.lines(CopySamples.reader(target, manifest.id)) == Samples.expectedLines(0..<100))
        #expect(
            code { _ = try SnapshotReader(target, entry, keys: FixedKeys()) } == .unreadable,
            "the source's wrapping key opens nothing there")
        #expect(try record.entries().entries.map(\.path) == [manifest.path])
        #expect(try LeftoverTests.leftovers(target) == [] && target.storage.list("leases/").isEmpty)
    }

    @Test func `what is there is not copied again, and nothing of it is touched`() throws {
        let folder = try TemporaryFolder()
        let reader = try Samples.snapshot(try Samples.vault(folder))
        let target = try CopySamples.other(folder)
        try CopySamples.copy(reader, to: target)
        let before = try CopySamples.objects(target)
        #expect(code { try CopySamples.copy(reader, to: target) } == .exists)
        #expect(try CopySamples.objects(target) == before)
    }

    @Test func `manifests of copies are chains of the target's own, in whatever order they came`() throws {
        let folder = try TemporaryFolder()
        let source = try Samples.vault(folder)
        let target = try CopySamples.other(folder)
        let clock = try TestClock(step: 2_000_000)
        let points = try (0..<3).map { _ in try Samples.snapshot(source, items: 10, bundles: 1, clock: clock) }
        var segments = [try LogSamples.segment(source, number: 0, clock: clock)]
        for number in 1..<3 {
            segments.append(
                try LogSamples.segment(
                    source, number: number, changes: number == 2 ? 0 : LogSamples.changes, after: segments[number - 1],
                    clock: clock))
        }
        for reader in [points[0], points[2], points[1]] + segments { try CopySamples.copy(reader, to: target) }
        let manifests = try Catalog.read(target).entries.map(\.manifest)
        let links = Dictionary(uniqueKeysWithValues: manifests.map { ($0.id, $0.previous?.path) })
        #expect(links[points[2].manifest.id] == points[0].manifest.path, "the one between was not there yet")
        #expect(links[points[1].manifest.id] == points[0].manifest.path)
        #expect(links[segments[1].manifest.id] == segments[0].manifest.path)
        #expect(links[segments[2].manifest.id] == segments[1].manifest.path)
        #expect(manifests.first { $0.id == segments[2].manifest.id }?.bundles.isEmpty == true)
        let catalog = try Catalog.read(target, depth: .bothCopies)
        #expect(target.checkListing(catalog) == [] && target.checkDocuments(catalog, keys: TwoKeys()) == [])
    }

    @Test func `from any copy the very manifest can be made again where it was born`() throws {
        let folder = try TemporaryFolder()
        let source = try Samples.vault(folder)
        // Spellings that a value made anew would not keep.
        var plan = Samples.plan()
        let description = #"{"TableName":"Music","Future":{"b":[1.50,12345678901234567890123],"a":"\u001fé/"}}"#
        plan.description = try JSON(text: Array(description.utf8))
        try Samples.snapshot(source)
        let writer = try SnapshotWriter(source, plan, keys: FixedKeys(), record: nil)
        let bundle = try writer.bundle()
        try bundle.add(try Samples.dataFile(0..<5))
        try bundle.finish()
        let reader = try writer.commit(consistency: Samples.consistency(writer.started))
        try Samples.snapshot(source)
        let before = try CopySamples.objects(source)
        let (second, third) = (try CopySamples.other(folder), try CopySamples.other(folder, "third"))
        try CopySamples.copy(reader, to: second)
        let far = try CopySamples.copy(try CopySamples.reader(second, reader.manifest.id), to: third)
        #expect(far.manifest.original?.previous == reader.manifest.previous && far.manifest.previous == nil)
        #expect(try far.manifest.description == CopySamples.reader(source, reader.manifest.id).manifest.description)
        for path in [reader.manifest.path, reader.manifest.catalogPath] { try Tamper.remove(source.file(path)) }
        try CopySamples.copy(try CopySamples.reader(third, reader.manifest.id), to: source)
        let after = try CopySamples.objects(source)
        #expect(after.filter { !$0.key.hasPrefix("keys/") } == before.filter { !$0.key.hasPrefix("keys/") })
    }

    @Test(arguments: [false, true])
    func `a copy that fails anywhere in the target is finished by the next one`(isKilled: Bool) throws {
        let folder = try TemporaryFolder()
        let source = try Samples.vault(folder)
        let reader = try Samples.snapshot(source, items: 60)
        let failing = CopySamples.Failing()
        var (call, failed, committed, kept) = (0, 0, 0, 0)
        while true {
            failing.fail(from: nil, through: 0)
            let place = folder.appending("target\(call)")
            _ = try Vault.create(try DirectoryStorage.create(place), tool: "varve test")
            let target = try Vault.open(try DirectoryStorage(place, failpoint: { failing.point($0) }))
            let record = CommitRecord(folder.appending("commits\(call)"))
            failing.fail(from: call, through: isKilled ? .max : call)
            let error = code { try CopySamples.copy(reader, to: target, record: record) }
            let wasReached = failing.calls > call
            failing.fail(from: nil, through: 0)
            // A process that was killed holds no lease any more; this one lives on.
            for lease in try target.storage.list("leases/") { try target.storage.delete(lease.path) }
            let entries = try Catalog.read(target).entries
            if error != nil { failed += 1 }
            if entries.isEmpty {
                kept += try CopySamples.bundles(target).count
                #expect(error != nil)
                try CopySamples.copy(reader, to: target, record: record)
            } else {
                committed += 1
                try target.finishInterruptedCommits(of: Samples.table, record: record)
            }
            #expect(try Samples.verify(target, keys: FixedKeys.other, record: record) == [], "call \(call)")
            #expect(try CopySamples.bundles(target) == CopySamples.bundles(source))
            #expect(try target.storage.list("keys/").count == 1)
            if !wasReached { break }
            call += 1
        }
        #expect(call > 40 && failed > 30 && committed > 3, "\(call) calls, \(failed) failed, \(committed) committed")
        #expect(isKilled ? kept > 30 : kept == 0, "\(kept) bundles were left")
        #expect(try Samples.verify(source) == [])
    }

    @Test func `a copy that fails anywhere in the source leaves nothing, or is whole`() throws {
        let folder = try TemporaryFolder()
        _ = try Samples.snapshot(try Samples.vault(folder), items: 60)
        let failing = CopySamples.Failing()
        let source = try Vault.open(try DirectoryStorage(folder.appending("vault"), failpoint: { failing.point($0) }))
        let entry = try #require(try Catalog.read(source).entries.first)
        var (call, failed) = (0, 0)
        while true {
            let target = try CopySamples.other(folder, "target\(call)")
            let empty = try CopySamples.objects(target)
            failing.fail(from: call, through: call)
            let error = code {
                try CopySamples.copy(try SnapshotReader(source, entry, keys: TwoKeys()), to: target)
            }
            let wasReached = failing.calls > call
            failing.fail(from: nil, through: 0)
            if error != nil {
                failed += 1
                #expect(try CopySamples.objects(target) == empty, "call \(call)")
            } else {
                #expect(try Samples.verify(target, keys: FixedKeys.other) == [])
            }
            if !wasReached { break }
            call += 1
        }
        #expect(failed > 8, "\(failed) of \(call)")
    }

    @Test func `a damaged or missing bundle of the source is not copied, and named`() throws {
        let folder = try TemporaryFolder()
        let source = try Samples.vault(folder)
        let reader = try Samples.snapshot(source)
        let path = reader.manifest.folder + "000002.tar.esdk"
        let whole = try Tamper.read(source.file(path))
        let target = try CopySamples.other(folder)
        let empty = try CopySamples.objects(target)
        var flipped = whole
        flipped[whole.count / 2] ^= 1
        for (bytes, expected) in [(flipped, VaultError.Code.damaged), (whole.dropLast(), .damaged), (nil, .missing)] {
            if let bytes {
                try Tamper.write(source.file(path), Array(bytes))
            } else {
                try Tamper.remove(source.file(path))
            }
            do {
                try CopySamples.copy(reader, to: target)
                Issue.record("it was copied")
            } catch let error as VaultError {
                #expect(error.code == expected && error.message.contains(path))
            }
            #expect(try CopySamples.objects(target) == empty)
        }
    }

    @Test func `of what a killed copy left, whole bundles are taken and broken ones replaced`() throws {
        let folder = try TemporaryFolder()
        let source = try Samples.vault(folder)
        let reader = try Samples.snapshot(source)
        let target = try CopySamples.other(folder)
        let killed = try PointCopy(reader, to: target, under: "other", keys: TwoKeys(), record: nil)
        for bundle in reader.manifest.bundles.prefix(2) { #expect(try killed.copy(bundle)) }
        let broken = target.file(reader.manifest.folder + "000002.tar.esdk")
        try Tamper.write(broken, Array(try Tamper.read(broken).dropLast(9)))
        // A key file that a run wrote under another key, which this one cannot know.
        try target.storage.put(try ObjectPath("keys/\(reader.manifest.key.id)/0001.key"), Array("garbage".utf8))
        let again = try PointCopy(reader, to: target, under: "other", keys: TwoKeys(), record: nil)
        #expect(try reader.manifest.bundles.map { try again.copy($0) } == [false, true, true])
        _ = try again.commit(previous: nil)
        // It was not dead after all: what it gives up now is another's.
        try killed.abandon()
        #expect(try Samples.verify(target, keys: FixedKeys.other) == [])
        #expect(try target.storage.list("keys/").map(\.path.name) == ["0002.key"])
    }

    @Test func `a sweep comes with its outcome, also with one that was written later`() throws {
        let folder = try TemporaryFolder()
        let source = try Samples.vault(folder)
        let target = try CopySamples.other(folder)
        let time = Instant.now()
        let readers = try (0..<2).map { _ in try Samples.snapshot(source, items: 10, bundles: 1, kind: .sweep) }
        try readers[0].writeOutcome(deleted: 8, changed: 1, gone: 1, finished: time, interrupted: false, record: nil)
        for reader in readers { try CopySamples.copy(reader, to: target) }
        let copies = try readers.map { try CopySamples.reader(target, $0.manifest.id) }
        #expect(try copies[0].outcome()?.deleted == 8 && copies[1].outcome() == nil)
        #expect(try !PointCopy.copyOutcome(from: readers[1], to: copies[1], record: nil))
        try readers[1].writeOutcome(deleted: 9, changed: 0, gone: 1, finished: time, interrupted: true, record: nil)
        #expect(try PointCopy.copyOutcome(from: readers[1], to: copies[1], record: nil))
        #expect(try !PointCopy.copyOutcome(from: readers[1], to: copies[1], record: nil))
        #expect(try copies[1].outcome()?.interrupted == true)
        #expect(try Samples.verify(target, keys: FixedKeys.other) == [])
    }

    @Test func `what was shredded stays shredded`() throws {
        let folder = try TemporaryFolder()
        let source = try Samples.vault(folder)
        let target = try CopySamples.other(folder)
        let reader = try Samples.snapshot(source)
        let entry = try CopySamples.copy(reader, to: target)
        _ = try target.shred(entry, tool: "varve test")
        let before = try CopySamples.objects(target)
        #expect(code { try CopySamples.copy(reader, to: target) } == .shredded)
        #expect(try CopySamples.objects(target) == before)
        // A copy under way keeps its table from being shredded in either vault.
        let second = try Samples.snapshot(source)
        let copy = try PointCopy(second, to: target, under: "other", keys: TwoKeys(), record: nil)
        for bundle in second.manifest.bundles { try copy.copy(bundle) }
        let lease = try #require(try Lease.live(in: target.storage, at: .now()).leases.first)
        #expect(lease.protects == [second.manifest.folder, "keys/\(second.manifest.key.id)/"])
        #expect(try target.leftovers(grace: .zero, record: nil, clock: LeftoverClock()).objects.isEmpty)
        try copy.abandon()
        #expect(try CopySamples.objects(target) == before)
    }

    /// A second from now, so that nothing is too young.
    private struct LeftoverClock: Clock {
        func now() -> Instant { Instant(microseconds: Instant.now().microseconds + 1_000_000) }
    }
}
