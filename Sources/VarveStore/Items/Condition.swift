// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// What must hold for an item as it is now, so that a write happens.
package enum Condition: Hashable, Sendable {
    case none
    case exists
    case notExists
    /// The item is still the version that was read.
    case version(Int64)
    /// The item has the attribute (at top level) with exactly this value.
    case equals(String, AttributeValue)

    /// Whether it holds for an item, or for none.
    func holds(for item: StoredItem?) throws -> Bool {
        switch self {
        case .none: true
        case .exists: item != nil
        case .notExists: item == nil
        case .version(let version): item?.version == version
        case .equals(let attribute, let value): try item?.item.attribute(attribute) == Self.canonical(value)
        }
    }

    /// The value as it would be read back from an item.
    private static func canonical(_ value: AttributeValue) throws -> AttributeValue? {
        try Item(attributes: [Attribute("v", value)]).attribute("v")
    }
}

/// An item as the store has it.
package struct StoredItem: Hashable, Sendable {
    package let item: Item
    /// Changes with every change of the item, and is never used again for another of the same row.
    package let version: Int64
}
