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
        guard let base = raw.baseAddress else { return }
        var begin = 0
        while begin < raw.count {
            guard let feed = memchr(base + begin, 0x0A, raw.count - begin) else { throw malformed }
            let end = base.distance(to: UnsafeRawPointer(feed)) + 1
            let line = UnsafeRawBufferPointer(rebasing: raw[begin..<end])
            try body(try ChangeLine(line), line)
            begin = end
        }
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

    /// An object from its `{` to the `}` that belongs to it.
    mutating func object() -> UnsafeRawBufferPointer? {
        let begin = at
        var depth = 0
        var isText = false
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if isText {
                if byte == UInt8(ascii: "\\") { at += 1 } else if byte == UInt8(ascii: "\"") { isText = false }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isText = true
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
