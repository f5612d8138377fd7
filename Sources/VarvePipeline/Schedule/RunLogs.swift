// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
package import SystemPackage
import VarveModel

/// What the runs of a schedule printed: a file a run, of bounded number and size.
package struct RunLogs: Sendable {
    package static let countMax = 50
    /// A run's log is cut to so many bytes when the run has ended; its end is what stays.
    package static let bytesMax = 1 << 20

    private let folder: FilePath

    package init(_ folder: FilePath) { self.folder = folder }

    /// A name that sorts by time.
    static func name(planned: Instant, run: String) -> String { "\(planned.compact)~\(run).log" }

    package func path(_ name: String) -> FilePath { folder.appending(name) }

    /// Cuts a log that is too long, and removes the oldest of too many. What cannot be done is left: a log is no promise.
    func tidy(_ name: String) {
        shorten(path(name))
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []
        let logs = names.filter { $0.contains("~") && $0.hasSuffix(".log") }.sorted()
        for old in logs.dropLast(Self.countMax) { unlink(path(old).string) }
    }

    private func shorten(_ log: FilePath) {
        var status = stat()
        guard stat(log.string, &status) == 0, Int(status.st_size) > Self.bytesMax else { return }
        let descriptor = open(log.string, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var tail = [UInt8](repeating: 0, count: Self.bytesMax)
        let start = Int(status.st_size) - tail.count
        guard pread(descriptor, &tail, tail.count, off_t(start)) == tail.count else { return }
        let text = Array("(\(start) bytes before this were removed)\n".utf8) + tail.drop { $0 != UInt8(ascii: "\n") }
        if pwrite(descriptor, text, text.count, 0) == text.count { _ = ftruncate(descriptor, off_t(text.count)) }
    }
}
