// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage

/// Keeps every other writer, thread or process, away from a key store while one changes it. The system frees it when
/// its holder dies.
struct KeyStoreLock: ~Copyable {
    private let descriptor: CInt

    /// A change takes milliseconds; who holds the lock for longer is stopped or stuck.
    static let waitSeconds = 30

    init(for store: FilePath) throws {
        let path = FilePath(store.string + ".lock")
        let descriptor = try PrivateFile.open(
            path, what: "lock file of the key store", flags: O_RDWR | O_CREAT | O_CLOEXEC)
        let step: UInt32 = 5_000
        var waited: UInt32 = 0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let number = errno
            guard number == EWOULDBLOCK || number == EINTR, waited < Self.waitSeconds * 1_000_000 else {
                close(descriptor)
                throw number == EWOULDBLOCK
                    ? KeyError(
                        .locked,
                        "Another process has been changing the key store '\(store)' for more than "
                            + "\(Self.waitSeconds) seconds. See which with "
                            + "'fuser \(path)', and try again when it has ended.")
                    : KeyError(.io, "Varve could not lock '\(path)': \(String(cString: strerror(number))).")
            }
            usleep(step)
            waited += step
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
