// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Memory whose last byte lies before a page that nobody may touch: an input is put at its end, and a reader that goes past it stops the program.
final class GuardedInput {
    private let start: UnsafeMutableRawPointer
    private let room: Int

    init(room wanted: Int) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        room = (wanted + page) / page * page
        guard
            let start = mmap(nil, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            start != MAP_FAILED, mprotect(start + room, page, PROT_NONE) == 0
        else { violated("there is no memory for an input of \(wanted) bytes") }
        self.start = start
    }

    /// Copies the bytes to the end and lends them.
    func lend(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        precondition(bytes.count <= room, "an input is no longer than its target allows")
        let place = UnsafeMutableRawBufferPointer(start: start + room - bytes.count, count: bytes.count)
        place.copyMemory(from: bytes)
        return UnsafeRawBufferPointer(place)
    }
}
