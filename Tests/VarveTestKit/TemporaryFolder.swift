// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization
package import SystemPackage

/// Folders that are there. Those of static templates have a reference to the end, and go with the process.
private let there: Mutex<Set<String>> = {
    atexit { for path in there.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) } }
    return Mutex([])
}()

/// A folder of a test's own that removes itself, with all that is in it, when the last reference goes.
///
/// Hold it for as long as the test needs it: `let folder = try TemporaryFolder()` and `defer { withExtendedLifetime(folder) {} }`, or keep it in
/// the suite's struct. With VARVE_KEEP set it stays and its path is printed.
package final class TemporaryFolder: Sendable {
    package let path: FilePath

    /// - Parameter parent: where to make it; the machine's temporary folder by default. `/dev/shm` is memory.
    package init(in parent: FilePath? = nil) throws {
        let parent = parent ?? FilePath(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")
        var template = Array(parent.appending("varve-test-XXXXXX").string.utf8CString)
        let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap(mkdtemp) != nil }
        guard made else {
            throw TestKitError("Making a temporary folder in '\(parent)' failed", code: errno)
        }
        path = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        if !Self.areKept { there.withLock { _ = $0.insert(path.string) } }
    }

    deinit {
        if Self.areKept {
            print("Kept: \(path)")
        } else {
            there.withLock { _ = $0.remove(path.string) }
            try? FileManager.default.removeItem(atPath: path.string)
        }
    }

    private static let areKept = ProcessInfo.processInfo.environment["VARVE_KEEP"] != nil

    /// A path in the folder; nothing is made.
    package func appending(_ name: String) -> FilePath {
        path.appending(name)
    }

    /// Writes a file into the folder, making the folders above it, and returns its path.
    @discardableResult
    package func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> FilePath {
        let file = path.appending(name)
        try FileManager.default.createDirectory(
            atPath: file.removingLastComponent().string, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: file.string))
        return file
    }

    @discardableResult
    package func write(_ name: String, _ text: String) throws -> FilePath {
        try write(name, text.utf8)
    }
}
