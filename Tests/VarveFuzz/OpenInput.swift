// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage

/// A file without a name that holds an input, for readers that take a path. In memory, where the machine has files there.
final class OpenInput {
    private let descriptor: Int32
    /// A path by which this process opens it as often as it likes.
    var path: FilePath { FilePath("/proc/\(getpid())/fd/\(descriptor)") }

    init() {
        var descriptor: Int32 = -1
        for folder in ["/dev/shm", "/tmp"] where descriptor < 0 {
            var template = Array("\(folder)/varve-fuzz-XXXXXX".utf8CString)
            descriptor = mkstemp(&template)
            if descriptor >= 0 { unlink(template) }
        }
        if descriptor < 0 { violated("no file can be made in /dev/shm or in /tmp") }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    func fill(_ bytes: UnsafeRawBufferPointer) {
        guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, bytes.baseAddress, bytes.count, 0) == bytes.count else {
            violated("an input cannot be written to its file")
        }
    }
}
