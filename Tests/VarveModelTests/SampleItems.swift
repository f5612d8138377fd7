// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarveTestKit

/// Items as tests need them.
enum SampleItems {
    /// An order of a web shop: 850 bytes or so, nested three levels.
    static func order(_ number: Int, _ random: inout SeededGenerator) -> [Attribute] {
        func text(_ count: Int) -> AttributeValue {
            let letters = Array("abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789".utf8)
            return .string((0..<count).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] })
        }
        let lines: [AttributeValue] = (0..<3).map { line in
            .map([
                Attribute(
                    "price",
                    .number("\(Int.random(in: 1...9999, using: &random)).\(Int.random(in: 1...9, using: &random))")),
                Attribute("quantity", .number(Int.random(in: 1...20, using: &random))),
                Attribute("sku", text(12)),
                Attribute("title", text(24)),
            ])
        }
        return [
            Attribute(
                "address",
                .map([Attribute("city", text(11)), Attribute("street", text(23)), Attribute("zip", text(5))])),
            Attribute("created", .number(1_700_000_000 + number)),
            Attribute("customer", text(20)),
            Attribute("expires", .number(1_800_000_000 + number)),
            Attribute("lines", .list(lines)),
            Attribute("note", text(80)),
            Attribute("paid", .bool(number % 2 == 0)),
            Attribute("pk", .string("order#\(number)")),
            Attribute("sk", .number(number)),
            Attribute("tags", .stringSet([Array("express".utf8), Array("gift".utf8), Array("web".utf8)])),
            Attribute("token", .binary((0..<24).map { _ in UInt8.random(in: 0...255, using: &random) })),
        ]
    }
}
