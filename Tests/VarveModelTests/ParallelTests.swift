// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import Testing
import VarveModel
import VarveTestKit

@Suite struct ParallelTests {
    private struct Failure: Error, Equatable { let number: Int }

    @Test(arguments: [0, 1, 2, 7, 31, 32, 33, 1000], [1, 2, 8])
    func `each is done once, and what comes of it is in order`(count: Int, threads: Int) throws {
        let done = Mutex<[Int]>([])
        let squares = try Parallel.map(count, threads: threads) { number in
            done.withLock { $0.append(number) }
            return number * number
        }
        #expect(squares == (0..<count).map { $0 * $0 })
        #expect(done.withLock { $0.sorted() } == Array(0..<count))
    }

    @Test(arguments: [1, 4]) func `so many work at the same time, the caller among them`(threads: Int) throws {
        let seen = Mutex<Set<UInt>>([])
        let areTogether = Mutex(true)
        _ = try Parallel.map(threads * 8, threads: threads) { _ in
            seen.withLock { _ = $0.insert(UInt(pthread_self())) }
            // The last thread may begin late; what it is to do must not have been done by then.
            if areTogether.withLock({ $0 }), !eventually({ seen.withLock { $0.count } == threads }) {
                areTogether.withLock { $0 = false }
            }
        }
        #expect(seen.withLock { $0.count } == threads)
        #expect(seen.withLock { $0.contains(UInt(pthread_self())) })
    }

    @Test(arguments: [1, 3]) func `the error of the smallest is thrown, and what was not begun stays so`(
        threads: Int
    ) throws {
        let begun = Mutex(0)
        let error = #expect(throws: Failure.self) {
            _ = try Parallel.map(10_000, threads: threads) { number in
                begun.withLock { $0 += 1 }
                if number >= 100 { throw Failure(number: number) }
            }
        }
        #expect(error == Failure(number: 100))
        #expect(begun.withLock { $0 } < 100 + 64 * threads)
    }
}
