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

# A durable append waits for the medium, so the row says which: the folder the program was built in, and memory where there
# is none to wait for, which shows what is ours.
append_on() { # FOLDER BUDGET
    place=$(mktemp -d "$1/signalbox-bench.XXXXXX") || { skipped 'a durable append' "$1 cannot be written"; return 0; }
    medium=$(stat -f -c %T "$place")
    i=0
    while [ $i -le 9 ]; do # both sides by turns in each run; the row is the run with the median ratio, the first warms up
        d=$(mktemp -d "$place/a.XXXXXX") && "$bench/ledger" append "$d" 512 >"$work/both" || { rm -rf "$place"; return 1; }
        [ $i -eq 0 ] || awk '{print $1 / $2, $1, $2}' "$work/both"
        i=$((i + 1))
    done >"$work/appends"
    rm -rf "$place"
    set -- "$2" $(sort -n "$work/appends" | sed -n 5p)
    case $medium in tmpfs | ramfs) budget="for comparison: nothing is waited for" ;; *) budget=$1 ;; esac
    row "a durable append on $medium, times a bare SQLite loop (wall)" "$3" "$4" us over "$budget"
}
append_on "$SIGNALBOX_BUILD" '<= 1.11' || exit 1
if [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ]; then append_on /dev/shm '' || exit 1; fi
row "opening a ledger of $entries entries, with what is open" "$("$bench/ledger" open "$dir")" '' us none '< 50000'
row "reading a page of 50 of $entries entries (worst of 200)" "$("$bench/ledger" page "$dir")" '' us none '< 5000'
