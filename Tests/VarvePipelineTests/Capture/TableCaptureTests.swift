// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit
import VarveVault

@Suite struct TableCaptureTests {
    private func home() throws -> (CaptureHome, EmbeddedChangeSource) {
        let home = try CaptureHome()
        try home.makeTable("Things")
        return (home, try home.source("Things"))
    }

    private func log(_ entry: Catalog.Entry) throws -> LogStretch { try #require(entry.manifest.log) }

    @Test func `a segment holds each change with its images, in order`() throws {
        let (home, source) = try home()
        try home.put(1, 10, into: "Things")
        try home.put(1, 11, into: "Things")
        try home.delete(1, from: "Things")
        let changes = try home.store.changes(after: 0, limit: 10)
        let heard = try home.captureOnce(source)
        #expect(heard.segments.count == 1)
        let entry = try #require(try home.segments("Things").first)
        let lines = try home.lines(entry)
        #expect(lines.map(\.metadata.event) == ["INSERT", "MODIFY", "REMOVE"])
        #expect(lines.map(\.value) == [10, 11, nil])
        #expect(lines.map(\.metadata.position.number) == [2, 3, 4])
        #expect(lines.map(\.metadata.time) == changes.dropFirst().map(\.time))
        #expect(lines.allSatisfy { $0.metadata.actor == "user" && $0.metadata.sourceTime == nil })
        let log = try log(entry)
        #expect(log.beginning?.cause == .first && log.events.map(\.event) == [.created])
        let shard = try #require(log.shards.first)
        #expect(shard.after == ChangePosition(0) && shard.through == ChangePosition(4) && shard.changes == 3)
        #expect(shard.first == changes[1].time && shard.last == changes[3].time)
        #expect(entry.manifest.items == 3 && entry.manifest.format == 2)
        #expect(entry.manifest.path.hasPrefix("tables/Things~\(source.tableID)/log/20270115/20270115T"))
        // No key and no value of an item stands in a manifest.
        let document = try home.vault.manifest(at: entry.place).document
        #expect(!String(decoding: document.bytes, as: UTF8.self).contains(#"{"N":"#))
        #expect(try home.verify().isEmpty)
    }

    @Test func `the next capture goes on where the vault ends, and says what comes before`() throws {
        let (home, source) = try home()
        try home.put(1, 1, into: "Things")
        try home.captureOnce(source)
        try home.put(2, 2, into: "Things")
        try home.captureOnce(source)
        let segments = try home.segments("Things")
        #expect(segments.count == 2)
        #expect(segments[1].manifest.previous?.path == segments[0].manifest.path)
        #expect(segments[1].manifest.previous?.sha256 == segments[0].sha256)
        #expect(segments[0].manifest.previous == nil)
        let logs = try segments.map(log)
        #expect(logs[1].beginning == nil && logs[1].from == logs[0].through)
        #expect(logs[1].shards[0].after == logs[0].shards[0].through)
        // The chain of snapshots knows nothing of segments.
        let snapshot = try home.backup("Things")
        #expect(snapshot.previous == nil && snapshot.format == 1)
    }

    @Test func `what was read and not committed when a capture is gone is read again, once`() throws {
        let (home, source) = try home()
        try home.put(1, 1, into: "Things")
        var capture: TableCapture? = try home.capture(source)
        _ = try capture?.step()
        capture = nil
        #expect(try home.segments("Things").isEmpty)
        try home.put(1, 2, into: "Things")
        try home.captureOnce(source)
        try home.captureOnce(source)
        #expect(try home.segments("Things").flatMap { try home.lines($0) }.map(\.value) == [1, 2])
    }

    /// Of the streams that replace others, one is read by the capture that read the other, one by a capture that begins anew.
    @Test(arguments: [false, true], [false, true])
    func `a stream in place of another comes after it, though its clock runs behind`(
        isRestarted: Bool, endsBehind: Bool
    ) throws {
        let home = try CaptureHome()
        let stream = SimulatedStream(seed: 5)
        let limits = SegmentLimits(age: .seconds(60), rawBytes: 1000)
        stream.write(20)
        var capture: TableCapture? = try home.capture(stream, limits: limits)
        #expect(try capture?.run(through: stream.settle(), stop: StopSignal()) == true)
        let before = try log(try #require(try home.segments("Simulated").last)).through
        stream.replace(setBack: 1000)
        for _ in 0..<3 {
            stream.write(40)
            if isRestarted {
                capture = nil
                capture = try home.capture(stream, limits: limits)
            }
            #expect(try capture?.run(through: stream.settle(), stop: StopSignal()) == true)
        }
        let logs = try home.segments("Simulated").map(log)
        let hole = try #require(logs.compactMap(\.beginning).last)
        #expect(hole.cause == .streamReplaced && hole.lastThrough == before)
        let lines = try home.segments("Simulated").flatMap { try home.lines($0) }.filter {
            $0.metadata.shard.hasPrefix("shard-2")
        }
        #expect(lines.count == 120, "all that was there when it was asked for")
        #expect(lines.allSatisfy { $0.metadata.time > before })
        #expect(lines.allSatisfy { $0.metadata.sourceTime.map { $0 < before } ?? false })
        #expect(logs.allSatisfy { $0.from <= $0.through || $0.beginning != nil } && logs.last?.through == before)
        if endsBehind {
            stream.end()
            while try capture?.step() != .ended {}
            let last = try log(try #require(try home.segments("Simulated").last))
            #expect(last.ended && lines.allSatisfy { $0.metadata.time <= last.through }, "nothing is left over")
            try capture?.closeSettled()
            #expect(try home.segments("Simulated").last?.manifest.log == last, "the end is said once")
            #expect(try home.verify().isEmpty)
            return
        }
        // Time that catches up with the old stream's is time again.
        stream.advance(seconds: 2000)
        stream.write(10)
        #expect(try capture?.run(through: stream.settle(), stop: StopSignal()) == true)
        let later = try home.segments("Simulated").flatMap { try home.lines($0) }.suffix(10)
        #expect(later.contains { $0.metadata.sourceTime == nil })
        #expect(try log(try #require(try home.segments("Simulated").last)).through > before)
        #expect(try home.verify().isEmpty)
    }

    /// What was known of the shards that go when they go, and how many of them there are in a row.
    enum Gone: CaseIterable { case read, unread, behindUnread }

    /// A retention that goes by times which run backwards takes a shard before its parent.
    @Test(arguments: Gone.allCases) func `nothing waits for what followed a shard and is gone`(_ gone: Gone) throws {
        let home = try CaptureHome()
        let stream = SimulatedStream(seed: 7)
        let root = "shard-1-1"
        func split(_ shards: [String]) -> [String] {
            for shard in shards { stream.split(shard, late: 0) }
            stream.write(60)
            return shards.flatMap { stream.successors(of: $0) }
        }
        try home.snapshot(stream.table, at: stream.cut)
        stream.write(60)
        try home.captureOnce(stream)
        var parents = split([root])
        if gone == .behindUnread { parents = split(parents) }
        let children = split(parents)
        var trimmed: String?
        if gone == .read {
            try home.captureOnce(stream)
            // A hole of another lineage: the one that begins a new stretch.
            trimmed = split(["shard-1-2"]).first
            stream.trim(try #require(trimmed), records: 1)
        }
        stream.remove(parents)
        let heard = try home.captureOnce(stream, within: 60)
        #expect(heard.holes.map(\.cause) == [.trimmed])
        #expect(heard.segments.last?.log?.shards.contains { $0.id == root } == true)
        let cut = stream.cut
        try home.snapshot(stream.table, at: cut, items: stream.items(at: cut))
        stream.write(60)
        _ = split([try #require(children.last)])
        try home.captureOnce(stream, within: 60)
        let coverage = try home.coverage("Simulated")
        #expect(coverage.holes.count == 1 && !coverage.isOpen)
        let through = try #require(coverage.through)
        #expect(through > cut)
        #expect(try home.restored(.time(through), of: "Simulated", home.catalog) == stream.items(at: through))
        let lost = stream.writes.filter { write in
            coverage.holes.contains { $0.from.map { $0 < write.effective } ?? false && write.effective <= $0.to ?? cut }
        }
        #expect(lost.contains { $0.shard == trimmed || parents.contains($0.shard) })
        // It is listed for as long as the stream lists it.
        stream.remove([root])
        stream.write(10)
        let last = try home.captureOnce(stream, within: 60).segments.last?.log
        #expect(last?.beginning == nil && last?.shards.contains { $0.id == root } == false)
        #expect(try home.verify().isEmpty)
    }

    /// The shard that waits for the other half is what tells of the half that is gone.
    @Test func `of two shards that became one, one is gone unseen`() throws {
        let home = try CaptureHome()
        let stream = SimulatedStream(seed: 17)
        let root = "shard-1-1"
        try home.snapshot(stream.table, at: stream.cut)
        stream.write(40)
        try home.captureOnce(stream)
        stream.split(root, late: 30)
        var capture: TableCapture? = try home.capture(stream)
        for _ in 0..<20 { _ = try capture?.step() }
        #expect(try home.segments("Simulated").last?.manifest.log?.shards.first { $0.id == root }?.ended == true)
        capture = nil
        stream.write(60)
        for _ in 0..<20 { _ = stream.describe() }
        let halves = stream.successors(of: root)
        stream.merge(halves)
        stream.write(20)
        stream.remove([root, try #require(halves.first)])
        let before = try #require(try home.coverage("Simulated").through)
        let heard = try home.captureOnce(stream, within: 60)
        #expect(heard.holes.map(\.cause) == [.trimmed])
        let hole = try #require(try home.coverage("Simulated").holes.first)
        let lost = stream.writes.filter { $0.shard == halves.first }
        #expect(!lost.isEmpty && hole.from.map { $0 >= before } == true)
        for write in lost {
            #expect(hole.from.map { $0 < write.effective } == true && hole.to.map { write.effective <= $0 } == true)
        }
        #expect(try home.verify().isEmpty)
    }

    /// A stream of two shards, of which the second gives a record a time and so falls behind.
    private struct UnevenStream: ChangeSource {
        let stream: SimulatedStream
        static let slow = "shard-1-2"

        func describe() -> ChangeStream { stream.describe() }
        func settle() -> Instant { stream.settle() }
        func read(_ shard: String, after position: ChangePosition?, limit: Int) throws -> ChangeReading {
            try stream.read(shard, after: position, limit: shard == Self.slow ? 1 : 20)
        }
    }

    /// Captures what such a stream has into segments of a page, and gives back the last time of what was read.
    private func captureUneven(_ home: CaptureHome, _ stream: SimulatedStream) throws -> Instant {
        try home.snapshot(stream.table, at: stream.cut)
        try home.captureOnce(stream)
        stream.write(300)
        let uneven = UnevenStream(stream: stream)
        let capture = try home.capture(uneven, limits: SegmentLimits(age: .seconds(60), rawBytes: 1))
        for _ in 0..<5 { _ = try capture.step() }
        return try #require(try home.segments("Simulated").flatMap { try home.lines($0) }.map(\.metadata.time).max())
    }

    /// Whatever is said to be covered is true, at its ends and at each change between.
    private func checkTruth(_ home: CaptureHome, _ stream: SimulatedStream) throws {
        let coverage = try home.coverage("Simulated")
        for interval in coverage.intervals {
            let between = stream.writes.map(\.effective).filter { interval.from < $0 && $0 < interval.through }
            for instant in Set(between + [interval.from, interval.through]) {
                #expect(
                    try home.restored(.time(instant), of: "Simulated", home.catalog) == stream.items(at: instant),
                    "at \(instant)")
            }
        }
    }

    @Test func `changes that were read ahead of a hole end it later`() throws {
        let home = try CaptureHome()
        let stream = SimulatedStream(seed: 23, isRough: false)
        let ahead = try captureUneven(home, stream)
        // Five were read.
        stream.trim(UnevenStream.slow, records: 6)
        let next = try #require(stream.writes.filter { $0.shard == UnevenStream.slow }.dropFirst(6).first).effective
        try #require(next < ahead)
        try home.snapshot(stream.table, at: next, items: stream.items(at: next))
        let heard = try home.captureOnce(stream)
        #expect(heard.holes.map(\.cause) == [.trimmed])
        let cut = stream.cut
        try home.snapshot(stream.table, at: cut, items: stream.items(at: cut))
        stream.write(20)
        try home.captureOnce(stream)
        let coverage = try home.coverage("Simulated")
        // All of the other shard is read before the loss is seen.
        let end = stream.writes.filter { $0.effective < cut && $0.shard != UnevenStream.slow }.map(\.effective).max()
        #expect(coverage.holes.map(\.to) == [end])
        #expect(coverage.intervals.last?.from == cut)
        try checkTruth(home, stream)
    }

    @Test func `a segment that is lost takes with it what was read ahead in it`() throws {
        let home = try CaptureHome()
        let stream = SimulatedStream(seed: 23, isRough: false)
        _ = try captureUneven(home, stream)
        for _ in 0..<2 { try home.captureOnce(stream) }
        let segments = try home.segments("Simulated")
        let index = try #require(try segments.firstIndex { try log($0).aloneFrom != nil })
        let lost = segments[index - 1].manifest
        let (from, aloneFrom) = (try log(segments[index]).from, try log(segments[index]).aloneFrom)
        try home.snapshot(stream.table, at: from, items: stream.items(at: from))
        try home.lose(lost)
        let coverage = try home.coverage("Simulated")
        #expect(coverage.holes.map(\.cause) == [.missing] && coverage.holes.map(\.to) == [aloneFrom])
        try checkTruth(home, stream)
        // Once everything that was ahead is caught up with, nothing is said of it.
        #expect(try log(try #require(segments.last)).aloneFrom == nil)
    }

    /// All shards of the one before have ended, and of the new one nothing was read yet: positions have nothing to say.
    @Test func `a lost segment that began with another stream is a hole`() throws {
        let home = try CaptureHome()
        let stream = SimulatedStream(seed: 31, isRough: false)
        try home.snapshot(stream.table, at: stream.cut)
        stream.write(20)
        try home.captureOnce(stream)
        for shard in ["shard-1-1", "shard-1-2"] { stream.split(shard, late: 100) }
        var ending: TableCapture? = try home.capture(stream)
        for _ in 0..<3 { _ = try ending?.step() }
        ending = nil
        #expect(try log(try #require(try home.segments("Simulated").last)).shards.allSatisfy(\.ended))
        stream.write(20)
        stream.replace()
        let begun = try #require(try home.captureOnce(stream).segments.first)
        #expect(begun.log?.beginning?.cause == .streamReplaced)
        stream.write(20)
        try home.captureOnce(stream)
        try home.lose(begun)
        #expect(try home.coverage("Simulated").holes.map(\.cause) == [.missing])
        try checkTruth(home, stream)
    }

    /// As where the log of a copy and one's own come together.
    @Test func `a first segment that passed a shard over does not go on where others ended`() throws {
        let home = try CaptureHome()
        let stream = SimulatedStream(seed: 37, isRough: false)
        try home.snapshot(stream.table, at: stream.cut)
        try home.captureOnce(stream)
        let earlier = try #require(try home.segments("Simulated").first).manifest
        stream.write(40)
        stream.split("shard-1-1", late: 0)
        let putBack = try home.lose(earlier)
        try home.captureOnce(stream)
        stream.write(20)
        try home.captureOnce(stream)
        try putBack()
        #expect(try home.coverage("Simulated").holes.map(\.cause) == [.missing])
        try checkTruth(home, stream)
    }

    @Test func `a shard that is gone is not read again where two things are lost at once`() throws {
        let home = try CaptureHome()
        let stream = SimulatedStream(seed: 29)
        stream.split("shard-1-2", late: 0)
        stream.write(100)
        let capture = try home.capture(stream, limits: SegmentLimits(age: .seconds(60), rawBytes: 1))
        for _ in 0..<8 { _ = try capture.step() }
        let shards = try log(try #require(try home.segments("Simulated").last)).shards.filter { !$0.ended }
        try #require(shards.count == 3 && shards[0].id == "shard-1-1")
        // One is gone before its end was read, and of the last one changes are lost, which is seen when those of the second were taken.
        stream.split("shard-1-1", late: 0)
        stream.remove(["shard-1-1"])
        stream.write(60)
        stream.trim(shards[2].id, records: stream.writes.count { $0.shard == shards[2].id } - 1)
        _ = try capture.step()
        try capture.closeSettled()
        #expect(try capture.run(through: stream.settle(), stop: StopSignal()))
        let coverage = try home.coverage("Simulated")
        #expect(coverage.holes.first?.cause == .trimmed)
        let cut = stream.cut
        try home.snapshot(stream.table, at: cut, items: stream.items(at: cut))
        stream.write(20)
        #expect(try capture.run(through: stream.settle(), stop: StopSignal()))
        try checkTruth(home, stream)
        #expect(try home.verify().isEmpty)
    }

    @Test func `what follows a shard that is closed at the beginning may be listed late`() throws {
        let home = try CaptureHome()
        let stream = SimulatedStream(seed: 11, isRough: false)
        stream.write(40)
        stream.split("shard-1-1", late: 6)
        let capture = try home.capture(stream)
        for _ in 0..<8 {
            stream.write(20)
            _ = try capture.step()
            try capture.closeSettled()
        }
        #expect(try capture.run(through: stream.settle(), stop: StopSignal()))
        let segments = try home.segments("Simulated")
        let from = try log(try #require(segments.first)).from
        let written = stream.writes.filter { $0.effective > from }
        #expect(written.count > 40 && Set(written.map(\.shard)).count == 3)
        let times = try segments.flatMap { try home.lines($0) }.filter { $0.metadata.time > from }
        #expect(times.count == written.count)
        let expected = Set(written.map { "\($0.shard)/\($0.position) \($0.effective)" })
        #expect(Set(times.map { "\($0.metadata.shard)/\($0.metadata.position) \($0.metadata.time)" }) == expected)
        #expect(try home.verify().isEmpty)
    }

    @Test func `a stream that ends without a shard that was read has ended`() throws {
        let home = try CaptureHome()
        let stream = SimulatedStream(seed: 13)
        let roots = ["shard-1-1", "shard-1-2"]
        for root in roots { stream.split(root, late: 100) }
        let capture = try home.capture(stream)
        for _ in 0..<20 { #expect(try capture.step() == .idle) }
        try capture.closeSettled()
        #expect(try home.segments("Simulated").isEmpty, "of none that is open anything is known")
        stream.end()
        stream.remove(roots.flatMap { stream.successors(of: $0) })
        #expect(try (0..<3).contains { _ in try capture.step() == .ended })
        let log = try log(try #require(try home.segments("Simulated").last))
        #expect(log.ended && log.shards.map(\.id) == roots && log.through <= log.from)
        #expect(try home.coverage("Simulated").intervals.isEmpty)
        #expect(try home.verify().isEmpty)
    }

    @Test func `a segment closes by age, by size, and at the end of its log`() throws {
        let (home, source) = try home()
        let heard = CaptureHome.Heard()
        var open: TableCapture? = try home.capture(
            source, limits: SegmentLimits(age: .seconds(60), rawBytes: 3000), heard)
        let step = { try #require(open).step() }
        try home.put(1, 1, into: "Things")
        #expect(try step() == .busy)
        #expect(try step() == .idle)
        #expect(heard.segments.isEmpty)
        home.clock.advance(seconds: 59)
        _ = try step()
        #expect(heard.segments.isEmpty)
        home.clock.advance(seconds: 2)
        _ = try step()
        #expect(heard.segments.map(\.items) == [1])
        for value in 0..<40 { try home.put(1, value, into: "Things") }
        _ = try step()
        #expect(heard.segments.count == 2, "by size")
        try home.put(1, 99, into: "Things")
        try home.store.dropTable("Things")
        while try step() != .ended {}
        #expect(heard.segments.count == 3)
        let last = try #require(heard.segments.last?.log)
        #expect(last.ended && last.events.map(\.event) == [.dropped])
        #expect(try home.coverage("Things").hasEnded)
        open = nil
        #expect(try home.capture(source).step() == .ended, "the end is kept")
    }

    @Test func `quiet time is stated once for each age, without a bundle`() throws {
        let (home, source) = try home()
        let heard = CaptureHome.Heard()
        let capture = try home.capture(source, heard)
        home.clock.advance(seconds: 61)
        _ = try capture.step()
        for _ in 0..<120 {
            home.clock.advance(seconds: 1)
            _ = try capture.step()
        }
        #expect(heard.segments.count == 3 || heard.segments.count == 2)
        let quiet = try #require(heard.segments.last)
        #expect(quiet.bundles.isEmpty && quiet.items == 0)
        let log = try #require(quiet.log)
        #expect(log.through > log.from && log.shards[0].after == log.shards[0].through)
        #expect(try home.verify().isEmpty)
    }

    @Test func `one at a time captures a table into a vault`() throws {
        let (home, source) = try home()
        let capture = try home.capture(source)
        do {
            _ = try home.capture(source)
            Issue.record("a second capture was let in")
        } catch let error as PipelineError {
            #expect(error.code == .locked)
        }
        _ = try capture.step()
        // Another home, which does not see the lock, sees the lease.
        let elsewhere = try TemporaryFolder()
        let other = ArchiveSettings(
            vault: home.vault, keys: home.keys, wrappingKey: "owned", compressionLevel: 1, workers: 1,
            commits: CommitRecord(elsewhere.appending("commits.log")), tool: "test", clock: home.clock)
        #expect(try CaptureCode.of { _ = try TableCapture(other, source: source) { _ in } } == "locked")
    }

    @Test func `a clock that is set back does not bring segments out of order`() throws {
        let (home, source) = try home()
        for value in 0..<4 {
            try home.put(1, value, into: "Things")
            try home.captureOnce(source)
            home.clock.advance(seconds: -50)
        }
        let segments = try home.segments("Things")
        #expect(segments.map { $0.manifest.log?.beginning == nil } == [false, true, true, true])
        #expect(segments.dropFirst().map(\.manifest.previous?.path) == segments.dropLast().map(\.manifest.path))
        #expect(try segments.flatMap { try home.lines($0) }.map(\.value) == [0, 1, 2, 3])
        #expect(try home.verify().isEmpty)
    }

    @Test func `a commit that was broken off between its copies is finished by the next capture`() throws {
        let (home, source) = try home()
        try home.put(1, 1, into: "Things")
        try home.captureOnce(source)
        let first = try #require(try home.segments("Things").first).manifest
        try home.vault.storage.delete(ObjectPath(first.catalogPath))
        try FileManager.default.removeItem(atPath: home.commits.path.string)
        try home.put(1, 2, into: "Things")
        try home.captureOnce(source)
        #expect(try home.verify().isEmpty)
        #expect(try home.segments("Things").count == 2)
    }

    @Test func `what a broken capture left is a leftover, and no segment ever is`() throws {
        let (home, source) = try home()
        try home.put(1, 1, into: "Things")
        try home.captureOnce(source)
        let segment = try #require(try home.segments("Things").first).manifest
        // A writer that got as far as its bundles.
        let writer = try SnapshotWriter(
            home.vault,
            .init(
                kind: .log, table: segment.table, description: segment.description, wrappingKey: "owned", tool: "test"),
            keys: home.keys, record: home.commits, clock: home.clock)
        let bundle = try writer.bundle()
        try bundle.add(try DataFile(raw: Array("{}\n".utf8), items: 1, digest: TableDigest()))
        try bundle.finish()
        let before = try home.vault.leftovers(grace: .zero, record: home.commits)
        #expect(before.objects.isEmpty, "its lease protects it")
        let left = writer.folder
        try LeaseRemover.removeAll(home.vault)
        let now = MovingClock(Instant(microseconds: Instant.now().microseconds + 1_000_000_000))
        let leftovers = try home.vault.leftovers(grace: .zero, record: home.commits, clock: now)
        #expect(leftovers.objects.map(\.path.text).filter { $0.hasPrefix("tables/") } == [left + "000001.tar.esdk"])
        #expect(leftovers.objects.count == 2, "and its key")
        try home.vault.remove(leftovers)
        #expect(try home.verify().isEmpty)
        #expect(try home.lines(try #require(try home.segments("Things").first)).count == 1)
    }
}

enum CaptureCode {
    static func of(_ body: () throws -> Void) throws -> String? {
        do {
            try body()
            return nil
        } catch let error as PipelineError {
            return error.code.rawValue
        } catch let error as VaultError {
            return error.code.rawValue
        }
    }
}

enum LeaseRemover {
    static func removeAll(_ vault: Vault) throws {
        for lease in try vault.storage.list("leases/") { try vault.storage.delete(lease.path) }
    }
}
