#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: Jobs/samples/sessions.sh [COUNT [SEED [NOW]]]      (3000, 1 and the present)
#
# Prints web sessions as DynamoDB JSON lines. ExpiresAt is the table's time-to-live attribute: every third session expired between two hours and
# thirty days ago, the others expire within the next thirty days; a few have no ExpiresAt, and five hold milliseconds, the classic mistake.
# The same three arguments print the same lines.
set -euo pipefail

exec awk -v count="${1:-3000}" -v seed="${2:-1}" -v now="${3:-$(date +%s)}" '
# Park and Miller, exact in doubles; awk has rand(), but every awk has another.
function random(below) { state = (state * 16807) % 2147483647; return state % below }

BEGIN {
    state = (seed * 7919 + 104729) % 2147483646 + 1
    split("Firefox Chrome Safari Edge curl", agents, " ")
    split("en de fr es ja pt-BR", languages, " ")
    split("/ /search /cart /checkout /account /help", pages, " ")
    for (i = 1; i <= count; i++) {
        started = now - 2592000 - random(2592000)
        if (i % 3 == 0) {
            expires = now - 7200 - random(2584800)
        } else {
            expires = now + 3600 + random(2588400)
        }
        expires = sprintf("%d", expires)
        if (i % 3 == 1 && i <= 16) expires = expires "000"
        line = sprintf("{\"Item\":{\"SessionId\":{\"S\":\"%08x%08x-%06d\"}", random(2147483647), random(2147483647), i)
        line = line sprintf(",\"UserId\":{\"N\":\"%d\"},\"StartedAt\":{\"N\":\"%d\"}", 1000 + random(900), started)
        if (i % 99 != 1) line = line ",\"ExpiresAt\":{\"N\":\"" expires "\"}"
        line = line sprintf(",\"Client\":{\"M\":{\"Agent\":{\"S\":\"%s\"},\"Language\":{\"S\":\"%s\"}}}", \
            agents[1 + random(5)], languages[1 + random(6)])
        visited = ""
        for (j = random(5); j > 0; j--) visited = visited (visited == "" ? "" : ",") "{\"S\":\"" pages[1 + random(6)] "\"}"
        line = line ",\"Visited\":{\"L\":[" visited "]},\"SignedIn\":{\"BOOL\":" (random(2) ? "true" : "false") "}"
        print line "}}"
    }
}'
