// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials

/// Seals a byte stream as one message of the AWS Encryption SDK format, version 2, algorithm suite 0x0478.
///
/// Feed plaintext with ``write(_:)``; frames leave through `sink` as they fill, so memory stays at three frames
/// whatever the length. A message
/// abandoned before ``finish()`` has no final frame and will not open. Whole frames are sealed from the caller's
/// memory; only what is left
/// over is kept. After an error the sealer is of no use. Format: Documentation/Formats.md#envelope.
package struct MessageSealer: ~Copyable {
    private let frameBytes: Int
    private let sink: (UnsafeRawBufferPointer) throws -> Void
    private var codec: FrameCodec
    private var pending: [UInt8]
    private var output: [UInt8]

    /// Makes a fresh data key, wraps it for each recipient and writes the header.
    ///
    /// - Parameters:
    ///   - context: What the message is bound to; stands in the header in clear.
    ///   - recipients: Any one of them opens the message; 1 to ``MessageLimits/dataKeysMax``.
    ///   - frameBytes: Plaintext bytes in a frame, 1 to ``MessageLimits/frameBytesMax``.
    ///   - sink: Takes the message, one frame a call, in order. What it is lent is valid for that call only.
    package init(
        context: EncryptionContext, recipients: [any DataKeyWrapper], frameBytes: Int = MessageLimits.frameBytes,
        sink: @escaping (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard (1...MessageLimits.frameBytesMax).contains(frameBytes) else {
            throw SealError(
                .limitExceeded, "A frame has 1 to \(MessageLimits.frameBytesMax) bytes; \(frameBytes) were asked for.")
        }
        let dataKey = SymmetricKey(size: .bits256)
        let messageID = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
        let keys = MessageKeys(dataKey: dataKey, messageID: messageID)
        let header = MessageHeader(
            messageID: messageID, context: context,
            dataKeys: try recipients.map { try $0.wrap(dataKey, context: context) },
            frameBytes: frameBytes, commitment: keys.commitment)
        var bytes = try header.serialized()
        bytes += try keys.headerTag(over: bytes)
        try bytes.withUnsafeBytes(sink)
        self.frameBytes = frameBytes
        self.sink = sink
        codec = FrameCodec(key: keys.frameKey, messageID: messageID)
        pending = []
        output = []
    }

    /// Takes plaintext of any length.
    package mutating func write(_ plaintext: UnsafeRawBufferPointer) throws {
        var rest = plaintext[...]
        if !pending.isEmpty {
            let room = frameBytes - pending.count
            pending.append(contentsOf: rest.prefix(room))
            rest = rest.dropFirst(room)
            guard pending.count == frameBytes else { return }
            try pending.withUnsafeBytes { try emit($0, isFinal: false) }
            pending.removeAll(keepingCapacity: true)
        }
        while rest.count >= frameBytes {
            try emit(UnsafeRawBufferPointer(rebasing: rest.prefix(frameBytes)), isFinal: false)
            rest = rest.dropFirst(frameBytes)
        }
        pending.append(contentsOf: rest)
    }

    /// Writes the final frame, which holds what is left, possibly nothing.
    package consuming func finish() throws {
        try pending.withUnsafeBytes { try emit($0, isFinal: true) }
    }

    private mutating func emit(_ plaintext: UnsafeRawBufferPointer, isFinal: Bool) throws {
        let (combined, number) = try codec.seal(plaintext, isFinal: isFinal)
        output.removeAll(keepingCapacity: true)
        if isFinal {
            output.append(bigEndian: Suite.finalMarker)
            output.append(bigEndian: number)
            combined.withUnsafeBytes { bytes in
                output.append(contentsOf: bytes.prefix(Suite.ivBytes))
                output.append(bigEndian: UInt32(plaintext.count))
                output.append(contentsOf: bytes.dropFirst(Suite.ivBytes))
            }
        } else {
            output.append(bigEndian: number)
            combined.withUnsafeBytes { output.append(contentsOf: $0) }
        }
        try output.withUnsafeBytes(sink)
    }
}
