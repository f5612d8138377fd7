// SPDX-License-Identifier: Apache-2.0

import Crypto
package import VarveModel

extension TableDigest {
    /// Adds one item, by the SHA-256 of its canonical bytes.
    package mutating func add(item: UnsafeRawBufferPointer) {
        var hash = SHA256()
        hash.update(bufferPointer: item)
        hash.finalize().withUnsafeBytes { add($0) }
    }
}
