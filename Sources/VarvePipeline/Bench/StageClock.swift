// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Adds up what a stage takes on the thread that runs it: time by the clock, and time of a processor.
package struct StageClock: Sendable {
    /// What went through, as bytes of export lines, whatever form it had at this stage.
    package private(set) var rawBytes = 0
    package private(set) var wallSeconds = 0.0
    package private(set) var processorSeconds = 0.0

    package init() {}

    /// Measures one pass. `body` returns the raw bytes that went through.
    mutating func time(_ body: () throws -> Int) rethrows {
        let (wall, processor) = (Self.now(CLOCK_MONOTONIC), Self.now(CLOCK_THREAD_CPUTIME_ID))
        rawBytes += try body()
        processorSeconds += Self.now(CLOCK_THREAD_CPUTIME_ID) - processor
        wallSeconds += Self.now(CLOCK_MONOTONIC) - wall
    }

    static func now(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    package var mebibytesPerSecond: Double { wallSeconds > 0 ? Double(rawBytes) / 1_048_576 / wallSeconds : 0 }
    /// Seconds of one processor for each GiB.
    package var processorSecondsPerGibibyte: Double {
        rawBytes > 0 ? processorSeconds * 1_073_741_824 / Double(rawBytes) : 0
    }
}
