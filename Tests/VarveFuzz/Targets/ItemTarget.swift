// SPDX-License-Identifier: Apache-2.0

import VarveModel

/// DynamoDB JSON of items: what brings it into canonical form, what checks that form, what reads keys out of it and what decodes it.
enum ItemTarget: FuzzTarget {
    static let name = "item"
    static let inputBytesMax = 16 * 1024
    static let tokens = [
        "{\"S\":\"", "{\"N\":\"", "{\"B\":\"", "{\"BOOL\":true}", "{\"NULL\":true}", "{\"M\":{", "{\"L\":[",
        "{\"SS\":[\"",
        "{\"NS\":[\"", "{\"BS\":[\"", "\"}", "]}", "}}", ",", ":", "\"pk\":", "\"sk\":", "\"ttl\":", "\\u0000",
        "\\u001f",
        "\\ud83d\\ude00", "\\\"", "\\\\", "\\/", "E+125", "E-130", "9.9999999999999999999999999999999999999", "-0",
        "0.5", "false", "{\"Item\":", "AA==", "\u{E9}", "e\u{301}", " ", "\n",
    ]

    // Kept from input to input, as an import keeps it: what one leaves behind must not reach the next.
    nonisolated(unsafe) private static var canonicalizer = Canonicalizer()
    private static let schemas = [
        KeySchema(partition: KeyAttribute(name: "pk", type: .s), sort: KeyAttribute(name: "sk", type: .n)),
        KeySchema(partition: KeyAttribute(name: "pk", type: .n), sort: KeyAttribute(name: "sk", type: .b)),
        KeySchema(partition: KeyAttribute(name: "pk", type: .b)),
    ]

    static func run(_ bytes: UnsafeRawBufferPointer) {
        let before = Array("before".utf8)
        var out = before
        let isItem =
            accepted(ModelError.self, "canonicalizing") {
                try canonicalizer.canonicalize(bytes, into: &out)
            } != nil
        var fresh = before
        var another = Canonicalizer()
        let isItemAgain =
            accepted(ModelError.self, "canonicalizing") {
                try another.canonicalize(bytes, into: &fresh)
            } != nil
        guard isItem == isItemAgain, out == fresh else { violated("a canonicalizer depends on the items before") }
        lookAtRaw(bytes, isItem: isItem)
        guard isItem else {
            if out != before { violated("what could not be canonicalized changed what it is appended to") }
            return
        }
        let canonical = Array(out.dropFirst(before.count))
        let input = Array(bytes)
        guard Item.isCanonical(canonical) else { violated("canonical bytes are not") }
        guard Item.isCanonical(input) == (input == canonical) else { violated("there are two canonical spellings") }
        lookAtLooseReading(canonical)
        lookAtTree(canonical)
        lookAtLine(canonical)
    }

    /// Bytes that may be anything go into what expects canonical ones.
    private static func lookAtRaw(_ bytes: UnsafeRawBufferPointer, isItem: Bool) {
        let input = Array(bytes)
        let isCanonical = Item.isCanonical(input)
        if isCanonical && !isItem { violated("canonical bytes were refused") }
        let item = Item(trusted: input)
        let decodes = accepted(ModelError.self, "decoding") { try item.decode() } != nil
        let size = accepted(ModelError.self, "measuring") { try item.size() }
        guard decodes == isCanonical, (size != nil) == isCanonical else {
            violated("the decoder, the measure and the check differ about what is canonical")
        }
        for schema in schemas {
            let scanner = ItemScanner(schema: schema, timeToLive: "ttl")
            let scanned = accepted(ModelError.self, "scanning") { try scanner.scan(bytes) }
            let keys = accepted(ModelError.self, "taking keys") { try scanner.keys(of: bytes) }
            guard let scanned else { continue }
            guard isCanonical, scanned.size == size else { violated("the scanner takes what the check refuses") }
            guard let keys else { violated("a scanned item has no keys") }
            let key = must("reading a key") { try ItemKey(json: keys, schema: schema) }
            guard key == scanned.key else { violated("an item's key is another when it stands alone") }
            lookAtExpiry(scanned, item)
        }
    }

    private static func lookAtExpiry(_ scanned: ScannedItem, _ item: Item) {
        let value = must("reading an attribute") { try item.attribute("ttl") }
        guard case .number(let digits)? = value else {
            if scanned.timeToLive != nil { violated("an item without a time expires") }
            return
        }
        guard let seconds = scanned.timeToLive else { violated("an item with a time does not expire") }
        // Whole numbers of up to 18 digits say themselves.
        let text = String(decoding: digits, as: UTF8.self)
        if let whole = Int64(text), whole != seconds { violated("the time \(text) was read as \(seconds)") }
    }

    /// The reader of any JSON comes to the same bytes as the check of canonical ones.
    private static func lookAtLooseReading(_ canonical: [UInt8]) {
        for spelling in [[0x20] + canonical, canonical + [0x0A]] {
            var out: [UInt8] = []
            must("reading an item loosely") {
                try spelling.withUnsafeBytes { try canonicalizer.canonicalize($0, into: &out) }
            }
            if out != canonical { violated("the loose reader and the canonical one differ") }
        }
    }

    private static func lookAtTree(_ canonical: [UInt8]) {
        let tree = must("decoding") { try Item(trusted: canonical).decode() }
        let encoded = must("encoding") { try Item(attributes: tree.attributes) }
        if encoded.bytes != canonical { violated("an item changes when it is decoded and encoded") }
        let turned = must("encoding backwards") { try Item(attributes: tree.attributes.reversed()) }
        if turned.bytes != canonical { violated("the order of attributes changes an item") }
    }

    private static func lookAtLine(_ canonical: [UInt8]) {
        var line: [UInt8] = []
        canonical.withUnsafeBytes { ExportLine.append($0, to: &line) }
        let body = must("reading a line") { try line.withUnsafeBytes { Array(try ExportLine.body(of: $0)) } }
        if body != canonical { violated("an item changes in an export line") }
    }
}
