// SPDX-License-Identifier: Apache-2.0

/// The limits of one condition: DynamoDB's for expressions, and two of our own.
package enum ConditionLimits {
    /// The longest condition, in bytes: DynamoDB's limit for one expression.
    package static let textBytesMax = 4096
    /// Comparators, functions, AND, OR, NOT, BETWEEN and IN of one condition: DynamoDB's limit.
    package static let operatorsMax = 300
    /// Values of one IN: DynamoDB's limit.
    package static let listedMax = 100
    /// How deep parentheses and NOT nest. More say nothing that fewer do not, and reading them needs stack.
    package static let nestingDepthMax = 64
    /// Names and positions of one path: no value of an item lies deeper.
    package static let pathStepsMax = ItemLimits.nestingDepthMax
    /// Digits of a position in a list. No list of an item is as long.
    package static let positionDigitsMax = 9
}
