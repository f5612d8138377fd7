// SPDX-License-Identifier: Apache-2.0

/// A condition that an item meets or does not, in the grammar of DynamoDB's filter expressions, with literals in place of placeholders.
///
/// It is parsed once and then put to the canonical bytes of any number of items, by any thread. What it says of an item is what DynamoDB says
/// (developer guide, "Condition and filter expressions, operators, and functions"). Texts are compared by their bytes, never as Swift strings.
///
/// To add a function: a case of ``Node``, its arguments in `ConditionParser`, its meaning in `ConditionView`.
package struct ItemCondition: Sendable {
    let root: Node
    /// The top-level attributes that paths begin with; a path names one by its place.
    let attributes: [Role]

    /// - Throws: ``ModelError`` `invalidCondition`, which says at which character and what is expected there, and never quotes the condition:
    ///   it holds values.
    package init(_ text: String) throws {
        var parser = try ConditionParser(Array(text.utf8))
        root = try parser.condition()
        attributes = parser.attributes
    }

    indirect enum Node: Sendable {
        case compare(Operand, Comparator, Operand)
        /// The value, the lower and the upper bound.
        case between(Operand, Operand, Operand)
        case among(Operand, [Operand])
        case exists(DocumentPath)
        case hasType(DocumentPath, ValueType)
        case beginsWith(Operand, Operand)
        case contains(Operand, Operand)
        case not(Node)
        case all([Node])
        case any([Node])
    }

    enum Operand: Hashable, Sendable {
        case path(DocumentPath)
        /// What DynamoDB's function `size` says of the value at a path.
        case size(DocumentPath)
        /// The canonical bytes of a value.
        case literal([UInt8])
    }

    enum Comparator: Sendable {
        case equal
        case notEqual
        case less
        case lessOrEqual
        case greater
        case greaterOrEqual

        var isOfOrder: Bool { self != .equal && self != .notEqual }
    }

    /// A value's type, under the name that it has in DynamoDB JSON and in `attribute_type`.
    enum ValueType: String, CaseIterable, Sendable {
        case string = "S"
        case number = "N"
        case binary = "B"
        case bool = "BOOL"
        case null = "NULL"
        case map = "M"
        case list = "L"
        case stringSet = "SS"
        case numberSet = "NS"
        case binarySet = "BS"

        var isOrdered: Bool { self == .string || self == .number || self == .binary }
    }
}

/// Where in an item a value lies: a top-level attribute, then names of maps and positions in lists.
struct DocumentPath: Hashable, Sendable {
    /// The top-level attribute's place in ``ItemCondition/attributes``.
    let attribute: Int
    var steps: [Step] = []

    enum Step: Hashable, Sendable {
        case name(Role)
        case position(Int)
    }
}

extension Role: Hashable {
    /// By the bytes of the names: two that merely look alike are two names.
    static func == (left: Role, right: Role) -> Bool {
        left.type == right.type && left.name.utf8.elementsEqual(right.name.utf8)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        for byte in name.utf8 { hasher.combine(byte) }
    }

    /// A name of which only the spelling matters: a path says nothing of types.
    init(named name: String) { self.init(name: name, type: .s) }
}
