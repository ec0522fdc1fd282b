# SPDX-License-Identifier: Apache-2.0
#
# Read by every tests/bench/*.sh: medians, alternating runs, and the one form of a row.
: "${SIGNALBOX_BUILD:=$PWD/build/gcc}"
: "${SIGNALBOX:=$SIGNALBOX_BUILD/signalbox}"
export SIGNALBOX SIGNALBOX_BUILD
bench=$SIGNALBOX_BUILD/tests/bench
rounds=${BENCH_ROUNDS:-5}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export work

median() { sort -n "$1" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

# pair OURS PEER: runs two shell commands that print a figure by turns; sets $ours and $peer to the medians. The first
# round warms up.
pair() {
    : >"$work/ours"; : >"$work/peer"
    i=0
    while [ $i -le "$rounds" ]; do
        o=$(sh -c "$1") && p=$(sh -c "$2") || return 1
        [ $i -eq 0 ] || { echo "$o" >>"$work/ours"; echo "$p" >>"$work/peer"; }
        i=$((i + 1))
    done
    ours=$(median "$work/ours"); peer=$(median "$work/peer")
}

# row NAME OURS PEER UNIT over|under BUDGET: "over" is ours/peer, "under" is peer/ours, "none" has no ratio.
row() {
    awk -v name="$1" -v o="$2" -v p="$3" -v unit="$4" -v how="$5" -v budget="$6" 'BEGIN {
        ratio = how == "over" ? sprintf("%.2f", o / p) : how == "under" ? sprintf("%.2f", p / o) : "-"
        printf "%s\t%s %s\t%s\t%s\t%s\n", name, o, unit, how == "none" && p == "" ? "-" : p " " unit, ratio, budget }'
}

# A row that could not be measured says why; it has no figure.
skipped() { printf '%s\tskipped\t-\t-\t%s\n' "$1" "$2"; }
