// SPDX-License-Identifier: Apache-2.0

import Synchronization
package import VarveModel

/// Threads of our own for the stages.
///
/// SQLite, libarchive, scrypt and fsync block, and Swift's cooperative pool has one thread a core: two blocked calls would stop the process.
/// So the pipeline is synchronous code on a handful of threads that pull work from a shared counter; nothing queues, nothing buffers.
package enum Workers {
    /// More workers than this are a mistake in a configuration: each holds two data files in memory.
    package static let countMax = 64

    /// Runs `body` on `count` threads and returns when all have ended.
    ///
    /// The first error raises a signal that the other workers see at their next ``StopSignal/check()``, and is rethrown when all have ended.
    /// `body` gets the worker's number, from 0, and the signal to check.
    package static func run(
        _ count: Int, stop: StopSignal, _ body: @escaping @Sendable (_ worker: Int, _ stop: StopSignal) throws -> Void
    ) throws {
        precondition(count >= 1 && count <= countMax)
        let inner = StopSignal(within: stop)
        let failure = Mutex<(any Error)?>(nil)
        let job: @Sendable (Int) -> Void = { worker in
            do {
                try body(worker, inner)
            } catch {
                failure.withLock { if $0 == nil { $0 = error } }
                inner.raise()
            }
        }
        var threads: [WorkerThread] = []
        do {
            for worker in 0..<count { threads.append(try thread { job(worker) }) }
        } catch {
            failure.withLock { if $0 == nil { $0 = error } }
            inner.raise()
        }
        for thread in threads { thread.join() }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// Starts one thread, without which the run cannot go on.
    package static func thread(_ body: @escaping @Sendable () -> Void) throws -> WorkerThread {
        do {
            return try WorkerThread(body)
        } catch {
            throw PipelineError(
                .noThread,
                "The system gave no further thread (\(error)). Lower 'workers' in varve.yaml or raise the limit.",
                cause: error)
        }
    }
}
