// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Keeps the input that a crash, a hang or too much memory came with.
///
/// Everything here is reached from signal handlers, so it is plain memory, set up before the first input, and system calls that a handler may make.
enum Watch {
    /// What handlers look at. One thread runs inputs, and handlers run on that thread.
    private struct State {
        var start: UnsafeRawPointer?
        var count = 0
        /// Inputs so far, by which the timer sees that one has not ended.
        var number = 0
        var numberSeen = -1
        var ticks = 0
        var isInside = false
        var path: UnsafeMutablePointer<CChar>?
    }

    // Written by the thread that runs inputs and read by its own signal handlers.
    nonisolated(unsafe) private static var state = State()

    /// - Parameter target: names the file in the working folder that is written where something goes wrong.
    static func begin(target: String) {
        state.path = strdup("crash-\(target)-\(getpid())")
        // A stack of its own, or an endless recursion could not be told.
        var stack = stack_t()
        stack.ss_size = 64 * 1024
        stack.ss_sp = malloc(stack.ss_size)
        sigaltstack(&stack, nil)
        for signal in [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT] {
            handle(signal, SA_ONSTACK | Int32(bitPattern: UInt32(SA_RESETHAND))) { signal in
                Watch.report("crash")
                raise(signal)
            }
        }
        handle(SIGALRM, SA_ONSTACK | SA_RESTART) { _ in Watch.tick() }
        var interval = itimerval()
        interval.it_interval.tv_sec = 1
        interval.it_value.tv_sec = 1
        setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &interval, nil)
    }

    static func enter(_ bytes: UnsafeRawBufferPointer) {
        state.start = bytes.baseAddress
        state.count = bytes.count
        state.number &+= 1
        state.isInside = true
    }

    static func leave() { state.isInside = false }

    static func memoryExceeded() -> Never {
        report("memory")
        _exit(1)
    }

    /// Once a second: the input that runs now has run since so many ticks. A process that gets no processor gets fewer ticks, too.
    private static func tick() {
        guard state.isInside, state.number == state.numberSeen else {
            state.numberSeen = state.number
            state.ticks = 0
            return
        }
        state.ticks += 1
        if state.ticks >= FuzzTargets.secondsMax {
            report("hang")
            _exit(1)
        }
    }

    /// Writes the input to its file and says so.
    private static func report(_ what: StaticString) {
        if let path = state.path, state.isInside {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
            if descriptor >= 0 {
                _ = write(descriptor, state.start, state.count)
                close(descriptor)
            }
        }
        say(what)
        say(": the input is in ")
        if let path = state.path { _ = write(STDERR_FILENO, path, strlen(path)) }
        say("\n")
    }

    private static func say(_ text: StaticString) { _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount) }

    private static func handle(_ signal: Int32, _ flags: Int32, _ handler: @escaping @convention(c) (Int32) -> Void) {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = handler
        action.sa_flags = flags
        sigaction(signal, &action, nil)
    }
}
