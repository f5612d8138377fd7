// SPDX-License-Identifier: Apache-2.0

import Crypto
import VarveSeal

/// Messages: header, context, frames; and that nothing opens but what was sealed.
enum EnvelopeTarget: FuzzTarget {
    static let name = "envelope"
    static let inputBytesMax = 16 * 1024
    static let tokens = [
        "\u{2}\u{4}x", "varve", "varve:origin", "varve:bundle", "snapshot-key-1", "fixed.1", "aws-crypto-public-key",
        "aws-kms",
        "\u{0}\u{1}", "\u{0}\u{0}\u{0}\u{80}\u{0}\u{0}\u{0}\u{C}",
    ]

    private static let keys = [
        RawAESKey(namespace: "varve", name: "snapshot-key-1", key: SymmetricKey(data: [UInt8](0..<32))),
        RawAESKey(namespace: "escrow", name: "offline-2026", key: SymmetricKey(data: [UInt8](32..<64))),
        RawAESKey(namespace: "varve-key", name: "fixed.1", key: SymmetricKey(data: [UInt8](0..<32))),
    ]

    /// SHA-256 of the messages in the corpus that were sealed under these keys: golden vectors of VarveSealTests and key files of
    /// VarveVaultTests. They alone open.
    private static let sealed: Set<String> = [
        "1217e65efab69d7a3cd4b9709cf3360b7aad09d14f36b6a0d7d45ff229540939",
        "3fa0831b6dbff202ee905e55a6a163617e458bc70aa792c7370987624ce045bc",
        "51282fe5284d79e003706a531f01fe5a216cffb251ac68309b9a6e2674812816",
        "4f2dc4d55e2774309bb2c90bc5b58b08c09e05d610871c90004099cb59b6db82",
        "ed6880f630dfc1fdddaa95242ea763af9e4547693d60d03f15fd8a23fe2cc64e",
    ]

    static func run(_ bytes: UnsafeRawBufferPointer) {
        let input = Array(bytes)
        lookAtMessage(input)
        lookAtContext(input)
        lookAtDamage(input)
    }

    private static func lookAtMessage(_ input: [UInt8]) {
        _ = accepted(SealError.self, "reading recipients") { try Message.recipients(of: input) }
        let whole = open(input, step: .max)
        let pieces = open(input, step: 7)
        guard whole.code == pieces.code, whole.plaintext == pieces.plaintext else {
            violated("a message opens differently when it comes in pieces")
        }
        guard whole.code == nil else { return }
        let digest = SHA256.hash(data: input).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        guard sealed.contains(digest) else { violated("a message opens that nobody sealed: \(digest)") }
        let other: EncryptionContext = ["varve:bundle": "another"]
        if accepted(SealError.self, "opening", { try Message.open(input, keys: keys, expecting: other) }) != nil {
            violated("a message opens in the place of another")
        }
    }

    /// Opens as a bundle is opened, frame by frame, from a source that gives at most `step` bytes a call.
    private static func open(_ message: [UInt8], step: Int) -> (code: SealError.Code?, plaintext: [UInt8]) {
        var at = 0
        var plaintext: [UInt8] = []
        do {
            var opener = try MessageOpener(keys: keys, expecting: nil) { buffer in
                let count = min(buffer.count, message.count - at, step)
                buffer.copyBytes(from: message[at..<at + count])
                at += count
                return count
            }
            while try opener.withNext({ plaintext.append(contentsOf: $0) }) != nil {}
            return (nil, plaintext)
        } catch let error as SealError {
            return (error.code, plaintext)
        } catch {
            violated("opening failed with \(error)")
        }
    }

    private static func lookAtContext(_ input: [UInt8]) {
        guard let context = accepted(SealError.self, "reading a context", { try EncryptionContext(serialized: input) })
        else { return }
        guard context.serialized == input else { violated("a context has two spellings") }
        for pair in context.pairs where context[pair.name] != pair.value {
            violated("a context does not hold its pair")
        }
        // One that is too long, or has names of the format's own, can be read and not made.
        let made = accepted(SealError.self, "making a context") {
            try EncryptionContext(pairs: Array(context.pairs.reversed()))
        }
        if let made, made != context { violated("a context changes when it is made anew") }
    }

    /// Seals the input, and damages the message as the input says: only the whole opens.
    private static func lookAtDamage(_ input: [UInt8]) {
        // Longer ones are messages, and have been opened.
        guard 8...1024 ~= input.count else { return }
        func number(_ at: Int) -> Int { Int(input[at]) << 8 | Int(input[at + 1]) }
        let plaintext = Array(input[8...])
        let frameBytes = 1 + number(0) % 600
        let context: EncryptionContext = ["varve:origin": "lake", "varve:part": "\(input[2])"]
        let message = must("sealing") {
            try Message.seal(plaintext, context: context, recipients: keys, frameBytes: frameBytes)
        }
        let opened = must("opening") {
            try Message.open(message, keys: [keys[Int(input[3]) % keys.count]], expecting: context)
        }
        guard opened.plaintext == plaintext, opened.context == context else { violated("a message changes") }

        var damaged = message
        let at = number(4) % message.count
        switch input[6] % 4 {
        case 0: damaged[at] ^= input[7] == 0 ? 1 : input[7]
        case 1: damaged.removeSubrange(at...)
        case 2: damaged.append(input[7])
        default: damaged.remove(at: at)
        }
        // The second data key may be damaged while the first opens the message, were it not for the header's tag.
        if open(damaged, step: .max).code == nil { violated("a damaged message opens") }
    }
}
