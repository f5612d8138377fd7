// SPDX-License-Identifier: Apache-2.0

import Glibc
package import SystemPackage

extension VarveConfiguration {
    /// The file's name where no option gives another.
    package static let fileName = "varve.yaml"

    /// Finds the configuration file: the one that is given, or else `varve.yaml` in `folder`, in `~/.config/varve`, in `/etc/varve`.
    ///
    /// - Parameters:
    ///   - given: what the option `--config` says; relative to `folder`.
    ///   - folder: the working folder, absolute.
    ///   - home: the user's home folder, if there is one.
    package static func locate(
        _ given: FilePath?, from folder: FilePath, home: FilePath?
    ) throws(ConfigError) -> FilePath {
        if let given {
            let file = folder.pushing(given).lexicallyNormalized()
            guard exists(file) else {
                throw ConfigError(.notFound, "There is no configuration file '\(file)'. Check --config.")
            }
            return file
        }
        let places = [
            folder.appending(fileName), home?.appending(".config/varve/varve.yaml"), FilePath("/etc/varve/varve.yaml"),
        ].compactMap(\.self)
        if let file = places.first(where: exists) { return file }
        let list = places.map { "'\($0)'" }.joined(separator: ", ")
        throw ConfigError(
            .notFound,
            "There is no configuration file; looked at \(list). 'varve init' makes one, --config names one elsewhere.")
    }

    /// Reads and checks a file; `file` is absolute.
    package static func read(_ file: FilePath) throws(ConfigError) -> VarveConfiguration {
        try parse(try ConfigFile.text(of: file), file: file)
    }

    /// Checks a text as if it stood in `file`, which need not be there.
    package static func parse(_ text: String, file: FilePath) throws(ConfigError) -> VarveConfiguration {
        precondition(file.isAbsolute, "Relative paths count from the configuration file, so its own path is absolute.")
        do {
            return try VarveConfiguration(Reading.read(text, as: KnownKeys.configuration), file: file)
        } catch {
            throw error.in(file)
        }
    }

    private init(_ root: Reading, file: FilePath) throws(ConfigError) {
        let folder = file.removingLastComponent()
        self.file = file
        keys = try KeyStoreDefinition(try root.required("keys"), folder: folder)
        var stores: [StoreDefinition] = []
        for member in root["stores"]?.members ?? [] {
            stores.append(try StoreDefinition(member.name, member.value, folder: folder))
        }
        self.stores = stores
        var vaults: [VaultDefinition] = []
        for member in root["vaults"]?.members ?? [] {
            vaults.append(try VaultDefinition(member.name, member.value, folder: folder))
        }
        self.vaults = vaults
        state = try root["state"]?.path(from: folder) ?? keys.file.removingLastComponent().appending("state")
        defaults = Defaults(
            compression: try root["defaults"]?["compression"]?.parse(Compression.init(text:)) ?? .standard,
            workers: root["defaults"]?["workers"]?.integer)
        let vaultNames = vaults.map(\.name)
        var retention: [RetentionSetting] = []
        for entry in root["retention"]?.list ?? [] {
            retention.append(try Self.retention(entry, vaults: vaultNames))
        }
        self.retention = retention
        try checkFolders(root)
    }

    private static func retention(_ entry: Reading, vaults: [String]) throws(ConfigError) -> RetentionSetting {
        if let vault = entry["vault"], !vaults.contains(vault.text) {
            let hint =
                nearest(to: vault.text, among: vaults).map { "The nearest name is '\($0)'." }
                ?? "It knows: \(vaults.joined(separator: ", "))."
            throw ConfigError(.unknownName, "varve.yaml names no vault '\(vault.text)'. \(hint)").at(vault.place)
        }
        var tables: TableSelection?
        if let reading = entry["tables"] {
            var patterns: [TableSelection.Pattern] = []
            for member in reading.list ?? [] { patterns.append(try member.parse(Self.tableName)) }
            do {
                tables = try TableSelection(patterns)
            } catch {
                throw error.at(reading.place)
            }
        }
        return try entry.retention(tables: tables, vault: entry["vault"]?.text)
    }

    /// A vault knows tables by their own names.
    private static func tableName(_ text: String) throws(ConfigError) -> TableSelection.Pattern {
        let pattern = try TableSelection.Pattern(text: text)
        guard pattern.store == nil else {
            throw ConfigError(
                .invalidValue, "'\(text)' names a store, which a vault does not know. Write '\(pattern.table)' alone.")
        }
        return pattern
    }

    /// Two of a home's folders that are one, or lie in each other, mix what must stay apart: a vault would list a store's files as leftovers.
    private func checkFolders(_ root: Reading) throws(ConfigError) {
        let places = (root["stores"]?.members ?? []) + (root["vaults"]?.members ?? [])
        var folders =
            stores.map { ("store '\($0.name)'", $0.folder) } + vaults.map { ("vault '\($0.name)'", $0.directory) }
        folders.append(("the folder 'state'", state))
        guard let (earlier, later) = Self.nesting(folders.map(\.1)) else { return }
        throw ConfigError(
            .conflict,
            "The folders of \(folders[earlier].0) ('\(folders[earlier].1)') and \(folders[later].0) ('\(folders[later].1)') lie in each other. Part them."
        ).at(later < places.count ? places[later].place : root["state"]?.place ?? root.place)
    }

    /// Two folders of which one is the other or lies in it: of all such pairs, one whose later folder comes first.
    ///
    /// In order of their bytes, the separator below every other, what lies in a folder follows it at once: thousands take no time.
    private static func nesting(_ folders: [FilePath]) -> (earlier: Int, later: Int)? {
        let spellings = folders.map { folder in
            (folder.string == "/" ? "" : folder.string).utf8.map { $0 == UInt8(ascii: "/") ? 0 : $0 } + [0]
        }
        var found: (earlier: Int, later: Int)?
        // The folders that the one at hand lies in, the nearest last, each with the earliest of it and those around it.
        var around: [(index: Int, earliest: Int)] = []
        for index in spellings.indices.sorted(by: { spellings[$0].lexicographicallyPrecedes(spellings[$1]) }) {
            while let last = around.last, !spellings[index].starts(with: spellings[last.index]) { around.removeLast() }
            let earliest = around.last?.earliest ?? index
            if earliest != index, max(index, earliest) < found?.later ?? .max {
                found = (min(index, earliest), max(index, earliest))
            }
            around.append((index, min(index, earliest)))
        }
        return found
    }

    private static func exists(_ file: FilePath) -> Bool {
        access(file.string, F_OK) == 0
    }
}

extension KeyStoreDefinition {
    fileprivate init(_ reading: Reading, folder: FilePath) throws(ConfigError) {
        file = try reading.required("store").path(from: folder)
        if let rootKey = reading["rootKey"] {
            protection = .rootKey(try rootKey.path(from: folder))
        } else {
            protection = .passphrase(try PassphraseSource(try reading.required("passphrase"), folder: folder))
        }
        if protection == .rootKey(file) {
            throw ConfigError(.conflict, "The key store and its root key are the same file. Part them.").at(
                reading.place)
        }
    }
}

extension PassphraseSource {
    fileprivate init(_ reading: Reading, folder: FilePath) throws(ConfigError) {
        if let file = reading["file"] {
            self = .file(try file.path(from: folder))
        } else if let variable = reading["environment"] {
            self = .environment(try variable.parse(Self.variableName))
        } else {
            self = .command(try reading.required("command").list?.map(\.text) ?? [])
        }
    }

    private static func variableName(_ text: String) throws(ConfigError) -> String {
        let isFit =
            text.utf8.first.map { $0 < UInt8(ascii: "0") || $0 > UInt8(ascii: "9") } ?? false
            && text.utf8.allSatisfy { $0 == UInt8(ascii: "_") || isASCIIAlphanumeric($0) }
        guard isFit else {
            throw ConfigError(
                .invalidValue,
                "'\(text)' is no name of an environment variable. Give the variable's name, never the passphrase itself."
            )
        }
        return text
    }
}

extension StoreDefinition {
    fileprivate init(_ name: String, _ reading: Reading, folder: FilePath) throws(ConfigError) {
        self.name = name
        self.folder = try reading.required("embedded").path(from: folder)
        changeRetention = try reading["changeRetention"]?.parse(Duration.init(text:)) ?? Self.changeRetentionStandard
        walBytesMax = try reading["walBytesMax"]?.parse(ByteCount.init(text:)) ?? Self.walBytesStandard
        if walBytesMax.bytes < Self.walBytesLeast.bytes {
            throw ConfigError(
                .invalidValue,
                "walBytesMax is \(walBytesMax); below \(Self.walBytesLeast) no snapshot would ever end beside a writer."
            ).at(reading["walBytesMax"]?.place ?? reading.place)
        }
    }

    /// SQLite begins to tidy its log at about 4 MiB; a bound below a few times that would be met by any writer.
    private static let walBytesLeast = ByteCount(bytes: 16 << 20)
}

extension VaultDefinition {
    fileprivate init(_ name: String, _ reading: Reading, folder: FilePath) throws(ConfigError) {
        self.name = name
        directory = try reading.required("directory").path(from: folder)
        key = try reading.required("key").parse(Self.wrappingKey)
    }

    private static func wrappingKey(_ text: String) throws(ConfigError) -> String {
        let alias = text.hasPrefix("alias/") ? text.dropFirst(6) : ""
        let isAlias =
            (1...250).contains(alias.utf8.count)
            && alias.utf8.allSatisfy { isASCIIAlphanumeric($0) || "/_-".utf8.contains($0) }
        guard text == "owned" || text == "managed" || isAlias else {
            throw ConfigError(
                .invalidValue,
                "'\(text)' is no wrapping key. Write owned, managed, or alias/NAME of a customer key, as in alias/main."
            )
        }
        return text
    }
}
