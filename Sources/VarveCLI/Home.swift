// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SystemPackage
import VarveConfig
import VarveKeys
import VarveStore
import VarveVault

/// What a configuration names, opened when a verb first needs it.
///
/// A verb that reads only the vault never opens a store, and one that lists never asks for the key store's secret.
final class Home {
    let configuration: VarveConfiguration
    private var openKeys: KeyStore?
    private var openStores: [String: EmbeddedStore] = [:]
    private var openVaults: [String: Vault] = [:]

    init(configurationFile: String?) throws {
        configuration = try VarveConfiguration.read(try Home.locate(configurationFile))
    }

    /// The configuration file that `--config` names, or the first of the search order that is there.
    static func locate(_ given: String?) throws -> FilePath {
        let environment = ProcessInfo.processInfo.environment
        return try VarveConfiguration.locate(
            given.map { FilePath($0) }, from: FilePath(FileManager.default.currentDirectoryPath),
            home: environment["HOME"].map { FilePath($0) })
    }

    func keys() throws -> KeyStore {
        if let openKeys { return openKeys }
        let keys = try KeyStore.open(at: configuration.keys.file, protection: try Home.protection(configuration.keys))
        openKeys = keys
        return keys
    }

    // MARK: Stores

    /// The store with that name, or the only one where no name is given.
    func store(_ name: String?) throws -> (name: String, store: EmbeddedStore) {
        let definition = try name.map { try configuration.store(named: $0) } ?? configuration.onlyStore()
        if let open = openStores[definition.name] { return (definition.name, open) }
        let store = try EmbeddedStore.open(at: definition.folder, keys: try keys(), options: Home.options(definition))
        openStores[definition.name] = store
        return (definition.name, store)
    }

    static func options(_ definition: StoreDefinition) -> StoreOptions {
        var options = StoreOptions()
        options.changeRetentionSeconds = definition.changeRetention.components.seconds
        options.walBytesMax = definition.walBytesMax.bytes
        return options
    }

    /// A table as the command line names it, `STORE/TABLE` or, where there is one store, `TABLE`.
    func table(_ reference: String) throws -> TableReference {
        let parts = reference.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let (name, store) = try self.store(parts.count == 2 ? parts[0] : nil)
        return TableReference(storeName: name, store: store, table: parts[parts.count - 1])
    }

    // MARK: Vaults

    /// The vault with that name, or the only one where no name is given.
    func vault(_ name: String?) throws -> OpenVault {
        let definition = try name.map { try configuration.vault(named: $0) } ?? configuration.onlyVault()
        let vault = try openVaults[definition.name] ?? Vault.open(DirectoryStorage(definition.directory))
        openVaults[definition.name] = vault
        return OpenVault(
            name: definition.name, vault: vault, wrappingKey: definition.key,
            commits: CommitRecord(Home.commitRecord(configuration, vault: vault.id)),
            verifications: VerificationRecord(configuration.state.appending("verified-\(vault.id).log")))
    }

    /// The name in full: of the vault with that name, or of the only one.
    func vaultName(_ name: String?) throws -> String {
        try name.map { try configuration.vault(named: $0) }?.name ?? configuration.onlyVault().name
    }

    static func commitRecord(_ configuration: VarveConfiguration, vault id: String) -> FilePath {
        configuration.state.appending("commits-\(id).log")
    }
}

/// A table of a store, as a verb works with it.
struct TableReference {
    let storeName: String
    let store: EmbeddedStore
    let table: String

    /// `STORE/TABLE`, as it is printed.
    var text: String { storeName + "/" + table }
}

/// A vault with what the home knows of it.
struct OpenVault {
    let name: String
    let vault: Vault
    /// The wrapping key that new snapshots are sealed under, as the configuration names it.
    let wrappingKey: String
    let commits: CommitRecord
    /// What this home has verified there, down to the content.
    let verifications: VerificationRecord
}
