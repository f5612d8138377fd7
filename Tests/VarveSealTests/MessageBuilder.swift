// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation

/// Writes messages of the format from its published description, without any code of Varve's, and with every field open
/// to be wrong.
struct MessageBuilder {
    struct Frame {
        var number: UInt32
        var plaintext: [UInt8]
        var isFinal = false
        /// `nil`: the number, as the format wants it.
        var iv: [UInt8]?
    }

    var version: UInt8 = 2
    var suite: UInt16 = 0x0478
    var messageID = [UInt8](repeating: 7, count: 32)
    var context: [UInt8] = []
    var dataKey = SymmetricKey(data: [UInt8](100..<132))
    var wrappingKey = SymmetricKey(data: [UInt8](0..<32))
    var dataKeyCount: UInt16?
    var contextLength: UInt16?
    var contentType: UInt8 = 2
    var frameBytes: UInt32 = 16
    var commitment: [UInt8]?
    var headerTag: [UInt8]?
    var frames: [Frame] = []

    /// Frames of `frameBytes`, and a final one with the rest: full or empty when the length is a multiple.
    init(_ plaintext: [UInt8], frameBytes: Int = 16, fullFinalFrame: Bool = false) {
        self.frameBytes = UInt32(frameBytes)
        var parts = stride(from: 0, to: plaintext.count, by: frameBytes).map {
            Array(plaintext[$0..<min($0 + frameBytes, plaintext.count)])
        }
        if !fullFinalFrame, parts.last.map({ $0.count == frameBytes }) ?? true { parts.append([]) }
        for (index, part) in parts.enumerated() {
            frames.append(Frame(number: UInt32(index + 1), plaintext: part, isFinal: index == parts.count - 1))
        }
    }

    private func derive(_ info: [UInt8]) -> SymmetricKey {
        HKDF<SHA512>.deriveKey(inputKeyMaterial: dataKey, salt: messageID, info: info, outputByteCount: 32)
    }

    var frameKey: SymmetricKey { derive([0x04, 0x78] + Array("DERIVEKEY".utf8)) }

    func encryptedDataKey() throws -> [UInt8] {
        let nonce = AES.GCM.Nonce()
        let box = try dataKey.withUnsafeBytes {
            try AES.GCM.seal($0, using: wrappingKey, nonce: nonce, authenticating: context)
        }
        let info = Array("first".utf8) + [0, 0, 0, 128, 0, 0, 0, 12] + Array(nonce)
        return [[UInt8]("varve".utf8), info, Array(box.ciphertext + box.tag)].flatMap { field in
            [UInt8(field.count >> 8), UInt8(field.count & 255)] + field
        }
    }

    func header() throws -> [UInt8] {
        var bytes: [UInt8] = [version] + big(suite) + messageID
        bytes += big(contextLength ?? UInt16(context.count)) + context
        bytes += big(dataKeyCount ?? 1)
        for _ in 0..<max(1, Int(dataKeyCount ?? 1)) { bytes += try encryptedDataKey() }
        bytes += [contentType] + big(frameBytes)
        bytes += commitment ?? derive(Array("COMMITKEY".utf8)).withUnsafeBytes { Array($0) }
        let zero = try AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 12))
        let tag = try AES.GCM.seal([UInt8](), using: frameKey, nonce: zero, authenticating: bytes).tag
        return bytes + (headerTag ?? Array(tag))
    }

    func sealed(_ frame: Frame) throws -> [UInt8] {
        let iv = frame.iv ?? [UInt8](repeating: 0, count: 8) + big(frame.number)
        let label = frame.isFinal ? "AWSKMSEncryptionClient Final Frame" : "AWSKMSEncryptionClient Frame"
        let aad = messageID + Array(label.utf8) + big(frame.number) + big(UInt64(frame.plaintext.count))
        let box = try AES.GCM.seal(
            frame.plaintext, using: frameKey, nonce: AES.GCM.Nonce(data: iv), authenticating: aad)
        let body = Array(box.ciphertext) + Array(box.tag)
        guard frame.isFinal else { return big(frame.number) + iv + body }
        return [255, 255, 255, 255] + big(frame.number) + iv + big(UInt32(frame.plaintext.count)) + body
    }

    func message() throws -> [UInt8] {
        try header() + frames.flatMap { try sealed($0) }
    }

    private func big(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
}
