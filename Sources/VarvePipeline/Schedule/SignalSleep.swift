// SPDX-License-Identifier: Apache-2.0

import Glibc
package import VarveModel

/// Sleeps that end at once when a signal comes or a child ends: signals are let in only while asleep, so that none is missed in between.
package struct SignalSleep {
    private let signalsAsleep: sigset_t

    /// From here on, signals reach this thread only while it sleeps.
    package init() {
        _ = signal(SIGCHLD) { _ in }
        var blocked = sigset_t()
        sigemptyset(&blocked)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGCHLD] { sigaddset(&blocked, number) }
        var before = sigset_t()
        pthread_sigmask(SIG_BLOCK, &blocked, &before)
        signalsAsleep = before
    }

    package func until(_ instant: Instant?, atMost seconds: Int64) {
        let most = seconds * 1_000_000
        let micros = instant.map { min(most, max(0, $0.microseconds - Instant.now().microseconds)) } ?? most
        var time = timespec()
        time.tv_sec = Int(micros / 1_000_000)
        time.tv_nsec = Int(micros % 1_000_000) * 1000
        var mask = signalsAsleep
        _ = pselect(0, nil, nil, nil, &time, &mask)
    }
}
