// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
package import SystemPackage

/// Starts a job as a process of its own, `PROGRAM run JOB --config FILE`, so that whatever happens to it does not happen to its starter.
///
/// It has a group of its own: a Ctrl-C at the daemon's terminal reaches it once, by ``RunningJob/askToStop()``, and not as a second signal that would
/// end it without taking back. It outlives its starter.
package struct JobProcessLauncher: JobLauncher {
    /// The running program itself, even after its file was replaced by another version.
    package static let ownProgram = FilePath("/proc/self/exe")

    private let program: FilePath
    private let configuration: FilePath
    private let lock: @Sendable (String) -> FilePath

    /// - Parameter lock: the file that a run of a job holds locked, by the job's name.
    package init(
        program: FilePath = Self.ownProgram, configuration: FilePath, lock: @escaping @Sendable (String) -> FilePath
    ) {
        self.program = program
        self.configuration = configuration
        self.lock = lock
    }

    package func isRunningElsewhere(_ job: String) throws -> Bool { try ProcessLock.holder(of: lock(job)) != nil }

    package func start(_ job: String, log: FilePath) throws -> any RunningJob {
        let output = open(log.string, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard output >= 0 else {
            throw PipelineError(
                .noProcess, "The log '\(log)' of job '\(job)' cannot be written: \(Errno(rawValue: errno)).")
        }
        defer { close(output) }
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let arguments: [String] = ["varve", "run", job, "--config", configuration.string]
        let words = arguments.map { strdup($0) }
        defer { words.forEach { free($0) } }
        var id: pid_t = 0
        let code = posix_spawn(&id, program.string, &actions, &attributes, words + [nil], environ)
        guard code == 0 else {
            throw PipelineError(.noProcess, "Job '\(job)' could not be started: \(Errno(rawValue: code)).")
        }
        return JobProcess(id: id)
    }
}

private final class JobProcess: RunningJob {
    private let id: pid_t
    private let ended = Mutex<Int32?>(nil)

    init(id: pid_t) { self.id = id }

    func exitCode() -> Int32? {
        ended.withLock { ended in
            if let ended { return ended }
            var status: Int32 = 0
            let found = waitpid(id, &status, WNOHANG)
            if found == id {
                // The low seven bits of a wait status are the signal, the next eight the exit code.
                let signal = status & 0x7F
                ended = signal == 0 ? (status >> 8) & 0xFF : 128 + signal
            } else if found < 0, errno != EINTR {
                // Somebody else has taken its status: it has ended, and how is not known.
                ended = 1
            }
            return ended
        }
    }

    func askToStop() {
        ended.withLock { ended in
            if ended == nil { kill(id, SIGTERM) }
        }
    }
}
