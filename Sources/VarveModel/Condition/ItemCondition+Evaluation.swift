// SPDX-License-Identifier: Apache-2.0

extension ItemCondition {
    /// Whether an item meets the condition.
    ///
    /// The item is walked over once, which checks that it is canonical and finds the attributes that the condition names; of these only the
    /// values that are asked for are looked at.
    ///
    /// - Throws: ``ModelError`` where the bytes are no canonical item.
    package func isMet(by item: UnsafeRawBufferPointer) throws -> Bool {
        var cursor = try CanonicalCursor(item)
        var values = [UnsafePointer<UInt8>?](repeating: nil, count: attributes.count)
        _ = try cursor.item { name, value in
            for index in attributes.indices where attributes[index].matches(name) { values[index] = value }
        }
        return try ConditionView(cursor: cursor, attributes: values).meets(root)
    }
}

/// An item that was checked, as a condition sees it.
private struct ConditionView {
    let cursor: CanonicalCursor
    /// Where the values of the condition's top-level attributes begin; nil where the item has none.
    let attributes: [UnsafePointer<UInt8>?]

    /// What is missing is equal to nothing, not even to what is missing too, and before or after nothing; so it is `<>` everything.
    func meets(_ node: ItemCondition.Node) throws -> Bool {
        switch node {
        case .compare(let left, let comparator, let right):
            return try compare(try value(of: left), comparator, try value(of: right))
        case .between(let operand, let low, let high):
            guard let value = try self.value(of: operand), let low = try self.value(of: low),
                let high = try self.value(of: high)
            else { return false }
            return low.precedes(value, orEquals: true) && value.precedes(high, orEquals: true)
        case .among(let operand, let list):
            guard let value = try self.value(of: operand) else { return false }
            return try list.contains { try self.value(of: $0) == value }
        case .exists(let path):
            return try find(path) != nil
        case .hasType(let path, let type):
            return try value(at: path)?.type == type
        case .beginsWith(let whole, let begin):
            guard let whole = try self.value(of: whole), let begin = try self.value(of: begin) else { return false }
            return whole.begins(with: begin)
        case .contains(let whole, let part):
            guard let whole = try self.value(of: whole), let part = try self.value(of: part) else { return false }
            return try whole.contains(part)
        case .not(let node): return try !meets(node)
        case .all(let nodes): return try nodes.allSatisfy(meets)
        case .any(let nodes): return try nodes.contains(where: meets)
        }
    }

    private func compare(
        _ left: ConditionValue?, _ comparator: ItemCondition.Comparator, _ right: ConditionValue?
    ) throws -> Bool {
        guard let left, let right else { return comparator == .notEqual }
        return switch comparator {
        case .equal: left == right
        case .notEqual: left != right
        case .less: left.precedes(right, orEquals: false)
        case .lessOrEqual: left.precedes(right, orEquals: true)
        case .greater: right.precedes(left, orEquals: false)
        case .greaterOrEqual: right.precedes(left, orEquals: true)
        }
    }

    // MARK: Values

    private func value(of operand: ItemCondition.Operand) throws -> ConditionValue? {
        switch operand {
        case .literal(let bytes): return ConditionValue(bytes)
        case .path(let path): return try value(at: path)
        case .size(let path):
            return try value(at: path)?.size().map { ConditionValue(Array(#"{"N":"\#($0)"}"#.utf8)) }
        }
    }

    private func value(at path: DocumentPath) throws -> ConditionValue? {
        guard var cursor = try find(path) else { return nil }
        return ConditionValue(Array(try cursor.spelling()))
    }

    /// A cursor at the value of a path; nil where the item has none. The item was checked, so that behind a name there is a value.
    private func find(_ path: DocumentPath) throws -> CanonicalCursor? {
        guard let begin = attributes[path.attribute] else { return nil }
        var cursor = cursor
        cursor.at = begin
        for step in path.steps {
            let isFound =
                switch step {
                case .name(let role): try cursor.enterMap(role)
                case .position(let position): try cursor.enterList(position)
                }
            if !isFound { return nil }
        }
        return cursor
    }
}

extension CanonicalCursor {
    /// Moves from the beginning of a map to the value of one of its members. False: it is no map, or has no such member.
    fileprivate mutating func enterMap(_ member: Role) throws -> Bool {
        guard try valueWord() & ValueTag.sixBytes == ValueTag.map else { return false }
        at += 6
        if take("}") { return false }
        var previous: Text?
        repeat {
            if member.matches(try memberName(after: &previous)) { return true }
            _ = try value(depth: 1)
        } while take(",")
        return false
    }

    /// Moves from the beginning of a list to one of its elements. False: it is no list, or is shorter.
    fileprivate mutating func enterList(_ position: Int) throws -> Bool {
        guard try valueWord() & ValueTag.sixBytes == ValueTag.list else { return false }
        at += 6
        if take("]") { return false }
        for _ in 0..<position {
            _ = try value(depth: 1)
            guard take(",") else { return false }
        }
        return true
    }
}
