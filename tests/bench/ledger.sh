#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The ledger against what it cannot do without: verifying against reading the same rows and hashing each, appending against
# a bare table with the same journal and sync settings. And what opening and reading cost when it is large.
set -u
. tests/bench/common.sh
entries=${BENCH_ENTRIES:-100000}
export dir="$work/ledger" bench
mkdir -m 700 "$dir"
"$bench/ledger" fill "$dir" "$entries" >/dev/null || exit 1

pair '"$bench/ledger" verify "$dir"' '"$bench/ledger" peer-verify "$dir" 2>/dev/null' || exit 1
row "audit verify of $entries entries, times SELECT and EVP (CPU an entry)" "$ours" "$peer" ns over '<= 1.5'
# openssl itself, on blocks of an entry's size, for comparison
openssl speed -elapsed -seconds 1 -bytes 1024 -evp sha256 2>/dev/null | awk '/^sha256|^SHA256/ {print $NF}' | tail -n 1 >"$work/speed"
k=$(tr -d k <"$work/speed")
[ -n "$k" ] && row "openssl's SHA-256 alone, for 1 KiB" "$(awk -v k="$k" 'BEGIN {printf "%.0f", 1024 / k * 1e6}')" '' ns none 'for comparison'

rounds=3
pair 'd=$(mktemp -d "$work/a.XXXXXX") && "$bench/ledger" append "$d" 200' 'd=$(mktemp -d "$work/p.XXXXXX") && "$bench/ledger" peer-append "$d" 200' || exit 1
row 'a durable append, times a bare SQLite loop (wall)' "$ours" "$peer" us over 'for comparison'
row "opening a ledger of $entries entries, with what is open" "$("$bench/ledger" open "$dir")" '' us none '< 50000'
row "reading a page of 50 of $entries entries (worst of 200)" "$("$bench/ledger" page "$dir")" '' us none '< 5000'
