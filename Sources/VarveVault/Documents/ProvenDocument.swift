// SPDX-License-Identifier: Apache-2.0

package import Crypto
import FoundationEssentials
import VarveModel

/// A small JSON document that proves itself: any byte of it that changes, and any cut, is found.
///
/// Its exact bytes are `{"<kind>":` + body + `,"sha256":"<64 hex digits>"` + (`,"hmac":"<64 hex digits>"`) + `}` + newline. Both digests cover the
/// body's bytes just as they stand in the file, so that a script can check them without knowing JSON. The HMAC, under a key that only the holder of the
/// snapshot key can derive, also finds what was changed on purpose. Format: Documentation/Formats.md#documents.
package struct ProvenDocument: Sendable {
    /// More than any manifest needs (a bundle takes about 250 bytes in one), and small enough to hold in memory.
    package static let bytesMax = 64 * 1024 * 1024

    package let kind: String
    /// The JSON value inside, as it stands in the file.
    package let body: [UInt8]
    /// SHA-256 of the body.
    package let sha256: [UInt8]
    /// HMAC-SHA-256 of the body.
    package let hmac: [UInt8]?

    package init(kind: String, body: [UInt8], key: SymmetricKey? = nil) {
        self.kind = kind
        self.body = body
        sha256 = Array(SHA256.hash(data: body))
        hmac = key.map { Array(HMAC<SHA256>.authenticationCode(for: body, using: $0)) }
    }

    /// Takes a document apart and checks its SHA-256. `name` is what an error calls it.
    package init(kind: String, bytes: [UInt8], name: String) throws {
        let head = Array(#"{""#.utf8) + Array(kind.utf8) + Array(#"":"#.utf8)
        let end = Array("\"}\n".utf8)
        let shaHead = Array(#","sha256":""#.utf8)
        let hmacHead = Array(#","hmac":""#.utf8)
        func damaged() -> VaultError {
            VaultError(.damaged, "'\(name)' is damaged: its bytes are not those that were written.")
        }

        guard bytes.starts(with: head), bytes.suffix(end.count).elementsEqual(end) else { throw damaged() }
        var rest = bytes.dropFirst(head.count).dropLast(end.count)

        /// Takes 64 digits and what stands before them off the end.
        func take(_ head: [UInt8]) -> [UInt8]? {
            guard rest.count >= 64 + head.count, rest.dropLast(64).suffix(head.count).elementsEqual(head) else {
                return nil
            }
            guard let value = Hex.decode(Array(rest.suffix(64))) else { return nil }
            rest = rest.dropLast(64 + head.count)
            return value
        }
        let hmac = take(hmacHead)
        if hmac != nil {
            guard rest.last == UInt8(ascii: "\"") else { throw damaged() }
            rest = rest.dropLast()
        }
        guard let sha256 = take(shaHead) else { throw damaged() }
        let body = Array(rest)
        guard SHA256.hash(data: body) == sha256 else { throw damaged() }
        self.kind = kind
        self.body = body
        self.sha256 = sha256
        self.hmac = hmac
    }

    /// The document as it is stored.
    package var bytes: [UInt8] {
        var bytes = Array("{\"\(kind)\":".utf8)
        bytes += body
        bytes += Array(",\"sha256\":\"".utf8) + Hex.utf8(sha256)
        if let hmac { bytes += Array("\",\"hmac\":\"".utf8) + Hex.utf8(hmac) }
        bytes += Array("\"}\n".utf8)
        return bytes
    }

    /// SHA-256 of the body as hexadecimal digits, as it stands in the document.
    package var sha256Text: String { Hex.text(sha256) }

    /// Checks the HMAC, in constant time.
    package func authenticate(_ key: SymmetricKey, name: String) throws {
        guard let hmac else {
            throw VaultError(.damaged, "'\(name)' carries no HMAC although its kind does. It was changed.")
        }
        guard HMAC<SHA256>.isValidAuthenticationCode(hmac, authenticating: body, using: key) else {
            throw VaultError(
                .damaged,
                "'\(name)' is not what was written under its snapshot key: its HMAC does not hold. It was changed.")
        }
    }
}

/// A document's content that says which version of the format it has.
package protocol VersionedContent: Codable, Sendable {
    static var kind: String { get }
    /// The version that this Varve writes, and the newest that it reads.
    static var formatNewest: Int { get }
    var format: Int { get }
}

extension ProvenDocument {
    private struct Version: Decodable { let format: Int }

    /// Encodes `content` with sorted members.
    package static func encode<Content: VersionedContent>(
        _ content: Content, key: SymmetricKey? = nil
    ) throws -> ProvenDocument {
        ProvenDocument(kind: Content.kind, body: try DocumentCoding.encode(content), key: key)
    }

    /// Reads a document of this kind of content: first its proof, then its version, then the rest.
    package static func decode<Content: VersionedContent>(
        _ type: Content.Type, _ bytes: [UInt8], name: String
    ) throws -> (document: ProvenDocument, content: Content) {
        let document = try ProvenDocument(kind: Content.kind, bytes: bytes, name: name)
        do {
            let body = try JSONText(document.body, atMost: bytesMax)
            let format = try body.decode(Version.self).format
            guard format <= Content.formatNewest else {
                throw VaultError(
                    .newerFormat,
                    "'\(name)' has format \(format); this Varve reads up to \(Content.formatNewest). Use a newer Varve."
                )
            }
            guard format >= 1 else {
                throw VaultError(.damaged, "'\(name)' has format \(format), which no Varve wrote.")
            }
            return (document, try body.decode(Content.self))
        } catch let error as VaultError {
            throw error
        } catch {
            // A DecodingError names members, never the content of items: documents hold none.
            throw VaultError(
                .damaged, "'\(name)' is whole but no \(Content.kind) that this Varve understands.", cause: error)
        }
    }
}

/// How documents are spelt: members sorted, slashes as they are.
enum DocumentCoding {
    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value))
        } catch {
            throw VaultError(.misuse, "A document could not be encoded.", cause: error)
        }
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8], name: String) throws -> Value {
        do {
            return try JSONText(bytes, atMost: ProvenDocument.bytesMax).decode(type)
        } catch {
            throw VaultError(.damaged, "'\(name)' is not JSON of the form that belongs there.", cause: error)
        }
    }
}
