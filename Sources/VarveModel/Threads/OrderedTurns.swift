// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Lets threads through in the order of the numbers that they drew, however long each takes before it comes.
///
/// `@unchecked Sendable`: everything mutable is touched with `mutex` held.
package final class OrderedTurns: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var drawn: Int64 = 0
    private var served: Int64 = 0
    private var failure: (any Error)?

    package init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
        condition.deallocate()
    }

    /// Draws a stretch of `count` numbers. Each that was drawn must come to ``serve(from:count:_:)`` or ``fail(_:)``.
    package func draw(_ count: Int) throws -> Int64 {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if let failure { throw failure }
        defer { drawn += Int64(count) }
        return drawn
    }

    /// Waits until all smaller numbers were served and runs `body`, alone. A failure ends the turns of all that wait and come.
    package func serve(from first: Int64, count: Int, _ body: () throws -> Void) throws {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while served != first, failure == nil { pthread_cond_wait(condition, mutex) }
        if let failure { throw failure }
        do {
            try body()
            served = first + Int64(count)
        } catch {
            failure = error
        }
        pthread_cond_broadcast(condition)
        if let failure { throw failure }
    }

    /// Ends all turns.
    package func fail(_ error: any Error) {
        pthread_mutex_lock(mutex)
        if failure == nil { failure = error }
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Ends all turns, once nobody draws any more and all that were drawn have been served: how many these were.
    ///
    /// - Parameter error: What whoever comes later gets.
    package func finish(_ error: any Error) throws -> Int64 {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if let failure { throw failure }
        precondition(served == drawn, "turns were ended while somebody had one")
        failure = error
        return served
    }
}
