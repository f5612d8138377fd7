#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The main job on sample tables, from nothing: makes a home where there is none, loads the sample tables that are not there yet, runs
# Jobs/nightly.yaml, and shows what is in the vault. A second run adds a second snapshot of each table.
#
# Everything is made under .varve, beside varve.yaml; removing .varve and the recovery kit undoes it all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

varve=${VARVE:-$PWD/.build/release/varve}
samples=Jobs/samples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '\n== %s\n' "$*"; }

# Exit code 10 says that a table is not there; any other failure ends the run with what varve says.
has_table() {
    local code=0
    "$varve" table describe "$1" >/dev/null 2>"$work/errors" || code=$?
    if [ "$code" != 0 ] && [ "$code" != 10 ]; then
        cat "$work/errors" >&2
        exit "$code"
    fi
    return "$code"
}

# load TABLE FILE CREATE-OPTION…: a table whose import fails is dropped again, so that the next run starts afresh.
load() {
    local table=$1 file=$2
    shift 2
    "$varve" table create "$table" "$@"
    if ! "$varve" table import "$table" "$file"; then
        "$varve" table drop "$table" --yes
        echo "nightly: loading the sample table '$table' failed; it was dropped again. The reason stands above." >&2
        exit 1
    fi
}

if [ ! -e .varve/keys.json ]; then
    say 'A home, a vault and a recovery kit'
    "$varve" init
fi

say 'Sample tables'
for table in People Music; do
    has_table "$table" || load "$table" "$samples/$table.jsonl" --schema "$samples/$table.table.json"
done
if ! has_table Sessions; then
    "$samples/sessions.sh" >"$work/Sessions.jsonl"
    load Sessions "$work/Sessions.jsonl" --partition-key SessionId:S --ttl ExpiresAt
fi
if ! has_table Packages; then
    if "$samples/packages.sh" >"$work/Packages.jsonl" && [ -s "$work/Packages.jsonl" ]; then
        load Packages "$work/Packages.jsonl" --schema "$samples/Packages.table.json"
    else
        echo "The table Packages is skipped: this machine has no package lists ('apt-get update' makes them)."
    fi
fi
"$varve" table list

say 'The job: Jobs/nightly.yaml'
"$varve" run nightly

say 'What is in the vault'
"$varve" list
