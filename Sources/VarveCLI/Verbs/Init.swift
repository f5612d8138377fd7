// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Glibc
import SystemPackage
import VarveConfig
import VarveKeys
import VarvePipeline
import VarveStore
import VarveVault

struct InitVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Create a home: configuration, key store, embedded store, vault and recovery kit.",
        discussion: HelpText.of(
            """
            A varve.yaml that is there is used as it is; anything else that is there is never touched: init refuses.

            The recovery kit is the way back when this machine is gone: PUT IT SOMEWHERE ELSE. With a vault and its kit a new home is made
            on an empty machine.
            """,
            examples: [
                ("init", "make a home in this folder"),
                ("init NEW --vault /mnt/copy/vault --kit kit.json", "a home for a vault whose home is lost"),
            ],
            exits: [.notFound, .wrongKey, .configurationInvalid, .refused]))

    @OptionGroup var common: CommonOptions
    @Argument(help: "The folder for the home.") var directory = "."
    @Option(help: "Where to write the recovery kit (or, with --vault, where to read it).") var kit: String?
    @Option(help: "An existing vault to make a new home for; needs --kit.") var vault: String?
    @Flag(help: "Print the recovery kit as well, for paper.") var printKit = false
    @Flag(help: "Say what would be created, and create nothing.") var dryRun = false

    func validate() throws {
        if vault != nil && kit == nil {
            throw ValidationError("A home for an existing vault needs the vault's recovery kit: add --kit FILE.")
        }
        if common.config != nil {
            throw ValidationError("init makes its own configuration: name the folder instead of --config.")
        }
    }

    func perform() throws -> ExitStatus {
        let home = NewHome(
            directory: Files.absolute(FilePath(directory)), existingVault: vault.map { FilePath($0) },
            kit: kit.map { FilePath($0) }, console: common.console)
        if dryRun { return try home.plan() }
        let made = try home.create()
        if printKit { common.console.line(made.kit.printed) }
        try common.console.document(made.report)
        return .done
    }
}

/// Creates a home, and takes back what it created when a step fails.
struct NewHome {
    let directory: FilePath
    let existingVault: FilePath?
    let kit: FilePath?
    let console: Console

    struct Report: Encodable {
        let configuration: String
        let created: [String]
        let recoveryKit: String
    }

    private struct Plan: Encodable {
        let dryRun = true
        let create: [String]
        let exists: [String]
    }

    func plan() throws -> ExitStatus {
        let files = [configurationFile, directory.appending("Jobs/nightly.yaml")].filter { !Files.exists($0) }
        let kitPath = existingVault == nil ? [kit ?? directory.appending("varve-recovery-kit.json")] : []
        let paths = paths(of: try currentConfiguration()) + kitPath
        let plan = Plan(
            create: (files + paths.filter { !Files.exists($0) }).map(\.string),
            exists: paths.filter { Files.exists($0) }.map(\.string))
        for path in plan.create { console.line("would create \(path)") }
        for path in plan.exists { console.line("exists already: \(path)") }
        try console.document(plan)
        return .done
    }

    func create() throws -> (report: Report, kit: RecoveryKit) {
        var undo = Undo()
        do {
            let made = try create(&undo)
            return made
        } catch {
            undo.run()
            throw error
        }
    }

    private func create(_ undo: inout Undo) throws -> (report: Report, kit: RecoveryKit) {
        try undo.folder(directory, mode: 0o755)
        if Files.exists(configurationFile) {
            console.line("\(configurationFile) is there and used as it is")
        } else {
            try undo.file(configurationFile) { try Files.write(template, to: $0) }
            console.line("configuration: \(configurationFile)")
        }
        let configuration = try VarveConfiguration.read(configurationFile)
        let existing = paths(of: configuration).filter { Files.exists($0) && $0 != existingVault }
        guard existing.isEmpty else {
            throw UsageError(
                "There is a home here already: \(existing.map(\.string).joined(separator: ", ")) \(existing.count == 1 ? "exists" : "exist"), and init never touches what exists. Choose another folder.",
                status: .refused)
        }
        let job = directory.appending("Jobs/nightly.yaml")
        if !Files.exists(job) {
            try undo.folder(job.removingLastComponent(), mode: 0o755)
            try undo.file(job) { try Files.write(Job.template, to: $0) }
            console.line("job: \(job)")
        }
        let keys = try createKeys(configuration, &undo)
        for store in configuration.stores {
            try undo.folder(store.folder)
            _ = try EmbeddedStore.create(at: store.folder, keys: keys, options: Home.options(store))
            console.line("store \(store.name): \(store.folder)")
        }
        var vaultIDs: [String] = []
        for settings in configuration.vaults {
            if settings.key.hasPrefix("alias/"), try !keys.list().contains(where: { $0.aliases.contains(settings.key) })
            {
                _ = try keys.create(alias: settings.key)
            }
            let vault: Vault
            if existingVault != nil {
                vault = try Vault.open(DirectoryStorage(settings.directory))
                try prove(keys, on: vault)
            } else {
                try undo.folder(settings.directory)
                vault = try Vault.create(DirectoryStorage(settings.directory), tool: Varve.version)
            }
            vaultIDs.append(vault.id)
            console.line("vault \(settings.name): \(settings.directory) (id \(vault.id))")
        }
        return try finish(configuration, keys, vaultIDs, &undo)
    }

    /// A kit that is another vault's must not make a home that can restore nothing: the newest key that can be tried has to open.
    private func prove(_ keys: KeyStore, on vault: Vault) throws {
        var refused: (any Error)?
        for point in try Catalog.read(vault).entries.reversed() {
            do {
                _ = try SnapshotReader(vault, point, keys: keys)
                return
            } catch let error as VaultError where error.code == .unreadable {
                refused = refused ?? error
            } catch {
                continue  // damage is for 'varve verify' to report; what is whole can still be restored
            }
        }
        guard let refused else { return }
        throw KeyError(
            .notThisKit,
            "The recovery kit does not open the vault '\(vault.storage.location)'. Look for the kit that was made with this vault.",
            cause: refused)
    }

    private func createKeys(_ configuration: VarveConfiguration, _ undo: inout Undo) throws -> KeyStore {
        let settings = configuration.keys
        try undo.folder(settings.file.removingLastComponent())
        if case .rootKey(let path) = settings.protection {
            try undo.folder(path.removingLastComponent())
            try undo.file(path) { _ = try KeyProtection.createRootKeyFile(at: $0) }
        }
        let protection = try Home.protection(settings)
        let keys = try undo.file(settings.file) { path in
            if existingVault != nil, let kit {
                return try KeyStore.create(at: path, protection: protection, from: try RecoveryKit.load(kit))
            }
            return try KeyStore.create(at: path, protection: protection)
        }
        console.line("key store: \(settings.file)")
        return keys
    }

    private func finish(
        _ configuration: VarveConfiguration, _ keys: KeyStore, _ vaults: [String], _ undo: inout Undo
    ) throws -> (report: Report, kit: RecoveryKit) {
        let recoveryKit = try keys.recoveryKit(vaults: vaults)
        let kitPath: FilePath
        if existingVault != nil, let kit {
            kitPath = kit
            console.line("recovery kit: \(kit) goes on to be this home's kit")
        } else {
            kitPath = kit ?? directory.appending("varve-recovery-kit.json")
            try undo.file(kitPath) { try recoveryKit.save(at: $0) }
            console.line("recovery kit: \(kitPath)")
            console.line(
                "  PUT THE KIT SOMEWHERE ELSE, away from this machine: with it and a vault everything comes back; whoever has both reads everything."
            )
        }
        return (
            Report(
                configuration: configurationFile.string, created: undo.created.map(\.string),
                recoveryKit: kitPath.string), recoveryKit
        )
    }

    private var configurationFile: FilePath { directory.appending("varve.yaml") }

    private var template: String {
        guard let existingVault else { return VarveConfiguration.template }
        return VarveConfiguration.template(vaultDirectory: Files.absolute(existingVault).string)
    }

    private func currentConfiguration() throws -> VarveConfiguration {
        if Files.exists(configurationFile) { return try VarveConfiguration.read(configurationFile) }
        return try VarveConfiguration.parse(template, file: configurationFile)
    }

    private func paths(of configuration: VarveConfiguration) -> [FilePath] {
        var paths = [configuration.keys.file]
        if case .rootKey(let path) = configuration.keys.protection { paths.append(path) }
        paths += configuration.stores.map(\.folder)
        if existingVault == nil { paths += configuration.vaults.map(\.directory) }
        return paths
    }
}

/// What a command has created so far, so that a failure leaves nothing half-made behind; what others made is never taken away.
struct Undo {
    private(set) var created: [FilePath] = []

    /// Makes a folder with those above it that are missing; only its owner may enter, unless said otherwise.
    mutating func folder(_ path: FilePath, mode: mode_t = 0o700) throws {
        let parent = path.removingLastComponent()
        if !parent.isEmpty && !Files.exists(parent) { try folder(parent, mode: mode) }
        if mkdir(path.string, mode) == 0 {
            created.append(path)
        } else if errno != EEXIST {
            throw UsageError("The folder \(path) cannot be created: \(Files.reason(errno)).", status: .failed)
        }
    }

    mutating func file<Result>(_ path: FilePath, _ make: (FilePath) throws -> Result) throws -> Result {
        let result = try make(path)
        created.append(path)
        return result
    }

    func run() {
        for path in created.reversed() { try? FileManager.default.removeItem(atPath: path.string) }
    }
}
