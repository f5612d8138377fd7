// SPDX-License-Identifier: Apache-2.0

/// The limits that DynamoDB puts on a table.
package enum TableLimits {
    package static let nameCharacters = 3...255
    package static let globalIndexesMax = 20
    package static let localIndexesMax = 5
    /// Attributes that all INCLUDE projections of a table name together.
    package static let projectedAttributesMax = 100
    /// Attributes that one INCLUDE projection names.
    package static let projectedAttributesOfIndexMax = 20
    package static let tagsMax = 50
    package static let tagKeyCharacters = 1...128
    package static let tagValueCharactersMax = 256
}

extension TableDescription {
    /// Checks a table's name: 3 to 255 of the letters a-z, A-Z, the digits, `_`, `-` and `.`.
    package static func validate(name: String) throws {
        guard isName(name) else {
            throw ModelError(
                .invalidTableName,
                "A table's name has 3 to 255 characters, each a letter a-z or A-Z, a digit, '_', '-' or '.'. This one has not."
            )
        }
        guard name.utf8.contains(where: { $0 != UInt8(ascii: ".") }) else {
            // The names of folders within a vault are made from it.
            throw ModelError(.invalidTableName, "A table's name needs a character that is not a dot.")
        }
    }

    static func isName(_ name: String) -> Bool {
        TableLimits.nameCharacters.contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    /// Checks every rule that `CreateTable` has and a description can break.
    package func validate() throws {
        try TableDescription.validate(name: name)
        try validateDefinitions()
        try validate(keySchema, of: "the table")
        try validateIndexes()
        try validateProjections()
        if case .provisioned(let throughput) = billing {
            try validate(throughput, of: "the table")
        }
        if let timeToLive, !(1...255).contains(timeToLive.attribute.utf8.count) {
            throw ModelError(.invalidTable, "The name of the time-to-live attribute must have 1 to 255 bytes.")
        }
        if let stream, stream.enabled != (stream.view != nil) {
            throw ModelError(
                .invalidTable, "A stream that is enabled has a StreamViewType, and one that is disabled has none.")
        }
        if encryption.class == .owned, encryption.key != nil {
            throw ModelError(
                .invalidTable, "A table under an owned key names no key. Choose a managed or a customer key instead.")
        }
        try validateTags()
    }

    private func validateDefinitions() throws {
        var names: Set<[UInt8]> = []
        for attribute in attributeDefinitions {
            guard names.insert(Array(attribute.name.utf8)).inserted else {
                throw ModelError(
                    .invalidTable, "Attribute '\(attribute.name)' is defined twice in AttributeDefinitions.")
            }
        }
        // A kind of index that is not understood may use the rest.
        if unknown.contains(where: { $0.name.hasSuffix("Indexes") }) { return }
        let used = ([keySchema] + (globalIndexes + localIndexes).map(\.keySchema)).flatMap(\.attributes)
        for attribute in attributeDefinitions where !used.contains(attribute) {
            throw ModelError(
                .invalidTable,
                "Attribute '\(attribute.name)' is defined but is no key of the table or an index. Remove it from AttributeDefinitions."
            )
        }
    }

    private func validate(_ schema: KeySchema, of owner: String) throws {
        for attribute in schema.attributes {
            guard (1...ItemLimits.keyNameBytesMax).contains(attribute.name.utf8.count) else {
                throw ModelError(
                    .invalidTable,
                    "The name of a key attribute of \(owner) must have 1 to \(ItemLimits.keyNameBytesMax) bytes.")
            }
            guard attributeDefinitions.contains(attribute) else {
                throw ModelError(
                    .invalidTable,
                    "Attribute '\(attribute.name)' is a key of \(owner) but is not defined. Add it to AttributeDefinitions with its type."
                )
            }
        }
        if let sort = schema.sort, sort.name.utf8.elementsEqual(schema.partition.name.utf8) {
            throw ModelError(.invalidTable, "The HASH and RANGE keys of \(owner) must be two different attributes.")
        }
    }

    private func validateIndexes() throws {
        guard globalIndexes.count <= TableLimits.globalIndexesMax else {
            throw ModelError(
                .invalidTable, "A table has at most \(TableLimits.globalIndexesMax) global secondary indexes.")
        }
        guard localIndexes.count <= TableLimits.localIndexesMax else {
            throw ModelError(
                .invalidTable, "A table has at most \(TableLimits.localIndexesMax) local secondary indexes.")
        }
        var names: Set<String> = []
        for index in globalIndexes + localIndexes {
            guard TableDescription.isName(index.name) else {
                throw ModelError(
                    .invalidTable,
                    "An index's name has 3 to 255 characters, each a letter a-z or A-Z, a digit, '_', '-' or '.'. One has not."
                )
            }
            guard names.insert(index.name).inserted else {
                throw ModelError(.invalidTable, "Two indexes are called '\(index.name)'.")
            }
            try validate(index.keySchema, of: "index '\(index.name)'")
        }
        for index in globalIndexes {
            guard let throughput = index.throughput else { continue }
            guard billing != .onDemand else {
                throw ModelError(
                    .invalidTable, "Index '\(index.name)' has ProvisionedThroughput, but its table is billed on demand."
                )
            }
            try validate(throughput, of: "index '\(index.name)'")
        }
        for index in localIndexes {
            guard keySchema.sort != nil else {
                throw ModelError(.invalidTable, "Local index '\(index.name)' needs a table with a RANGE key.")
            }
            guard index.keySchema.partition == keySchema.partition else {
                throw ModelError(.invalidTable, "Local index '\(index.name)' must have the table's own HASH key.")
            }
            guard index.keySchema.sort != nil else {
                throw ModelError(.invalidTable, "Local index '\(index.name)' needs a RANGE key.")
            }
            guard index.throughput == nil else {
                throw ModelError(
                    .invalidTable, "Local index '\(index.name)' shares its table's throughput and has none of its own.")
            }
        }
    }

    private func validateProjections() throws {
        var total = 0
        for index in globalIndexes + localIndexes {
            guard case .include(let names) = index.projection else { continue }
            total += names.count
            guard (1...TableLimits.projectedAttributesOfIndexMax).contains(names.count),
                Set(names.map { Array($0.utf8) }).count == names.count,
                names.allSatisfy({ (1...ItemLimits.keyNameBytesMax).contains($0.utf8.count) })
            else {
                throw ModelError(
                    .invalidTable,
                    "Index '\(index.name)' must include 1 to \(TableLimits.projectedAttributesOfIndexMax) different attributes."
                )
            }
        }
        guard total <= TableLimits.projectedAttributesMax else {
            throw ModelError(
                .invalidTable,
                "The indexes of a table include at most \(TableLimits.projectedAttributesMax) attributes together.")
        }
    }

    private func validate(_ throughput: Throughput, of owner: String) throws {
        guard throughput.read >= 1, throughput.write >= 1 else {
            throw ModelError(.invalidTable, "ProvisionedThroughput of \(owner) must be at least 1 and 1.")
        }
    }

    private func validateTags() throws {
        guard tags.count <= TableLimits.tagsMax, Set(tags.map { Array($0.key.utf8) }).count == tags.count else {
            throw ModelError(
                .invalidTable, "A table has at most \(TableLimits.tagsMax) tags, each with a key of its own.")
        }
        for tag in tags {
            guard TableLimits.tagKeyCharacters.contains(tag.key.unicodeScalars.count),
                tag.value.unicodeScalars.count <= TableLimits.tagValueCharactersMax
            else {
                throw ModelError(.invalidTable, "A tag's key has 1 to 128 characters and its value at most 256.")
            }
        }
    }
}

extension KeySchema {
    fileprivate var attributes: [KeyAttribute] { [partition] + (sort.map { [$0] } ?? []) }
}
