// SPDX-License-Identifier: Apache-2.0

/// The type of a key attribute.
package enum KeyType: String, Hashable, Sendable, CaseIterable {
    case s = "S"
    case n = "N"
    case b = "B"

    /// The letter as it stands in an attribute value.
    var letter: UInt8 {
        switch self {
        case .s: UInt8(ascii: "S")
        case .n: UInt8(ascii: "N")
        case .b: UInt8(ascii: "B")
        }
    }
}

/// The name and type of an attribute that is part of a key. Names are equal when their UTF-8 bytes are.
package struct KeyAttribute: Hashable, Sendable {
    package let name: String
    package let type: KeyType

    package init(name: String, type: KeyType) {
        self.name = name
        self.type = type
    }

    package static func == (left: KeyAttribute, right: KeyAttribute) -> Bool {
        left.type == right.type && left.name.utf8.elementsEqual(right.name.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        for byte in name.utf8 { hasher.combine(byte) }
    }
}

/// Which attributes make the key of a table or an index.
package struct KeySchema: Hashable, Sendable {
    package let partition: KeyAttribute
    package let sort: KeyAttribute?

    package init(partition: KeyAttribute, sort: KeyAttribute? = nil) {
        self.partition = partition
        self.sort = sort
    }
}
