// SPDX-License-Identifier: Apache-2.0

import Crypto
import Testing
import VarveSeal
import VarveTestKit

@Suite struct SealerTests {
    static func seal(
        _ plaintext: [UInt8], frameBytes: Int, pieces: [Int], finish: Bool = true
    ) throws -> (
        message: [UInt8], calls: Int
    ) {
        var message: [UInt8] = []
        var calls = 0
        var sealer = try MessageSealer(context: Samples.context, recipients: [Samples.key], frameBytes: frameBytes) {
            message.append(contentsOf: $0)
            calls += 1
        }
        var rest = plaintext[...]
        for piece in pieces {
            try Array(rest.prefix(piece)).withUnsafeBytes { try sealer.write($0) }
            rest = rest.dropFirst(piece)
        }
        try Array(rest).withUnsafeBytes { try sealer.write($0) }
        if finish { try sealer.finish() }
        return (message, calls)
    }

    @Test(
        arguments: [0, 1, 99, 100, 101, 199, 200, 201, 1000, 1003], [[], [1], [99, 1], [100], [101, 0, 99], [250]])
    func `what was sealed opens, however it was fed and read`(count: Int, pieces: [Int]) throws {
        let plaintext = Samples.text(count)
        let (message, calls) = try Self.seal(plaintext, frameBytes: 100, pieces: pieces)
        #expect(calls == 2 + count / 100, "the header, whole frames, the final frame: one call each")
        for step in [Int.max, 1, 7] {
            let opening = Opening(message, expecting: Samples.context, step: step)
            #expect(opening.code == nil)
            #expect(opening.plaintext == plaintext)
        }
    }

    @Test func `random plaintexts, frames and pieces come back`() throws {
        var generator = SeededGenerator()
        for _ in 0..<200 {
            let plaintext = generator.bytes(Int.random(in: 0...3000, using: &generator))
            let pieces = (0..<Int.random(in: 0...10, using: &generator)).map { _ in
                Int.random(in: 0...700, using: &generator)
            }
            let frameBytes = Int.random(in: 1...600, using: &generator)
            let (message, _) = try Self.seal(plaintext, frameBytes: frameBytes, pieces: pieces)
            #expect(try Message.open(message, keys: [Samples.key], expecting: Samples.context).plaintext == plaintext)
        }
    }

    @Test func `a message that was not finished does not open`() throws {
        let (message, _) = try Self.seal(Samples.text(300), frameBytes: 100, pieces: [], finish: false)
        #expect(Opening(message).code == .truncated)
    }

    @Test func `no two messages have the same id, data key or bytes`() throws {
        let (one, _) = try Self.seal(Samples.text(50), frameBytes: 100, pieces: [])
        let (two, _) = try Self.seal(Samples.text(50), frameBytes: 100, pieces: [])
        #expect(one[3..<35] != two[3..<35])
        #expect(one.suffix(66) != two.suffix(66))
    }

    @Test func `an error of the sink comes through`() throws {
        struct Full: Error {}
        var calls = 0
        var sealer = try MessageSealer(context: [:], recipients: [Samples.key], frameBytes: 10) { _ in
            calls += 1
            if calls == 3 { throw Full() }
        }
        #expect(throws: Full.self) { try Samples.text(30).withUnsafeBytes { try sealer.write($0) } }
    }

    @Test(arguments: [0, -1, 64 * 1024 * 1024 + 1])
    func `frames of an impossible length are refused`(frameBytes: Int) {
        let error = #expect(throws: SealError.self) {
            try Message.seal([], context: [:], recipients: [Samples.key], frameBytes: frameBytes)
        }
        #expect(error?.code == .limitExceeded)
    }

    @Test(arguments: [0, 17])
    func `no recipient and more than 16 are refused`(count: Int) {
        let error = #expect(throws: SealError.self) {
            try Message.seal([], context: [:], recipients: Array(repeating: Samples.key, count: count))
        }
        #expect(error?.code == .limitExceeded)
    }

    @Test func `frames are counted to the format's end and no further`() throws {
        let key = SymmetricKey(size: .bits256)
        let id = [UInt8](repeating: 0, count: 32)
        func code(_ number: UInt64, isFinal: Bool) throws -> SealError.Code? {
            var codec = FrameCodec(key: key, messageID: id, number: number)
            do {
                let sealed = try Samples.text(3).withUnsafeBytes { try codec.seal($0, isFinal: isFinal) }
                #expect(UInt64(sealed.number) == number)
                return nil
            } catch let error as SealError {
                return error.code
            }
        }
        #expect(try code(0xffff_fffe, isFinal: false) == nil)
        #expect(try code(0xffff_fffe, isFinal: true) == nil)
        #expect(try code(0xffff_ffff, isFinal: false) == .limitExceeded)
        #expect(try code(0xffff_ffff, isFinal: true) == nil)
        #expect(try code(0x1_0000_0000, isFinal: true) == .limitExceeded)
    }

    @Test func `no description of a key shows it`() {
        let bytes = [UInt8](repeating: 0xa7, count: 32)
        let key = RawAESKey(namespace: "varve", name: "first", key: SymmetricKey(data: bytes))
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), String(describing: Optional(key)), "\([key])", dumped] {
            #expect(text.contains("first"))
            for secret in ["a7a7", "A7A7", "167, 167", "p6en"] { #expect(!text.contains(secret)) }
        }
    }
}
