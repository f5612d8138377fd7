// SPDX-License-Identifier: Apache-2.0

package import VarveModel

/// `vault.json`: what a vault is. Written last when a vault is made; without it there is no vault.
package struct VaultDescription: VersionedContent, Equatable {
    package static let kind = "vault"
    package static let formatNewest = 1
    static let path = "vault.json"

    package let format: Int
    /// The vault's identity. What is sealed here is bound to it for ever, wherever copies of it go.
    package let id: String
    package let created: Instant
    /// SHA-256 of README.txt, so that damage to it is found.
    package let readme: Readme
    /// The Varve that made the vault.
    package let tool: String

    package struct Readme: Codable, Sendable, Equatable {
        package let path: String
        package let sha256: String
    }
}
