// SPDX-License-Identifier: Apache-2.0

import Foundation
package import SystemPackage

extension Job {
    /// Reads the job of that name from the `Jobs` folder beside the configuration file. A name that ends in `.yaml` is a path from `folder`.
    ///
    /// - Parameter folder: the working folder; the configuration's by default.
    package static func read(
        _ name: String, for configuration: VarveConfiguration, from folder: FilePath? = nil
    ) throws(ConfigError) -> Job {
        let file =
            name.hasSuffix(".yaml")
            ? (folder ?? configuration.folder).pushing(FilePath(name)).lexicallyNormalized()
            : try locate(name, for: configuration)
        return try parse(try ConfigFile.text(of: file), file: file, for: configuration)
    }

    /// The names of the jobs beside the configuration file, in order.
    package static func names(for configuration: VarveConfiguration) -> [String] {
        let folder = configuration.folder.appending("Jobs")
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []
        return entries.filter { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }.map { String($0.dropLast(5)) }.sorted()
    }

    /// Checks a text as if it stood in `file`, which need not be there.
    package static func parse(
        _ text: String, file: FilePath, for configuration: VarveConfiguration
    ) throws(ConfigError) -> Job {
        do {
            let root = try Reading.read(text, as: KnownKeys.job)
            var steps: [Step] = []
            for reading in try root.required("steps").list ?? [] {
                steps.append(try Step(reading, configuration))
            }
            return Job(name: file.stem ?? "", file: file, steps: steps)
        } catch {
            throw error.in(file)
        }
    }

    private static func locate(_ name: String, for configuration: VarveConfiguration) throws(ConfigError) -> FilePath {
        let known = names(for: configuration)
        guard known.contains(name) else {
            let hint =
                nearest(to: name, among: known).map { "The nearest name is '\($0)'." }
                ?? (known.isEmpty ? "The folder has no jobs." : "There are: \(known.joined(separator: ", ")).")
            throw ConfigError(
                .notFound, "There is no job '\(name)' in '\(configuration.folder.appending("Jobs"))'. \(hint)")
        }
        return configuration.folder.appending("Jobs").appending("\(name).yaml")
    }
}

extension Job.Step {
    fileprivate init(_ reading: Reading, _ configuration: VarveConfiguration) throws(ConfigError) {
        line = reading.place.line
        continueOnFailure = reading["continueOnFailure"]?.boolean ?? false
        if let backup = reading["backup"] {
            action = .backup(
                tables: try backup.required("tables").selection(configuration),
                vaults: try backup.vaults("to", configuration), synthetic: backup["synthetic"]?.boolean ?? false)
        } else if let capture = reading["capture"] {
            action = .capture(
                tables: try capture.required("tables").selection(configuration),
                vaults: try capture.vaults("to", configuration))
        } else if let compact = reading["compact"] {
            action = .compact(
                olderThan: try compact["olderThan"]?.parse(Duration.init(text:)) ?? Job.compactOlderThanStandard,
                vault: try compact.vault("vault", configuration))
        } else if let copy = reading["copy"] {
            action = try Self.copy(copy, configuration)
        } else if let verify = reading["verify"] {
            action = .verify(
                level: try verify["level"]?.parse(VerifyLevel.init(text:)) ?? .content,
                subset: try verify["subset"]?.parse(VerifySubset.init(text:)),
                vault: try verify.vault("vault", configuration), healFrom: try verify.healFrom(configuration))
        } else if let drill = reading["drill"] {
            let reading = try drill.required("tables")
            let tables: Job.DrillTables
            if let count = reading.integer {
                tables = .count(count)
            } else {
                tables = .selected(try reading.selection(configuration))
            }
            action = .drill(
                tables, at: try drill["at"]?.parse(Job.DrillTime.init(text:)) ?? .snapshot,
                vault: try drill.vault("vault", configuration))
        } else if let report = reading["report"] {
            action = .report(
                folder: try report.required("folder").path(from: configuration.folder),
                vault: try report.vault("vault", configuration))
        } else if let prune = reading["prune"] {
            let retention = try prune["retention"]?.retention()
            guard retention != nil || !configuration.retention.isEmpty else {
                throw ConfigError(
                    .missingKey,
                    "Neither this step nor varve.yaml says what is kept. Write 'retention:' in one of them."
                ).at(prune.place)
            }
            action = .prune(
                vault: try prune.vault("vault", configuration),
                grace: try prune["grace"]?.parse(Duration.init(text:)), retention: retention)
        } else {
            let sweep = try reading.required("sweep")
            action = .sweep(
                Job.SweepTables(
                    try sweep.required("tables").selection(configuration),
                    grace: try sweep["grace"]?.parse(Duration.init(text:)) ?? .zero,
                    maxDeletions: sweep["maxDeletions"]?.integer,
                    deletionsPerSecond: sweep["deletionsPerSecond"]?.integer),
                vault: try sweep.vault("to", configuration))
        }
    }

    private static func copy(
        _ reading: Reading, _ configuration: VarveConfiguration
    ) throws(ConfigError) -> Job.Action {
        let targets = try reading.vaults("to", configuration)
        let source: String
        if reading["from"] != nil {
            source = try reading.vault("from", configuration)
        } else {
            do {
                source = try configuration.onlyVault(but: targets)
            } catch {
                throw error.at(reading.place)
            }
        }
        guard !targets.contains(source) else {
            throw ConfigError(.invalidValue, "The vault '\(source)' cannot be copied into itself.").at(reading.place)
        }
        var tables: TableSelection?
        if let patterns = reading["tables"] { tables = try patterns.selection(configuration) }
        return .copy(tables: tables, from: source, to: targets)
    }
}

extension Reading {
    /// A list of patterns, each of a store that there is.
    fileprivate func selection(_ configuration: VarveConfiguration) throws(ConfigError) -> TableSelection {
        var patterns: [TableSelection.Pattern] = []
        for reading in list ?? [] {
            let pattern = try reading.parse(TableSelection.Pattern.init(text:))
            do {
                if let store = pattern.store {
                    if !store.contains(where: TableSelection.Pattern.isWild) {
                        _ = try configuration.store(named: store)
                    }
                } else {
                    _ = try configuration.onlyStore()
                }
            } catch {
                throw error.at(reading.place)
            }
            patterns.append(pattern)
        }
        do {
            return try TableSelection(patterns)
        } catch {
            throw error.at(place)
        }
    }

    /// The vaults that a key names, in their order; the only vault where the key is left out.
    fileprivate func vaults(_ key: String, _ configuration: VarveConfiguration) throws(ConfigError) -> [String] {
        guard let named = self[key]?.list else { return [try vault(key, configuration)] }
        var names: [String] = []
        for reading in named {
            let name: String
            do {
                name = try configuration.vault(named: reading.text).name
            } catch {
                throw error.at(reading.place)
            }
            guard !names.contains(name) else {
                throw ConfigError(.invalidValue, "The vault '\(name)' is named twice.").at(reading.place)
            }
            names.append(name)
        }
        return names
    }

    /// The vault whose copies heal another one.
    fileprivate func healFrom(_ configuration: VarveConfiguration) throws(ConfigError) -> String? {
        guard let reading = self["healFrom"] else { return nil }
        let name = try vault("healFrom", configuration)
        guard name != (try vault("vault", configuration)) else {
            throw ConfigError(.invalidValue, "The vault '\(name)' cannot be healed from itself.").at(reading.place)
        }
        return name
    }

    /// The vault that a key names, alone or as a list's one member; the only vault where the key is left out.
    fileprivate func vault(_ key: String, _ configuration: VarveConfiguration) throws(ConfigError) -> String {
        let named = self[key].map { $0.list?.first ?? $0 }
        do {
            guard let named else { return try configuration.onlyVault().name }
            return try configuration.vault(named: named.text).name
        } catch {
            throw error.at(named?.place ?? place)
        }
    }
}
