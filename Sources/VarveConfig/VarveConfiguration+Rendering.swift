// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import VarveModel
import VarveSchedule

extension VarveConfiguration {
    /// What takes the place of anything that could be a secret.
    package static let redacted = "<redacted>"

    /// What is in force, defaults filled in and paths absolute, as a `varve.yaml`: what `varve config show` prints.
    ///
    /// The file holds no secrets, but a passphrase command's arguments could, so only its program is shown.
    package var effectiveYAML: String { effective.yaml }

    /// The same as one JSON document.
    package var effectiveJSON: String { effective.json }

    private var effective: Document {
        .table(
            [
                ("version", .integer(KnownKeys.version)),
                ("keys", .table([("store", .text(keys.file.string)), keys.protection.document])),
                ("stores", .table(stores.map { ($0.name, $0.document) })),
                ("vaults", .table(vaults.map { ($0.name, $0.document) })),
                ("state", .text(state.string)),
                ("defaults", defaults.document),
            ] + (retention.isEmpty ? [] : [("retention", .list(retention.map(\.document)))]))
    }
}

extension KeyStoreDefinition.Protection {
    fileprivate var document: (String, Document) {
        switch self {
        case .rootKey(let file): ("rootKey", .text(file.string))
        case .passphrase(.file(let file)): ("passphrase", .table([("file", .text(file.string))]))
        case .passphrase(.environment(let name)): ("passphrase", .table([("environment", .text(name))]))
        case .passphrase(.command(let words)):
            (
                "passphrase",
                .table([
                    (
                        "command",
                        .list(
                            words.prefix(1).map { .text($0) }
                                + words.dropFirst().map { _ in .text(VarveConfiguration.redacted) })
                    )
                ])
            )
        }
    }
}

extension StoreDefinition {
    fileprivate var document: Document {
        .table([
            ("embedded", .text(folder.string)),
            ("changeRetention", .text(changeRetention.text)),
            ("walBytesMax", .text(walBytesMax.description)),
        ])
    }
}

extension VaultDefinition {
    fileprivate var document: Document {
        .table([("directory", .text(directory.string)), ("key", .text(key))])
    }
}

extension VarveConfiguration.Defaults {
    fileprivate var document: Document {
        .table(
            [("compression", .text(compression.description))]
                + (workers.map { [("workers", .integer($0))] } ?? []))
    }
}

extension RetentionSetting {
    fileprivate var document: Document {
        let counts: [(String, Int?)] = [
            ("keepLast", policy.keepLast), ("keepHourly", policy.keepHourly), ("keepDaily", policy.keepDaily),
            ("keepWeekly", policy.keepWeekly), ("keepMonthly", policy.keepMonthly), ("keepYearly", policy.keepYearly),
        ]
        let ages: [(String, Duration?)] = [
            ("keepWithin", policy.keepWithin), ("pointInTime", policy.pointInTime), ("minimum", policy.minimum),
            ("maximum", policy.maximum), ("sweeps", policy.sweeps),
        ]
        var members: [(String, Document)] = []
        if let tables { members.append(("tables", .list(tables.patterns.map { .text($0.description) }))) }
        if let vault { members.append(("vault", .text(vault))) }
        members += counts.compactMap { name, count in count.map { (name, .integer($0)) } }
        members += ages.compactMap { name, age in age.map { (name, .text($0.ageText)) } }
        if policy.keepVerifiedOnly { members.append(("keepVerifiedOnly", .boolean(true))) }
        return .table(members + [("zone", .text(zone.name))])
    }
}
