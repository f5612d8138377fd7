// SPDX-License-Identifier: Apache-2.0

import Crypto

/// Everything before the frames. Layout: Documentation/Formats.md#envelope.
struct MessageHeader {
    var messageID: [UInt8]
    var context: EncryptionContext
    var dataKeys: [EncryptedDataKey]
    var frameBytes: Int
    var commitment: [UInt8]

    /// All header bytes before the tag: what the tag authenticates.
    func serialized() throws -> [UInt8] {
        guard (1...MessageLimits.dataKeysMax).contains(dataKeys.count) else {
            throw SealError(
                .limitExceeded,
                "A message has 1 to \(MessageLimits.dataKeysMax) recipients; \(dataKeys.count) were given.")
        }
        var bytes: [UInt8] = [Suite.version]
        bytes.append(bigEndian: Suite.identifier)
        bytes.append(contentsOf: messageID)
        bytes.append(length16: context.serialized)
        bytes.append(bigEndian: UInt16(dataKeys.count))
        for key in dataKeys {
            for field in [key.providerID, key.providerInfo, key.ciphertext] {
                guard field.count <= UInt16.max else {
                    throw SealError(
                        .limitExceeded,
                        "A wrapped data key has a field of \(field.count) bytes; the format has room for 65535.")
                }
                bytes.append(length16: field)
            }
        }
        bytes.append(Suite.framed)
        bytes.append(bigEndian: UInt32(frameBytes))
        bytes.append(contentsOf: commitment)
        return bytes
    }

    /// Reads a header and checks form and limits; authenticates nothing.
    ///
    /// - Returns: The header, the bytes that the tag covers, and the tag.
    static func read(
        _ source: (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws -> (MessageHeader, covered: [UInt8], tag: [UInt8]) {
        var covered: [UInt8] = []
        func take(_ count: Int) throws -> [UInt8] {
            var field = [UInt8](repeating: 0, count: count)
            try field.withUnsafeMutableBytes { try fill($0, from: source, expected: "its header") }
            covered.append(contentsOf: field)
            return field
        }
        func take16() throws -> Int { try take(2).reduce(0) { $0 << 8 | Int($1) } }

        let version = try take(1)[0]
        guard version == Suite.version else {
            throw SealError(
                version == 1 ? .unsupportedVersion : .malformed,
                "This is no message of the AWS Encryption SDK format, version \(Suite.version): its first byte "
                    + "is \(version)."
            )
        }
        let suite = try take16()
        guard suite == Suite.identifier else {
            throw SealError(
                .unsupportedSuite,
                "The message was sealed with algorithm suite 0x\(String(suite, radix: 16)); Varve opens 0x0478 "
                    + "only (AES-256-GCM with key commitment)."
            )
        }
        let messageID = try take(Suite.messageIDBytes)

        let contextBytes = try take16()
        guard contextBytes <= MessageLimits.contextBytesMax else {
            throw SealError(
                .limitExceeded,
                "The message's encryption context takes \(contextBytes) bytes; at most "
                    + "\(MessageLimits.contextBytesMax) are accepted."
            )
        }
        let context = try EncryptionContext(serialized: try take(contextBytes))

        let count = try take16()
        guard count <= MessageLimits.dataKeysMax else {
            throw SealError(
                .limitExceeded,
                "The message has \(count) wrapped data keys; at most \(MessageLimits.dataKeysMax) are accepted.")
        }
        guard count > 0 else { throw SealError(.malformed, "The message has no wrapped data key: nobody can open it.") }
        var keys: [EncryptedDataKey] = []
        for _ in 0..<count {
            let providerID = try take(take16())
            let providerInfo = try take(take16())
            let ciphertext = try take(take16())
            keys.append(EncryptedDataKey(providerID: providerID, providerInfo: providerInfo, ciphertext: ciphertext))
        }

        let contentType = try take(1)[0]
        guard contentType == Suite.framed else {
            throw SealError(
                .malformed, "The message's content type is \(contentType); only framed messages (2) are accepted.")
        }
        let frameBytes = try take(4).reduce(0) { $0 << 8 | Int($1) }
        guard frameBytes > 0 else { throw SealError(.malformed, "The message's frames have a length of zero.") }
        guard frameBytes <= MessageLimits.frameBytesMax else {
            throw SealError(
                .limitExceeded,
                "The message's frames have \(frameBytes) bytes; at most \(MessageLimits.frameBytesMax) are accepted.")
        }
        let commitment = try take(Suite.commitmentBytes)
        let before = covered
        let tag = try take(Suite.tagBytes)
        let header = MessageHeader(
            messageID: messageID, context: context, dataKeys: keys, frameBytes: frameBytes, commitment: commitment)
        return (header, before, tag)
    }
}

/// Fills `buffer` to its end, or says that the message is truncated.
func fill(
    _ buffer: UnsafeMutableRawBufferPointer, from source: (UnsafeMutableRawBufferPointer) throws -> Int,
    expected what: @autoclosure () -> String
) throws {
    var filled = 0
    while filled < buffer.count {
        let count = try source(UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
        precondition(
            (0...buffer.count - filled).contains(count), "a source returns how many bytes it put into the buffer")
        guard count > 0 else { throw SealError(.truncated, "The message ends within \(what()): it was cut short.") }
        filled += count
    }
}
