#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The ledger: durable appends against a bare SQLite loop with the same journal and sync settings (one after the other in
# alternating runs), verification against a loop that selects the same rows and hashes each with EVP (CPU time; the ratio to
# hashing the export with openssl beside it), and how fast a large ledger opens its queue and audit pane and gives a page.
# Prints row, ours, peer, ratio, budget; BENCH_ENTRIES for another size than 1,000,000.
set -u
: "${SIGNALBOX:=$PWD/build/gcc/signalbox}"
: "${SIGNALBOX_BUILD:=$PWD/build/gcc}"
bench="$SIGNALBOX_BUILD/tests/bench/ledger"
entries=${BENCH_ENTRIES:-1000000}
rounds=${BENCH_ROUNDS:-5}
appends=${BENCH_APPENDS:-400}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
row() { # name ours peer budget (unit in the name); the ratio is ours / peer
    awk -v n="$1" -v a="$2" -v b="$3" -v budget="$4" 'BEGIN {printf "%s\t%s\t%s\t%.2f\t%s\n", n, a, b, (b > 0 ? a / b : 0), budget}'
}
absolute() { printf '%s\t%s\t-\t-\t%s\n' "$1" "$2" "$3"; }

"$bench" fill "$work/big" "$entries" || exit 1
sync
i=0
while [ $i -lt "$rounds" ]; do
    "$bench" verify "$work/big" >>"$work/verify" || exit 1
    "$bench" peer-verify "$work/big" >>"$work/peer-verify" 2>/dev/null || exit 1
    mkdir "$work/append$i"
    "$bench" append "$work/append$i" "$appends" >>"$work/append" || exit 1
    "$bench" peer-append "$work/append$i" "$appends" >>"$work/peer-append" || exit 1
    "$bench" open "$work/big" >>"$work/open" || exit 1
    "$bench" page "$work/big" >>"$work/page" || exit 1
    rm -rf "$work/append$i"
    i=$((i + 1))
done
ours=$(median <"$work/append"); peer=$(median <"$work/peer-append")
row 'durable append, microseconds (bare SQLite loop)' "$ours" "$peer" '<= 1.11'
row "verify $entries entries, ns an entry (SELECT and EVP)" "$(median <"$work/verify")" "$(median <"$work/peer-verify")" '<= 1.5'
"$SIGNALBOX" audit export --ledger "$work/big" >"$work/export" || exit 1
openssl_ns=$(i=0; while [ $i -lt 3 ]; do start=$(date +%s%N); openssl dgst -sha256 "$work/export" >/dev/null; echo $((($(date +%s%N) - start) / entries)); i=$((i + 1)); done | median)
row "verify $entries entries, ns an entry (openssl on the export)" "$(median <"$work/verify")" "$openssl_ns" '-'
absolute "queue and audit pane open $entries entries, microseconds" "$(median <"$work/open")" '< 100000'
absolute "a page of 50 entries, the worst of 200, microseconds" "$(median <"$work/page")" '< 5000'
