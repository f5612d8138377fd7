// SPDX-License-Identifier: Apache-2.0

/// Spreads a sweep's deletions evenly, so that a table's users do not feel it.
///
/// It counts from the first deletion and never makes up for time in which nothing was deleted by more than one chunk, so a pause of the store
/// is not followed by a burst.
struct SweepPace {
    /// Deletions to make at once: small where the rate is low, so that each second gets its share and a stop is heeded soon.
    let chunk: Int
    private let perSecond: Int?
    private var next: ContinuousClock.Instant?

    init(perSecond: Int?) {
        self.perSecond = perSecond
        chunk = perSecond.map { min(SweepTable.step, max(1, $0 / 8)) } ?? SweepTable.step
    }

    /// Waits for the next chunk's turn.
    ///
    /// - Returns: `false` when somebody asked for the end.
    func wait(_ stop: StopSignal) -> Bool {
        guard let next else { return !stop.isRaised }
        return stop.pause(until: next)
    }

    /// Notes that `count` items were handed to the store.
    mutating func add(_ count: Int) {
        guard let perSecond else { return }
        let took = Duration.seconds(1) * count / perSecond
        let now = ContinuousClock.now
        next = max(next ?? now, now - took) + took
    }
}
