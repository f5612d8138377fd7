// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import VarveModel

/// The condition that items have to meet, as it was at the time that is meant.
struct ConditionOption: ParsableArguments {
    @Option(
        name: .customLong("where"), parsing: .unconditional,
        help:
            "Only the items that met this condition then: DynamoDB's filter expressions with values in place, such as \"Total >= 50 AND Status = 'open'\"."
    ) var text: String?

    var isGiven: Bool { text != nil }

    /// The condition; nil where none was given. What it says is repeated nowhere: it holds values of items.
    func condition() throws -> ItemCondition? {
        guard let text else { return nil }
        do {
            return try ItemCondition(text)
        } catch let error as ModelError {
            throw UsageError(error.message)
        }
    }

    /// What the help of a verb says of conditions.
    static let help = """
        A condition of --where has DynamoDB's comparators (=, <>, <, <=, >, >=, BETWEEN, IN), functions (attribute_exists, attribute_not_exists,
        attribute_type, begins_with, contains, size), AND, OR, NOT and parentheses. Values stand in place: 'text' ('' for a quote), 12.5,
        true, false, null, b'base64'. Names of other characters, or that are keywords, stand in double quotes: "Order Date", Lines[0].sku.
        """
}
