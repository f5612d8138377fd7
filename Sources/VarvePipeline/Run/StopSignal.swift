// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A flag that asks a run to end: set by a signal handler or by the first worker that fails, read by every stage between batches.
///
/// Setting it is async-signal-safe: one atomic store.
package final class StopSignal: Sendable {
    private let raised = Atomic<Int32>(0)
    private let outer: StopSignal?

    /// A signal of its own; with `outer`, one that is raised as well whenever the outer one is.
    package init(within outer: StopSignal? = nil) {
        self.outer = outer
    }

    /// Asks for the end. `signal` is the Unix signal number, or -1 where another worker's failure is the reason.
    package func raise(_ signal: Int32 = -1) {
        _ = raised.compareExchange(expected: 0, desired: signal, ordering: .relaxed)
    }

    /// The signal that asked for the end, if one did.
    package var signal: Int32? {
        let value = raised.load(ordering: .relaxed)
        return value > 0 ? value : outer?.signal
    }

    package var isRaised: Bool { raised.load(ordering: .relaxed) != 0 || outer?.isRaised == true }

    /// How soon a raised signal ends a pause.
    private static let attention: Duration = .milliseconds(50)

    /// Waits until `instant`, or until somebody asks for the end.
    ///
    /// - Returns: `false` when somebody did.
    package func pause(until instant: ContinuousClock.Instant) -> Bool {
        while !isRaised {
            let left = instant - .now
            guard left > .zero else { return true }
            let slice = min(left, Self.attention)
            usleep(UInt32(slice / .microseconds(1)))
        }
        return false
    }

    /// Throws `stopped` once somebody has asked for the end.
    package func check() throws {
        if isRaised {
            throw PipelineError(.stopped, "The run was asked to stop and took back what it had begun.")
        }
    }
}
