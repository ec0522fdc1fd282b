#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Requests understood, with slots and reasons: ask --classify over the sentences of the tests, 20 times over, in processor time
# on one core, beside grep -P with one pattern for each intent over the same lines. What counts is the rate: at least 2,000
# requests a second.
set -u
. tests/bench/common.sh
i=0
while [ $i -lt 20 ]; do cut -s -f2 tests/orchestrator/sentences/*.txt; i=$((i + 1)); done >"$work/requests"
n=$(wc -l <"$work/requests")
for words in 'slow|query|faster' 'create.*index|add.*index' 'drop.*index|unused.*index' 'schema|fields?\b' 'rename|convert|migrat' 'validat|conform' 'why|spike|latency' 'watch|alert|monitor' \
    'running|current' 'kill|terminate|abort' 'backups?\b|rpo' 'drill|test.*restore' 'restore|recover' 'capacity|prepare|headroom' 'policy|allowed|approv' 'report|summary' 'status|health'; do
    printf '%s\n' "$words"
done >"$work/words"
printf 'while read -r p; do grep -c -i -P "$p" "%s"; done <"%s"\n' "$work/requests" "$work/words" >"$work/peer.sh"
export bench
pair '$bench/timed cpu taskset -c 0 sh -c "\"\$SIGNALBOX\" ask --classify <\"\$work/requests\""' '$bench/timed cpu taskset -c 0 sh "$work/peer.sh"' || exit 1
row "$n requests classified, times grep -P of 17 patterns (one core, CPU)" "$ours" "$peer" s over 'told'
row 'requests classified a second (one core, CPU)' "$(awk -v n="$n" -v s="$ours" 'BEGIN {printf "%d", n / s}')" '' /s none '>= 2000'
