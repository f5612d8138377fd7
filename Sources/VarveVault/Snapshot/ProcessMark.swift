// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What tells a process from every other one there ever was: the machine's boot, the space in which its number counts, and when it began.
///
/// A process number alone says nothing: another machine, another container or a later process may have the same.
package struct ProcessMark: Codable, Equatable, Sendable {
    /// The kernel's random id of this boot.
    package let boot: String
    /// The process-number space, as `/proc/self/ns/pid` names it: containers have their own.
    package let space: String
    /// When the process began, in clock ticks after the boot.
    package let began: String

    /// This process's; nil where the system does not say.
    static let current: ProcessMark? = {
        guard let boot = line("/proc/sys/kernel/random/boot_id"), let space = link("/proc/self/ns/pid"),
            let began = began(of: getpid())
        else { return nil }
        return ProcessMark(boot: boot, space: space, began: began)
    }()

    /// Whether the process that had the number `pid` when it made this is known to have ended. false where that cannot be seen from here.
    func isGone(_ pid: Int32) -> Bool {
        guard let here = Self.current, here.boot == boot, here.space == space, pid > 0 else { return false }
        if kill(pid, 0) != 0 { return errno == ESRCH }
        return Self.began(of: pid).map { $0 != began } ?? false
    }

    /// Field 22 of `/proc/<pid>/stat`. The name, in parentheses, may hold anything; what follows the last one is plain.
    private static func began(of pid: Int32) -> String? {
        guard let text = line("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[end...].split(separator: " ")
        return fields.count > 20 ? String(fields[20]) : nil
    }

    private static func line(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { return nil }
        return String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    private static func link(_ path: String) -> String? {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = bytes.withUnsafeMutableBytes { buffer in
            buffer.withMemoryRebound(to: CChar.self) { names in
                names.baseAddress.map { readlink(path, $0, names.count) } ?? 0
            }
        }
        guard count > 0 else { return nil }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
