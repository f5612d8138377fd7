// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import VarveModel

/// One line of Fixtures/canonical.jsonl.
struct CanonicalVector: Sendable, CustomTestStringConvertible {
    let input: String
    let output: String?

    var testDescription: String { input }

    static let all: [CanonicalVector] = {
        guard let url = Bundle.module.url(forResource: "canonical", withExtension: "jsonl", subdirectory: "Fixtures"),
            let data = try? Data(contentsOf: url)
        else { return [] }
        return data.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let json = try? JSON(text: Array(line)), let input = json["in"]?.string else { return nil }
            return CanonicalVector(input: input, output: json["out"]?.string)
        }
    }()
}

@Suite struct CanonicalVectorTests {
    @Test func `the vectors are all there`() {
        #expect(CanonicalVector.all.count == 46)
        #expect(CanonicalVector.all.filter { $0.output == nil }.count == 22)
    }

    @Test(arguments: CanonicalVector.all)
    func `a vector holds`(vector: CanonicalVector) throws {
        guard let output = vector.output else {
            #expect(throws: ModelError.self) { try Item(json: Array(vector.input.utf8)) }
            return
        }
        let item = try Item(json: Array(vector.input.utf8))
        #expect(item.bytes == Array(output.utf8))
        #expect(try Item(json: item.bytes) == item)
        #expect(try Item(attributes: item.decode().attributes) == item)
    }
}
