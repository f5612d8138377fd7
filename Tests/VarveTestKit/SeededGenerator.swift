// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Random numbers that can be had again: the seed is printed when it is made, and VARVE_SEED gives it back.
///
/// The generator is SplitMix64 (Steele, Lea, Flood 2014): small, fast, and good enough for histories; it keeps no secrets.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    package let seed: UInt64
    private var state: UInt64

    /// Takes VARVE_SEED where it is set, else a seed of its own, and prints it under the test's name.
    package init(_ test: String = #function) {
        let given = ProcessInfo.processInfo.environment["VARVE_SEED"].flatMap { UInt64($0) }
        self.init(seed: given ?? UInt64.random(in: 0...UInt64(UInt32.max)))
        print("VARVE_SEED=\(seed) (\(test))")
        // A test that hangs or dies must not take its seed along.
        fflush(nil)
    }

    package init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}
