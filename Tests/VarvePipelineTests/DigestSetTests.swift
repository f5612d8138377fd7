// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveModel
import VarvePipeline
import VarveTestKit

@Suite struct DigestSetTests {
    private func digest(_ number: Int) -> Digest128 {
        Digest128(ItemKey(partition: Array("N\(number)".utf8), sort: []))
    }

    @Test(arguments: [1, 100, 100_000, 1 << 20])
    func `a set has what was put into it, and nothing else, however little it keeps in memory`(inMemory: Int) throws {
        let folder = try TemporaryFolder()
        let set = DigestSet(scratch: folder.appending("scratch"), countInMemory: inMemory)
        let count = 120_000
        for number in 0..<count {
            #expect(try set.insert(digest(number)), "new")
            if number.isMultiple(of: 7) { #expect(try !set.insert(digest(number / 2)), "known") }
        }
        #expect(set.count == count)
        for number in 0..<count where number.isMultiple(of: 3) { #expect(try set.contains(digest(number))) }
        for number in count..<count + 20_000 { #expect(try !set.contains(digest(number))) }
        let left = (try? FileManager.default.contentsOfDirectory(atPath: folder.appending("scratch").string)) ?? []
        #expect(left.isEmpty, "scratch files have no names")
    }

    @Test func `what is partition and what is sort key tells keys apart`() {
        let keys = [("Sab", "c"), ("Sa", "bc"), ("Sabc", ""), ("Sab", "")]
        let digests = keys.map { Digest128(ItemKey(partition: Array($0.0.utf8), sort: Array($0.1.utf8))) }
        #expect(Set(digests).count == keys.count)
    }
}
