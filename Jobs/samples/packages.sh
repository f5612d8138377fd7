#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: Jobs/samples/packages.sh
#
# Prints what this machine knows of Debian's packages (`apt-cache dumpavail`: about 63,000 real, irregular records) as DynamoDB JSON lines, keyed by
# Package and Version. Sizes become numbers, lists of tags and relations become string sets, everything else stays text, a long Description
# with its lines. Prints nothing, and says so, on a machine without package lists.
set -euo pipefail

if ! command -v apt-cache >/dev/null; then
    echo "Skipped: this machine has no apt-cache." >&2
    exit 0
fi

# Bytes, not characters: awk is then fast and leaves UTF-8 as it stands.
LC_ALL=C apt-cache dumpavail 2>/dev/null | LC_ALL=C awk '
BEGIN {
    for (i = 1; i < 32; i++) control[sprintf("%c", i)] = sprintf("\\u%04x", i)
    split("Size Installed-Size", names, " ")
    for (i in names) number[names[i]] = 1
    split("Tag Depends Pre-Depends Recommends Suggests Enhances Breaks Conflicts Provides Replaces Built-Using", names, " ")
    for (i in names) list[names[i]] = 1
    reset()
}

function reset() { name = ""; text = ""; line = ""; package = ""; version = ""; split("", seen) }

function quoted(value,    out, i, c) {
    gsub(/\\/, "\\\\", value)
    gsub(/"/, "\\\"", value)
    gsub(/\n/, "\\n", value)
    gsub(/\t/, "\\t", value)
    gsub(/\r/, "\\r", value)
    if (value ~ /[\001-\037]/) {
        out = ""
        for (i = 1; i <= length(value); i++) {
            c = substr(value, i, 1)
            out = out (c in control ? control[c] : c)
        }
        value = out
    }
    return "\"" value "\""
}

# Members of a comma list, each once; a list without any is no set and stays text.
function set(value,    parts, count, i, part, out, held) {
    count = split(value, parts, ",")
    out = ""
    for (i = 1; i <= count; i++) {
        part = parts[i]
        gsub(/^[ \n\t]+|[ \n\t]+$/, "", part)
        if (part == "" || (part in held)) continue
        held[part] = 1
        out = out (out == "" ? "" : ",") quoted(part)
    }
    return out == "" ? "{\"S\":" quoted(value) "}" : "{\"SS\":[" out "]}"
}

# Takes up the field that ended: a record may repeat none.
function field() {
    if (name == "" || (name in seen)) return
    seen[name] = 1
    if (name == "Package") package = text
    if (name == "Version") version = text
    line = line (line == "" ? "" : ",") quoted(name) ":"
    if ((name in number) && text ~ /^[0-9]+$/) {
        sub(/^0+/, "", text)
        line = line "{\"N\":\"" (text == "" ? "0" : text) "\"}"
    } else if (name in list) {
        line = line set(text)
    } else {
        line = line "{\"S\":" quoted(text) "}"
    }
}

# One record for each package and version: a machine with two architectures lists some twice.
function record() {
    field()
    if (package != "" && version != "") {
        if ((package, version) in known) repeated++
        else { known[package, version] = 1; print "{\"Item\":{" line "}}" }
    }
    reset()
}

/^$/ { record(); next }
/^[ \t]/ { text = text "\n" substr($0, 2); next }
{
    field()
    colon = index($0, ":")
    name = substr($0, 1, colon - 1)
    text = substr($0, colon + 1)
    sub(/^[ \t]+/, "", text)
}
END {
    record()
    for (any in known) break
    if (any == "") print "Skipped: apt-cache knows no packages; \047apt-get update\047 fetches its lists." > "/dev/stderr"
    if (repeated) print "Left out: " repeated " records of packages that are listed under a second architecture." > "/dev/stderr"
}'
