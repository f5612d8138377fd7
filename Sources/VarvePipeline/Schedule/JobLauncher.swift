// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// Starts jobs for a ``ScheduleRunner``. Tests bring their own.
package protocol JobLauncher {
    /// Starts a job and returns at once. What it prints goes to the end of `log`, which is made.
    func start(_ job: String, log: FilePath) throws -> any RunningJob

    /// Whether the job is being run by somebody else: at a keyboard, or by a daemon that is gone.
    func isRunningElsewhere(_ job: String) throws -> Bool
}

/// A job that a ``JobLauncher`` started.
package protocol RunningJob {
    /// Its exit code once it has ended, 128 + N where signal N ended it; nil while it runs.
    func exitCode() -> Int32?

    /// Asks it to take back what it began, and to end.
    func askToStop()
}
