// SPDX-License-Identifier: Apache-2.0

package import Crypto
package import FoundationEssentials
package import SystemPackage
import VarveModel
package import VarveSeal

/// The escrow key, to be kept apart from machine and vault: with a vault, it is enough to restore everything in it.
///
/// As a file it is JSON (mode 0600); ``printed`` is the same as a page, which ``init(text:)`` reads as well, so that a
/// kit typed from paper works.
/// A checksum finds a slip of the pen in every field but the prose.
package struct RecoveryKit: Codable, Sendable {
    package static let format = 1
    package static let type = "varve-recovery-kit"
    /// The provider id of escrow keys in sealed messages.
    package static let namespace = "varve-escrow"
    /// A kit names a key and some vaults.
    package static let bytesMax = 256 * 1024

    package struct Escrow: Codable, Sendable {
        package var namespace: String
        /// `<key id>.<version>`, as sealed messages name it.
        package var name: String
        /// 64 hexadecimal digits.
        package var hex: String
    }

    package private(set) var format: Int
    package private(set) var type: String
    package private(set) var created: Date
    package private(set) var escrow: Escrow
    /// The ids of the vaults that this kit opens, as far as was known when it was made.
    package private(set) var vaults: [String]
    package private(set) var howTo: String
    package private(set) var checksum: String

    init(escrow: Escrow, created: Date, vaults: [String]) {
        format = Self.format
        type = Self.type
        self.created = created
        self.escrow = escrow
        self.vaults = vaults
        howTo = Self.howTo
        checksum = ""
        checksum = computedChecksum
    }

    /// Reads a kit: the file's JSON, or the printed page as somebody typed it (case and spaces do not matter).
    ///
    /// - Throws: ``KeyError`` `.newerFormat`, or `.damaged` when something is missing or the checksum does not hold.
    package init(text: [UInt8]) throws {
        guard text.count <= Self.bytesMax else { throw Self.damaged("it is longer than a kit can be") }
        if text.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") {
            self = try Self.json(text)
        } else {
            self = try Self.page(text)
        }
        guard escrow.namespace == Self.namespace, material != nil, keyID != nil else {
            throw Self.damaged("its key is not an escrow key")
        }
        guard checksum == computedChecksum else {
            throw Self.damaged("its checksum does not hold; look for a typing error")
        }
    }

    /// Reads a kit's file, whose mode must be 0600.
    package static func load(_ path: FilePath) throws -> RecoveryKit {
        try RecoveryKit(text: try PrivateFile.read(path, what: "recovery kit", atMost: bytesMax).bytes)
    }

    /// Writes a new file of mode 0600; refuses an existing one.
    package func save(at path: FilePath) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        encoder.dateEncodingStrategy = .iso8601
        try PrivateFile.create(path, Array(try encoder.encode(self)) + [0x0a], what: "recovery kit")
    }

    /// A page to print and to keep in a safe place. It holds the key.
    package var printed: String {
        let digits = Array(escrow.hex)
        let groups = stride(from: 0, to: digits.count, by: 4).map { String(digits[$0..<min($0 + 4, digits.count)]) }
        let rows = stride(from: 0, to: groups.count, by: 8).map {
            groups[$0..<min($0 + 8, groups.count)].joined(separator: " ")
        }
        return """
            VARVE RECOVERY KIT

            \(howTo)

            format:    \(format)
            created:   \(created.formatted(.iso8601))
            namespace: \(escrow.namespace)
            name:      \(escrow.name)
            \(rows.map { "key:       \($0)" }.joined(separator: "\n"))
            \((vaults.isEmpty ? [] : vaults.map { "vault:     \($0)" }).joined(separator: "\n"))
            checksum:  \(checksum)

            """
    }

    /// The 32 bytes of the escrow key; `nil` when the kit does not hold 64 hexadecimal digits.
    var material: KeyMaterial? {
        guard let bytes = Hex.decode(escrow.hex.utf8, typed: true), bytes.count == DataKey.byteCount else { return nil }
        return KeyMaterial(key: SymmetricKey(data: bytes))
    }

    /// The escrow key's id and version, from its name.
    var keyID: (id: String, version: Int)? {
        let parts = escrow.name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, RandomID.isValid(String(parts[0])), let version = Int(parts[1]), version > 0,
            "\(version)" == parts[1]
        else { return nil }
        return (String(parts[0]), version)
    }

    /// Opens what was sealed to this kit's key: key files of the vaults.
    package func openKey(_ message: [UInt8], expecting: EncryptionContext) throws -> SymmetricKey {
        guard let material else { throw Self.damaged("its key is not an escrow key") }
        let wrapper = RawAESKey(namespace: escrow.namespace, name: escrow.name, key: material.key)
        return try SealedKey.open(message, with: [wrapper], expecting: expecting, holder: "the recovery kit")
    }

    /// The first 16 hexadecimal digits of the SHA-256 of format, created, namespace, name, key and vaults, each
    /// followed by a line feed.
    private var computedChecksum: String {
        let fields =
            ["\(format)", created.formatted(.iso8601), escrow.namespace, escrow.name, escrow.hex.lowercased()] + vaults
        let text = fields.map { $0 + "\n" }.joined()
        return String(Hex.text(SHA256.hash(data: Array(text.utf8))).prefix(16))
    }

    private static func json(_ text: [UInt8]) throws -> RecoveryKit {
        struct Beginning: Codable {
            var format: Int
            var type: String
        }
        guard let beginning = try? JSONDecoder().decode(Beginning.self, from: Data(text)), beginning.type == type else {
            throw damaged("it is not the JSON of a kit")
        }
        try checkFormat(beginning.format)
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        guard let kit = try? decoder.decode(RecoveryKit.self, from: Data(text)) else {
            throw damaged("fields are missing or broken")
        }
        return kit
    }

    private static func page(_ text: [UInt8]) throws -> RecoveryKit {
        guard let text = String(validating: text, as: UTF8.self) else { throw damaged("it is not text") }
        var fields: [String: [String]] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon].lowercased().filter { !$0.isWhitespace }
            fields[name, default: []].append(line[line.index(after: colon)...].filter { !$0.isWhitespace })
        }
        func field(_ name: String) throws -> String {
            guard let values = fields[name], values.count == 1 else {
                throw damaged("it must have one line '\(name):'")
            }
            return values[0]
        }
        guard let format = Int(try field("format")) else { throw damaged("its format is not a number") }
        try checkFormat(format)
        // The parser of dates is lenient; a typing error must not be.
        let date = try field("created").uppercased()
        guard let created = try? Date(date, strategy: .iso8601), created.formatted(.iso8601) == date else {
            throw damaged("its date is not one")
        }
        // Everything else is in lower case, however it was typed.
        let escrow = Escrow(
            namespace: try field("namespace").lowercased(), name: try field("name").lowercased(),
            hex: fields["key", default: []].joined().lowercased())
        var kit = RecoveryKit(
            escrow: escrow, created: created, vaults: fields["vault", default: []].map { $0.lowercased() })
        kit.checksum = try field("checksum").lowercased()
        return kit
    }

    private static func checkFormat(_ format: Int) throws {
        guard format <= Self.format else {
            throw KeyError(
                .newerFormat,
                "The recovery kit has format \(format), but this version of Varve knows formats up to "
                    + "\(Self.format). Use a newer Varve."
            )
        }
        guard format == Self.format else { throw damaged("its format is \(format)") }
    }

    private static func damaged(_ detail: String) -> KeyError {
        KeyError(.damaged, "The recovery kit cannot be read: \(detail). Compare it with another copy.")
    }

    private static let howTo = """
        This page opens every backup that was sealed to it: whoever has it and a copy of a vault can read
        all that is inside. Keep it apart from both, and from the machine that makes the backups.

        With Varve: 'varve init --vault VAULT --kit FILE HOME' on an empty machine makes a home that opens
        the vaults below. Without Varve: README.txt in each vault says how the key below opens its files
        with the AWS Encryption SDK (a raw AES key with this namespace and name).
        """
}

extension RecoveryKit: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "RecoveryKit(\(escrow.name))" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["name": escrow.name, "vaults": vaults]) }
}

extension RecoveryKit.Escrow: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "RecoveryKit.Escrow(\(name))" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["namespace": namespace, "name": name]) }
}
