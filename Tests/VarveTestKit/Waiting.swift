// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Waits for what another thread or process does; it may take long on a busy machine. Returns whether it came, in two minutes at most.
package func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(120)
    while try !condition() {
        if ContinuousClock.now >= deadline { return false }
        usleep(2000)
    }
    return true
}

/// The processor time that the calling thread spends in `body`: unlike the time on the clock, nothing else on the machine adds to it.
package func processorTime(_ body: () throws -> Void) rethrows -> Duration {
    func now() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
    let began = now()
    try body()
    return now() - began
}
