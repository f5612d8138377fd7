// SPDX-License-Identifier: Apache-2.0

/// The identifiers that a message is bound to: they stand in its header in clear, and are authenticated.
///
/// Names are unique and ordered by their UTF-8 bytes, as the format wants it. Two contexts are equal when their bytes
/// are: nothing is
/// normalised, so `é` and `e` + accent are two names.
package struct EncryptionContext: Sendable {
    /// The pairs, ascending by the UTF-8 bytes of the name.
    package let pairs: [(name: String, value: String)]

    /// As the header and the associated data of wrapped data keys have it: empty, or count (2), then len16(name),
    /// len16(value) for each pair.
    package let serialized: [UInt8]

    /// - Throws: ``SealError`` `.malformed` when a name occurs twice or begins with `aws-crypto-`, which the format
    ///   keeps for itself;
    ///   `.limitExceeded` when the pairs take more than ``MessageLimits/contextBytesMax``.
    package init(pairs: some Collection<(name: String, value: String)>) throws {
        var total = 2
        for pair in pairs {
            if pair.name.utf8.starts(with: Self.reservedPrefix.utf8) {
                throw SealError(
                    .malformed,
                    "An encryption context cannot hold a name that begins with '\(Self.reservedPrefix)': it is "
                        + "reserved."
                )
            }
            total += 4 + pair.name.utf8.count + pair.value.utf8.count
        }
        guard total <= MessageLimits.contextBytesMax else {
            throw SealError(
                .limitExceeded,
                "The encryption context takes \(total) bytes; at most \(MessageLimits.contextBytesMax) are "
                    + "possible. Use shorter identifiers."
            )
        }
        let sorted = pairs.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for (one, next) in zip(sorted, sorted.dropFirst()) where one.name.utf8.elementsEqual(next.name.utf8) {
            throw SealError(.malformed, "An encryption context cannot hold the name '\(one.name)' twice.")
        }
        self.init(sorted: sorted)
    }

    /// Reads the serialized form (without its own length).
    ///
    /// - Throws: ``SealError`` `.malformed` when lengths do not fit, text is not UTF-8, or names are not strictly
    ///   ascending.
    package init(serialized bytes: [UInt8]) throws {
        guard !bytes.isEmpty else {
            self.init(sorted: [])
            return
        }
        let malformed = SealError(
            .malformed, "The message's encryption context is not well-formed. The message is damaged, or none.")
        var at = 0
        func length() throws -> Int {
            guard bytes.count - at >= 2 else { throw malformed }
            defer { at += 2 }
            return Int(bytes[at]) << 8 | Int(bytes[at + 1])
        }
        func text() throws -> String {
            let count = try length()
            guard bytes.count - at >= count, let text = String(validating: bytes[at..<at + count], as: UTF8.self) else {
                throw malformed
            }
            at += count
            return text
        }
        let count = try length()
        // Each pair takes four bytes at least, so a hostile count ends here and reserves nothing.
        guard count > 0, count * 4 <= bytes.count else { throw malformed }
        var pairs: [(name: String, value: String)] = []
        for _ in 0..<count {
            let name = try text()
            let value = try text()
            if let last = pairs.last, !last.name.utf8.lexicographicallyPrecedes(name.utf8) { throw malformed }
            pairs.append((name, value))
        }
        guard at == bytes.count else { throw malformed }
        self.init(sorted: pairs)
    }

    private init(sorted: [(name: String, value: String)]) {
        pairs = sorted
        var bytes: [UInt8] = []
        if !sorted.isEmpty {
            bytes.append(bigEndian: UInt16(sorted.count))
            for pair in sorted {
                bytes.append(bigEndian: UInt16(pair.name.utf8.count))
                bytes.append(contentsOf: pair.name.utf8)
                bytes.append(bigEndian: UInt16(pair.value.utf8.count))
                bytes.append(contentsOf: pair.value.utf8)
            }
        }
        serialized = bytes
    }

    package subscript(name: String) -> String? {
        pairs.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
    }

    /// The beginning of names that the format keeps for its own use.
    private static let reservedPrefix = "aws-crypto-"
}

extension EncryptionContext: Hashable {
    package static func == (one: Self, other: Self) -> Bool { one.serialized == other.serialized }
    package func hash(into hasher: inout Hasher) { hasher.combine(serialized) }
}

extension EncryptionContext: ExpressibleByDictionaryLiteral {
    /// For the few fixed names that our own code writes. A literal that breaks the rules of ``init(pairs:)`` is a
    /// mistake in the program;
    /// values that come from outside must be short enough to be checked by then.
    package init(dictionaryLiteral elements: (String, String)...) {
        do {
            try self.init(pairs: elements.map { (name: $0.0, value: $0.1) })
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

extension EncryptionContext: CustomStringConvertible {
    package var description: String { "[" + pairs.map { "\($0.name)=\($0.value)" }.joined(separator: ", ") + "]" }
}
