// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveModel
import VarvePipeline
import VarveStore
import VarveTestKit

@Suite struct ImportItemsTests {
    private func load(_ text: String, csv: Bool = true) throws -> [String] {
        let home = try PipelineHome()
        _ = try home.store.createTable(
            TableDescription(
                name: "Things",
                keySchema: KeySchema(
                    partition: KeyAttribute(name: "id", type: .s), sort: KeyAttribute(name: "n", type: .n))))
        let file = try home.folder.write("in", text)
        _ = try ImportItems(store: home.store, table: "Things").run(
            [csv ? .csv(file, delimiter: UInt8(ascii: ",")) : .lines(file)], dryRun: false, progress: Progress(),
            stop: StopSignal())
        let page = try home.store.scan("Things")
        return (0..<page.batch.count).map { String(decoding: page.batch.item($0), as: UTF8.self) }.sorted()
    }

    @Test(
        "CSV is read as its standard says",
        arguments: [
            ("id,n,x\na,1,hello\n", [#"{"id":{"S":"a"},"n":{"N":"1"},"x":{"S":"hello"}}"#]),
            ("id,n,x\r\na,1.50,\"say \"\"hi\"\"\"\r\n", [#"{"id":{"S":"a"},"n":{"N":"1.5"},"x":{"S":"say \"hi\""}}"#]),
            (
                "id,n,x\na,1,\"two\nlines, and a comma\"",
                [#"{"id":{"S":"a"},"n":{"N":"1"},"x":{"S":"two\nlines, and a comma"}}"#]
            ),
            (
                "x,n,id\n,1,a\n\n7,2,a\n",
                [#"{"id":{"S":"a"},"n":{"N":"1"}}"#, #"{"id":{"S":"a"},"n":{"N":"2"},"x":{"S":"7"}}"#]
            ),
            ("id,n\r\"a\",1\r\"b\",2", [#"{"id":{"S":"a"},"n":{"N":"1"}}"#, #"{"id":{"S":"b"},"n":{"N":"2"}}"#]),
            ("id,n,x\na,1,\"\"\n", [#"{"id":{"S":"a"},"n":{"N":"1"}}"#]),
        ]) func csv(text: String, items: [String]) throws
    {
        #expect(try load(text) == items)
    }

    @Test(
        "CSV that cannot be taken is refused as a whole",
        arguments: [
            "id,x\na,1\n", "id,n\na\n", "id,n\na,1,2\n", "id,n\na,\"1\n", "id,n\na,\"1\"x\n", "id,n\na,one\n",
            "id,n\na,1\na,1\n",
            "id,n\n,1\n",
        ]) func brokenCSV(text: String) throws
    {
        do {
            _ = try load(text)
            Issue.record("This was taken.")
        } catch let error as PipelineError {
            #expect(error.code == .badInput)
        } catch let error as StoreError {
            #expect(error.code == .duplicateKey)
        }
    }

    @Test(
        "a line is an item in an envelope, however it is spaced, or a bare item",
        arguments: [
            #"{"Item":{"id":{"S":"a"},"n":{"N":"1"}}}"#, #" { "Item" : {"n":{"N":"1.0"}, "id":{"S":"a"}} } "#,
            #"{"n":{"N":"1"},"id":{"S":"a"}}"#,
        ]) func lines(text: String) throws
    {
        #expect(try load(text + "\n", csv: false) == [#"{"id":{"S":"a"},"n":{"N":"1"}}"#])
    }

    @Test func `a bad line is named by its number`() throws {
        let good = (1...3).map { #"{"id":{"S":"a"},"n":{"N":"\#($0)"}}"# }
        for bad in [#"{"id":{"S":"a"}}"#, #"{"id":{"S":"a"},"n":{"S":"4"}}"#, "{", #"{"id":{"S":""},"n":{"N":"4"}}"#] {
            let text = (good + [bad] + good).joined(separator: "\n")
            let error = #expect(throws: PipelineError.self) { _ = try load(text, csv: false) }
            #expect(error?.message.contains("Line 4 ") == true)
        }
    }

    @Test func `an item with an attribute called Item is an item`() throws {
        let text = #"{"Item":{"S":"x"},"id":{"S":"a"},"n":{"N":"1"}}"#
        #expect(try load(text + "\n", csv: false) == [text])
    }
}
