// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarveTestKit

/// Random items of few names and values, so that conditions meet them, and random conditions with random spellings.
private struct RandomConditions {
    var items: RandomItems

    private static let names = ["a", "b", "c", "Total", "size", "and", "x y", "q\"q", "é", "e\u{301}"].map {
        Array($0.utf8)
    }
    private static let texts = ["", "a", "ab", "abc", "é", "e\u{301}", "it's", "\"", "a\nb", "𝄞"].map { Array($0.utf8) }
    private static let numbers = ["0", "1", "2", "-1", "1.5", "10", "100000000000000000000", "0.001"].map {
        Array($0.utf8)
    }
    private static let binaries: [[UInt8]] = [[], [0], [0, 255], [255], [97, 98]]

    init(_ random: SeededGenerator) {
        items = RandomItems(random: random)
    }

    mutating func chance(_ part: Int) -> Bool { items.chance(part) }

    mutating func pick<Element>(_ from: [Element]) -> Element {
        from[Int.random(in: 0..<from.count, using: &items.random)]
    }

    private mutating func some(_ from: [[UInt8]]) -> [[UInt8]] {
        let members = from.filter { _ in chance(3) }
        return members.isEmpty ? [pick(from)] : members
    }

    private mutating func value(depth: Int) -> AttributeValue {
        switch Int.random(in: 0..<(depth > 0 ? 14 : 9), using: &items.random) {
        case 0, 1: .string(chance(5) ? items.text(0...6) : pick(Self.texts))
        case 2, 3: .number(chance(5) ? items.number() : pick(Self.numbers))
        case 4: .binary(pick(Self.binaries))
        case 5: chance(3) ? .null : .bool(chance(2))
        case 6: .stringSet(some(Self.texts))
        case 7: .numberSet(some(Self.numbers))
        case 8: .binarySet(some(Self.binaries))
        case 9, 10, 11: .list((0..<Int.random(in: 0...4, using: &items.random)).map { _ in value(depth: depth - 1) })
        default: .map(attributes(depth: depth - 1))
        }
    }

    private mutating func attributes(depth: Int) -> [Attribute] {
        Self.names.filter { _ in chance(2) }.map { Attribute(name: $0, value: value(depth: depth)) }
    }

    mutating func item() throws -> ItemTree {
        try Item(attributes: attributes(depth: 3)).decode()
    }

    // MARK: Conditions

    /// A path of an item, now and then one that leads nowhere; and the value there.
    private mutating func path(in item: ItemTree) -> (ReferenceCondition.Path, AttributeValue?) {
        var path: ReferenceCondition.Path = []
        var value: AttributeValue? = .map(item.attributes)
        repeat {
            switch value {
            case .list(let elements)? where !chance(8):
                let position = Int.random(in: 0...elements.count, using: &items.random)
                path.append(.position(position))
                value = position < elements.count ? elements[position] : nil
            case .map(let members)? where !members.isEmpty && !chance(8):
                let member = pick(members)
                path.append(.name(member.name))
                value = member.value
            default:
                path.append(path.isEmpty || chance(2) ? .name(pick(Self.names)) : .position(0))
                value = nil
            }
            if path.count == 1, case .position = path[0] { path = [.name(pick(Self.names))] }
        } while value != nil && chance(2)
        return (path, value)
    }

    /// An operand, which as a rule has to do with a value that another operand has.
    private mutating func operand(
        near other: AttributeValue?, in item: ItemTree
    ) -> (ReferenceCondition.Operand, AttributeValue?) {
        switch Int.random(in: 0..<8, using: &items.random) {
        case 0, 1:
            let (path, value) = self.path(in: item)
            return (.path(path), value)
        case 2: return (.size(path(in: item).0), nil)
        case 3, 4, 5:
            // Literals are scalars; of a set or list, a member.
            switch other {
            case .string(let text)?:
                return (
                    .literal(.string(Array(String(decoding: text, as: UTF8.self).dropLast(chance(2) ? 1 : 0).utf8))),
                    nil
                )
            case .binary(let bytes)?: return (.literal(.binary(Array(bytes.dropFirst(chance(3) ? 1 : 0)))), nil)
            case .number?, .bool?, .null?: return (.literal(other ?? .null), nil)
            case .stringSet(let members)?: return (.literal(.string(pick(members))), nil)
            case .numberSet(let members)?: return (.literal(.number(pick(members))), nil)
            case .binarySet(let members)?: return (.literal(.binary(pick(members))), nil)
            default: return (.literal(scalar()), nil)
            }
        default: return (.literal(scalar()), nil)
        }
    }

    private mutating func scalar() -> AttributeValue {
        switch Int.random(in: 0..<7, using: &items.random) {
        case 0, 1: .string(pick(Self.texts))
        case 2, 3, 4: .number(pick(Self.numbers))
        case 5: .binary(pick(Self.binaries))
        default: chance(2) ? .null : .bool(chance(2))
        }
    }

    mutating func condition(on item: ItemTree, depth: Int) -> ReferenceCondition {
        if depth > 0, !chance(3) {
            switch Int.random(in: 0..<3, using: &items.random) {
            case 0: return .not(condition(on: item, depth: depth - 1))
            case 1: return .and(condition(on: item, depth: depth - 1), condition(on: item, depth: depth - 1))
            default: return .or(condition(on: item, depth: depth - 1), condition(on: item, depth: depth - 1))
            }
        }
        let (path, value) = self.path(in: item)
        let first: ReferenceCondition.Operand = chance(6) ? .size(path) : .path(path)
        switch Int.random(in: 0..<12, using: &items.random) {
        case 0: return .exists(path, chance(2))
        case 1:
            let types = ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"]
            return .hasType(path, value.map { chance(2) ? ReferenceCondition.type($0) : "S" } ?? pick(types))
        case 2, 3: return .beginsWith(first, operand(near: value, in: item).0)
        case 4, 5: return .contains(first, operand(near: value, in: item).0)
        case 6, 7: return .between(first, operand(near: value, in: item).0, operand(near: value, in: item).0)
        case 8:
            return .among(
                first, (0...Int.random(in: 0...3, using: &items.random)).map { _ in operand(near: value, in: item).0 })
        default:
            let other = operand(near: value, in: item).0
            let comparator = pick(["=", "<>", "<", "<=", ">", ">="])
            return chance(4) ? .compare(other, comparator, first) : .compare(first, comparator, other)
        }
    }

    // MARK: Spelling

    mutating func spelling(_ condition: ReferenceCondition) -> String { spelling(condition, within: 0) }

    /// - Parameter level: 1 within an AND, 2 within a NOT: what binds less is put into parentheses, as anything may be.
    private mutating func spelling(_ condition: ReferenceCondition, within level: Int) -> String {
        let (text, own): (String, Int) =
            switch condition {
            case .or(let left, let right):
                (spelling(left, within: 0) + " \(keyword("OR")) " + spelling(right, within: 0), 0)
            case .and(let left, let right):
                (spelling(left, within: 1) + " \(keyword("AND")) " + spelling(right, within: 1), 1)
            case .not(let inner): ("\(keyword("NOT")) " + spelling(inner, within: 2), 2)
            case .compare(let left, let comparator, let right):
                (spelling(left) + space() + comparator + space() + spelling(right), 3)
            case .between(let middle, let low, let high):
                (
                    "\(spelling(middle)) \(keyword("BETWEEN")) \(spelling(low)) \(keyword("AND")) \(spelling(high))", 3
                )
            case .among(let operand, let list):
                (
                    "\(spelling(operand)) \(keyword("IN"))\(space())("
                        + list.map { spelling($0) }.joined(separator: space() + ",") + ")", 3
                )
            case .exists(let path, let exists):
                ("attribute_\(exists ? "" : "not_")exists\(space())(\(spelling(path)))", 3)
            case .hasType(let path, let type): ("attribute_type(\(spelling(path)), '\(type)')", 3)
            case .beginsWith(let whole, let begin): ("begins_with(\(spelling(whole)),\(space())\(spelling(begin)))", 3)
            case .contains(let whole, let part): ("contains(\(spelling(whole)), \(spelling(part))\(space()))", 3)
            }
        return own < level || chance(8) ? "(\(text))" : text
    }

    private mutating func keyword(_ word: String) -> String { chance(2) ? word : word.lowercased() }
    private mutating func space() -> String { pick(["", " ", "\n", "  \t"]) }

    private mutating func spelling(_ operand: ReferenceCondition.Operand) -> String {
        switch operand {
        case .path(let path): return spelling(path)
        case .size(let path): return "size(\(spelling(path)))"
        case .literal(.string(let text)): return quoted(text, "'")
        case .literal(.binary(let bytes)):
            return (chance(2) ? "b'" : "B'") + String(decoding: Base64Reference.text(bytes), as: UTF8.self) + "'"
        case .literal(.number(let text)):
            let number = String(decoding: text, as: UTF8.self)
            return chance(3) ? number + "e0" : number
        case .literal(.bool(let bool)): return keyword(bool ? "TRUE" : "FALSE")
        default: return keyword("NULL")
        }
    }

    private mutating func spelling(_ path: ReferenceCondition.Path) -> String {
        var text = ""
        for step in path {
            switch step {
            case .position(let position): text += "[\(position)]"
            case .name(let name):
                let isPlain = name.allSatisfy { (0x61...0x7A).contains($0 | 0x20) } && !name.elementsEqual("and".utf8)
                text +=
                    (text.isEmpty ? "" : ".")
                    + (isPlain && !chance(3) ? String(decoding: name, as: UTF8.self) : quoted(name, "\""))
            }
        }
        return text
    }

    private func quoted(_ bytes: [UInt8], _ quote: String) -> String {
        // By bytes: a quote and an accent behind it are one character to a string.
        let mark = Array(quote.utf8)
        return String(decoding: mark + bytes.flatMap { [$0] == mark ? mark + mark : [$0] } + mark, as: UTF8.self)
    }
}

@Suite struct RandomConditionTests {
    @Test func `random conditions say of random items what the rules say one by one`() throws {
        var random = RandomConditions(SeededGenerator())
        var met = 0
        var refused = 0
        let count = 20_000
        for round in 0..<count {
            let tree = try random.item()
            let condition = random.condition(on: tree, depth: 3)
            let text = random.spelling(condition)
            if condition.isRefused {
                refused += 1
                #expect(throws: ModelError.self, "round \(round): \(text)") { try ItemCondition(text) }
                continue
            }
            let item = try Item(attributes: tree.attributes)
            let expected = condition.isMet(by: tree)
            if expected { met += 1 }
            let isMet = try item.bytes.withUnsafeBytes { try ItemCondition(text).isMet(by: $0) }
            try #require(isMet == expected, "round \(round): \(text) of \(String(decoding: item.bytes, as: UTF8.self))")
        }
        // Neither always nor never, or nothing was tried.
        #expect(
            met > count / 5 && count - met - refused > count / 5 && refused > count / 50,
            "\(met) met, \(refused) refused")
    }

    @Test func `a condition cut short or changed is read or refused, and nothing else`() throws {
        var random = RandomConditions(SeededGenerator())
        for _ in 0..<5000 {
            let tree = try random.item()
            var text = Array(random.spelling(random.condition(on: tree, depth: 2)).utf8)
            for _ in 0..<Int.random(in: 0...3, using: &random.items.random) where !text.isEmpty {
                let index = Int.random(in: 0..<text.count, using: &random.items.random)
                switch Int.random(in: 0..<3, using: &random.items.random) {
                case 0: text.remove(at: index)
                case 1: text.removeSubrange(index...)
                default: text[index] = UInt8.random(in: 0x20...0x7E, using: &random.items.random)
                }
            }
            let condition = String(decoding: text, as: UTF8.self)
            do {
                let item = try Item(attributes: tree.attributes)
                _ = try item.bytes.withUnsafeBytes { try ItemCondition(condition).isMet(by: $0) }
            } catch let error as ModelError {
                #expect(error.code == .invalidCondition, "\(condition)")
            }
        }
    }
}
