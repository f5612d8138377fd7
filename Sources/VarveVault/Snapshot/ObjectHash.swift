// SPDX-License-Identifier: Apache-2.0

import Crypto

/// SHA-256 of an object's bytes, and their number, as they pass on their way to or from a storage.
package struct ObjectHash {
    private var hash = SHA256()
    package private(set) var bytes = 0

    package init() {}

    package mutating func update(_ buffer: UnsafeRawBufferPointer) {
        hash.update(bufferPointer: buffer)
        bytes += buffer.count
    }

    /// The hash of everything so far, 32 bytes.
    package func finalize() -> [UInt8] { Array(hash.finalize()) }
}
