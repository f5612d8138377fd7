// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Goes wrong in every way that counts, each on a word of its own: a driver that does not tell these tells nothing.
enum SelfTestTarget: FuzzTarget {
    static let name = "selftest"
    static let inputBytesMax = 256
    static let tokens = ["trap"]

    // What the optimizer cannot prove to be of no use.
    nonisolated(unsafe) private static var sink = 0

    static func run(_ bytes: UnsafeRawBufferPointer) {
        let text = String(decoding: bytes, as: UTF8.self)
        if text.contains("trap") {
            let numbers = Array(bytes)
            _ = numbers[numbers.count + numbers.count]
        }
        switch text {
        case "violate": violated("the target was asked to")
        case "over": sink = Int(bytes.baseAddress?.load(fromByteOffset: bytes.count, as: UInt8.self) ?? 0)
        case "deep": withUnsafeMutablePointer(to: &sink) { deeper($0) }
        case "hang": while true { usleep(1000) }
        case "memory":
            let count = FuzzTargets.memoryBytesMax + 64 << 20
            let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 64)
            memory.initializeMemory(as: UInt8.self, repeating: 1, count: count)
            memory.deallocate()
        default: break
        }
    }

    @inline(never)
    private static func deeper(_ above: UnsafeMutablePointer<Int>) {
        guard above.pointee < .max else { return }
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 64) { memory in
            guard let here = memory.baseAddress else { return }
            here.initialize(repeating: above.pointee + 1, count: 64)
            deeper(here)
            above.pointee &+= here[above.pointee & 63]
        }
    }
}
