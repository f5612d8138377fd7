// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveSeal

@Suite struct EncryptionContextTests {
    @Test func `an empty context has no bytes`() throws {
        #expect(EncryptionContext().serialized == [])
        #expect(try EncryptionContext(serialized: []) == EncryptionContext())
    }

    @Test func `names stand in the order of their bytes`() throws {
        let context: EncryptionContext = ["b": "2", "ä": "3", "a": "1", "B": "0"]
        #expect(context.pairs.map(\.name) == ["B", "a", "b", "ä"])
        #expect(
            context.serialized == [
                0, 4, 0, 1, 66, 0, 1, 48, 0, 1, 97, 0, 1, 49, 0, 1, 98, 0, 1, 50, 0, 2, 0xc3, 0xa4, 0, 1, 51,
            ])
        #expect(try EncryptionContext(serialized: context.serialized) == context)
    }

    @Test func `names that look alike are two names`() throws {
        let composed = "\u{e9}"
        let decomposed = "e\u{301}"
        let context: EncryptionContext = [composed: "one", decomposed: "two"]
        #expect(context[composed] == "one")
        #expect(context[decomposed] == "two")
        let (one, two): (EncryptionContext, EncryptionContext) = (["k": "\u{e9}"], ["k": "e\u{301}"])
        #expect(one != two)
        #expect(context["e"] == nil)
    }

    @Test func `what the format does not allow is refused`() {
        func code(_ pairs: [(name: String, value: String)]) -> SealError.Code? {
            #expect(throws: SealError.self) { try EncryptionContext(pairs: pairs) }?.code
        }
        #expect(code([(name: "a", value: "1"), (name: "a", value: "2")]) == .malformed)
        #expect(code([(name: "aws-crypto-public-key", value: "")]) == .malformed)
        #expect(code([(name: "k", value: String(repeating: "v", count: 8192 - 6))]) == .limitExceeded)
    }

    static let malformed: [[UInt8]] = [
        [0], [0, 0], [0, 1], [0, 1, 0], [0, 1, 0, 1, 97], [0, 1, 0, 1, 97, 0, 1], [0, 1, 0, 1, 97, 0, 1, 49, 0],
        [0, 2, 0, 1, 97, 0, 1, 49], [255, 255, 0, 1, 97, 0, 1, 49], [0, 1, 0, 1, 0xff, 0, 0], [0, 1, 0, 0, 0, 1, 0xc3],
        [0, 2, 0, 1, 98, 0, 0, 0, 1, 97, 0, 0], [0, 2, 0, 1, 97, 0, 0, 0, 1, 97, 0, 0],
    ]

    @Test(arguments: malformed)
    func `serialized contexts that are not well-formed are refused`(bytes: [UInt8]) {
        let error = #expect(throws: SealError.self) { try EncryptionContext(serialized: bytes) }
        #expect(error?.code == .malformed)
    }
}
