// SPDX-License-Identifier: Apache-2.0

package import SystemPackage

/// `varve.yaml`, read and checked: which stores, vaults and keys there are, and what holds by default.
///
/// ```swift
/// let file = try VarveConfiguration.locate(option, from: workingFolder, home: home)
/// let configuration = try VarveConfiguration.read(file)
/// let job = try Job.read("nightly", for: configuration)
/// ```
///
/// Every path is absolute. To teach it a new key: a row in ``KnownKeys``, a property here, and its line in `VarveConfiguration+Reading.swift`.
package struct VarveConfiguration: Sendable, Equatable {
    /// The file it was read from.
    package let file: FilePath
    package let keys: KeyStoreDefinition
    /// In the file's order.
    package let stores: [StoreDefinition]
    /// In the file's order.
    package let vaults: [VaultDefinition]
    /// The folder of this home's own record of commits.
    package let state: FilePath
    package let defaults: Defaults
    /// In the file's order: of those that mean a table, the last one holds.
    package let retention: [RetentionSetting]

    package struct Defaults: Hashable, Sendable {
        package let compression: Compression
        /// nil: one for each core.
        package let workers: Int?
    }

    /// The folder that relative paths count from, and beside whose `Jobs` folder the file lies.
    package var folder: FilePath { file.removingLastComponent() }

    package func store(named name: String) throws(ConfigError) -> StoreDefinition {
        try Self.find(name, in: stores, name: \.name, kind: "store")
    }

    package func vault(named name: String) throws(ConfigError) -> VaultDefinition {
        try Self.find(name, in: vaults, name: \.name, kind: "vault")
    }

    /// The store that is meant where a command or job names none: the only one.
    package func onlyStore() throws(ConfigError) -> StoreDefinition {
        try Self.only(stores, name: \.name, kind: "store")
    }

    /// The vault that is meant where a command or job names none: the only one.
    package func onlyVault() throws(ConfigError) -> VaultDefinition {
        try Self.only(vaults, name: \.name, kind: "vault")
    }

    /// The vault to copy from where none is named: the only one that is not among `targets`.
    package func onlyVault(but targets: [String]) throws(ConfigError) -> String {
        let others = vaults.map(\.name).filter { !targets.contains($0) }
        if let first = others.first, others.count == 1 { return first }
        throw ConfigError(
            .unknownName,
            others.isEmpty
                ? "varve.yaml names no other vault to copy from. Add one under 'vaults'."
                : "varve.yaml names several vaults to copy from. Say which: \(others.joined(separator: ", ")).")
    }

    private static func find<Definition>(
        _ name: String, in definitions: [Definition], name nameOf: (Definition) -> String, kind: String
    ) throws(ConfigError) -> Definition {
        if let found = definitions.first(where: { nameOf($0) == name }) { return found }
        let known = definitions.map(nameOf)
        let hint =
            nearest(to: name, among: known).map { "The nearest name is '\($0)'." }
            ?? (known.isEmpty ? "It names no \(kind) at all." : "It knows: \(known.joined(separator: ", ")).")
        throw ConfigError(.unknownName, "varve.yaml names no \(kind) '\(name)'. \(hint)")
    }

    private static func only<Definition>(
        _ definitions: [Definition], name nameOf: (Definition) -> String, kind: String
    ) throws(ConfigError) -> Definition {
        if let first = definitions.first, definitions.count == 1 { return first }
        throw ConfigError(
            .unknownName,
            definitions.isEmpty
                ? "varve.yaml names no \(kind). Add one under '\(kind)s'."
                : "varve.yaml names several \(kind)s. Say which: \(definitions.map(nameOf).joined(separator: ", ")).")
    }
}

/// Where the wrapping keys are, and what opens them.
package struct KeyStoreDefinition: Hashable, Sendable {
    package let file: FilePath
    package let protection: Protection

    package enum Protection: Hashable, Sendable {
        /// The file with the root key.
        case rootKey(FilePath)
        case passphrase(PassphraseSource)
    }
}

/// Where a passphrase comes from; never the passphrase itself.
package enum PassphraseSource: Hashable, Sendable {
    case file(FilePath)
    /// The variable's name.
    case environment(String)
    /// A program and its arguments.
    case command([String])
}

/// An embedded store.
package struct StoreDefinition: Hashable, Sendable {
    package let name: String
    package let folder: FilePath
    package let changeRetention: Duration
    package let walBytesMax: ByteCount

    /// As long as DynamoDB's own streams keep changes.
    package static let changeRetentionStandard = Duration.seconds(86_400)
    /// Minutes of the fastest writing, and space that a machine with a store has.
    package static let walBytesStandard = ByteCount(bytes: 4 << 30)
}

/// A vault in a directory.
package struct VaultDefinition: Hashable, Sendable {
    package let name: String
    package let directory: FilePath
    /// `owned`, `managed` or `alias/NAME`, as the key store takes it.
    package let key: String
}
