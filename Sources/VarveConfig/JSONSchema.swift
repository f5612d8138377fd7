// SPDX-License-Identifier: Apache-2.0

/// The published JSON Schemas (draft 7, which editors know best), made from the very tables that the reader checks files against.
package enum JSONSchema {
    /// Of `varve.yaml`; published as `Documentation/schema/varve.schema.json`.
    package static let configuration = schema(
        title: "varve.yaml", "Stores, vaults, keys and defaults of a Varve home.", KnownKeys.configuration)

    /// Of `Jobs/*.yaml`; published as `Documentation/schema/job.schema.json`.
    package static let job = schema(title: "Jobs/*.yaml", "What a Varve job does, step by step.", KnownKeys.job)

    /// Of `Schedules/*.yaml`; published as `Documentation/schema/schedule.schema.json`.
    package static let schedule = schema(title: "Schedules/*.yaml", "When a Varve job runs.", KnownKeys.schedule)

    private static func schema(title: String, _ summary: String, _ table: KeyTable) -> String {
        let head: [(String, Document)] = [
            ("$schema", .text("http://json-schema.org/draft-07/schema#")),
            ("title", .text(title)),
            ("description", .text(summary)),
        ]
        return Document.table(head + members(of: table)).json
    }

    private static func members(of table: KeyTable) -> [(String, Document)] {
        let properties = table.keys.map { key in
            (key.name, Document.table([("description", .text(key.summary))] + members(of: key.shape)))
        }
        let required = table.keys.filter(\.isRequired).map { Document.text($0.name) }
        let choices = table.exactlyOne.map { Document.table([("required", .list([.text($0)]))]) }
        return [("type", .text("object")), ("additionalProperties", .boolean(false))]
            + (required.isEmpty ? [] : [("required", .list(required))])
            + (choices.isEmpty ? [] : [("oneOf", .list(choices))])
            + [("properties", .table(properties))]
    }

    private static func members(of shape: Shape) -> [(String, Document)] {
        switch shape {
        case .keys(let table): members(of: table)
        case .named(let name, let shape):
            [
                ("type", .text("object")),
                ("propertyNames", .table(members(of: .scalar(name)))),
                ("additionalProperties", .table(members(of: shape))),
            ]
        case .list(let shape, let countMax):
            [
                ("type", .text("array")), ("minItems", .integer(1)), ("maxItems", .integer(countMax)),
                ("items", .table(members(of: shape))),
            ]
        case .either(let shapes): [("oneOf", .list(shapes.map { .table(members(of: $0)) }))]
        case .scalar(let scalar): members(of: scalar)
        }
    }

    private static func members(of scalar: ScalarShape) -> [(String, Document)] {
        switch scalar.kind {
        case .text:
            [("type", .text("string")), scalar.pattern.map { ("pattern", .text($0)) } ?? ("minLength", .integer(1))]
        case .integer(let range):
            [
                ("type", .text("integer")), ("minimum", .integer(range.lowerBound)),
                ("maximum", .integer(range.upperBound)),
            ]
        case .boolean: [("type", .text("boolean"))]
        }
    }
}
