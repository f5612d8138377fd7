// SPDX-License-Identifier: Apache-2.0

import Crypto
import Testing
import VarveSeal

/// No message that was changed in any place opens, and no plaintext of a frame that was changed is ever released.
@Suite struct DamageTests {
    static let frameBytes = 16
    static let plaintext = Samples.text(3 * frameBytes + 5)

    static func message() throws -> [UInt8] {
        try Message.seal(
            plaintext, context: Samples.context, recipients: [Samples.key, Samples.other], frameBytes: frameBytes)
    }

    /// Where each frame of ``message()`` ends.
    static func ends(_ message: [UInt8]) -> [Int] {
        let frame = 4 + 12 + frameBytes + 16
        let final = 4 + 4 + 12 + 4 + 5 + 16
        let header = message.count - 3 * frame - final
        return [header + frame, header + 2 * frame, header + 3 * frame, message.count]
    }

    @Test func `a message cut at any byte does not open`() throws {
        let message = try Self.message()
        let ends = Self.ends(message)
        for cut in 0..<message.count {
            let opening = Opening(Array(message[..<cut]))
            #expect(opening.code == .truncated, "cut at \(cut)")
            #expect(opening.released.count <= ends.count { $0 <= cut }, "cut at \(cut)")
            #expect(Self.plaintext.starts(with: opening.plaintext), "cut at \(cut)")
        }
        #expect(Opening(message).plaintext == Self.plaintext)
    }

    @Test func `a message with any bit flipped does not open, and releases only frames before the flip`() throws {
        let message = try Self.message()
        let ends = Self.ends(message)
        for at in message.indices {
            for bit in 0..<8 {
                var damaged = message
                damaged[at] ^= 1 << UInt8(bit)
                let opening = Opening(damaged)
                #expect(opening.code != nil, "byte \(at), bit \(bit)")
                #expect(opening.released.count <= ends.count { $0 <= at }, "byte \(at), bit \(bit)")
                #expect(Self.plaintext.starts(with: opening.plaintext), "byte \(at), bit \(bit)")
            }
        }
    }

    @Test(arguments: ["empty.esdk", "one-short-frame.esdk"])
    func `a message of the official SDK with any byte flipped or cut does not open`(file: String) throws {
        let message = try Samples.fixture(file)
        let keys = try #require(VectorTests.cases.first { $0.file == file }).wrappingKeys.map(\.wrapper)
        #expect(Opening(message, keys: keys).code == nil)
        for at in message.indices {
            var damaged = message
            damaged[at] ^= 0x55
            for bytes in [damaged, Array(message[..<at])] {
                let opening = Opening(bytes, keys: keys)
                #expect(opening.code != nil && opening.released.isEmpty, "byte \(at)")
            }
        }
    }

    @Test(arguments: [1, 2, 15, 1000])
    func `anything after the final frame is found before its plaintext is released`(count: Int) throws {
        let opening = Opening(try Self.message() + [UInt8](repeating: 0, count: count))
        #expect(opening.code == .trailingBytes)
        #expect(opening.plaintext == Array(Self.plaintext.prefix(3 * Self.frameBytes)))
    }

    @Test func `two messages in a row are not one`() throws {
        let message = try Self.message()
        #expect(Opening(message + message).code == .trailingBytes)
    }

    /// How the frames 1, 2, 3 and 4 (final) may be rearranged, and how many still come out.
    static let arrangements: [(frames: [Int], released: Int)] = [
        ([0, 0, 1, 2, 3], 1), ([1, 0, 2, 3], 0), ([0, 2, 1, 3], 1), ([0, 2, 3], 1), ([1, 2, 3], 0), ([3], 0),
        ([3, 0, 1, 2], 0),
        ([0, 1, 2, 2, 3], 3), ([0, 1, 3], 2), ([0, 1, 2, 3, 3], 3),
    ]

    @Test(arguments: arrangements)
    func `swapped, repeated and missing frames are found`(frames: [Int], released: Int) throws {
        let builder = MessageBuilder(Self.plaintext)
        let parts = try builder.frames.map { try builder.sealed($0) }
        let opening = Opening(try builder.header() + frames.flatMap { parts[$0] })
        #expect(opening.code != nil)
        #expect(opening.plaintext == Array(Self.plaintext.prefix(released * Self.frameBytes)))
    }

    @Test func `a frame of another message with the same data key is found`() throws {
        let one = MessageBuilder(Self.plaintext)
        var two = one
        two.messageID[0] = 8
        let parts = try one.frames.map { try one.sealed($0) }
        let foreign = try two.sealed(two.frames[1])
        let opening = Opening(try one.header() + parts[0] + foreign + parts[2] + parts[3])
        #expect(opening.code == .frameAuthentication)
        #expect(opening.released.count == 1)
    }

    @Test func `a regular frame does not pass for a final one, nor a final one for a regular one`() throws {
        let builder = MessageBuilder(Self.plaintext)
        var parts = try builder.frames.map { try builder.sealed($0) }
        // Frame 2 dressed as the final one: marker, number, IV, length, then its own ciphertext and tag.
        let regular = parts[1]
        let dressed = [255, 255, 255, 255] + regular[..<16] + [0, 0, 0, 16] + regular[16...]
        #expect(Opening(try builder.header() + parts[0] + dressed).code == .frameAuthentication)

        let full = MessageBuilder(Samples.text(32), fullFinalFrame: true)
        parts = try full.frames.map { try full.sealed($0) }
        let final = parts[1]
        let undressed = Array(final[4..<20]) + Array(final[24...])
        let opening = Opening(try full.header() + parts[0] + undressed + parts[1])
        #expect(opening.code == .frameAuthentication)
        #expect(opening.released.count == 1)
    }

    @Test func `an IV that is not the frame's number is refused even where it authenticates`() throws {
        var builder = MessageBuilder(Self.plaintext)
        builder.frames[1].iv = [UInt8](repeating: 9, count: 12)
        #expect(Opening(try builder.message()).code == .frameAuthentication)
    }

    @Test func `after an error every call throws it again`() throws {
        var damaged = try Self.message()
        damaged[Self.ends(damaged)[0] - 1] ^= 1
        var at = 0
        var opener = try MessageOpener(keys: [Samples.key], expecting: nil) { buffer in
            let count = min(buffer.count, damaged.count - at)
            buffer.copyBytes(from: damaged[at..<at + count])
            at += count
            return count
        }
        for _ in 0..<3 {
            let error = #expect(throws: SealError.self) { _ = try opener.next() }
            #expect(error?.code == .frameAuthentication)
        }
    }

    @Test func `an error of the source comes through`() throws {
        struct Broken: Error {}
        let message = try Self.message()
        var at = 0
        var opener = try MessageOpener(keys: [Samples.key], expecting: nil) { buffer in
            if at > Self.ends(message)[0] { throw Broken() }
            let count = min(buffer.count, message.count - at)
            buffer.copyBytes(from: message[at..<at + count])
            at += count
            return count
        }
        _ = try opener.next()
        #expect(throws: Broken.self) { _ = try opener.next() }
    }
}
