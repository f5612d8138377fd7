// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing
import VarveModel
import VarveTestKit

/// Prints the codec's speed on one core; asserts nothing about it.
///
/// By hand: `swift build -c release --build-tests -Xswiftc -enable-testing`, then
/// `VARVE_BENCH=1 swift test -c release --skip-build --filter CodecBenchmark`.
@Suite(.enabled(if: getenv("VARVE_BENCH") != nil), .serialized)
struct CodecBenchmark {
    static let bytesMin = 64_000_000

    private func measure(_ name: String, bytes: Int, items: Int, _ body: () throws -> Void) rethrows {
        var best = Duration.seconds(1000)
        for _ in 0..<4 { best = min(best, try ContinuousClock().measure(body)) }
        let seconds = Double(best.components.seconds) + Double(best.components.attoseconds) / 1e18
        print("\(name): \(Int(Double(bytes) / seconds / 1e6)) MB/s, \(Int(seconds * 1e9 / Double(items))) ns per item")
    }

    @Test func `speed of the codec`() throws {
        var random = SeededGenerator(seed: 1)
        var canonical: [UInt8] = []
        var ends: [Int] = []
        var loose: [UInt8] = []
        var looseEnds: [Int] = []
        var trees: [[Attribute]] = []
        var number = 0
        while canonical.count < CodecBenchmark.bytesMin {
            let tree = SampleItems.order(number, &random)
            number += 1
            canonical.append(contentsOf: try Item(attributes: tree).bytes)
            ends.append(canonical.count)
            LooseSpelling.write(tree.shuffled(using: &random), into: &loose)
            looseEnds.append(loose.count)
            if trees.count < 1000 { trees.append(tree) }
        }
        print("\(number) items of \(canonical.count / number) bytes")
        func each(_ bytes: [UInt8], _ ends: [Int], _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
            try bytes.withUnsafeBytes { bytes in
                var begin = 0
                for end in ends {
                    try body(UnsafeRawBufferPointer(rebasing: bytes[begin..<end]))
                    begin = end
                }
            }
        }
        var canonicalizer = Canonicalizer()
        var out: [UInt8] = []
        out.reserveCapacity(canonical.count + 1024)
        try measure("canonicalize canonical", bytes: canonical.count, items: number) {
            out.removeAll(keepingCapacity: true)
            try each(canonical, ends) { try canonicalizer.canonicalize($0, into: &out) }
        }
        #expect(out == canonical)
        try measure("canonicalize shuffled and spaced", bytes: loose.count, items: number) {
            out.removeAll(keepingCapacity: true)
            try each(loose, looseEnds) { try canonicalizer.canonicalize($0, into: &out) }
        }
        #expect(out == canonical)
        var count = 0
        try measure("decode to tree", bytes: canonical.count, items: number) {
            try each(canonical, ends) { count += try Item(trusted: Array($0)).decode().attributes.count }
        }
        let treeBytes = ends[trees.count - 1]
        try measure("encode tree", bytes: 20 * treeBytes, items: 20 * trees.count) {
            for _ in 0..<20 { for tree in trees { count += try Item(attributes: tree).bytes.count } }
        }
        let scanner = ItemScanner(
            schema: KeySchema(partition: KeyAttribute(name: "pk", type: .s), sort: KeyAttribute(name: "sk", type: .n)),
            timeToLive: "expires")
        try measure("scan", bytes: canonical.count, items: number) {
            try each(canonical, ends) { count += try scanner.scan($0).size }
        }
        #expect(count > 0)
    }
}

/// Writes a tree as DynamoDB JSON with white space, as other programs do.
enum LooseSpelling {
    static func write(_ attributes: [Attribute], into out: inout [UInt8]) {
        // Attribute by attribute, because an item of all would be in order.
        let members = attributes.compactMap { try? Item(attributes: [$0]).bytes.dropFirst().dropLast() }
        let text = [UInt8(ascii: "{")] + members.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "}")]
        var inText = false
        var escaped = false
        for byte in text {
            out.append(byte)
            if escaped {
                escaped = false
            } else if byte == UInt8(ascii: "\\") {
                escaped = true
            } else if byte == UInt8(ascii: "\"") {
                inText.toggle()
            } else if !inText, byte == UInt8(ascii: ",") || byte == UInt8(ascii: ":") {
                out.append(UInt8(ascii: " "))
            }
        }
    }
}
