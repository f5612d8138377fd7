// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization
import Testing
import VarveModel
import VarveStore
import VarveTestKit

/// Measures; runs with VARVE_BENCH=1, in a release build. VARVE_BENCH_ITEMS sets the number of items.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["VARVE_BENCH"] == "1"))
struct StoreBench {
    static let items = ProcessInfo.processInfo.environment["VARVE_BENCH_ITEMS"].flatMap { Int($0) } ?? 300_000

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        try ContinuousClock().measure(body) / .seconds(1)
    }

    private func memoryPeak() -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return (Int(line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first ?? "") ?? 0) / 1024
    }

    private func rss() -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return (Int(line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first ?? "") ?? 0) / 1024
    }

    /// Items made on the fly, so that they are not in memory: a template with a number written into it.
    struct Maker: Sendable {
        let template: [UInt8]
        let places: [Int]
        static let digits = 9
        init() throws {
            let bytes = try typicalItem(123_456_789).bytes
            template = bytes
            let mark = Array("123456789".utf8)
            places = (0..<(bytes.count - mark.count)).filter { Array(bytes[$0..<$0 + mark.count]) == mark }
        }
        func fill(_ batch: inout ItemBatch, from: Int, count: Int) {
            var item = template
            for number in from..<from + count {
                for place in places {
                    var rest = number + 100_000_000
                    for digit in (0..<Self.digits).reversed() {
                        item[place + digit] = UInt8(48 + rest % 10)
                        rest /= 10
                    }
                }
                batch.append(item)
            }
        }
    }

    @Test(arguments: [1, 2]) func `bulk load, then read`(_ threads: Int) throws {
        let home = try StoreHome()
        let maker = try Maker()
        let bytes = maker.template.count
        let load = try home.store.bulkLoad(table("Bench"), into: .newTable, origin: LoadOrigin(.import))
        let perBatch = 1_000
        let next = Atomic<Int>(0)
        let memoryBefore = rss()
        let adding = try seconds {
            try onThreads(threads) { _ in
                var batch = ItemBatch()
                while true {
                    let from = next.wrappingAdd(perBatch, ordering: .relaxed).oldValue
                    guard from < Self.items else { return }
                    batch.removeAll()
                    maker.fill(&batch, from: from, count: min(perBatch, Self.items - from))
                    try load.add(batch)
                }
            }
        }
        let indexing = try seconds { _ = try load.finishLoading() }
        let publishing = try seconds { _ = try load.publish() }
        let all = adding + indexing + publishing
        print(
            "bench load threads=\(threads) items=\(Self.items) bytes=\(bytes) add=\(adding)s index=\(indexing)s publish=\(publishing)s "
                + "items/s=\(Int(Double(Self.items) / all)) MB/s=\(Int(Double(Self.items * bytes) / all / 1e6)) rss before=\(memoryBefore) after=\(rss()) peak=\(memoryPeak()) MiB"
        )
        let snapshot = try home.store.snapshot(of: "Bench", readers: threads)
        for round in 0..<3 {
            let segment = Atomic<Int>(0)
            let total = Atomic<Int>(0)
            let reading = try seconds {
                try onThreads(threads) { reader in
                    while true {
                        let number = segment.wrappingAdd(1, ordering: .relaxed).oldValue
                        guard number < snapshot.segments else { return }
                        try snapshot.read(segment: number, reader: reader) {
                            total.wrappingAdd($0.bytes.count, ordering: .relaxed)
                        }
                    }
                }
            }
            #expect(total.load(ordering: .relaxed) == Self.items * bytes)
            print(
                "bench read readers=\(threads) round=\(round) items/s=\(Int(Double(Self.items) / reading)) "
                    + "MB/s=\(Int(Double(Self.items * bytes) / reading / 1e6)) rss=\(rss()) peak=\(memoryPeak()) MiB")
        }
        snapshot.close()
        let scanning = try seconds { _ = try home.store.scanned("Bench").count }
        print("bench scan items/s=\(Int(Double(Self.items) / scanning))")
        let dropping = try seconds { try home.store.dropTable("Bench") }
        print("bench drop \(dropping)s")
    }

    @Test(arguments: [1, 4]) func `durable puts`(_ threads: Int) throws {
        let home = try StoreHome()
        _ = try home.store.createTable(table("Bench"))
        let count = 2_000
        let items = try (0..<count).map { try typicalItem($0) }
        let next = Atomic<Int>(0)
        let taken = try seconds {
            try onThreads(threads) { _ in
                while true {
                    let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    guard number < count else { return }
                    try home.store.put(items[number], into: "Bench")
                }
            }
        }
        print("bench put threads=\(threads) puts/s=\(Int(Double(count) / taken))")
        let getting = try seconds {
            for number in 0..<count { _ = try home.store.get(key("item-\(number)"), from: "Bench") }
        }
        print("bench get gets/s=\(Int(Double(count) / getting))")
    }
}
