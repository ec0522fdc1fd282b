#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The digest's speed against wc -l and jq on the same bytes, and two files on two cores against one. The sample log is
# repeated to 1 GiB, written out and read once before anything is measured, so that the disk is out of it. Prints
# row, ours, peer (seconds, medians of alternating runs), their ratio and its budget.
set -u
: "${SIGNALBOX:=$PWD/build/gcc/signalbox}"
data=${SIGNALBOX_TEST_DATA:-../shared/data}
sample=$data/mongod-logs/sample-mongod.log.gz
[ -f "$sample" ] || { echo "SKIP: the sample log is not here ($sample)"; exit 77; }
rounds=${BENCH_ROUNDS:-5}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

zcat "$sample" >"$work/one.log"
copies=$((1073741824 / $(wc -c <"$work/one.log") + 1))
i=0
while [ $i -lt $copies ]; do cat "$work/one.log"; i=$((i + 1)); done >"$work/big.log" || { echo "SKIP: no room for 1 GiB in $work"; exit 77; }
i=0
while [ $i -lt 4 ]; do cat "$work/one.log"; i=$((i + 1)); done >"$work/small.log"
half() { head -c "$(($(wc -c <"$work/big.log") / 2))" "$work/big.log"; }
half >"$work/left.log"; half >"$work/right.log"
sync # else the writing goes on beside what is measured

seconds() { # COMMAND...: how long it takes
    start=$(date +%s%N)
    "$@" >/dev/null 2>&1 || echo "failed: $*" >&2
    awk -v ns=$(($(date +%s%N) - start)) 'BEGIN {printf "%.4f\n", ns / 1e9}'
}
median() { sort -n "$1" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
row() { # name ours peer numerator denominator budget
    awk -v name="$1" -v o="$2" -v p="$3" -v n="$4" -v d="$5" -v b="$6" 'BEGIN {printf "%s\t%.3f\t%.3f\t%.2f\t%s\n", name, o, p, n / d, b}'
}
pair() { # runs ours and peer by turns into $work/ours and $work/peer; the first round warms up
    : >"$work/ours"; : >"$work/peer"
    for i in $(seq 0 "$1"); do
        o=$(seconds sh -c "$2"); p=$(seconds sh -c "$3")
        [ "$i" -eq 0 ] || { echo "$o" >>"$work/ours"; echo "$p" >>"$work/peer"; }
    done
    ours=$(median "$work/ours"); peer=$(median "$work/peer")
}

export SIGNALBOX work
pair "$rounds" 'exec taskset -c 0 "$SIGNALBOX" digest --json "$work/big.log"' 'exec taskset -c 0 wc -l "$work/big.log"'
row 'digest of 1 GiB, times wc -l' "$ours" "$peer" "$ours" "$peer" '<=8'
pair 3 'exec taskset -c 0 "$SIGNALBOX" digest --json "$work/small.log"' 'exec taskset -c 0 jq -c "select(.id==51803)" "$work/small.log"'
row 'digest of 87 MiB, faster than jq' "$ours" "$peer" "$peer" "$ours" '>=25'
if [ "$(nproc)" -ge 2 ]; then
    pair "$rounds" 'exec "$SIGNALBOX" digest --json "$work/left.log" "$work/right.log"' 'exec taskset -c 0 "$SIGNALBOX" digest --json "$work/left.log" "$work/right.log"'
    row 'digest of two files, two cores over one' "$ours" "$peer" "$peer" "$ours" '>=1.7'
else
    echo 'SKIP: one core'
fi
