// SPDX-License-Identifier: Apache-2.0

import Glibc
package import SystemPackage

/// One POSIX thread running one closure.
package final class WorkerThread {
    private let thread: pthread_t

    /// - Throws: What the system said where it gave no further thread.
    package init(_ body: @escaping @Sendable () -> Void) throws(Errno) {
        let box = Unmanaged.passRetained(Body(body))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, box.toOpaque())
        guard result == 0 else {
            box.release()
            throw Errno(rawValue: result)
        }
        self.thread = thread
    }

    /// Waits for the end of the closure. Called exactly once.
    package func join() { pthread_join(thread, nil) }

    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
