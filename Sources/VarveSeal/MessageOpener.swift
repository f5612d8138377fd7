// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials

/// Opens one message of the AWS Encryption SDK format, version 2, algorithm suite 0x0478, frame by frame.
///
/// A frame's plaintext is released only after its tag holds and its place in the message is right; the last one only
/// when the message ends
/// there. A message cut short gives its whole frames, then an error: what was read before is of no use unless the end
/// is reached. After an
/// error every further call throws it again. Memory: two frames. Format: Documentation/Formats.md#envelope.
package struct MessageOpener: ~Copyable {
    /// The encryption context in the header. It has been authenticated.
    package let context: EncryptionContext

    private enum State {
        /// The next frame's first word has been read.
        case frames(firstWord: UInt32)
        case finished
        case failed(any Error)
    }

    private let frameBytes: Int
    private let source: (UnsafeMutableRawBufferPointer) throws -> Int
    private var codec: FrameCodec
    private var state: State
    private var buffer: [UInt8]

    /// Reads and checks the header: form and limits, then the commitment of the data key, then the header's tag, then
    /// the context.
    ///
    /// - Parameters:
    ///   - keys: Who tries to unwrap the data key, in this order.
    ///   - expecting: The exact context that the message must have; `nil` takes any.
    ///   - source: Puts the next bytes of the message into a buffer and returns how many; 0 at the end.
    package init(
        keys: [any DataKeyWrapper], expecting: EncryptionContext?,
        source: @escaping (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws {
        let (header, covered, tag) = try MessageHeader.read(source)
        let dataKey: SymmetricKey
        do {
            dataKey = try Self.unwrap(header.dataKeys, with: keys, context: header.context)
        } catch let error as SealError where error.code == .noMatchingKey {
            // Keys unwrap under the header's context. Where that is another one than it must be, it is no wonder that none does, and no key's
            // fault. The header's own is not named: nobody has authenticated it.
            guard let expecting, expecting != header.context else { throw error }
            throw SealError(
                .contextMismatch,
                "The message is not bound to \(expecting), and none of the keys opens it: it was damaged, or belongs "
                    + "somewhere else.")
        }
        let derived = MessageKeys(dataKey: dataKey, messageID: header.messageID)
        guard derived.commit(to: header.commitment) else {
            throw SealError(
                .commitmentMismatch,
                "The message does not commit to the key that opens its data key: it was forged or damaged. "
                    + "Nothing of it was opened."
            )
        }
        guard derived.authenticates(header: covered, tag: tag) else {
            throw SealError(.headerAuthentication, "The message's header was changed: it does not authenticate.")
        }
        if let expecting, expecting != header.context {
            throw SealError(
                .contextMismatch,
                "The message is sound but bound to \(header.context), not to \(expecting): it belongs somewhere else.")
        }
        var word: UInt32 = 0
        try Swift.withUnsafeMutableBytes(of: &word) { try fill($0, from: source, expected: "its first frame") }
        context = header.context
        frameBytes = header.frameBytes
        self.source = source
        codec = FrameCodec(key: derived.frameKey, messageID: header.messageID)
        state = .frames(firstWord: UInt32(bigEndian: word))
        buffer = []
    }

    /// The next frame's plaintext; `nil` after the final frame.
    package mutating func next() throws -> [UInt8]? {
        try withNext { Array($0) }
    }

    /// Lends the next frame's plaintext for the length of the call, without a copy.
    ///
    /// - Returns: What `body` returns; `nil` after the final frame. The final frame may be empty, and is then lent as
    ///   such.
    package mutating func withNext<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result? {
        let word: UInt32
        switch state {
        case .finished: return nil
        case .failed(let error): throw error
        case .frames(let firstWord): word = firstWord
        }
        let plaintext: Data
        do {
            plaintext = word == Suite.finalMarker ? try finalFrame() : try regularFrame(word)
        } catch {
            state = .failed(error)
            throw error
        }
        return try plaintext.withUnsafeBytes(body)
    }

    private mutating func regularFrame(_ number: UInt32) throws -> Data {
        // What follows the number: IV, ciphertext, tag; and the first word of the frame after it, since a regular frame
        // is never the last.
        let combined = Suite.ivBytes + frameBytes + Suite.tagBytes
        reserve(combined + 4)
        let (plaintext, word) = try buffer.withUnsafeMutableBytes { raw in
            try fill(
                UnsafeMutableRawBufferPointer(rebasing: raw[..<(combined + 4)]), from: source,
                expected: "frame \(codec.number)")
            let frame = UnsafeMutableRawBufferPointer(rebasing: raw[..<combined])
            return (try codec.open(combined: frame, isFinal: false, number: number), raw.word(at: combined))
        }
        state = .frames(firstWord: word)
        return plaintext
    }

    private mutating func finalFrame() throws -> Data {
        // Number (4), IV (12), length (4).
        let fixed = 4 + Suite.ivBytes + 4
        reserve(fixed)
        let (number, count) = try buffer.withUnsafeMutableBytes { raw in
            try fill(UnsafeMutableRawBufferPointer(rebasing: raw[..<fixed]), from: source, expected: "its final frame")
            return (raw.word(at: 0), Int(raw.word(at: 4 + Suite.ivBytes)))
        }
        guard count <= frameBytes else {
            throw SealError(
                .malformed, "The message's final frame claims \(count) bytes, more than a frame has (\(frameBytes)).")
        }
        let iv = Array(buffer[4..<4 + Suite.ivBytes])
        let combined = Suite.ivBytes + count + Suite.tagBytes
        reserve(combined + 1)
        let plaintext = try buffer.withUnsafeMutableBytes { raw in
            raw.copyBytes(from: iv)
            let frame = UnsafeMutableRawBufferPointer(rebasing: raw[..<combined])
            try fill(
                UnsafeMutableRawBufferPointer(rebasing: frame[Suite.ivBytes...]), from: source,
                expected: "its final frame")
            guard try source(UnsafeMutableRawBufferPointer(rebasing: raw[combined...])) == 0 else {
                throw SealError(
                    .trailingBytes,
                    "Something follows the message's final frame: the object is not the one that was sealed.")
            }
            return try codec.open(combined: frame, isFinal: true, number: number)
        }
        state = .finished
        buffer = []
        return plaintext
    }

    /// Memory for a frame is taken when the frame comes, not when the header claims it.
    private mutating func reserve(_ count: Int) {
        if buffer.count < count { buffer = [UInt8](repeating: 0, count: count) }
    }

    private static func unwrap(
        _ dataKeys: [EncryptedDataKey], with keys: [any DataKeyWrapper], context: EncryptionContext
    ) throws -> SymmetricKey {
        var failure: (any Error)?
        for dataKey in dataKeys {
            for key in keys {
                do {
                    guard let found = try key.unwrap(dataKey, context: context) else { continue }
                    guard found.bitCount == DataKey.byteCount * 8 else {
                        throw SealError(
                            .malformed,
                            "A wrapped data key holds \(found.bitCount / 8) bytes instead of \(DataKey.byteCount).")
                    }
                    return found
                } catch {
                    failure = failure ?? error
                }
            }
        }
        throw SealError(
            .noMatchingKey,
            "None of the \(keys.count) key(s) at hand opens any of the message's \(dataKeys.count) data key(s).",
            cause: failure)
    }
}
