// SPDX-License-Identifier: Apache-2.0

/// The limits that DynamoDB puts on one item, and those that follow from them.
package enum ItemLimits {
    /// The largest item by DynamoDB's own size rule (names and values, not the JSON text): 400 KB.
    package static let itemBytesMax = 409_600
    /// DynamoDB nests values at most 32 levels, the attribute's own value being the first; one more means hostile or broken input.
    package static let nestingDepthMax = 32
    /// The longest partition key value, in bytes.
    package static let partitionKeyBytesMax = 2048
    /// The longest sort key value, in bytes.
    package static let sortKeyBytesMax = 1024
    /// The longest attribute name, in UTF-8 bytes.
    package static let attributeNameBytesMax = 65_535
    /// The longest name of an attribute that is a key of the table or of an index.
    package static let keyNameBytesMax = 255
    /// Significant digits of a number.
    package static let numberDigitsMax = 38
    /// Decimal exponents of a number's first digit: 1E-130 is the smallest magnitude, 9.99…E+125 the largest.
    package static let numberExponents = -130...125
    /// The longest spelling of a number that is read. DynamoDB itself never needs more than 172 characters; the rest allows zeros.
    package static let numberTextBytesMax = 4096
    /// The longest JSON text that is looked at for one item. A full item of tiny numbers needs some 20 MB; white space and escapes may
    /// inflate it.
    package static let itemTextBytesMax = 67_108_864
}
