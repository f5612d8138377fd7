// SPDX-License-Identifier: Apache-2.0

package import Crypto
package import FoundationEssentials

/// Numbers, IVs and associated data of a message's frames, in order: what sealer and opener share.
///
/// The IV is the frame's number, which occurs once under a message's key; so no IV is ever used twice.
package struct FrameCodec {
    let key: SymmetricKey
    /// The frame that comes next, from 1.
    private(set) var number: UInt64

    private var regular: [UInt8]
    private var final: [UInt8]
    private let numberOffset: (regular: Int, final: Int)

    /// - Parameter number: The first frame's number; other than 1 only where tests look at the end of the count.
    package init(key: SymmetricKey, messageID: [UInt8], number: UInt64 = 1) {
        self.key = key
        self.number = number
        regular = messageID + Array("AWSKMSEncryptionClient Frame".utf8)
        final = messageID + Array("AWSKMSEncryptionClient Final Frame".utf8)
        numberOffset = (regular.count, final.count)
        regular += [UInt8](repeating: 0, count: 12)
        final += [UInt8](repeating: 0, count: 12)
    }

    /// Seals the next frame.
    ///
    /// - Returns: IV ‖ ciphertext ‖ tag, and the frame's number.
    package mutating func seal(
        _ plaintext: UnsafeRawBufferPointer, isFinal: Bool
    ) throws -> (combined: Data, number: UInt32) {
        let number = try advance(isFinal: isFinal)
        let nonce = try AES.GCM.Nonce(data: iv(number))
        prepare(number, plaintext.count, isFinal: isFinal)
        let box = try AES.GCM.seal(plaintext, using: key, nonce: nonce, authenticating: isFinal ? final : regular)
        // A box has a combined form exactly when its nonce has 12 bytes, as ours has.
        guard let combined = box.combined else { throw SealError(.malformed, "A frame could not be put together.") }
        return (combined, number)
    }

    /// Opens the next frame from its IV ‖ ciphertext ‖ tag, without copying them, if it stands where it belongs.
    mutating func open(combined: UnsafeMutableRawBufferPointer, isFinal: Bool, number found: UInt32) throws -> Data {
        let number = try advance(isFinal: isFinal)
        let damaged = {
            SealError(
                .frameAuthentication,
                "Frame \(number) of the message was changed, moved or exchanged: it does not authenticate.")
        }
        guard found == number, combined.prefix(Suite.ivBytes).elementsEqual(iv(number)), let base = combined.baseAddress
        else { throw damaged() }
        prepare(number, combined.count - Suite.ivBytes - Suite.tagBytes, isFinal: isFinal)
        do {
            // The box borrows the buffer for the length of this call only.
            let box = try AES.GCM.SealedBox(
                combined: Data(bytesNoCopy: base, count: combined.count, deallocator: .none))
            return try AES.GCM.open(box, using: key, authenticating: isFinal ? final : regular)
        } catch {
            throw damaged()
        }
    }

    /// A regular frame's number is below the mark of final frames; the final frame may have the mark's own number.
    private mutating func advance(isFinal: Bool) throws -> UInt32 {
        guard number < UInt64(Suite.finalMarker) + (isFinal ? 1 : 0) else {
            throw SealError(
                .limitExceeded,
                "A message has at most \(Suite.finalMarker) frames. Use longer frames, or several messages.")
        }
        defer { number += 1 }
        return UInt32(number)
    }

    private func iv(_ number: UInt32) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Suite.ivBytes) { buffer, count in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            raw.store(bigEndian: UInt64(0), at: 0)
            raw.store(bigEndian: number, at: 8)
            count = Suite.ivBytes
        }
    }

    private mutating func prepare(_ number: UInt32, _ plaintextBytes: Int, isFinal: Bool) {
        if isFinal {
            final.withUnsafeMutableBytes {
                $0.store(bigEndian: number, at: numberOffset.final)
                $0.store(bigEndian: UInt64(plaintextBytes), at: numberOffset.final + 4)
            }
        } else {
            regular.withUnsafeMutableBytes {
                $0.store(bigEndian: number, at: numberOffset.regular)
                $0.store(bigEndian: UInt64(plaintextBytes), at: numberOffset.regular + 4)
            }
        }
    }
}
