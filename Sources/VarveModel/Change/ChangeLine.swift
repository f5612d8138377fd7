// SPDX-License-Identifier: Apache-2.0

import Glibc

/// One line of a log segment: a change of one item, in the shape of DynamoDB's incremental exports.
///
/// `{"Metadata":{…},"Keys":{…},"NewImage":{…},"OldImage":{…}}` + a line feed. Keys and images are canonical items, spliced in as they are; an image
/// that the change does not have is left out. Layout: Documentation/Formats.md#change-lines.
package struct ChangeLine {
    /// What a line says of the change beside its images.
    package struct Metadata: Equatable, Sendable {
        /// The effective time: never before that of any change that comes before it in its lineage.
        package let time: Instant
        /// What the stream itself gave as time, where that was earlier.
        package let sourceTime: Instant?
        package let position: ChangePosition
        package let shard: String
        /// `INSERT`, `MODIFY` or `REMOVE`.
        package let event: String
        /// Who did it, where the stream says so.
        package let actor: String?
        /// The sweep or other run that did it.
        package let run: String?

        package init(
            time: Instant, sourceTime: Instant? = nil, position: ChangePosition, shard: String, event: String,
            actor: String?, run: String?
        ) {
            self.time = time
            self.sourceTime = sourceTime
            self.position = position
            self.shard = shard
            self.event = event
            self.actor = actor
            self.run = run
        }
    }

    package let metadata: Metadata
    /// Canonical items, lent as long as the line is.
    package let keys: UnsafeRawBufferPointer
    package let newImage: UnsafeRawBufferPointer?
    package let oldImage: UnsafeRawBufferPointer?
}

// MARK: - Writing

extension ChangeLine {
    /// Appends a line.
    package static func append(
        _ metadata: Metadata, keys: [UInt8], newImage: [UInt8]?, oldImage: [UInt8]?, to lines: inout [UInt8]
    ) {
        lines.append(contentsOf: #"{"Metadata":{"WriteTimestampMicros":{"N":""#.utf8)
        lines.append(contentsOf: String(metadata.time.microseconds).utf8)
        lines.append(contentsOf: #""},"SequenceNumber":{"S":""#.utf8)
        lines.append(contentsOf: metadata.position.text.utf8)
        lines.append(contentsOf: #""},"ShardId":{"S":"#.utf8)
        lines.append(contentsOf: JSON.string(metadata.shard).text())
        lines.append(contentsOf: #"},"EventName":{"S":""#.utf8)
        lines.append(contentsOf: metadata.event.utf8)
        lines.append(contentsOf: #""}"#.utf8)
        if let actor = metadata.actor { appendText("Actor", actor, to: &lines) }
        if let run = metadata.run { appendText("Run", run, to: &lines) }
        if let time = metadata.sourceTime {
            lines.append(contentsOf: #","SourceTimestampMicros":{"N":""#.utf8)
            lines.append(contentsOf: String(time.microseconds).utf8)
            lines.append(contentsOf: #""}"#.utf8)
        }
        lines.append(contentsOf: #"},"Keys":"#.utf8)
        lines.append(contentsOf: keys)
        if let newImage {
            lines.append(contentsOf: #","NewImage":"#.utf8)
            lines.append(contentsOf: newImage)
        }
        if let oldImage {
            lines.append(contentsOf: #","OldImage":"#.utf8)
            lines.append(contentsOf: oldImage)
        }
        lines.append(contentsOf: "}\n".utf8)
    }

    private static func appendText(_ name: String, _ value: String, to lines: inout [UInt8]) {
        lines.append(contentsOf: #",""#.utf8)
        lines.append(contentsOf: name.utf8)
        lines.append(contentsOf: #"":{"S":"#.utf8)
        lines.append(contentsOf: JSON.string(value).text())
        lines.append(UInt8(ascii: "}"))
    }
}

// MARK: - Reading

extension ChangeLine {
    /// Hands out each line of a data file; the last one has an end, too.
    package static func forEach(
        of raw: UnsafeRawBufferPointer, _ body: (ChangeLine, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try Lines.forEach(of: raw) { try body(try ChangeLine($0), $0) }
    }

    /// Takes a line apart, with or without its line feed.
    package init(_ line: UnsafeRawBufferPointer) throws {
        var reader = LineParts(line)
        guard reader.take(#"{"Metadata":"#), let head = reader.object(), reader.take(#","Keys":"#),
            let keys = reader.object()
        else { throw Self.malformed }
        self.keys = keys
        newImage = reader.take(#","NewImage":"#) ? try reader.requiredObject() : nil
        oldImage = reader.take(#","OldImage":"#) ? try reader.requiredObject() : nil
        guard reader.take("}"), reader.isAtEnd, let metadata = Metadata(head) else { throw Self.malformed }
        self.metadata = metadata
    }

    fileprivate static var malformed: ModelError {
        ModelError(
            .malformedJSON,
            "A line of a log segment must read {\"Metadata\":{…},\"Keys\":{…},…}. This data file was not written by Varve."
        )
    }
}

extension ChangeLine.Metadata {
    fileprivate init?(_ bytes: UnsafeRawBufferPointer) {
        guard let json = try? JSON(text: Array(bytes)),
            let time = Self.time(json, "WriteTimestampMicros"),
            let position = json["SequenceNumber"]?["S"]?.string.flatMap({ ChangePosition($0) }),
            let shard = json["ShardId"]?["S"]?.string,
            let event = json["EventName"]?["S"]?.string, ["INSERT", "MODIFY", "REMOVE"].contains(event)
        else { return nil }
        self.init(
            time: time, sourceTime: Self.time(json, "SourceTimestampMicros"), position: position, shard: shard,
            event: event, actor: json["Actor"]?["S"]?.string, run: json["Run"]?["S"]?.string)
    }

    private static func time(_ json: JSON, _ name: String) -> Instant? {
        json[name]?["N"]?.string.flatMap { Int64($0) }.map { Instant(microseconds: $0) }
    }
}

/// The beginning of a line, which is all that must be read to know whether the rest matters: a restore looks at millions of changes and needs
/// the last one of each key.
///
/// What a line that Varve writes says comes in one order, and only that is taken.
package struct ChangeLineHead {
    /// Effective.
    package let time: Instant
    package let position: ChangePosition
    package let isRemoval: Bool
    /// A canonical item with the key attributes only, lent as long as the line is.
    package let keys: UnsafeRawBufferPointer
    private var rest: LineParts

    package init(_ line: UnsafeRawBufferPointer) throws {
        rest = LineParts(line)
        guard rest.take(#"{"Metadata":{"WriteTimestampMicros":{"N":""#), let micros = rest.integer(),
            rest.take(#""},"SequenceNumber":{"S":""#), let position = ChangePosition(rest.digits()),
            let metadata = rest.upTo(#","Keys":"#), let keys = rest.object()
        else { throw ChangeLine.malformed }
        time = Instant(microseconds: micros)
        self.position = position
        self.keys = keys
        isRemoval = metadata.contains(#""EventName":{"S":"REMOVE"}"#)
    }

    /// The item as the change left it; nil where it removed it.
    package func newImage() throws -> UnsafeRawBufferPointer? {
        var rest = rest
        guard rest.take(#","NewImage":"#) else {
            if isRemoval { return nil }
            throw ChangeLine.malformed
        }
        return try rest.requiredObject()
    }

    /// The item as the change found it; nil where it made it.
    package func oldImage() throws -> UnsafeRawBufferPointer? {
        var rest = rest
        if rest.take(#","NewImage":"#) { _ = try rest.requiredObject() }
        return rest.take(#","OldImage":"#) ? try rest.requiredObject() : nil
    }
}

/// Cuts a line into its objects without looking into them.
private struct LineParts {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes.last == 0x0A ? UnsafeRawBufferPointer(rebasing: bytes.dropLast()) : bytes
    }

    var isAtEnd: Bool { at == bytes.count }

    mutating func take(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard bytes.count - at >= count, let base = bytes.baseAddress, memcmp(base + at, text.utf8Start, count) == 0
        else { return false }
        at += count
        return true
    }

    /// The digits that come next, with a sign before them where there is one.
    mutating func digits() -> Substring {
        let begin = at
        while at < bytes.count,
            UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[at] || (at == begin && bytes[at] == UInt8(ascii: "-"))
        {
            at += 1
        }
        return Substring(decoding: bytes[begin..<at], as: UTF8.self)
    }

    mutating func integer() -> Int64? { Int64(digits()) }

    /// What comes before `text`, which is passed. Within a JSON string no quote stands without a backslash, so a text with quotes is found outside only.
    mutating func upTo(_ text: StaticString) -> UnsafeRawBufferPointer? {
        guard let end = UnsafeRawBufferPointer(rebasing: bytes[at...]).firstOffset(of: text) else { return nil }
        let found = UnsafeRawBufferPointer(rebasing: bytes[at..<at + end])
        at += end + text.utf8CodeUnitCount
        return found
    }

    /// Passes a string, from behind its first quote to behind its last.
    private mutating func skipText() {
        guard let base = bytes.baseAddress else { return }
        while at < bytes.count {
            guard let quote = memchr(base + at, Int32(UInt8(ascii: "\"")), bytes.count - at) else {
                at = bytes.count
                return
            }
            let end = base.distance(to: UnsafeRawPointer(quote))
            var slashes = end
            while slashes > at, bytes[slashes - 1] == UInt8(ascii: "\\") { slashes -= 1 }
            at = end + 1
            // An odd number of backslashes before a quote makes it one of the text.
            if (end - slashes).isMultiple(of: 2) { return }
        }
    }

    /// An object from its `{` to the `}` that belongs to it.
    mutating func object() -> UnsafeRawBufferPointer? {
        let begin = at
        var depth = 0
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\""): skipText()
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            if depth == 0 {
                guard bytes[begin] == UInt8(ascii: "{"), at <= bytes.count else { return nil }
                return UnsafeRawBufferPointer(rebasing: bytes[begin..<at])
            }
        }
        return nil
    }

    mutating func requiredObject() throws -> UnsafeRawBufferPointer {
        guard let object = object() else { throw ChangeLine.malformed }
        return object
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func contains(_ text: StaticString) -> Bool { firstOffset(of: text) != nil }

    /// Where `text` begins for the first time.
    fileprivate func firstOffset(of text: StaticString) -> Int? {
        guard let base = baseAddress else { return nil }
        let length = text.utf8CodeUnitCount
        var begin = 0
        while begin + length <= count,
            let found = memchr(base + begin, Int32(text.utf8Start[0]), count - length - begin + 1)
        {
            let offset = base.distance(to: UnsafeRawPointer(found))
            if memcmp(base + offset, text.utf8Start, length) == 0 { return offset }
            begin = offset + 1
        }
        return nil
    }
}
