// SPDX-License-Identifier: Apache-2.0

/// Where times come from, so that tests can bring their own.
///
/// An implementation promises to be callable from any thread. It need not be monotonic: whoever needs an order makes one.
package protocol Clock: Sendable {
    func now() -> Instant
}

/// The machine's clock.
package struct SystemClock: Clock {
    package init() {}

    package func now() -> Instant { .now() }
}
