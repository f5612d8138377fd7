// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials

/// What algorithm suite 0x0478 derives from a data key: AES-256-GCM, HKDF-SHA-512, key commitment, no signature.
struct MessageKeys: Sendable {
    let frameKey: SymmetricKey
    let commitment: [UInt8]

    init(dataKey: SymmetricKey, messageID: [UInt8]) {
        func derive(_ info: [UInt8]) -> SymmetricKey {
            HKDF<SHA512>.deriveKey(inputKeyMaterial: dataKey, salt: messageID, info: info, outputByteCount: 32)
        }
        frameKey = derive([UInt8(Suite.identifier >> 8), UInt8(Suite.identifier & 0xff)] + Array("DERIVEKEY".utf8))
        commitment = derive(Array("COMMITKEY".utf8)).withUnsafeBytes { Array($0) }
    }

    /// Compares in constant time, so that nothing is learned from how long it takes.
    func commit(to commitment: [UInt8]) -> Bool {
        guard commitment.count == self.commitment.count else { return false }
        var difference: UInt8 = 0
        for (one, other) in zip(commitment, self.commitment) { difference |= one ^ other }
        return difference == 0
    }

    /// The tag over an empty plaintext that authenticates the header. Its IV is zero, which no frame's is.
    func headerTag(over header: [UInt8]) throws -> [UInt8] {
        let nonce = try AES.GCM.Nonce(data: [UInt8](repeating: 0, count: Suite.ivBytes))
        return Array(try AES.GCM.seal([UInt8](), using: frameKey, nonce: nonce, authenticating: header).tag)
    }

    func authenticates(header: [UInt8], tag: [UInt8]) -> Bool {
        do {
            let nonce = try AES.GCM.Nonce(data: [UInt8](repeating: 0, count: Suite.ivBytes))
            let box = try AES.GCM.SealedBox(nonce: nonce, ciphertext: [UInt8](), tag: tag)
            _ = try AES.GCM.open(box, using: frameKey, authenticating: header)
            return true
        } catch {
            return false
        }
    }
}

/// The constants of the format's version 2 with algorithm suite 0x0478.
enum Suite {
    static let version: UInt8 = 2
    static let identifier: UInt16 = 0x0478
    static let framed: UInt8 = 2
    static let messageIDBytes = 32
    static let commitmentBytes = 32
    static let ivBytes = 12
    static let tagBytes = 16
    /// Stands before a final frame, where a regular frame has its number.
    static let finalMarker: UInt32 = 0xffff_ffff
}

/// The data key of a message.
package enum DataKey {
    package static let byteCount = 32
}
