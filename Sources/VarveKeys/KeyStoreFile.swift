// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import SystemPackage
import VarveModel
import VarveSeal

/// The file of a key store: three lines of ASCII text, each ended by a line feed (0x0A), mode 0600.
///
/// 1. The header, a JSON object with sorted names: `format` (1 or 2), `kdf`, `type` (`varve-key-store`). `kdf` is either
///    `{"n":131072,"name":"scrypt","p":1,"r":8,"salt":"<base64>"}` or `{"name":"rootKey","salt":"<base64>"}`; the salt
///    has 32 bytes.
/// 2. The base64 of one sealed message (Documentation/Formats.md#envelope) to a raw AES key with namespace
///    `varve-key-store` and name `1`, derived
///    from the secret as ``KeyDerivation`` has it. Its encryption context is `varve:part` = `key-store` and
///    `varve:header` = the SHA-256
///    of line 1, its line feed included, in hexadecimal digits. Its plaintext is the JSON of ``KeyStoreContents``.
/// 3. The SHA-256 of lines 1 and 2, line feeds included, in hexadecimal digits. It tells damage from a wrong secret.
struct KeyStoreFile {
    /// Format 2 added states, tags and times of deletion to the contents; a file is written in the oldest format that says all of it.
    static let formatNewest = 2
    static let type = "varve-key-store"
    /// A key takes about 300 bytes; this is tens of thousands of keys.
    static let bytesMax = 16 * 1024 * 1024
    static let saltBytes = 32
    private static let what = "key store"

    private struct Header: Codable {
        struct Derivation: Codable {
            var name: String
            var salt: String
            var n: Int?
            var r: Int?
            var p: Int?
        }
        var format: Int
        var kdf: Derivation
        var type: String
    }

    /// Only what every version's header has.
    private struct Beginning: Codable {
        var format: Int
        var type: String
    }

    /// Line 1 without its line feed.
    private(set) var header: [UInt8]
    private(set) var derivation: KeyDerivation
    private(set) var salt: [UInt8]

    /// A new file's header, with a fresh salt.
    init(derivation: KeyDerivation) throws {
        salt = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
        self.derivation = derivation
        var kdf = Header.Derivation(name: "rootKey", salt: Data(salt).base64EncodedString())
        if case .scrypt(let cost) = derivation {
            precondition(cost.isAcceptable, "scrypt's cost is out of bounds")
            kdf = Header.Derivation(name: "scrypt", salt: kdf.salt, n: cost.n, r: cost.r, p: cost.p)
        }
        header = try Self.encoder.encode(Header(format: 1, kdf: kdf, type: Self.type)).map { $0 }
    }

    /// Reads lines and header; finds damage and newer formats, needs no secret.
    ///
    /// - Returns: The header and the sealed message.
    static func parse(_ bytes: [UInt8], path: FilePath) throws -> (file: KeyStoreFile, message: [UInt8]) {
        func damaged(_ detail: String) -> KeyError {
            KeyError(
                .damaged,
                "The key store '\(path)' is damaged: \(detail). Put back a copy of it, or make a new one from "
                    + "the recovery kit."
            )
        }
        let lines = bytes.split(separator: 0x0a, maxSplits: 3, omittingEmptySubsequences: false)
        guard let first = lines.first, let beginning = try? JSONDecoder().decode(Beginning.self, from: Data(first)),
            beginning.type == Self.type
        else { throw damaged("its first line is not a key store's") }
        guard beginning.format <= Self.formatNewest else {
            throw KeyError(
                .newerFormat,
                "The key store '\(path)' has format \(beginning.format), but this version of Varve knows formats "
                    + "up to \(Self.formatNewest). Use a newer Varve."
            )
        }
        guard lines.count == 4, lines[3].isEmpty else {
            throw damaged("it does not have three lines; it was cut short or added to")
        }
        let digest = SHA256.hash(data: bytes[..<lines[2].startIndex])
        guard lines[2].elementsEqual(Hex.text(digest).utf8) else { throw damaged("its checksum does not hold") }
        guard beginning.format >= 1, let header = try? JSONDecoder().decode(Header.self, from: Data(first)),
            let salt = Data(base64Encoded: header.kdf.salt), salt.count == Self.saltBytes,
            let message = Data(base64Encoded: Data(lines[1]))
        else { throw damaged("its first two lines do not have the form of format \(beginning.format)") }
        let derivation: KeyDerivation
        switch header.kdf.name {
        case "rootKey": derivation = .rootKey
        case "scrypt":
            guard let n = header.kdf.n, let r = header.kdf.r, let p = header.kdf.p,
                ScryptCost(n: n, r: r, p: p).isAcceptable
            else {
                throw damaged("it asks for a cost of scrypt that is out of bounds")
            }
            derivation = .scrypt(ScryptCost(n: n, r: r, p: p))
        default: throw damaged("it names a key derivation that is not known")
        }
        return (KeyStoreFile(header: Array(first), derivation: derivation, salt: Array(salt)), Array(message))
    }

    /// Opens the message of line 2.
    func open(_ message: [UInt8], with key: SymmetricKey, path: FilePath) throws -> KeyStoreContents {
        do {
            let plaintext = try Message.open(message, keys: [wrapper(key)], expecting: try context()).plaintext
            let contents = try Self.decoder.decode(KeyStoreContents.self, from: Data(plaintext))
            let format = try JSONDecoder().decode(Beginning.self, from: Data(header)).format
            guard contents.isSound, contents.format <= format else {
                throw KeyError(.damaged, "The key store '\(path)' was opened, but what it holds does not fit together.")
            }
            return contents
        } catch let error as SealError where error.code == .noMatchingKey {
            throw KeyError(
                .wrongSecret,
                "The passphrase or root key does not open the key store '\(path)'. The file itself is whole.",
                cause: error)
        } catch let error as SealError {
            throw KeyError(
                .damaged, "The key store '\(path)' is damaged: what it holds does not authenticate.", cause: error)
        } catch let error as DecodingError {
            // A decoding error may quote what it could not read: it is not passed on.
            _ = error
            throw KeyError(.damaged, "The key store '\(path)' was opened, but what it holds is not a list of keys.")
        }
    }

    /// The whole file with these contents.
    func serialized(_ contents: KeyStoreContents, with key: SymmetricKey) throws -> [UInt8] {
        var file = self
        var header = try JSONDecoder().decode(Header.self, from: Data(header))
        header.format = contents.format
        file.header = try Self.encoder.encode(header).map { $0 }
        let plaintext = try Self.encoder.encode(contents)
        let message = try Message.seal(Array(plaintext), context: try file.context(), recipients: [wrapper(key)])
        var bytes = file.header
        bytes.append(0x0a)
        bytes.append(contentsOf: Data(message).base64EncodedString().utf8)
        bytes.append(0x0a)
        bytes.append(contentsOf: Hex.text(SHA256.hash(data: bytes)).utf8)
        bytes.append(0x0a)
        return bytes
    }

    /// Whether another state of the same key store: the same secret opens it.
    func isSame(as other: KeyStoreFile) -> Bool { salt == other.salt && derivation == other.derivation }

    private init(header: [UInt8], derivation: KeyDerivation, salt: [UInt8]) {
        self.header = header
        self.derivation = derivation
        self.salt = salt
    }

    private func context() throws -> EncryptionContext {
        try EncryptionContext(pairs: [
            (name: "varve:header", value: Hex.text(SHA256.hash(data: header + [0x0a]))),
            (name: "varve:part", value: "key-store"),
        ])
    }

    private func wrapper(_ key: SymmetricKey) -> RawAESKey {
        RawAESKey(namespace: "varve-key-store", name: "1", key: key)
    }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return encoder
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return decoder
    }
}
