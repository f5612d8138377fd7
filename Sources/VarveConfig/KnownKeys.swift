// SPDX-License-Identifier: Apache-2.0

/// Every key that this release honours. A key that is not here is an error in every file, so a key comes in with the code that honours it.
enum KnownKeys {
    /// The version of each file. A change that an older reader would misread raises it; a new key does not.
    static let version = 1

    /// More workers than this wait for each other on any machine that exists.
    static let workersMax = 64

    /// `varve.yaml`.
    static let configuration = KeyTable([
        versionKey,
        .init(
            "keys", .keys(keys), required: true,
            "The key store, which holds every wrapping key, and what opens it."),
        .init("stores", .named(.name, .keys(store)), "Where live tables are, each under a name of your own."),
        .init("vaults", .named(.name, .keys(vault)), "Where snapshots go, each under a name of your own."),
        .init(
            "state", .scalar(.path),
            "The folder in which this home keeps its own record of what it committed; 'state' beside the key store by default."
        ),
        .init("defaults", .keys(defaults), "What holds where a command or a job says nothing else."),
        .init(
            "retention", .list(.keys(retention), countMax: retentionMax),
            "What 'varve prune' keeps and lets go. The last entry that means a table and vault holds; a table that none means keeps everything."
        ),
    ])

    /// More entries than this were made by a program that should have written patterns.
    static let retentionMax = 1000

    /// `Jobs/*.yaml`.
    static let job = KeyTable([
        versionKey,
        .init(
            "steps", .list(.keys(step), countMax: Job.stepsMax), required: true,
            "What the job does, in this order. A failed step ends the job unless it says continueOnFailure."),
    ])

    /// `Schedules/*.yaml`.
    static let schedule = KeyTable([
        versionKey,
        .init("job", .scalar(.name), required: true, "The job to run: Jobs/NAME.yaml beside varve.yaml."),
        .init(
            "cron", .scalar(.cron), required: true,
            "When, on the clocks of the zone: minute, hour, day of month, month, day of week, as cron has them; or @hourly, @daily, @weekly, @monthly, @yearly."
        ),
        .init(
            "zone", .scalar(.zone), required: true, "The IANA time zone of these clocks, such as Europe/Berlin or UTC."),
        .init(
            "overlap", .scalar(.exactly(overlap)),
            "What happens when a run is due while the job runs still: skip, the run is left out and recorded as skipped."
        ),
        .init(
            "catchUp", .scalar(.exactly(catchUp)),
            "What happens to runs that were missed: once, one run stands for all of them."),
    ])

    /// The one value of `overlap` that this release honours.
    static let overlap = "skip"
    /// The one value of `catchUp` that this release honours.
    static let catchUp = "once"

    private static let versionKey = KeyTable.Key(
        "version", .scalar(.integer(version...version)), required: true,
        "The version of this file's format: \(version).")

    private static let keys = KeyTable(
        exactlyOne: ["rootKey", "passphrase"],
        [
            .init("store", .scalar(.path), required: true, "The file of the key store; only its owner may read it."),
            .init(
                "rootKey", .scalar(.path),
                "The file with the root key that opens the key store; only its owner may read it."),
            .init("passphrase", .keys(passphrase), "Where the passphrase that opens the key store comes from."),
        ])

    private static let passphrase = KeyTable(
        exactlyOne: ["file", "environment", "command"],
        [
            .init("file", .scalar(.path), "A file whose first line is the passphrase; only its owner may read it."),
            .init("environment", .scalar(.environmentName), "The environment variable that holds the passphrase."),
            .init(
                "command", .list(.scalar(.word), countMax: 64),
                "A program and its arguments; the first line that it prints is the passphrase."),
        ])

    private static let store = KeyTable([
        .init("embedded", .scalar(.path), required: true, "The folder of an embedded store, which needs no server."),
        .init(
            "changeRetention", .scalar(.duration),
            "How long the store keeps its change log; \(StoreDefinition.changeRetentionStandard.text) by default."),
        .init(
            "walBytesMax", .scalar(.byteCount),
            """
            How far the store's write-ahead log may grow while a snapshot is read; beyond it the snapshot gives way, never the writers. \
            \(StoreDefinition.walBytesStandard) by default.
            """),
    ])

    private static let vault = KeyTable([
        .init("directory", .scalar(.path), required: true, "The folder of the vault."),
        .init(
            "key", .scalar(.wrappingKey), required: true,
            "The wrapping key of new snapshots: owned, managed, or alias/NAME of a customer key."),
    ])

    private static let defaults = KeyTable([
        .init(
            "compression", .scalar(.compression),
            "zstd:1 (fastest) to zstd:19 (smallest); \(Compression.standard) by default."),
        .init(
            "workers", .scalar(.integer(1...workersMax)),
            "How many bundles are worked on at once; one for each core by default."),
    ])

    private static let step = KeyTable(
        exactlyOne: ["backup", "capture", "compact", "copy", "verify", "drill", "sweep", "prune", "report"],
        [
            .init("backup", .keys(backup), "Takes a snapshot of each table."),
            .init("capture", .keys(capture), "Captures the change log of each table up to now."),
            .init("compact", .keys(compact), "Merges old small segments of captured change logs."),
            .init("copy", .keys(copy), "Copies from one vault into others what they lack."),
            .init("verify", .keys(verify), "Checks what is in a vault."),
            .init("drill", .keys(drill), "Restores into scratch tables, compares, and drops them."),
            .init("sweep", .keys(sweep), "Archives expired items, then deletes them."),
            .init("prune", .keys(prune), "Applies retention to a vault: removes what no rule keeps."),
            .init("report", .keys(report), "Reports what is on record of every table of a vault."),
            .init(
                "continueOnFailure", .scalar(.boolean),
                "Whether the job goes on when this step failed; it fails all the same."),
        ])

    private static let backup = KeyTable([
        tables("The tables: patterns of STORE/TABLE, with '!' in front of those to leave out."),
        .init(
            "synthetic", .scalar(.boolean),
            "Whether each is made out of the newest snapshot and the captured log, without reading the table; no by default."
        ),
        targets(
            "The vault to write to; it may be left out where there is only one. Of several the first is written to, and the others get copies."
        ),
    ])

    private static let report = KeyTable([
        .init(
            "folder", .scalar(.path), required: true,
            "The folder that gets a page and the same as JSON, named by vault and time; it is made where it is not there."
        ),
        vaultKey,
    ])

    private static let compact = KeyTable([
        .init(
            "olderThan", .scalar(.duration),
            "How old a segment must be; \(Job.compactOlderThanStandard.text) by default."),
        vaultKey,
    ])

    private static let capture = KeyTable([
        tables(
            "The tables whose changes to capture: patterns of STORE/TABLE, with '!' in front of those to leave out."),
        targets(
            "The vault to write to; it may be left out where there is only one. Of several the first is written to, and the others get copies."
        ),
    ])

    private static let copy = KeyTable([
        .init(
            "tables", .tablePatterns,
            "Only what is of these tables: patterns as in a backup, of which a vault knows the table's name; everything by default."
        ),
        .init(
            "from", .scalar(.name),
            "The vault to copy from; it may be left out where there is only one beside those to copy to."),
        targets("The vaults to copy to.", required: true),
    ])

    private static let verify = KeyTable([
        .init(
            "level", .either([.scalar(.level), .scalar(.levelNumber)]),
            "How deep to look: listing (0), manifests (1), objects (2) or content (3), which is the default."),
        .init("subset", .scalar(.subset), "Only this part of the vault: 1/30 is the first of thirty parts."),
        vaultKey,
        .init(
            "healFrom", .scalar(.name),
            "The vault whose copies replace what is found damaged or missing; nothing is replaced by default."),
    ])

    private static let drill = KeyTable([
        .init(
            "tables", .either([.scalar(.integer(1...1000)), .tablePatterns]), required: true,
            "How many tables, picked by chance, or which."),
        .init(
            "at", .scalar(.drillTime),
            "The newest snapshot (snapshot, the default), the end of the captured log (latest), or any covered instant by chance (random)."
        ),
        vaultKey,
    ])

    private static let sweep = KeyTable([
        tables("The tables to sweep: patterns of STORE/TABLE, with '!' in front of those to leave out."),
        .init(
            "grace", .scalar(.duration), "How long an item must have been expired before it is swept; 0s by default."),
        .init(
            "maxDeletions", .scalar(.integer(1...1_000_000_000)),
            "How many items of a table one pass takes at most; all that has expired by default."),
        .init(
            "deletionsPerSecond", .scalar(.integer(1...1_000_000)),
            "How many items of a table are deleted in a second at most; as many as can be by default."),
        target("The vault that takes the archive; it may be left out where there is only one."),
    ])

    private static let prune = KeyTable([
        .init(
            "grace", .scalar(.duration),
            "How long what is removed can be taken back before its bytes go; 24h by default."),
        .init(
            "retention", .keys(KeyTable(policyKeys)),
            "The policy, for all tables; that of varve.yaml where it is left out."),
        vaultKey,
    ])

    private static let retention = KeyTable(
        [
            .init(
                "tables", .list(.scalar(.tableNamePattern), countMax: TableSelection.patternsMax),
                "For which tables it holds: patterns of names, without a store, with '!' in front of those to leave out; all by default."
            ),
            .init("vault", .scalar(.name), "For which vault it holds; all by default."),
        ] + policyKeys)

    private static let countMax = 100_000

    private static func count(_ name: String, _ summary: String) -> KeyTable.Key {
        .init(name, .scalar(.integer(1...countMax)), summary)
    }

    private static let policyKeys: [KeyTable.Key] = [
        count("keepLast", "So many of the newest snapshots are kept."),
        count("keepHourly", "The newest snapshot of each of so many hours is kept; hours without one do not count."),
        count("keepDaily", "The newest snapshot of each of so many days is kept."),
        count("keepWeekly", "The newest snapshot of each of so many weeks, from Monday on, is kept."),
        count("keepMonthly", "The newest snapshot of each of so many months is kept."),
        count("keepYearly", "The newest snapshot of each of so many years is kept."),
        .init("keepWithin", .scalar(.age), "Snapshots that are not older than this are kept."),
        .init(
            "pointInTime", .scalar(.age),
            "Every second that is not longer ago than this stays restorable, as far as the captured log reaches."),
        .init("minimum", .scalar(.age), "Nothing younger than this goes."),
        .init(
            "maximum", .scalar(.age), "What is older than this goes, but for the newest and what a point in time needs."
        ),
        .init("sweeps", .scalar(.age), "How long archives of sweeps are kept; for ever by default."),
        .init(
            "keepVerifiedOnly", .scalar(.boolean),
            "Whether only snapshots that 'varve verify' has read to their last item fill the places of the rules."),
        .init("zone", .scalar(.zone), "The IANA time zone on whose clock days and months begin; UTC by default."),
    ]

    private static let vaultKey = KeyTable.Key(
        "vault", .scalar(.name), "The vault to look at; it may be left out where there is only one.")

    private static func tables(_ summary: String) -> KeyTable.Key {
        .init("tables", .tablePatterns, required: true, summary)
    }

    private static func targets(_ summary: String, required: Bool = false) -> KeyTable.Key {
        .init(
            "to", .either([.scalar(.name), .list(.scalar(.name), countMax: Job.vaultsMax)]), required: required,
            summary)
    }

    /// A list too, because a later release writes to several; this one takes one.
    private static func target(_ summary: String) -> KeyTable.Key {
        .init("to", .either([.scalar(.name), .list(.scalar(.name), countMax: 1)]), summary)
    }
}
