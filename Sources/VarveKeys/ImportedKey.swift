// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
package import SystemPackage
import VarveModel

/// Key material from a file of mode 0600: 64 hexadecimal digits, or the JSON that `varve key export` printed of a customer key.
package struct ImportedKey: Sendable {
    struct Version: Sendable {
        let number: Int
        let key: SymmetricKey
    }

    /// The id that messages name, of an exported key.
    let id: String?
    /// Ascending, at least one.
    let versions: [Version]

    /// An exported key of a thousand versions is shorter.
    private static let bytesMax = 256 * 1024

    package static func load(_ path: FilePath) throws -> ImportedKey {
        let bytes = try PrivateFile.read(path, what: "key file", atMost: bytesMax).bytes
        let text = bytes.filter { $0 > 0x20 }
        if text.first == UInt8(ascii: "{") { return try exported(bytes, path) }
        guard let raw = Hex.decode(text, typed: true), raw.count == 32 else {
            throw KeyError(
                .invalidSecret,
                "The key file '\(path)' holds neither 64 hexadecimal digits nor the JSON that 'varve key export' prints."
            )
        }
        return ImportedKey(id: nil, versions: [Version(number: 1, key: SymmetricKey(data: raw))])
    }

    private static func exported(_ bytes: [UInt8], _ path: FilePath) throws -> ImportedKey {
        guard let exported = try? JSONDecoder().decode(ExportedKey.self, from: Data(bytes)),
            exported.namespace == KeyStore.namespace
        else {
            throw KeyError(
                .invalidSecret,
                "The key file '\(path)' is no customer key that 'varve key export' printed. Keys of recovery points and kits are not imported."
            )
        }
        var ids: Set<String> = []
        let versions = try exported.versions.map { version in
            let parts = version.name.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 2, RandomID.isValid(String(parts[0])), parts[1] == "\(version.version)",
                version.version > 0,
                let raw = Hex.decode(version.hex.utf8, typed: true), raw.count == 32
            else {
                throw KeyError(
                    .invalidSecret,
                    "The key file '\(path)' has a version that is no key. It was changed since its export.")
            }
            ids.insert(String(parts[0]))
            return Version(number: version.version, key: SymmetricKey(data: raw))
        }
        guard ids.count == 1, let id = ids.first,
            zip(versions, versions.dropFirst()).allSatisfy({ $0.number < $1.number })
        else {
            throw KeyError(
                .invalidSecret,
                "The key file '\(path)' holds versions of no key or of several. It was changed since its export.")
        }
        return ImportedKey(id: id, versions: versions)
    }
}

extension ImportedKey: CustomStringConvertible, CustomReflectable {
    package var description: String { "ImportedKey(\(id ?? "new"))" }
    package var customMirror: Mirror { Mirror(self, children: ["versions": versions.count]) }
}
