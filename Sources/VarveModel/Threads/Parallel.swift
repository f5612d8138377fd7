// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The same small piece of work for very many things, on several threads.
package enum Parallel {
    /// At most so many are done by one thread before it asks for more.
    private static let stretchMax = 32

    /// What `body` makes of each number below `count`, in order.
    ///
    /// The calling thread is one of those that work; where the system gives no others, it does everything.
    ///
    /// - Throws: The error of the smallest number that failed, once all threads have ended. What was not begun by then is not begun any more.
    package static func map<Element: Sendable>(
        _ count: Int, threads: Int, _ body: @escaping @Sendable (Int) throws -> Element
    ) throws -> [Element] {
        // Few things may each be much work.
        let stretch = max(1, min(stretchMax, count / (threads * 4)))
        let stretches = (count + stretch - 1) / stretch
        let next = Atomic<Int>(0)
        let done = Mutex<[Int: Result<[Element], any Error>]>([:])
        let work: @Sendable () -> Void = {
            while true {
                let number = next.add(1, ordering: .relaxed).oldValue
                guard number < stretches else { return }
                let result = Result { try (number * stretch..<min(count, (number + 1) * stretch)).map(body) }
                if case .failure = result { next.store(stretches, ordering: .relaxed) }
                done.withLock { $0[number] = result }
            }
        }
        var helpers: [WorkerThread] = []
        while helpers.count + 1 < min(threads, stretches), let helper = try? WorkerThread(work) {
            helpers.append(helper)
        }
        work()
        for helper in helpers { helper.join() }
        let results = done.withLock { $0 }
        var elements: [Element] = []
        elements.reserveCapacity(count)
        for number in 0..<stretches {
            // Left out only behind one that failed.
            guard let result = results[number] else { continue }
            elements += try result.get()
        }
        return elements
    }
}
