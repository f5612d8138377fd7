// SPDX-License-Identifier: Apache-2.0

extension VarveConfiguration {
    /// The `varve.yaml` that `varve init` writes: complete, with comments. The repository's own is the same text.
    package static let template = template(vaultDirectory: ".varve/vault")

    /// The same for a vault that lies elsewhere: in a home made anew for an existing vault.
    package static func template(vaultDirectory: String) -> String {
        text.replacing("directory: .varve/vault\n", with: "directory: \(quoted(vaultDirectory))\n")
    }

    /// A path as YAML reads it back: as it is where it is plain, else in double quotes.
    private static func quoted(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { isASCIIAlphanumeric($0) || "/._-".utf8.contains($0) }
        return isPlain ? path : "\"" + path.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    private static let text = """
        # varve.yaml: where tables live, where their snapshots go, and which keys seal them.
        # An unknown key is an error. Relative paths count from this file's folder.
        version: 1

        # The key store holds every wrapping key in one sealed file. Losing it and the recovery kit loses every snapshot.
        keys:
          store: .varve/keys.json
          rootKey: .varve/root.key              # what opens the key store: a file that only its owner may read
          # Or a passphrase instead of rootKey, from one of these:
          # passphrase: { file: /etc/varve/passphrase }             # its first line; only its owner may read it
          # passphrase: { environment: VARVE_PASSPHRASE }           # the variable's name
          # passphrase: { command: [ pass, show, varve ] }          # the first line that it prints

        # Where live tables are. A table is STORE/TABLE; the store may be left out where there is only one.
        stores:
          local:
            embedded: .varve/store              # a folder; needs no server
            changeRetention: 24h                # how long the change log is kept (s, m, h, d, w)
            walBytesMax: 4GiB                   # a snapshot that holds the write-ahead log above this gives way to writers

        # Where snapshots go. Better on another disk than the store.
        vaults:
          main:
            directory: .varve/vault
            key: alias/main                     # new snapshots are sealed under it: owned, managed or alias/NAME
          # A second vault, best elsewhere, gets copies: 'varve vault create offsite', then 'varve copy --to offsite'.
          # offsite:
          #   directory: /mnt/elsewhere/vault
          #   key: alias/offsite

        # This home's own record of what it committed, by which leftovers are told from lost snapshots.
        state: .varve/state

        defaults:
          compression: zstd:3                   # zstd:1 (fastest) to zstd:19 (smallest)
          # workers: 4                          # bundles at once; one for each core by default

        # What 'varve prune' keeps; the last entry that means a table holds. What any of its rules keeps is kept, and the newest snapshot always.
        # retention:
        #   - keepLast: 3                       # so many of the newest snapshots
        #     keepHourly: 24                    # the newest snapshot of each of so many hours, days, weeks …, on the clock of 'zone'
        #     keepDaily: 35
        #     keepWeekly: 8
        #     keepMonthly: 12
        #     keepYearly: 7
        #     keepWithin: 2d                    # every snapshot of the last two days
        #     pointInTime: 35d                  # every second of the last 35 days stays restorable, where the change log is captured
        #     minimum: 7d                       # nothing younger goes
        #     maximum: 10y                      # what is older goes (s, m, h, d, w; y is 365 days)
        #     sweeps: 400d                      # how long archives of sweeps are kept; for ever by default
        #     keepVerifiedOnly: false           # true: only snapshots that 'varve verify' has read to their last item fill the places
        #     zone: Europe/Berlin               # where days and months begin; UTC by default
        #   - tables: [ "tmp_*" ]               # an entry of their own for some tables, by their names without a store
        #     vault: main                       # and for one vault
        #     keepLast: 1

        """
}

extension Job {
    /// The `Jobs/nightly.yaml` that `varve init` writes.
    package static let template = """
        # Jobs/nightly.yaml: what 'varve run nightly' does. The steps run in this order; a failed step ends the job unless it says
        # continueOnFailure: true. Quote a pattern that begins with * or !.
        version: 1
        steps:
          # A snapshot of each table. Patterns are STORE/TABLE; the last one that matches a table decides.
          - backup: { tables: [ "*", "!tmp_*" ], to: main }

          # Opens and counts everything that is in the vault. Where that takes too long, one part of it: subset: 1/30.
          - verify: { level: content }

          # Restores one table, picked by chance, into a scratch table, compares, and drops it.
          - drill: { tables: 1 }

          # Archives what expired more than 7 days ago, then deletes it. Name the tables to sweep.
          # - sweep: { tables: [ Sessions ], grace: 7d, to: main }

          # Removes what no rule of 'retention' keeps. Look at 'varve prune --dry-run' first.
          # - prune: { retention: { keepLast: 3, keepDaily: 35, keepMonthly: 12, minimum: 7d } }

        """
}
