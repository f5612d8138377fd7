// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SystemPackage
import VarveConfig
import VarveKeys
import VarveModel
import VarvePipeline
import VarveStore
import VarveVault

extension Home {
    /// The tables that a selection means, from all stores, in the order of their names.
    ///
    /// A pattern that means one table by its name and finds none is an error; so is a selection that finds no table, unless it may.
    func tables(_ selection: TableSelection, mayBeEmpty: Bool = false) throws -> [TableReference] {
        var all: [TableReference] = []
        for name in configuration.stores.map(\.name).sorted() {
            let store = try self.store(name).store
            all += try store.tables().map { TableReference(storeName: name, store: store, table: $0.name) }
        }
        let chosen = all.filter { selection.includes(store: $0.storeName, table: $0.table) }
        let missing = selection.patterns.filter { pattern in
            pattern.isExact && !pattern.isNegated
                && !all.contains { pattern.matches(store: $0.storeName, table: $0.table) }
        }
        if let first = missing.first {
            throw UsageError("There is no table '\(first)'. 'varve table list' shows what there is.", status: .notFound)
        }
        guard mayBeEmpty || !chosen.isEmpty else {
            throw UsageError(
                "No table matches \(selection). 'varve table list' shows what there is.", status: .notFound)
        }
        return chosen
    }

    /// Every vault that the configuration names.
    func allVaults() throws -> [(name: String, vault: Vault)] {
        try configuration.vaults.map { ($0.name, try vault($0.name).vault) }
    }

    /// Every store that the configuration names.
    func allStores() throws -> [(name: String, store: EmbeddedStore)] {
        try configuration.stores.map { ($0.name, try store($0.name).store) }
    }

    /// The table's name in a reference that may name a store: vaults know tables by their own names.
    static func tableName(_ reference: String) -> String {
        reference.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init) ?? reference
    }

    /// How archives go into a vault.
    func archive(_ target: OpenVault) throws -> ArchiveSettings {
        try Files.makeFolder(configuration.state)
        return ArchiveSettings(
            vault: target.vault, keys: try keys(), wrappingKey: target.wrappingKey,
            compressionLevel: configuration.defaults.compression.level,
            workers: workers, commits: target.commits, tool: Varve.version)
    }

    /// Threads for reading, compressing, sealing: as configured, or one for each processor.
    var workers: Int {
        min(Workers.countMax, configuration.defaults.workers ?? ProcessInfo.processInfo.activeProcessorCount)
    }

    /// Every drill of this home.
    var drills: DrillRecord { DrillRecord(configuration.state.appending("drills.log")) }

    /// Where scratch tables and files are made, and go with the process that made them.
    var scratch: FilePath { configuration.state.appending("scratch") }

    /// What opens the key store.
    static func protection(_ definition: KeyStoreDefinition) throws -> KeyProtection {
        switch definition.protection {
        case .rootKey(let file): return try .rootKey(file: file)
        case .passphrase(.file(let file)): return try .passphrase(file: file)
        case .passphrase(.command(let command)): return try SecretCommand.passphrase(command)
        case .passphrase(.environment(let name)):
            guard let text = ProcessInfo.processInfo.environment[name] else {
                throw UsageError(
                    "The environment has no variable \(name), which varve.yaml names for the passphrase.",
                    status: .wrongKey)
            }
            return try .passphrase(text: text)
        }
    }

    // MARK: Proof of the recovery kit

    /// When vault and kit alone were last proven enough, as this home remembers it.
    func kitTested(vault id: String) -> String? {
        guard let bytes = try? Files.read(kitRecord(id)) else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").last.map(String.init)
    }

    func recordKitTest(vault id: String) throws {
        try Files.makeFolder(configuration.state)
        try Files.append(Instant.now().rfc3339 + "\n", to: kitRecord(id))
    }

    private func kitRecord(_ id: String) -> FilePath { configuration.state.appending("recovery-kit-tests-\(id).log") }
}

extension TableReference {
    func exists() throws -> Bool { try store.tables().contains { $0.name == table } }
}

extension Duration {
    /// Whole and fractional seconds.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
