// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VarveConfig
import VarveTestKit

@Suite struct SchemaTests {
    /// With VARVE_WRITE_SCHEMA set, the published files are written anew instead.
    @Test(arguments: [
        ("varve.schema.json", JSONSchema.configuration), ("job.schema.json", JSONSchema.job),
        ("schedule.schema.json", JSONSchema.schedule),
    ])
    func `the published schema is the one that the reader's table makes`(name: String, schema: String) throws {
        let file = Checkout.root.appending("Documentation/schema").appending(name)
        if ProcessInfo.processInfo.environment["VARVE_WRITE_SCHEMA"] != nil {
            try Data(schema.utf8).write(to: URL(fileURLWithPath: file.string))
        }
        let published = String(decoding: try readFile(file), as: UTF8.self)
        #expect(published == schema, "Run the tests with VARVE_WRITE_SCHEMA=1 to publish the changed schema.")
        #expect(try JSONSerialization.jsonObject(with: Data(schema.utf8)) is [String: Any])
    }

    /// A key that the schema has and no example shows is one that nobody finds.
    @Test func `the examples show every key of the schemas`() throws {
        for (schema, example) in [
            (JSONSchema.configuration, "varve.yaml"), (JSONSchema.job, "Jobs/nightly.yaml"),
            (JSONSchema.schedule, "Schedules/nightly.yaml"),
        ] {
            let text = String(decoding: try readFile(Checkout.root.appending(example)), as: UTF8.self)
            let root = try JSONSerialization.jsonObject(with: Data(schema.utf8))
            let keys = Self.keys(in: root)
            #expect(keys.count > 5)
            for key in keys {
                #expect(text.contains("\(key):"), "\(example) does not show '\(key)'.")
            }
        }
    }

    private static func keys(in schema: Any) -> Set<String> {
        if let list = schema as? [Any] { return list.reduce(into: []) { $0.formUnion(keys(in: $1)) } }
        guard let table = schema as? [String: Any] else { return [] }
        let own = (table["properties"] as? [String: Any]).map { Set($0.keys) } ?? []
        return table.reduce(into: own) { $0.formUnion(keys(in: $1.value)) }
    }
}
