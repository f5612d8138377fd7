// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Testing
import VarveSeal

/// Messages that the AWS Encryption SDK for Python 4.0.7 wrote.
@Suite struct VectorTests {
    struct Vectors: Decodable {
        struct Key: Decodable {
            var namespace: String
            var name: String
            var hex: String

            var wrapper: RawAESKey {
                let digits = Array(hex)
                let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
                    UInt8(String(digits[$0...$0 + 1]), radix: 16)
                }
                return RawAESKey(namespace: namespace, name: name, key: SymmetricKey(data: bytes))
            }
        }
        struct Case: Decodable, Sendable, CustomTestStringConvertible {
            var file: String
            var plaintextBytes: Int
            var plaintextSHA256: String
            var encryptionContext: [String: String]
            var wrappingKeys: [Key]
            var testDescription: String { file }
        }
        var cases: [Case]
    }

    static let cases: [Vectors.Case] = {
        do {
            return try JSONDecoder().decode(Vectors.self, from: Data(try Samples.fixture("vectors.json"))).cases
        } catch {
            Issue.record(error)
            return []
        }
    }()

    @Test func `there are five vectors`() {
        #expect(Self.cases.count == 5)
    }

    @Test(arguments: cases)
    func `a vector opens with each of its keys`(vector: Vectors.Case) throws {
        let message = try Samples.fixture(vector.file)
        let context = try EncryptionContext(pairs: vector.encryptionContext.map { (name: $0.key, value: $0.value) })
        for key in vector.wrappingKeys {
            let (plaintext, found) = try Message.open(message, keys: [key.wrapper], expecting: context)
            #expect(plaintext == Samples.text(vector.plaintextBytes))
            let digest = SHA256.hash(data: plaintext).map { String(format: "%02x", $0) }.joined()
            #expect(digest == vector.plaintextSHA256)
            #expect(found == context)
        }
    }

    @Test(arguments: cases)
    func `a vector does not open with a wrong key, nor with the right key under another name`(
        vector: Vectors.Case
    ) throws {
        let message = try Samples.fixture(vector.file)
        let right = try #require(vector.wrappingKeys.first).wrapper
        let wrong = [
            RawAESKey(namespace: right.namespace, name: right.name, key: SymmetricKey(size: .bits256)),
            RawAESKey(namespace: right.namespace, name: right.name + "0", key: right.key),
            RawAESKey(namespace: right.namespace + "0", name: right.name, key: right.key),
            RawAESKey(namespace: right.namespace, name: "", key: right.key),
        ]
        for key in wrong {
            let opening = Opening(message, keys: [key])
            #expect(opening.code == .noMatchingKey)
            #expect(opening.released.isEmpty)
        }
        #expect(Opening(message, keys: []).code == .noMatchingKey)
        #expect(Opening(message, keys: wrong + [right]).plaintext == Samples.text(vector.plaintextBytes))
    }

    @Test(arguments: cases)
    func `a vector does not open under another context`(vector: Vectors.Case) throws {
        let message = try Samples.fixture(vector.file)
        let keys = vector.wrappingKeys.map(\.wrapper)
        #expect(Opening(message, keys: keys, expecting: ["varve:bundle": "0002"]).code == .contextMismatch)
    }
}
