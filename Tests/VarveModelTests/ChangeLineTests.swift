// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel

@Suite struct ChangeLineTests {
    private static let keys = Array(#"{"pk":{"S":"a}\"{"}}"#.utf8)
    private static let image = Array(#"{"l":{"L":[{"M":{}},{"S":"]}"}]},"pk":{"S":"a}\"{"}}"#.utf8)

    private func line(new: [UInt8]?, old: [UInt8]?, _ metadata: ChangeLine.Metadata) -> [UInt8] {
        var bytes: [UInt8] = []
        ChangeLine.append(metadata, keys: Self.keys, newImage: new, oldImage: old, to: &bytes)
        return bytes
    }

    private static let metadata = ChangeLine.Metadata(
        time: Instant(microseconds: 1_700_000_000_000_001), sourceTime: Instant(microseconds: 1_700_000_000_000_000),
        position: ChangePosition(42), shard: #"shard "1"\"#, event: "MODIFY", actor: "sweep", run: "run1")

    @Test func `a line reads back as it was written`() throws {
        for (new, old) in [(Self.image, nil), (Self.image, Self.image), (nil, Self.image), (nil, nil)]
            as [([UInt8]?, [UInt8]?)]
        {
            try line(new: new, old: old, Self.metadata).withUnsafeBytes { bytes in
                let line = try ChangeLine(bytes)
                #expect(line.metadata == Self.metadata)
                #expect(Array(line.keys) == Self.keys)
                #expect(line.newImage.map { Array($0) } == new)
                #expect(line.oldImage.map { Array($0) } == old)
            }
        }
    }

    @Test(arguments: [#"shard "1"\"#, #","Keys":{"#, #"a","Keys":{"pk":{"S":"x"}},"NewImage":{}"#])
    func `the head of a line says what the line says`(shard: String) throws {
        // Attributes that are called as the parts of a line are.
        let tricky = Array(
            #"{"Keys":{"S":",\"OldImage\":{"},"NewImage":{"M":{"OldImage":{"S":"\\"}}},"OldImage":{"L":[]},"pk":{"S":"a}\"{"}}"#
                .utf8)
        for event in ["INSERT", "MODIFY", "REMOVE"] {
            let metadata = ChangeLine.Metadata(
                time: Instant(microseconds: -5), position: ChangePosition(42), shard: shard, event: event, actor: nil,
                run: nil)
            let new = event == "REMOVE" ? nil : tricky
            for old in [nil, Self.image, tricky] as [[UInt8]?] {
                try line(new: new, old: old, metadata).withUnsafeBytes { bytes in
                    let head = try ChangeLineHead(bytes)
                    #expect(head.time == metadata.time && head.position == metadata.position)
                    #expect(Array(head.keys) == Self.keys)
                    #expect(head.isRemoval == (event == "REMOVE"))
                    #expect(try head.newImage().map { Array($0) } == new)
                    #expect(try head.oldImage().map { Array($0) } == old)
                }
            }
        }
        try line(new: nil, old: nil, Self.metadata).withUnsafeBytes { bytes in
            let head = try ChangeLineHead(bytes)
            #expect(throws: ModelError.self, "an item that was written must be there") { try head.newImage() }
        }
    }

    @Test func `a head that was cut is refused, or says what is not there`() throws {
        let whole = line(new: Self.image, old: Self.image, Self.metadata)
        for count in 0..<whole.count - 1 {
            whole[..<count].withUnsafeBytes { bytes in
                guard let head = try? ChangeLineHead(bytes) else { return }
                #expect(Array(head.keys) == Self.keys)
                if let image = try? head.newImage() { #expect(Array(image) == Self.image) }
            }
        }
    }

    @Test func `a line is an incremental export's, with more in its metadata`() throws {
        let plain = ChangeLine.Metadata(
            time: Instant(microseconds: 7), position: ChangePosition(1), shard: "log", event: "INSERT", actor: "user",
            run: nil)
        #expect(
            String(decoding: line(new: Array("{}".utf8), old: nil, plain), as: UTF8.self)
                == #"{"Metadata":{"WriteTimestampMicros":{"N":"7"},"SequenceNumber":{"S":"1"},"ShardId":{"S":"log"},"EventName":{"S":"INSERT"},"Actor":{"S":"user"}},"Keys":{"pk":{"S":"a}\"{"}},"NewImage":{}}"#
                + "\n")
    }

    @Test func `a line that was cut or has a byte too many is refused`() throws {
        let whole = line(new: Self.image, old: Self.image, Self.metadata)
        for count in 0..<whole.count - 1 { #expect(isRefused(Array(whole[..<count])), "\(count)") }
        #expect(isRefused(whole.dropLast() + [0x7D]))
        let unended = whole + whole.dropLast()
        #expect(throws: ModelError.self, "the last line has no end") {
            try unended.withUnsafeBytes { try ChangeLine.forEach(of: $0) { _, _ in } }
        }
    }

    private func isRefused(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { (try? ChangeLine($0)) == nil }
    }

    @Test func `no byte that is changed makes reading fail otherwise than with an error`() {
        let whole = line(new: Self.image, old: nil, Self.metadata)
        for index in whole.indices {
            var bytes = whole
            bytes[index] ^= 0x15
            bytes.withUnsafeBytes { _ = try? ChangeLine($0) }
        }
    }
}
