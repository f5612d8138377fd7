// SPDX-License-Identifier: Apache-2.0

/// Whole messages in memory, for small objects: key files, digests.
package enum Message {
    /// Seals `plaintext` for every one of `recipients`. See ``MessageSealer``.
    package static func seal(
        _ plaintext: [UInt8], context: EncryptionContext, recipients: [any DataKeyWrapper],
        frameBytes: Int = MessageLimits.frameBytes
    ) throws -> [UInt8] {
        var message: [UInt8] = []
        try plaintext.withUnsafeBytes { bytes in
            try withoutActuallyEscaping({ (part: UnsafeRawBufferPointer) in message.append(contentsOf: part) }) {
                sink in
                var sealer = try MessageSealer(
                    context: context, recipients: recipients, frameBytes: frameBytes, sink: sink)
                try sealer.write(bytes)
                try sealer.finish()
            }
        }
        return message
    }

    /// Opens a whole message; gives nothing unless all of it holds. See ``MessageOpener``.
    package static func open(
        _ message: [UInt8], keys: [any DataKeyWrapper], expecting: EncryptionContext?
    ) throws -> (plaintext: [UInt8], context: EncryptionContext) {
        var at = 0
        var plaintext: [UInt8] = []
        var opener = try MessageOpener(keys: keys, expecting: expecting) { buffer in
            let count = min(buffer.count, message.count - at)
            buffer.copyBytes(from: message[at..<at + count])
            at += count
            return count
        }
        while try opener.withNext({ plaintext.append(contentsOf: $0) }) != nil {}
        return (plaintext, opener.context)
    }
}
