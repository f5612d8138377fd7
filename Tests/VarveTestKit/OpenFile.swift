// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// An open file without a name: gone with its last descriptor, whatever becomes of the test.
final class OpenFile: Sendable {
    let descriptor: Int32

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    static func unnamed() throws -> OpenFile {
        let folder = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        let path = "\(folder)/varve-test-\(UInt64.random(in: 0...UInt64.max))"
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw TestKitError("Making a temporary file in '\(folder)' failed", code: errno)
        }
        unlink(path)
        return OpenFile(descriptor: descriptor)
    }

    /// Writes from the beginning on and leaves the position there, for the process that inherits it.
    func fill(_ bytes: [UInt8]) throws {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(descriptor, $0.baseAddress?.advanced(by: written), bytes.count - written, off_t(written))
            }
            guard count > 0 else { throw TestKitError("Writing a process's input failed", code: errno) }
            written += count
        }
    }

    /// All that is in it now, read by offset: the position belongs to the process that writes.
    func contents() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = chunk.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(bytes.count)) }
            guard count >= 0 else { throw TestKitError("Reading a process's output failed", code: errno) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}
