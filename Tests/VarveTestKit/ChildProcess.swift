// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization
package import SystemPackage

/// A process that a test started: of a group of its own, with its output kept in files that have no name.
///
/// Output goes to files and not through pipes, so that a process never waits for its reader, whatever it writes, and needs no thread to drain
/// it. A process that is still running when the last reference to it goes is killed.
///
/// ```swift
/// let result = try ChildProcess.run(Checkout.varve, ["list", "--json"], in: home.path)
/// let backup = try ChildProcess(Checkout.varve, ["backup"], in: home.path)
/// backup.kill(after: .milliseconds(40))
/// #expect(try backup.wait().ending == .signal(SIGKILL))
/// ```
package final class ChildProcess: Sendable {
    /// Nothing that a test runs takes longer, unless it says so: a hung process must not hang the run.
    package static let timeLimit = Duration.seconds(300)

    package let id: Int32
    private let output: OpenFile
    private let errors: OpenFile
    private let started = ContinuousClock.now
    private let state = Mutex(State())

    private struct State {
        var status: Int32?
        var took = Duration.zero
        var memoryPeak = 0
    }

    /// Starts a process.
    ///
    /// - Parameters:
    ///   - program: an absolute path, or a name to look up in PATH.
    ///   - folder: its working folder; the test's own by default.
    ///   - environment: what to set on top of the test's own environment; nil removes a variable.
    ///   - input: its standard input; empty by default.
    package init(
        _ program: FilePath, _ arguments: [String] = [], in folder: FilePath? = nil,
        environment: [String: String?] = [:], input: [UInt8] = []
    ) throws {
        let inputFile = try OpenFile.unnamed()
        try inputFile.fill(input)
        output = try OpenFile.unnamed()
        errors = try OpenFile.unnamed()

        var actions = posix_spawn_file_actions_t()
        try Self.check("Preparing a process", posix_spawn_file_actions_init(&actions))
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (file, descriptor) in [(inputFile, 0), (output, 1), (errors, 2)] as [(OpenFile, Int32)] {
            try Self.check(
                "Preparing a process",
                posix_spawn_file_actions_adddup2(&actions, file.descriptor, descriptor))
        }
        // Nothing of the test runner's own, its locks least of all, lives on in the process.
        let addCloseFrom = try Self.hidden("posix_spawn_file_actions_addclosefrom_np", as: AddCloseFrom.self)
        try Self.check("Preparing a process", addCloseFrom(&actions, 3))
        if let folder {
            let addFolder = try Self.hidden("posix_spawn_file_actions_addchdir_np", as: AddFolder.self)
            try Self.check("Setting a process's folder", addFolder(&actions, folder.string))
        }

        // A group of its own, so that all of it can be killed; every signal as at the start of a process, whatever the test runner did to them.
        var attributes = posix_spawnattr_t()
        try Self.check("Preparing a process", posix_spawnattr_init(&attributes))
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var variables = ProcessInfo.processInfo.environment
        for (name, value) in environment { variables[name] = value }

        var argumentVector = CStrings([program.string] + arguments)
        var environmentVector = CStrings(variables.map { "\($0.key)=\($0.value)" })
        defer {
            argumentVector.free()
            environmentVector.free()
        }
        var pid: pid_t = 0
        try Self.check(
            "Starting '\(program)'",
            posix_spawnp(
                &pid, program.string, &actions, &attributes, argumentVector.pointers, environmentVector.pointers))
        id = pid
    }

    deinit {
        if state.withLock({ $0.status == nil }) {
            Glibc.kill(-id, SIGKILL)
            var status: Int32 = 0
            waitpid(id, &status, 0)
        }
    }

    /// Runs a process to its end, or to the end of its time.
    package static func run(
        _ program: FilePath, _ arguments: [String] = [], in folder: FilePath? = nil,
        environment: [String: String?] = [:], input: [UInt8] = [], timeLimit: Duration = ChildProcess.timeLimit
    ) throws -> ProcessResult {
        try ChildProcess(program, arguments, in: folder, environment: environment, input: input)
            .wait(timeLimit: timeLimit)
    }

    /// Runs `varve` as it was built with these tests.
    package static func varve(
        _ arguments: String..., in folder: FilePath, environment: [String: String?] = [:], input: [UInt8] = [],
        timeLimit: Duration = ChildProcess.timeLimit
    ) throws -> ProcessResult {
        try run(
            Checkout.varve, arguments, in: folder, environment: environment, input: input, timeLimit: timeLimit)
    }

    /// Whether it runs still. What it wrote is read all the same by ``outputSoFar``.
    package var isRunning: Bool { state.withLock { look(&$0) == nil } }

    /// The paths of the files that it has open now; none once it has ended.
    package var openFiles: [String] {
        let folder = "/proc/\(id)/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)") }
    }

    /// Sends a signal to the process alone, or nothing where it has ended.
    package func signal(_ number: Int32) {
        state.withLock { state in
            if look(&state) == nil { Glibc.kill(id, number) }
        }
    }

    /// Kills it with SIGKILL once it has run for `time`, unless it ends before; returns whether it had to be killed.
    ///
    /// The time counts from its start, so that kills can be spread over the whole course of a run.
    @discardableResult
    package func kill(after time: Duration) -> Bool {
        while isRunning, ContinuousClock.now - started < time {
            pause(until: started + time)
        }
        return state.withLock { state in
            guard look(&state) == nil else { return false }
            Glibc.kill(id, SIGKILL)
            return true
        }
    }

    /// Waits for its end; kills its whole group when `timeLimit`, counted from its start, has passed.
    package func wait(timeLimit: Duration = ChildProcess.timeLimit) throws -> ProcessResult {
        var timedOut = false
        while isRunning {
            if !timedOut, ContinuousClock.now - started >= timeLimit {
                timedOut = true
                Glibc.kill(-id, SIGKILL)
            }
            pause(until: started + timeLimit)
        }
        let (status, took, memoryPeak) = state.withLock { ($0.status ?? 0, $0.took, $0.memoryPeak) }
        // The layout of a wait status: the low seven bits are the signal, the next eight the exit code.
        let signal = status & 0x7F
        let ending: ProcessResult.Ending =
            timedOut ? .timedOut : signal == 0 ? .exit((status >> 8) & 0xFF) : .signal(signal)
        return ProcessResult(
            ending: ending, output: try output.contents(), errors: try errors.contents(), took: took,
            memoryPeak: memoryPeak)
    }

    package func outputSoFar() throws -> [UInt8] { try output.contents() }
    package func errorsSoFar() throws -> [UInt8] { try errors.contents() }

    /// Reaps the process if it has ended; its status, or nil while it runs.
    private func look(_ state: inout State) -> Int32? {
        if let status = state.status { return status }
        state.memoryPeak = max(state.memoryPeak, Self.memoryPeak(of: id))
        var status: Int32 = 0
        guard waitpid(id, &status, WNOHANG) == id else { return nil }
        state.status = status
        state.took = ContinuousClock.now - started
        return status
    }

    /// Half a millisecond for young processes and five for old ones: short enough for exact kills, long enough to cost nothing.
    private func pause(until deadline: ContinuousClock.Instant) {
        let age = ContinuousClock.now - started
        let longest = age < .milliseconds(50) ? Duration.microseconds(500) : .milliseconds(5)
        let left = deadline - ContinuousClock.now
        let nap = left > .zero ? min(left, longest) : longest
        usleep(UInt32(nap / .microseconds(1)) + 1)
    }

    /// `wait4` would count the memory of the test runner itself, from which a spawned process starts; the kernel's own figure does not.
    private static func memoryPeak(of id: pid_t) -> Int {
        guard let status = FileManager.default.contents(atPath: "/proc/\(id)/status") else { return 0 }
        for line in String(decoding: status, as: UTF8.self).split(separator: "\n") where line.hasPrefix("VmHWM:") {
            let figure = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
            return (figure.flatMap { Int($0) } ?? 0) * 1024
        }
        return 0
    }

    /// What glibc's headers hide from Swift: `…_addchdir_np` (glibc 2.29) and `…_addclosefrom_np` (glibc 2.34).
    private static func hidden<Function>(_ name: String, as type: Function.Type) throws -> Function {
        guard let symbol = dlsym(dlopen(nil, RTLD_NOW), name) else {
            throw TestKitError("This C library has no '\(name)'; glibc 2.34 has.")
        }
        return unsafeBitCast(symbol, to: type)
    }

    private typealias AddFolder = @convention(c) (UnsafeMutableRawPointer, UnsafePointer<CChar>) -> Int32
    private typealias AddCloseFrom = @convention(c) (UnsafeMutableRawPointer, Int32) -> Int32

    private static func check(_ what: String, _ code: Int32) throws {
        if code != 0 { throw TestKitError(what, code: code) }
    }
}

/// A list of C strings with a null at its end, as `posix_spawn` wants it.
private struct CStrings {
    private(set) var pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) {
        pointers = strings.map { strdup($0) } + [nil]
    }

    mutating func free() {
        for pointer in pointers { Glibc.free(pointer) }
        pointers = []
    }
}
