// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Testing
import VarveSeal

/// Figures, not verdicts, but for one floor: run with VARVE_BENCH=1 and in release mode.
@Suite(
    .enabled(if: ProcessInfo.processInfo.environment["VARVE_BENCH"] == "1", "set VARVE_BENCH=1 to measure"), .serialized
)
struct SpeedTests {
    static let megabytes = 512
    static let block = [UInt8](repeating: 0x5a, count: 1024 * 1024)

    static func best(_ name: String, bytes: Int, _ body: () throws -> Void) rethrows -> Double {
        var best = Double.infinity
        for _ in 0..<3 {
            let start = ContinuousClock.now
            try body()
            best = min(best, (ContinuousClock.now - start) / .seconds(1))
        }
        let rate = Double(bytes) / best / 1e9
        print("speed: \(name): \((rate * 100).rounded() / 100) GB/s")
        return rate
    }

    @Test(arguments: [4 * 1024, 64 * 1024, 1024 * 1024])
    func `sealing and opening`(frameBytes: Int) throws {
        let total = Self.megabytes * Self.block.count
        func seal(_ sink: @escaping (UnsafeRawBufferPointer) throws -> Void) throws {
            var sealer = try MessageSealer(
                context: Samples.context, recipients: [Samples.key], frameBytes: frameBytes, sink: sink)
            for _ in 0..<Self.megabytes { try Self.block.withUnsafeBytes { try sealer.write($0) } }
            try sealer.finish()
        }
        let sealing = try Self.best("seal, frames of \(frameBytes)", bytes: total) { try seal { _ in } }

        var message: [UInt8] = []
        message.reserveCapacity(total + total / 64)
        try seal { message.append(contentsOf: $0) }
        let opening = try Self.best("open, frames of \(frameBytes)", bytes: total) {
            var at = 0
            var opened = 0
            try message.withUnsafeBytes { raw in
                var opener = try MessageOpener(keys: [Samples.key], expecting: nil) { buffer in
                    let count = min(buffer.count, raw.count - at)
                    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: raw[at..<at + count]))
                    at += count
                    return count
                }
                while try opener.withNext({ opened += $0.count }) != nil {}
            }
            #expect(opened == total)
        }
        let plain = try Self.best("AES.GCM.seal alone, \(frameBytes) at a time", bytes: total) {
            let key = SymmetricKey(size: .bits256)
            let nonce = AES.GCM.Nonce()
            for _ in 0..<total / frameBytes {
                _ = try Self.block.withUnsafeBytes {
                    try AES.GCM.seal(UnsafeRawBufferPointer(rebasing: $0[..<frameBytes]), using: key, nonce: nonce)
                }
            }
        }
        print("speed: sealing takes \((plain / sealing * 100).rounded() / 100) times as long as AES.GCM.seal alone")
        if frameBytes >= 64 * 1024 {
            #expect(sealing >= 1 && opening >= 1, "sealing must never be the slowest stage: 1 GB/s on one core")
        }
    }
}
