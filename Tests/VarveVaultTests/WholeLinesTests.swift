// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveTestKit
import VarveVault

@Suite struct WholeLinesTests {
    /// What comes out when `text` goes in, in blocks that end at `cuts`.
    private func runs(_ text: [UInt8], cuts: [Int]) throws -> (runs: [[UInt8]], isComplete: Bool) {
        var lines = WholeLines()
        var runs: [[UInt8]] = []
        for (start, end) in zip([0] + cuts, cuts + [text.count]) {
            try Array(text[start..<end]).withUnsafeBytes { try lines.add($0) { runs.append(Array($0)) } }
        }
        return (runs, lines.isComplete)
    }

    @Test func `blocks cut anywhere give the same bytes in runs of whole lines`() throws {
        let text = Array("one\n\ntwo\nthree\n\n".utf8)
        for first in 0...text.count {
            for second in first...text.count {
                let (runs, isComplete) = try runs(text, cuts: [first, second])
                #expect(Array(runs.joined()) == text, "cut at \(first) and \(second)")
                #expect(runs.allSatisfy { $0.last == 0x0a } && isComplete)
            }
        }
    }

    @Test func `a last line without an end is not handed out`() throws {
        let text = Array("one\ntwo".utf8)
        for cut in 0...text.count {
            let (runs, isComplete) = try runs(text, cuts: [cut])
            #expect(Array(runs.joined()) == Array("one\n".utf8) && !isComplete, "cut at \(cut)")
        }
        #expect(try runs([], cuts: []).isComplete)
    }
}
