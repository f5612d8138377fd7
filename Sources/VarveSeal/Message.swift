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

    /// One who can open a message: the provider id and the name of a raw AES key.
    package struct Recipient: Hashable, Sendable {
        package let namespace: String
        package let name: String

        package init(namespace: String, name: String) {
            self.namespace = namespace
            self.name = name
        }
    }

    /// To whom a message says it was sealed. Nothing is authenticated: it tells which key to try, not who may.
    package static func recipients(of message: [UInt8]) throws -> [Recipient] {
        var at = 0
        let header = try MessageHeader.read { buffer in
            let count = min(buffer.count, message.count - at)
            buffer.copyBytes(from: message[at..<at + count])
            at += count
            return count
        }.0
        return header.dataKeys.map { key in
            Recipient(
                namespace: String(decoding: key.providerID, as: UTF8.self),
                name: String(decoding: RawAESKey.name(in: key.providerInfo), as: UTF8.self))
        }
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
