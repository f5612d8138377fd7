// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counters that the stages add to and whoever shows progress reads, from any thread, without a lock.
package final class Progress: Sendable {
    private let itemsDone = Atomic<Int>(0)
    private let itemsExpected = Atomic<Int>(0)
    private let rawDone = Atomic<Int>(0)
    private let storedDone = Atomic<Int>(0)
    private let storedExpected = Atomic<Int>(0)

    package init() {}

    /// One reading of the counters. Sizes are bytes; an expectation of 0 means that none is known.
    package struct Reading: Sendable, Equatable {
        package var items: Int
        package var itemsExpected: Int
        package var rawBytes: Int
        package var storedBytes: Int
        package var storedBytesExpected: Int

        /// How much of the work is done, from 0 to 1, where anything tells.
        package var share: Double? {
            if storedBytesExpected > 0 { return min(1, Double(storedBytes) / Double(storedBytesExpected)) }
            if itemsExpected > 0 { return min(1, Double(items) / Double(itemsExpected)) }
            return nil
        }
    }

    package var reading: Reading {
        Reading(
            items: itemsDone.load(ordering: .relaxed), itemsExpected: itemsExpected.load(ordering: .relaxed),
            rawBytes: rawDone.load(ordering: .relaxed), storedBytes: storedDone.load(ordering: .relaxed),
            storedBytesExpected: storedExpected.load(ordering: .relaxed))
    }

    func expect(items: Int = 0, storedBytes: Int = 0) {
        itemsExpected.wrappingAdd(items, ordering: .relaxed)
        storedExpected.wrappingAdd(storedBytes, ordering: .relaxed)
    }

    func add(items: Int = 0, rawBytes: Int = 0, storedBytes: Int = 0) {
        itemsDone.wrappingAdd(items, ordering: .relaxed)
        rawDone.wrappingAdd(rawBytes, ordering: .relaxed)
        storedDone.wrappingAdd(storedBytes, ordering: .relaxed)
    }
}
