// SPDX-License-Identifier: Apache-2.0

import VarveModel
import VarveTestKit

/// A condition as a tree, with a spelling and a meaning of its own: put to decoded values, one rule after the other, as the developer guide has them.
indirect enum ReferenceCondition {
    case compare(Operand, String, Operand)
    case between(Operand, Operand, Operand)
    case among(Operand, [Operand])
    case exists(Path, Bool)
    case hasType(Path, String)
    case beginsWith(Operand, Operand)
    case contains(Operand, Operand)
    case not(ReferenceCondition)
    case and(ReferenceCondition, ReferenceCondition)
    case or(ReferenceCondition, ReferenceCondition)

    enum Step: Hashable {
        case name([UInt8])
        case position(Int)
    }

    typealias Path = [Step]

    enum Operand: Hashable {
        case path(Path)
        case size(Path)
        /// Canonical, as an item gives it.
        case literal(AttributeValue)
    }
}

// MARK: - What it means

extension ReferenceCondition {
    func isMet(by item: ItemTree) -> Bool {
        func value(_ path: Path) -> AttributeValue? {
            var value: AttributeValue? = .map(item.attributes)
            for step in path {
                switch (step, value) {
                case (.name(let name), .map(let members)?): value = members.first { $0.name == name }?.value
                case (.position(let position), .list(let elements)?):
                    value = position < elements.count ? elements[position] : nil
                default: return nil
                }
            }
            return value
        }
        func value(_ operand: Operand) -> AttributeValue? {
            switch operand {
            case .path(let path): value(path)
            case .size(let path): value(path).flatMap(Self.size).map { .number($0) }
            case .literal(let literal): literal
            }
        }
        switch self {
        case .compare(let left, let comparator, let right):
            let (left, right) = (value(left), value(right))
            let equal = left != nil && right != nil && left == right
            switch comparator {
            case "=": return equal
            case "<>": return !equal
            case "<": return Self.isLess(left, right)
            case "<=": return Self.isLess(left, right) || equal && Self.isOrdered(left)
            case ">": return Self.isLess(right, left)
            default: return Self.isLess(right, left) || equal && Self.isOrdered(left)
            }
        case .between(let middle, let low, let high):
            return ReferenceCondition.compare(low, "<=", middle).isMet(by: item)
                && ReferenceCondition.compare(middle, "<=", high).isMet(by: item)
        case .among(let operand, let list):
            return list.contains { ReferenceCondition.compare(operand, "=", $0).isMet(by: item) }
        case .exists(let path, let exists): return (value(path) != nil) == exists
        case .hasType(let path, let type): return value(path).map(Self.type) == type
        case .beginsWith(let whole, let begin):
            switch (value(whole), value(begin)) {
            case (.string(let whole)?, .string(let begin)?), (.binary(let whole)?, .binary(let begin)?):
                return Array(whole.prefix(begin.count)) == begin
            default: return false
            }
        case .contains(let whole, let part):
            guard let part = value(part) else { return false }
            switch (value(whole), part) {
            case (.string(let whole)?, .string(let part)), (.binary(let whole)?, .binary(let part)):
                return part.count <= whole.count
                    && (0...whole.count - part.count).contains { Array(whole[$0..<$0 + part.count]) == part }
            case (.stringSet(let members)?, .string(let member)), (.numberSet(let members)?, .number(let member)),
                (.binarySet(let members)?, .binary(let member)):
                return members.contains(member)
            case (.list(let elements)?, _): return elements.contains(part)
            default: return false
            }
        case .not(let condition): return !condition.isMet(by: item)
        case .and(let left, let right): return left.isMet(by: item) && right.isMet(by: item)
        case .or(let left, let right): return left.isMet(by: item) || right.isMet(by: item)
        }
    }

    private static func isOrdered(_ value: AttributeValue?) -> Bool {
        switch value {
        case .string, .number, .binary: true
        default: false
        }
    }

    private static func isLess(_ left: AttributeValue?, _ right: AttributeValue?) -> Bool {
        switch (left, right) {
        case (.string(let left)?, .string(let right)?), (.binary(let left)?, .binary(let right)?):
            left.lexicographicallyPrecedes(right)
        case (.number(let left)?, .number(let right)?): DecimalReference.isLess(left, right)
        default: false
        }
    }

    private static func size(_ value: AttributeValue) -> Int? {
        switch value {
        case .string(let bytes): String(decoding: bytes, as: UTF8.self).utf16.count
        case .binary(let bytes): bytes.count
        case .list(let elements): elements.count
        case .map(let members): members.count
        case .stringSet(let members), .numberSet(let members), .binarySet(let members): members.count
        case .number, .bool, .null: nil
        }
    }

    static func type(_ value: AttributeValue) -> String {
        switch value {
        case .string: "S"
        case .number: "N"
        case .binary: "B"
        case .bool: "BOOL"
        case .null: "NULL"
        case .list: "L"
        case .map: "M"
        case .stringSet: "SS"
        case .numberSet: "NS"
        case .binarySet: "BS"
        }
    }
}

// MARK: - What is refused

extension ReferenceCondition {
    /// Whether DynamoDB refuses the condition before it looks at an item.
    var isRefused: Bool {
        switch self {
        case .compare(let left, let comparator, let right):
            return Self.isRepeated(left, [right])
                || !["=", "<>"].contains(comparator) && !(Self.hasOrder(left) && Self.hasOrder(right))
        case .between(let middle, let low, let high):
            if Self.isRepeated(middle, [low, high]) || ![middle, low, high].allSatisfy(Self.hasOrder) { return true }
            guard case .literal(let lowest) = low, case .literal(let highest) = high else { return false }
            return !(Self.isLess(lowest, highest) || lowest == highest)
        case .among(let operand, let list): return Self.isRepeated(operand, list)
        case .exists, .hasType: return false
        case .beginsWith(let whole, let begin):
            return Self.isRepeated(whole, [begin]) || !Self.isText(whole) || !Self.isText(begin)
        case .contains(let whole, let part): return Self.isRepeated(whole, [part]) || !Self.isText(whole)
        case .not(let condition): return condition.isRefused
        case .and(let left, let right), .or(let left, let right): return left.isRefused || right.isRefused
        }
    }

    private static func isRepeated(_ first: Operand, _ rest: [Operand]) -> Bool {
        if case .literal = first { return false }
        return rest.contains(first)
    }

    private static func hasOrder(_ operand: Operand) -> Bool {
        if case .literal(let value) = operand { return isOrdered(value) }
        return true
    }

    /// Whether an operand may be a string or a binary.
    private static func isText(_ operand: Operand) -> Bool {
        switch operand {
        case .literal(.string), .literal(.binary), .path: true
        case .literal, .size: false
        }
    }
}
