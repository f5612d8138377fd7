// SPDX-License-Identifier: Apache-2.0

/// One attribute value, of the ten types of DynamoDB.
///
/// Strings are UTF-8 bytes and numbers are decimal text, so that comparing compares bytes. As ``Item`` hands a tree out, numbers are
/// canonical, maps are in order of their names' bytes and sets in canonical order.
package enum AttributeValue: Hashable, Sendable {
    case string([UInt8])
    case number([UInt8])
    case binary([UInt8])
    case bool(Bool)
    case null
    case list([AttributeValue])
    case map([Attribute])
    case stringSet([[UInt8]])
    case numberSet([[UInt8]])
    case binarySet([[UInt8]])

    package static func string(_ text: String) -> AttributeValue { .string(Array(text.utf8)) }

    /// A number from decimal text; it is checked when the item is made.
    package static func number(_ text: String) -> AttributeValue { .number(Array(text.utf8)) }

    package static func number(_ integer: some BinaryInteger) -> AttributeValue { .number(Array(String(integer).utf8)) }
}

/// A name and its value. Names are UTF-8 bytes: two that merely look alike are two names.
package struct Attribute: Hashable, Sendable {
    package var name: [UInt8]
    package var value: AttributeValue

    package init(name: [UInt8], value: AttributeValue) {
        self.name = name
        self.value = value
    }

    package init(_ name: String, _ value: AttributeValue) {
        self.init(name: Array(name.utf8), value: value)
    }
}

/// The attributes of one item, in the order of their names' bytes.
package struct ItemTree: Hashable, Sendable {
    package var attributes: [Attribute]

    package init(attributes: [Attribute]) {
        self.attributes = attributes
    }

    package subscript(_ name: String) -> AttributeValue? {
        attributes.first { $0.name.elementsEqual(name.utf8) }?.value
    }
}
