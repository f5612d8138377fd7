// SPDX-License-Identifier: Apache-2.0

import Crypto
import Testing
import VarveSeal

/// Form and limits of headers, and the order in which they are checked.
@Suite struct HeaderTests {
    static let plaintext = Samples.text(40)

    @Test func `a message built from the published description opens`() throws {
        let opening = Opening(try MessageBuilder(Self.plaintext).message())
        #expect(opening.code == nil)
        #expect(opening.plaintext == Self.plaintext)
    }

    @Test(arguments: [0, 16, 32, 48])
    func `both final frames of a whole number of frames open`(count: Int) throws {
        let plaintext = Samples.text(count)
        let empty = Opening(try MessageBuilder(plaintext).message())
        #expect(empty.code == nil && empty.plaintext == plaintext && empty.released.last == [])
        guard count > 0 else { return }
        let full = Opening(try MessageBuilder(plaintext, fullFinalFrame: true).message())
        #expect(full.code == nil && full.plaintext == plaintext && full.released.last?.count == 16)
    }

    @Test func `a final frame longer than a frame is refused`() throws {
        var builder = MessageBuilder(Samples.text(16))
        builder.frames = [MessageBuilder.Frame(number: 1, plaintext: Samples.text(17), isFinal: true)]
        let opening = Opening(try builder.message())
        #expect(opening.code == .malformed)
        #expect(opening.released.isEmpty)
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var code: SealError.Code
        var change: @Sendable (inout MessageBuilder) -> Void

        init(_ name: String, _ code: SealError.Code, _ change: @escaping @Sendable (inout MessageBuilder) -> Void) {
            testDescription = name
            self.code = code
            self.change = change
        }
    }

    static let refusals: [Refusal] = [
        Refusal("version 1", .unsupportedVersion) { $0.version = 1 },
        Refusal("version 3", .malformed) { $0.version = 3 },
        Refusal("a suite with a signature", .unsupportedSuite) { $0.suite = 0x0578 },
        Refusal("a suite without commitment", .unsupportedSuite) { $0.suite = 0x0178 },
        Refusal("context one byte too long", .limitExceeded) { $0.contextLength = 8193 },
        Refusal("context far too long", .limitExceeded) { $0.contextLength = 65535 },
        Refusal("17 data keys", .limitExceeded) { $0.dataKeyCount = 17 },
        Refusal("65535 data keys", .limitExceeded) { $0.dataKeyCount = 65535 },
        Refusal("no data key", .malformed) { $0.dataKeyCount = 0 },
        Refusal("not framed", .malformed) { $0.contentType = 1 },
        Refusal("frames of no bytes", .malformed) { $0.frameBytes = 0 },
        Refusal("frames of 64 MiB and a byte", .limitExceeded) { $0.frameBytes = 64 * 1024 * 1024 + 1 },
        Refusal("frames of 4 GiB", .limitExceeded) { $0.frameBytes = .max },
    ]

    @Test(arguments: refusals)
    func `a header beyond form or limits is refused before anything of that size is read`(refusal: Refusal) throws {
        var builder = MessageBuilder(Self.plaintext)
        // 65,535 wrapped data keys are claimed, not written: the claim alone must end it.
        refusal.change(&builder)
        let claimed = builder.dataKeyCount
        builder.dataKeyCount = claimed.map { min($0, 17) }
        var message = try builder.message()
        if claimed == .max { message.replaceSubrange(37..<39, with: [255, 255]) }
        let opening = Opening(message)
        #expect(opening.code == refusal.code)
        #expect(opening.released.isEmpty)
        #expect(opening.largestRequest <= 100, "a header's own fields here have at most 48 bytes")
        #expect(opening.consumed < message.count)
    }

    @Test func `the limits themselves are accepted`() throws {
        var builder = MessageBuilder(Self.plaintext)
        builder.frames = [MessageBuilder.Frame(number: 1, plaintext: Self.plaintext, isFinal: true)]
        builder.frameBytes = 64 * 1024 * 1024
        builder.dataKeyCount = 16
        let opening = Opening(try builder.message())
        #expect(opening.plaintext == Self.plaintext)
        #expect(opening.largestRequest < 200, "a frame's memory is taken when the frame comes, not when it is claimed")

        let context = try EncryptionContext(pairs: [(name: "k", value: String(repeating: "v", count: 8192 - 2 - 4 - 1))]
        )
        #expect(context.serialized.count == 8192)
        let message = try Message.seal(Self.plaintext, context: context, recipients: [Samples.key])
        #expect(try Message.open(message, keys: [Samples.key], expecting: context).plaintext == Self.plaintext)
    }

    @Test func `a wrong commitment is found before anything else`() throws {
        var builder = MessageBuilder(Self.plaintext)
        builder.commitment = [UInt8](repeating: 1, count: 32)
        #expect(Opening(try builder.message()).code == .commitmentMismatch, "the header's tag holds here")
        #expect(Opening(try builder.message(), expecting: Samples.context).code == .commitmentMismatch)
        builder.headerTag = [UInt8](repeating: 0, count: 16)
        #expect(Opening(try builder.message()).code == .commitmentMismatch)
        builder.frames = []
        #expect(Opening(try builder.message()).code == .commitmentMismatch)
        #expect(Opening(try builder.message()).released.isEmpty)
    }

    @Test func `a wrong header tag is found before the context is compared`() throws {
        var builder = MessageBuilder(Self.plaintext)
        builder.headerTag = [UInt8](repeating: 0, count: 16)
        #expect(Opening(try builder.message()).code == .headerAuthentication)
        #expect(Opening(try builder.message(), expecting: Samples.context).code == .headerAuthentication)
    }

    @Test func `a data key of another length is no data key`() throws {
        var builder = MessageBuilder(Self.plaintext)
        builder.dataKey = SymmetricKey(size: .bits128)
        #expect(Opening(try builder.message()).code == .noMatchingKey)
    }

    @Test func `a context that was changed is blamed, and not the keys`() throws {
        var message = try Message.seal(Self.plaintext, context: Samples.context, recipients: [Samples.key])
        // Version, suite, message id, the context's length and count of pairs; then the first key's length.
        let value = 39 + 2 + (Int(message[39]) << 8 | Int(message[40])) + 2
        message[value] ^= 1
        #expect(Opening(message, expecting: Samples.context).code == .contextMismatch)
        #expect(Opening(message).code == .noMatchingKey)
    }

    @Test func `a broken data key of one recipient does not keep another one's from being tried`() throws {
        let message = try Message.seal(
            Self.plaintext, context: Samples.context, recipients: [Samples.key, Samples.other])
        let impostor = RawAESKey(
            namespace: Samples.key.namespace, name: Samples.key.name, key: SymmetricKey(size: .bits256))
        #expect(Opening(message, keys: [impostor]).code == .noMatchingKey)
        #expect(Opening(message, keys: [impostor, Samples.other]).plaintext == Self.plaintext)
        #expect(Opening(message, keys: [Samples.other]).plaintext == Self.plaintext)
    }
}
